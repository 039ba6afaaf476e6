"""What a run notices in the feed that nobody has explained yet (C20, C26). Writes nothing.

It looks at the rows that the run reads anyway, at the price of a few look-ups a row: values of
mapped fields without rule and without meaning in the trade, names that the provider does not
know, and names that no row has any more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from app.services.feed_words import is_known
from app.services.mapping import MAPPED, Rules, folded
from app.services.sync.protocol import Draft

ROWS_TO_JUDGE: Final = 5
LONGEST_NAME: Final = 100
LONGEST_VALUE: Final = 200
Key = tuple[str, str, str]  # kind, field, folded value


class HasDraft(Protocol):
    """A row after reading; `draft` is None when it could not be used."""

    @property
    def draft(self) -> Draft | None: ...


class HasRaw(Protocol):
    """A known record with what was received for it before."""

    @property
    def raw(self) -> bytes: ...


@dataclass(slots=True)
class Notice:
    """One thing to ask about: how many rows of this run have it, and one of them."""

    kind: str
    field: str
    value: str
    example: str | None
    seen: int = 1

    @property
    def key(self) -> Key:
        return key_of(self.kind, self.field, self.value)


def key_of(kind: str, name: str, value: str) -> Key:
    """Questions are one when rules would read their values alike."""
    return kind, name, folded(value)


@dataclass
class Noticed:
    """Collects over a run; `judged` answers at its end."""

    rules: Rules
    _settled: set[tuple[str, str]] = field(default_factory=set)
    _found: dict[Key, Notice] = field(default_factory=dict)
    _absent: frozenset[str] | None = None
    _had: set[str] = field(default_factory=set)
    _rows_of_feed: int = 0
    _read: int = 0
    _drafted: int = 0

    def look(
        self, reads: Iterable[HasDraft], existing: Collection[HasRaw], rows_of_feed: int
    ) -> None:
        """Rows as they were read, and what was stored of them before it is written over."""
        self._rows_of_feed = rows_of_feed
        for read in reads:
            self._read += 1
            if read.draft is not None:
                self._drafted += 1
                self._look_at(read.draft)
        for name in (self._absent or frozenset()) - self._had:
            mark = f'"{name}"'.encode()
            if any(mark in record.raw for record in existing):
                self._had.add(name)

    def _look_at(self, draft: Draft) -> None:
        received = draft.values if draft.received is None else draft.received
        for name in MAPPED:
            value = received.get(name)
            if value is not None and (name, value) not in self._settled:
                self._value(name, value, draft.external_id)
        for name in draft.unknown:
            self._note("new_field", name, "", draft.external_id)
        if draft.absent is not self._absent:
            known = self._absent
            self._absent = draft.absent if known is None else known & draft.absent

    def _value(self, name: str, value: object, example: str) -> None:
        if not isinstance(value, str):
            return
        if is_known(name, value) or self.rules.shows(name, value) is not None:
            self._settled.add((name, value))
        else:
            self._note("value", name, value, example)

    def _note(self, kind: str, name: str, value: str, example: str) -> None:
        name = name.replace("\0", "")[:LONGEST_NAME]
        value = value.replace("\0", "")[:LONGEST_VALUE]
        key = key_of(kind, name, value)
        if (known := self._found.get(key)) is not None:
            known.seen += 1
        else:
            self._found[key] = Notice(kind, name, value, example)

    @property
    def is_empty(self) -> bool:
        """Whether no row was looked at at all."""
        return not self._read

    def judged(self) -> list[Notice]:
        """What to ask. A name counts as gone only when the run read every row of the feed, read
        enough of them, and the same vehicles had it before."""
        return [*self._found.values(), *self._gone()]

    def _gone(self) -> Iterator[Notice]:
        if self._drafted < ROWS_TO_JUDGE or self._read < self._rows_of_feed:
            return
        for name in sorted((self._absent or frozenset()) & self._had):
            yield Notice("gone_field", name, "", None, self._drafted)

    def is_back(self, name: str) -> bool:
        """Whether a row of this run has a name that was missed before."""
        return self._drafted > 0 and name not in (self._absent or frozenset())
