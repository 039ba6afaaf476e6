"""The history of runs: filtered, newest first, by keyset (story 4.2).

Every filter is a column of an index or a short list of run ids; the order is the id's, so that
page 2,000 costs what page 1 does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from app.models import SyncItem, SyncRun, Vehicle

PAGE_SIZE: Final = 25


@dataclass(frozen=True)
class Filters:
    """What to look for; None means all. `text`: a run's number, stock number, VIN or rego.

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
    size: int = PAGE_SIZE,
) -> HistoryPage:
    """`before`: runs older than that id; `after`: newer ones."""
    query = _filtered(dealership_id, filters)
    if after is not None:
        newer = query.where(SyncRun.id > after).order_by(SyncRun.id)
        rows = list(db.scalars(newer.limit(size + 1)))
        return _page(rows[:size][::-1], newer=len(rows) > size, older=True)
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
    query = _filtered(dealership_id, filters).order_by(SyncRun.id.desc())
    return db.scalars(query.offset((page_number - 1) * size).limit(size)).all()


def total(db: Session, dealership_id: int, filters: Filters) -> int:
    found = _filtered(dealership_id, filters).with_only_columns(func.count(SyncRun.id))
    return db.scalar(found) or 0


def position(db: Session, dealership_id: int, filters: Filters, first: int) -> int:
    """How many runs are newer than the page's first one: "26 to 50 of 418"."""
    newer = _filtered(dealership_id, filters).where(SyncRun.id > first)
    return db.scalar(newer.with_only_columns(func.count(SyncRun.id))) or 0


def _filtered(dealership_id: int, filters: Filters) -> Select[SyncRun]:
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
        query = query.where(SyncRun.created_at >= filters.since)
    if filters.until is not None:
        query = query.where(SyncRun.created_at < filters.until)
    return query.where(_touched(dealership_id, filters.text)) if filters.text else query


def _touched(dealership_id: int, text: str) -> ColumnElement[bool]:
    """The run of that number, and the runs that touched that record (row 184)."""
    spellings = {text, text.upper(), text.lower()}
    vehicles = select(Vehicle.id).where(
        Vehicle.dealership_id == dealership_id,
        or_(
            Vehicle.vin.in_(spellings),
            Vehicle.rego_num.in_(spellings),
            Vehicle.stock_number.in_(spellings),
        ),
    )
    by_number = select(SyncItem.run_id).where(
        SyncItem.dealership_id == dealership_id, SyncItem.external_id.in_(spellings)
    )
    by_vehicle = select(SyncItem.run_id).where(
        SyncItem.dealership_id == dealership_id, SyncItem.entity_id.in_(vehicles)
    )
    of_vehicle = and_(SyncRun.stream == "stock", SyncRun.id.in_(by_vehicle))
    found: list[ColumnElement[bool]] = [SyncRun.id.in_(by_number), of_vehicle]
    if text.isdecimal() and len(text) <= 9:
        found.append(SyncRun.id == int(text))
    return or_(*found)
