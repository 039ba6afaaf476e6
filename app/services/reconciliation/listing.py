"""Differences as pages and exports read them: filters, counts, keyset pages (rows 196-200)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from app.models import Difference
from app.services.errors import NotFound

PAGE_SIZE: Final = 50
AT_ONCE: Final = 500
MAX_WORDS: Final = 8


@dataclass(frozen=True)
class Wanted:
    """Which differences; None: any. `q`: words of label, stock number or lead number."""

    stream: str | None = None
    kind: str | None = None
    severity: str | None = None
    status: str | None = "open"
    q: str | None = None


@dataclass(frozen=True)
class Page:
    """Differences newest first; `newer` and `older` are ids to ask on with, None at the ends.

    `total`: how many match in all.
    """

    rows: Sequence[Difference]
    newer: int | None
    older: int | None
    total: int


@dataclass(frozen=True)
class Counts:
    """Open differences by kind, severity and stream; `by_status` counts all."""

    by_kind: dict[str, int] = field(default_factory=dict)
    by_severity: dict[str, int] = field(default_factory=dict)
    by_stream: dict[str, int] = field(default_factory=dict)
    by_status: dict[str, int] = field(default_factory=dict)

    @property
    def open(self) -> int:
        return self.by_status.get("open", 0)


def get(db: Session, difference_id: int) -> Difference:
    """The difference, within the session's dealership. Raises NotFound."""
    found = db.scalar(select(Difference).where(Difference.id == difference_id))
    if found is None:
        raise NotFound("There is no such difference.")
    return found


def narrowed(query: Select[Any], wanted: Wanted) -> Select[Any]:
    """The query with the filter's conditions."""
    exact = {
        Difference.stream: wanted.stream,
        Difference.kind: wanted.kind,
        Difference.severity: wanted.severity,
        Difference.status: wanted.status,
    }
    query = query.where(*(column == value for column, value in exact.items() if value is not None))
    for word in (wanted.q or "").lower().split()[:MAX_WORDS]:
        columns = (Difference.label, Difference.external_id)
        found = (func.lower(column).contains(word, autoescape=True) for column in columns)
        query = query.where(or_(*found))
    return query


def count(db: Session, wanted: Wanted) -> int:
    return db.scalar(narrowed(select(func.count(Difference.id)), wanted)) or 0


def page(
    db: Session,
    wanted: Wanted,
    *,
    before: int | None = None,
    after: int | None = None,
    size: int = PAGE_SIZE,
) -> Page:
    """Differences by keyset: `before` an id (older) or `after` one (newer)."""
    total, query = count(db, wanted), narrowed(select(Difference), wanted)
    if after is not None:
        newer = query.where(Difference.id > after).order_by(Difference.id).limit(size + 1)
        found = db.scalars(newer).all()
        rows = list(reversed(found[:size]))
        return _page(rows, total, more_newer=len(found) > size, more_older=True)
    if before is not None:
        query = query.where(Difference.id < before)
    found = db.scalars(query.order_by(Difference.id.desc()).limit(size + 1)).all()
    more_older = len(found) > size
    return _page(found[:size], total, more_newer=before is not None, more_older=more_older)


def _page(rows: Sequence[Difference], total: int, *, more_newer: bool, more_older: bool) -> Page:
    if not rows:
        return Page([], None, None, total)
    newer = rows[0].id if more_newer else None
    return Page(rows, newer, rows[-1].id if more_older else None, total)


def counts(db: Session, stream: str | None = None) -> Counts:
    """The numbers of all tabs with one question."""
    query = select(
        Difference.status, Difference.stream, Difference.kind, Difference.severity, func.count()
    ).group_by(Difference.status, Difference.stream, Difference.kind, Difference.severity)
    if stream is not None:
        query = query.where(Difference.stream == stream)
    found = Counts()
    for status, of_stream, kind, severity, number in db.execute(query):
        _add(found.by_status, status, number)
        if status == "open":
            _add(found.by_stream, of_stream, number)
            _add(found.by_kind, kind, number)
            _add(found.by_severity, severity, number)
    return found


def _add(counted: dict[str, int], name: str, number: int) -> None:
    counted[name] = counted.get(name, 0) + number


def rows(db: Session, wanted: Wanted) -> Iterator[Difference]:
    """All that match, newest first, in chunks: memory stays flat."""
    query, before = narrowed(select(Difference), wanted), None
    while True:
        some = query if before is None else query.where(Difference.id < before)
        found = db.scalars(some.order_by(Difference.id.desc()).limit(AT_ONCE)).all()
        yield from found
        if len(found) < AT_ONCE:
            return
        before = found[-1].id
        db.expunge_all()
