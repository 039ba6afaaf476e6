"""The dashboard's answers: is my stock right, and what needs me (story 4.1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from app.models import EasyCarsCredential, Lead, SyncRun, Vehicle
from app.services.leads import listing
from app.services.sync_overview import Overview

DAYS: Final = 30
OUTCOMES: Final = {
    "success": "success",
    "warning": "warning",
    "held": "warning",
    "failed": "failed",
}


@dataclass(frozen=True)
class Health:
    """One sentence on the whole, with its tone (success, warning, danger, neutral)."""

    sentence: str
    tone: str


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


def health(stock: Overview) -> Health:
    """Worst first: not connected, never synced, last failed, old, needs a look, all is well."""
    last = stock.last
    if not stock.configured:
        return Health("EasyCars is not connected, so no stock comes in.", "warning")
    if last is None or stock.age is None:
        if last is not None and last.status == "failed":
            return Health("No sync has succeeded yet: the last one failed.", "danger")
        return Health("Your stock has not been synced yet.", "neutral")
    if last.status == "failed":
        return Health("The last stock sync failed; what you see is older.", "danger")
    if stock.age == "stale":
        return Health("Your stock is stale: scheduled syncs have been missed.", "danger")
    if stock.age == "late":
        return Health("Your stock is late: a scheduled sync has been missed.", "warning")
    if last.status in ("warning", "held"):
        return Health("Your stock is up to date; some vehicles need a look.", "warning")
    return Health("Your stock is up to date.", "success")


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
    today = now.astimezone(zone).date()
    first = today - timedelta(days=DAYS - 1)
    rows = db.execute(
        select(SyncRun.created_at, SyncRun.status).where(
            SyncRun.dealership_id == dealership_id,
            SyncRun.mode == "sync",
            SyncRun.direction == "inbound",
            SyncRun.status.in_(OUTCOMES),
            SyncRun.created_at >= datetime(first.year, first.month, first.day, tzinfo=zone),
        )
    )
    counts = Counter((at.astimezone(zone).date(), OUTCOMES[status]) for at, status in rows)
    days = (first + timedelta(days=number) for number in range(DAYS))
    return [
        Day(day, counts[day, "success"], counts[day, "warning"], counts[day, "failed"])
        for day in days
    ]


def success_share(days: Sequence[Day]) -> int | None:
    """How many of a hundred runs succeeded, with or without warnings; None without runs."""
    ended = sum(day.runs for day in days)
    return round(100 * (ended - sum(day.failed for day in days)) / ended) if ended else None
