"""The dashboard's answers: is my stock right, and what needs me (story 4.1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, case, func, literal, literal_column, select
from sqlalchemy.orm import Session

from app.models import EasyCarsCredential, Lead, Problem, SyncRun, Vehicle
from app.models.types import UtcDateTime
from app.services import standing
from app.services.leads import listing
from app.services.standing import Facts, Health
from app.services.sync_overview import Overview

DAYS: Final = 30
OUTCOMES: Final = {
    "success": "success",
    "warning": "warning",
    "held": "warning",
    "failed": "failed",
}


@dataclass(frozen=True)
class Totals:
    """Vehicles that are not removed: how many, where from, how they stand."""

    total: int
    from_easycars: int
    by_lifecycle: dict[str, int]


@dataclass(frozen=True)
class LeadTotals:
    """All leads, those that came from EasyCars, and those that nobody answered in time."""

    total: int
    from_easycars: int
    overdue: int


@dataclass(frozen=True)
class Day:
    """One day of the chart; all zero is "no runs", not a failure."""

    day: date
    success: int
    warning: int
    failed: int

    @property
    def runs(self) -> int:
        return self.success + self.warning + self.failed


def health(
    stock: Overview, overdue: int, by_state: Mapping[str, int], pressing: Sequence[Problem]
) -> Health:
    """The sentence on the whole; `by_state`: leads that EasyCars lacks, as its queue counts."""
    last = stock.last
    return standing.health(
        Facts(
            is_configured=stock.configured,
            age=stock.age,
            stock_run=last.id if last else None,
            has_failed=last is not None and last.status == "failed",
            overdue=overdue,
            stuck=sum(by_state.get(state, 0) for state in listing.STUCK),
            pressing=pressing,
        )
    )


def totals(db: Session, dealership_id: int) -> Totals:
    """One grouped count; merged vehicles are in no list and in no number."""
    rows = db.execute(
        select(Vehicle.lifecycle, Vehicle.source, func.count(Vehicle.id))
        .where(Vehicle.dealership_id == dealership_id, Vehicle.merged_into_id.is_(None))
        .group_by(Vehicle.lifecycle, Vehicle.source)
    ).all()
    by_lifecycle: Counter[str] = Counter()
    by_source: Counter[str] = Counter()
    for lifecycle, source, number in rows:
        by_lifecycle[lifecycle] += number
        by_source[source] += number
    return Totals(by_lifecycle.total(), by_source["EasyCars"], dict(by_lifecycle))


def lead_totals(db: Session, dealership_id: int, now: datetime) -> LeadTotals:
    """One count of all leads, whatever became of them; the list's tab All shows the same."""
    late = listing.deadline(db, now).where()
    row = db.execute(
        select(
            func.count(Lead.id),
            func.coalesce(func.sum(case((Lead.source == "EasyCars", 1), else_=0)), 0),
            func.coalesce(func.sum(case((late, 1), else_=0)), 0),
        ).where(Lead.dealership_id == dealership_id)
    ).one()
    return LeadTotals(*row)


def credential(db: Session, dealership_id: int) -> EasyCarsCredential | None:
    return db.scalar(
        select(EasyCarsCredential).where(EasyCarsCredential.dealership_id == dealership_id)
    )


def thirty_days(db: Session, dealership_id: int, zone: ZoneInfo, now: datetime) -> Sequence[Day]:
    """Ended syncs per day of the dealership's calendar, oldest first (row 175).

    Deliveries of single leads are not among them: a busy day's would hide the failed sync.
    """
    first = now.astimezone(zone).date() - timedelta(days=DAYS - 1)
    days = [first + timedelta(days=number) for number in range(DAYS)]
    starts = [datetime.combine(day, time(), zone) for day in days]
    number = _day_number(starts).label("number")
    rows = db.execute(
        select(number, SyncRun.status, func.count(SyncRun.id))
        .where(
            SyncRun.dealership_id == dealership_id,
            SyncRun.mode == "sync",
            SyncRun.direction == "inbound",
            SyncRun.status.in_(OUTCOMES),
            SyncRun.created_at >= starts[0],
        )
        .group_by(number, SyncRun.status)
    )
    counts: Counter[tuple[int, str]] = Counter()
    for place, status, runs in rows:
        counts[place, OUTCOMES[status]] += runs
    return [
        Day(day, counts[place, "success"], counts[place, "warning"], counts[place, "failed"])
        for place, day in enumerate(days)
    ]


def _day_number(starts: Sequence[datetime]) -> ColumnElement[int]:
    """Which of the days a run belongs to. The databases count: a day may have thousands of runs,
    and only we know when a day begins there, also where a clock is put forward."""
    until: list[tuple[ColumnElement[bool], ColumnElement[int]]] = [
        (SyncRun.created_at < literal(moment, UtcDateTime), literal_column(str(place)))
        for place, moment in enumerate(starts[1:])
    ]
    return case(*until, else_=literal_column(str(len(starts) - 1)))


def success_share(days: Sequence[Day]) -> int | None:
    """How many of a hundred runs succeeded, with or without warnings; None without runs."""
    ended = sum(day.runs for day in days)
    return round(100 * (ended - sum(day.failed for day in days)) / ended) if ended else None
