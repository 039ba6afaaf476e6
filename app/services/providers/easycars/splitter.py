"""Splits the stock list into the bytes of its elements while the answer arrives.

The list has no pages (easycars-api §5): 20,000 vehicles come as one array of 64 MB. Memory stays
flat, nothing is parsed that did not change, and the bytes are kept as they came. Most elements are
cut out at a separator that was learnt from the first two; where that proves nothing, an exact
scanner decides.
"""

from __future__ import annotations

import re
from typing import Final

from app.services.errors import ContractBroken
from app.services.http_failures import AnswerUnreadable
from app.services.providers.easycars.envelope import LABEL, read

LIST_NAMES: Final = ("StockList", "Response")
LARGEST_ENVELOPE: Final = 1 << 20
LARGEST_ELEMENT: Final = 64 << 20

_LIST = re.compile(rb'"(?:StockList|Response)"\s*:\s*\[')
_BLANK = re.compile(rb"[ \t\r\n]*")
_SPECIAL = re.compile(rb'["\[\]{}]')
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_BETWEEN = re.compile(rb'\}[ \t\r\n]*,[ \t\r\n]*(\{)[ \t\r\n]*"[A-Za-z_]')
_SCALAR_END = re.compile(rb"[,\]\s}]")
_OPEN_BRACE, _CLOSE_LIST, _COMMA, _QUOTE = b"{"[0], b"]"[0], b","[0], b'"'[0]


class ListSplitter:
    """Feed it chunks, take elements; `envelope` at the end is the answer with an empty list.

    Raises AnswerUnreadable for what is no array of JSON values, ContractBroken for absurd sizes.
    """

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._size = 0
        self._needed = 0
        self._head = b""
        self._state = "head"
        self._separator: bytes | None = None
        self._step = 0
        self._comma = False

    @property
    def found_list(self) -> bool:
        return self._state != "head"

    def feed(self, chunk: bytes) -> list[bytes]:
        """The elements that are complete now; often none."""
        self._waiting.append(chunk)
        self._size += len(chunk)
        return self._work() if self._size >= self._needed else []

    def finish(self) -> list[bytes]:
        """The elements that were still waiting. After it `envelope` can be read."""
        rows = self._work(last=True)
        if self._state == "list":
            raise AnswerUnreadable(f"The answer of {LABEL} ends in the middle of the stock list.")
        return rows

    def envelope(self) -> bytes:
        """Everything around the list's elements."""
        return self._head + b"".join(self._waiting)

    def _work(self, *, last: bool = False) -> list[bytes]:
        buffer = b"".join(self._waiting)
        if self._state == "head":
            buffer = self._find_list(buffer)
        rows: list[bytes] = []
        if self._state == "list":
            buffer = buffer[self._split(buffer, rows, last=last) :]
        self._keep(buffer)
        return rows

    def _find_list(self, buffer: bytes) -> bytes:
        found = _LIST.search(buffer)
        if found is None:
            return buffer
        self._head, self._state = buffer[: found.end()], "list"
        return buffer[found.end() :]

    def _keep(self, rest: bytes) -> None:
        """Waits for half as much again: an element of many megabytes is not scanned per chunk."""
        limit = LARGEST_ELEMENT if self._state == "list" else LARGEST_ENVELOPE
        if len(rest) > limit:
            raise ContractBroken(_ABSURD[self._state])
        self._waiting, self._size = [rest], len(rest)
        self._needed = len(rest) + (len(rest) >> 1)

    def _split(self, buffer: bytes, rows: list[bytes], *, last: bool) -> int:
        """Appends elements to `rows`; returns where the unfinished rest begins."""
        start = 0
        while self._state == "list":
            start = self._quick(buffer, start, rows)
            if self._separator and not last and buffer.find(b"}", start) < 0:
                break  # no object ends here: the usual tail of a chunk
            following = self._exact(buffer, start, rows)
            if following < 0:
                break
            start = following
        return start

    def _quick(self, buffer: bytes, start: int, rows: list[bytes]) -> int:
        """Takes elements as long as they end at the separator that was learnt.

        The separator reaches to the first letter of a member's name. Inside a text its quote would
        have to be escaped, so in JSON it is never part of a text. An element with a single opening
        brace then ends there for certain; one with more (nested, or braces in a text) is left to
        the exact scanner. In a damaged list the damage stays inside one element.
        """
        separator = self._separator
        if separator is None:
            return start
        step = self._step
        while (end := buffer.find(separator, start)) >= 0:
            row = buffer[start : end + 1]
            if row.count(b"{") != 1 or row[0] != _OPEN_BRACE:
                break
            rows.append(row)
            start = end + step
        return start

    def _exact(self, buffer: bytes, start: int, rows: list[bytes]) -> int:
        """Takes one element and the delimiter behind it; -1 when they have not all arrived."""
        begin = _skip_blank(buffer, start)
        if begin < len(buffer) and buffer[begin] == _CLOSE_LIST and not self._comma:
            return self._end_list(begin)
        end = element_end(buffer, begin)
        delimiter = _skip_blank(buffer, end) if end >= 0 else len(buffer)
        if delimiter >= len(buffer):
            return -1
        rows.append(buffer[begin:end])
        self._comma = False
        if buffer[delimiter] == _CLOSE_LIST:
            return self._end_list(delimiter)
        if buffer[delimiter] != _COMMA:
            raise AnswerUnreadable(f"{LABEL} sent a stock list that is not readable JSON.")
        self._comma = True
        self._learn(buffer, end, delimiter)
        return _skip_blank(buffer, delimiter + 1)

    def _end_list(self, position: int) -> int:
        """The closing bracket belongs to the envelope: `envelope` shows an empty list."""
        self._state = "tail"
        return position

    def _learn(self, buffer: bytes, end: int, delimiter: int) -> None:
        """Serialisers separate all elements alike, so the first separator finds the others."""
        between = _BETWEEN.match(buffer, end - 1)
        if between is not None:
            self._separator, self._step = between[0], between.start(1) - between.start()
        elif _skip_blank(buffer, delimiter + 1) < len(buffer):
            self._separator = None


def element_end(buffer: bytes, begin: int) -> int:
    """Where the JSON value that begins there ends; -1 when it has not all arrived."""
    if begin >= len(buffer):
        return -1
    if buffer[begin] not in b'"[{':
        found = _SCALAR_END.search(buffer, begin)
        return _scalar_end(begin, found.start()) if found else -1
    depth, position = 0, begin
    while (special := _SPECIAL.search(buffer, position)) is not None:
        position = special.end()
        sign = buffer[special.start()]
        if sign == _QUOTE:
            text = _STRING.match(buffer, special.start())
            if text is None:
                return -1
            position = text.end()
        else:
            depth += 1 if sign in b"[{" else -1
        if depth == 0:
            return position
    return -1


def _scalar_end(begin: int, end: int) -> int:
    if begin == end:
        raise AnswerUnreadable(f"{LABEL} sent a stock list that is not readable JSON.")
    return end


def _skip_blank(buffer: bytes, position: int) -> int:
    found = _BLANK.match(buffer, position)
    return found.end() if found else position


def require_list(envelope: bytes, status: int) -> tuple[dict[str, object], bool]:
    """The parsed envelope, and whether the list stands where it was agreed: at its top."""
    parsed = read(envelope, status)
    return parsed, any(parsed.get(name) == [] for name in LIST_NAMES)


_ABSURD = {
    "head": f"{LABEL} sent a long answer without a stock list.",
    "list": f"{LABEL} sent one vehicle of more than 64 megabytes.",
    "tail": f"{LABEL} sent a long text behind the stock list.",
}
