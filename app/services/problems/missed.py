"""Runs that should have begun and did not (design §7)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.models import Dealership, EasyCarsCredential, Schedule, SyncRun
from app.services.problems.finding import WHO_ACT, Finding
from app.services.reconciliation import weekly

CAUSE: Final = "schedule-missed"
# The tick comes every minute; a nightly wave of many dealerships takes its time.
TICK_PATIENCE: Final = timedelta(minutes=10)
QUEUE_PATIENCE: Final = timedelta(hours=1)
# A reconciliation waits until the stream's sync has ended.
TURN_PATIENCE: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Kind:
    """What a schedule starts: its words, the page to start it by hand, and with which button."""

    words: str
    path: str
    button: str
    page: str


KINDS: Final = {
    "stock": Kind("stock sync", "sync/stock", "Sync Stock Now", "Stock Sync"),
    "leads": Kind("lead sync", "sync/leads", "Sync Leads Now", "Lead Sync"),
}
WEEKLY: Final = {
    weekly.PREFIX + stream: Kind(
        f"reconciliation of {noun}", "reconciliation", "Run Reconciliation", "Reconciliation"
    )
    for stream, noun in (("stock", "vehicles"), ("leads", "leads"))
}


def missed(db: Session, now: datetime) -> list[tuple[int, Finding]]:
    """Due schedules that nobody started, and scheduled runs that nobody took up; by dealership.

    Only asked while schedules may start at all.
    """
    queued = (
        select(SyncRun.dealership_id, SyncRun.stream, func.min(SyncRun.created_at).label("since"))
        .where(SyncRun.status == "queued", SyncRun.created_at < now - QUEUE_PATIENCE)
        .group_by(SyncRun.dealership_id, SyncRun.stream)
        .subquery()
    )
    rows = db.execute(
        select(Dealership.id, Dealership.timezone, Schedule.stream, Schedule.next_run_at,
               queued.c.since)
        .join(Schedule, Schedule.dealership_id == Dealership.id)
        .join(EasyCarsCredential, EasyCarsCredential.dealership_id == Dealership.id)
        .outerjoin(
            queued,
            (queued.c.dealership_id == Dealership.id) & (queued.c.stream == Schedule.stream),
        )
        .where(
            Dealership.is_active,
            EasyCarsCredential.is_active,
            Schedule.enabled,
            or_(Schedule.paused_until.is_(None), Schedule.paused_until <= now),
            or_(
                Schedule.stream.in_(KINDS) & (Schedule.next_run_at < now - TICK_PATIENCE),
                Schedule.stream.in_(KINDS) & queued.c.since.is_not(None),
                Schedule.stream.in_(WEEKLY) & (Schedule.next_run_at < now - TURN_PATIENCE),
            ),
        )
    )  # fmt: skip
    return [
        (row.id, _missed(row.stream, row.since or row.next_run_at, row.timezone)) for row in rows
    ]


def _missed(stream: str, due: datetime, zone: str) -> Finding:
    local = due.astimezone(ZoneInfo(zone))
    kind = (KINDS | WEEKLY)[stream]
    return Finding(
        f"{CAUSE}:{stream}",
        f"The scheduled {kind.words} did not start",
        f"It was due on {local:%A} {local.day} {local:%B}, {local:%H:%M %Z}, and has not begun.",
        f"Start it by hand with {kind.button}. If that does not begin either, ask "
        "your system administrator to look at the workers and the scheduler.",
        kind.path,
        f"Open {kind.page}",
        told=WHO_ACT,
    )
