"""Fetching: what came, what of it is known to the byte, and what must be looked at.

Nothing is decided here and nothing is written. Changed records wait in a temporary file, so
that memory stays flat and no transaction is open while the other server is awaited (design §4).
"""

from __future__ import annotations

import struct
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from types import TracebackType
from typing import IO, Any, NamedTuple, TypeVar

from app.services.sync.protocol import Ask, Stream

DIGEST_BYTES = 16
_HEAD = struct.Struct(f">II{DIGEST_BYTES}s")

Item = TypeVar("Item")


class KnownLink(NamedTuple):
    """What one look-up of the dealership's links tells."""

    link_id: int
    entity_id: int
    external_id: str
    content_hash: bytes
    missing_runs: int


class Row(NamedTuple):
    """One received record; `number` counts from 1 in the order of the feed."""

    number: int
    digest: bytes
    raw: bytes


def packed(row: Row) -> bytes:
    return _HEAD.pack(row.number, len(row.raw), row.digest) + row.raw


def unpacked(file: IO[bytes]) -> Iterator[Row]:
    """The rows from where the file stands to its end."""
    while head := file.read(_HEAD.size):
        number, size, digest = _HEAD.unpack(head)
        yield Row(number, digest, file.read(size))


class Spool:
    """Rows on disk, in the order in which they came."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="forecourt-")  # noqa: SIM115
        self.count = 0

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, row: Row) -> None:
        self._file.write(packed(row))
        self.count += 1

    def clear(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self.count = 0

    def batches(self, size: int) -> Iterator[list[Row]]:
        self._file.seek(0)
        rows = unpacked(self._file)
        while batch := list(islice(rows, size)):
            yield batch


@dataclass
class Collected:
    """The whole answer, sorted by what has to be done with it."""

    spool: Spool
    total: int = 0
    equal: set[str] = field(default_factory=set)
    returned: list[KnownLink] = field(default_factory=list)
    numbers: Counter[str] = field(default_factory=Counter)
    unidentified: int = 0
    warnings: list[str] = field(default_factory=list)
    # The only numbers that the run is about; None: all of them.
    wanted: Set[str] | None = None

    def restart(self) -> None:
        """The connection broke and the provider asks again: forget what came so far."""
        self.spool.clear()
        self.total = 0
        self.equal.clear()
        self.returned.clear()
        self.numbers.clear()
        self.unidentified = 0

    @property
    def present(self) -> set[str]:
        """Every number that occurs in the feed, whatever its row is worth."""
        return self.equal | self.numbers.keys() if self.numbers else self.equal

    def unchanged(self, already: Set[str]) -> int:
        """Known to the byte and listed, without those that the run told of by an item."""
        back = {link.external_id for link in self.returned}
        equal = self.equal if self.wanted is None else self.equal & self.wanted
        return len(equal - back - already)

    @property
    def rows(self) -> int:
        """How many rows of the feed the run is about."""
        if self.wanted is None:
            return self.total
        return self.spool.count + len(self.equal & self.wanted)


def collect(
    stream: Stream, api: Any, ask: Ask, known: Mapping[bytes, KnownLink], into: Collected
) -> Iterator[int]:
    """Reads the stream to its end; yields the count so far after every page."""
    for page in stream.pages(api, ask):
        if getattr(page, "restart", False):
            into.restart()
        _sort_in(stream, page.rows, known, into)
        if page.warning:
            into.warnings.append(page.warning)
        yield into.total


def _sort_in(
    stream: Stream, rows: Sequence[bytes], known: Mapping[bytes, KnownLink], into: Collected
) -> None:
    """Known to the byte and not seen before: that is all. The others wait in the spool."""
    equal = into.equal
    digests = [blake2b(raw, digest_size=DIGEST_BYTES).digest() for raw in rows]
    found = zip(digests, rows, map(known.get, digests), strict=True)
    for number, (digest, raw, link) in enumerate(found, into.total + 1):
        if link is None or link.external_id in equal:
            _set_aside(stream, Row(number, digest, raw), into)
            continue
        equal.add(link.external_id)
        if link.missing_runs:
            into.returned.append(link)
    into.total += len(digests)


def _set_aside(stream: Stream, row: Row, into: Collected) -> None:
    number = stream.external_id(row.raw)
    if number is None:
        into.unidentified += 1
    else:
        into.numbers[number] += 1
    into.spool.add(row)


def one_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items; the next is made by a thread while the caller works on this one."""
    with ThreadPoolExecutor(1, thread_name_prefix="reader") as thread:
        waiting = thread.submit(next, items, None)
        while (item := waiting.result()) is not None:
            waiting = thread.submit(next, items, None)
            yield item
