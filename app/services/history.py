"""The history of runs: filtered, newest first, by keyset (story 4.2).

Every filter is a column of an index, a span of ids or a short list of them; the order is the
id's, so that page 2,000 costs what page 1 does, and the last page what the first does. Nothing is
counted beyond MOST_COUNTED.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.models import SyncRun
from app.services import history_search

PAGE_SIZE: Final = 25
MOST_COUNTED: Final = 10_000
# How many runs may have begun in another order than that of their ids: a delivery gets its id at
# its end, and keeps the moment at which it began.
OUT_OF_ORDER: Final = 1000


@dataclass(frozen=True)
class Filters:
    """What to look for; None means all. `text`: as history_search.touched reads it.

    `since` and `until` are moments, `until` excluded. A run's moment is when it was asked for.
    """

    stream: str | None = None
    status: str | None = None
    trigger: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None
    direction: str | None = None

    @property
    def any(self) -> bool:
        return self != Filters()


@dataclass(frozen=True)
class HistoryPage:
    """Runs newest first; `newer` and `older` are ids to ask on with, None at the ends."""

    runs: Sequence[SyncRun]
    newer: int | None
    older: int | None


def day_range(first: date | None, last: date | None, zone: ZoneInfo) -> dict[str, Any]:
    """`since` and `until` of whole days in the dealership's zone; also on 23-hour days."""
    return {
        "since": _midnight(first, zone) if first else None,
        "until": _midnight(last + timedelta(days=1), zone) if last else None,
    }


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone)


def page(
    db: Session,
    dealership_id: int,
    filters: Filters,
    *,
    before: int | None = None,
    after: int | None = None,
    oldest: bool = False,
    size: int = PAGE_SIZE,
) -> HistoryPage:
    """`before`: runs older than that id; `after`: newer ones; `oldest`: the last page."""
    query = filtered(db, dealership_id, filters)
    if after is not None or oldest:
        newer = query.where(SyncRun.id > (after or 0)).order_by(SyncRun.id)
        rows = list(db.scalars(newer.limit(size + 1)))
        return _page(rows[:size][::-1], newer=len(rows) > size, older=not oldest)
    if before is not None:
        query = query.where(SyncRun.id < before)
    rows = list(db.scalars(query.order_by(SyncRun.id.desc()).limit(size + 1)))
    return _page(rows[:size], newer=before is not None, older=len(rows) > size)


def _page(runs: list[SyncRun], *, newer: bool, older: bool) -> HistoryPage:
    if not runs:
        return HistoryPage([], None, None)
    return HistoryPage(runs, runs[0].id if newer else None, runs[-1].id if older else None)


def numbered(
    db: Session, dealership_id: int, filters: Filters, page_number: int, size: int
) -> Sequence[SyncRun]:
    """The same by page number, as programs ask for it (row 301)."""
    query = filtered(db, dealership_id, filters).order_by(SyncRun.id.desc())
    return db.scalars(query.offset((page_number - 1) * size).limit(size)).all()


def total(db: Session, dealership_id: int, filters: Filters) -> int:
    """All of them, for programs that page by number; pages of people use `counted`."""
    found = filtered(db, dealership_id, filters).with_only_columns(func.count(SyncRun.id))
    return db.scalar(found) or 0


def counted(db: Session, dealership_id: int, filters: Filters) -> int:
    """How many there are; MOST_COUNTED + 1 means more than that."""
    return _count(db, filtered(db, dealership_id, filters))


def position(db: Session, dealership_id: int, filters: Filters, first: int) -> int:
    """How many runs are newer than the page's first one: "26 to 50 of 418"; as `counted`."""
    return _count(db, filtered(db, dealership_id, filters).where(SyncRun.id > first))


def _count(db: Session, query: Select[SyncRun]) -> int:
    some = query.with_only_columns(SyncRun.id).limit(MOST_COUNTED + 1).subquery()
    return db.scalar(select(func.count()).select_from(some)) or 0


def filtered(db: Session, dealership_id: int, filters: Filters) -> Select[SyncRun]:
    """The runs that the filters let through, in no order."""
    query = select(SyncRun).where(SyncRun.dealership_id == dealership_id)
    for column, wanted in (
        (SyncRun.stream, filters.stream),
        (SyncRun.status, filters.status),
        (SyncRun.trigger, filters.trigger),
        (SyncRun.direction, filters.direction),
    ):
        if wanted is not None:
            query = query.where(column == wanted)
    if filters.since is not None:
        first = _first_since(db, dealership_id, filters.since)
        query = query.where(SyncRun.created_at >= filters.since, SyncRun.id >= first)
    if filters.until is not None:
        last = _last_until(db, dealership_id, filters.until)
        query = query.where(SyncRun.created_at < filters.until, SyncRun.id <= last)
    if filters.text:
        query = query.where(history_search.touched(db, filters.text))
    return query


def _first_since(db: Session, dealership_id: int, since: datetime) -> int:
    """The smallest id of runs since a moment: without it a page of last year would read every
    run since then, because the order is the id's."""
    some = (
        select(SyncRun.id)
        .where(SyncRun.dealership_id == dealership_id, SyncRun.created_at >= since)
        .order_by(SyncRun.created_at)
        .limit(OUT_OF_ORDER)
        .subquery()
    )
    return db.scalar(select(func.min(some.c.id))) or 0


def _last_until(db: Session, dealership_id: int, until: datetime) -> int:
    some = (
        select(SyncRun.id)
        .where(SyncRun.dealership_id == dealership_id, SyncRun.created_at < until)
        .order_by(SyncRun.created_at.desc())
        .limit(OUT_OF_ORDER)
        .subquery()
    )
    return db.scalar(select(func.max(some.c.id))) or 0
