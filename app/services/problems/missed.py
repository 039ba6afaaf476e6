"""Runs that should have begun and did not (design §7)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.models import Dealership, EasyCarsCredential, Schedule, SyncRun
from app.services.problems.finding import WHO_ACT, Finding

CAUSE: Final = "schedule-missed"
STREAMS: Final = {"stock": "stock sync", "leads": "lead sync"}
# The tick comes every minute; a nightly wave of many dealerships takes its time.
TICK_PATIENCE: Final = timedelta(minutes=10)
QUEUE_PATIENCE: Final = timedelta(hours=1)


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
            Schedule.stream.in_(STREAMS),
            or_(Schedule.paused_until.is_(None), Schedule.paused_until <= now),
            or_(Schedule.next_run_at < now - TICK_PATIENCE, queued.c.since.is_not(None)),
        )
    )  # fmt: skip
    return [
        (row.id, _missed(row.stream, row.since or row.next_run_at, row.timezone)) for row in rows
    ]


def _missed(stream: str, due: datetime, zone: str) -> Finding:
    local = due.astimezone(ZoneInfo(zone))
    words = STREAMS[stream]
    return Finding(
        f"{CAUSE}:{stream}",
        f"The scheduled {words} did not start",
        f"It was due on {local:%A} {local.day} {local:%B}, {local:%H:%M %Z}, and has not begun.",
        f"Start it by hand with Sync {stream.capitalize()} Now. If that does not begin either, ask "
        "your system administrator to look at the workers and the scheduler.",
        f"sync/{stream}",
        f"Open {words.capitalize()}",
        told=WHO_ACT,
    )
