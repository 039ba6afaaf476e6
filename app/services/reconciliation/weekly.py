"""The weekly reconciliation of a dealership: when, whether, and its start (row 199).

It is a schedule row for each stream, beside those of the syncs: one switch, one day and one hour
for both. A stream that is at work when it is due is tried again each minute, for six hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.config import Settings
from app.log import get_logger
from app.models import Dealership, Schedule
from app.services import audit, schedules
from app.services.audit import Actor
from app.services.errors import AlreadyRunning, InputInvalid, NotConfigured
from app.services.ports import Clock, JobQueue
from app.services.reconciliation.starting import MODE
from app.services.reconciliation.words import STREAMS
from app.services.sync import opening
from app.services.sync.opening import Starter

log = get_logger(__name__)
PROVIDER: Final = "easycars"
# Before the stream's name, in the schedule's.
PREFIX: Final = "reconcile-"
SUNDAY: Final = 6
HOUR: Final = 3
WEEKDAYS: Final = (
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
)  # fmt: skip


@dataclass(frozen=True)
class Weekly:
    """`weekday`: 0 is Monday; `hour` in the dealership's zone; `next_at` None: never.

    `why_off`: why it stopped by itself, None when a person switched it.
    """

    enabled: bool = True
    weekday: int = SUNDAY
    hour: int = HOUR
    next_at: datetime | None = None
    why_off: str | None = None


def read(db: Session, dealership: Dealership, now: datetime) -> Weekly:
    """As saved, or the default: on, Sundays at three."""
    found = _rows(db, dealership.id)
    if not found:
        line = _cron(SUNDAY, HOUR)
        return Weekly(next_at=_next(line, dealership, now))
    first = found[0]
    weekday, hour = _read_cron(first.cron)
    enabled = first.enabled
    return Weekly(
        enabled,
        weekday,
        hour,
        _next(first.cron, dealership, now) if enabled else None,
        None if enabled else first.pause_reason,
    )


def save(
    db: Session,
    dealership: Dealership,
    *,
    enabled: bool,
    weekday: int,
    hour: int,
    actor: Actor,
    clock: Clock,
) -> Weekly:
    """Changes day, hour and switch; audited. Raises InputInvalid (`weekday`, `hour`)."""
    _check(weekday, hour)
    now, line = clock.now(), _cron(weekday, hour)
    before = read(db, dealership, now)
    for row in _ensure(db, dealership, now):
        row.cron, row.enabled, row.pause_reason, row.paused_until = line, enabled, None, None
        row.changed_at, row.changed_by_id = now, actor.user_id
        row.next_run_at = _next(line, dealership, now)
    details = {
        "before": {"enabled": before.enabled, "day": WEEKDAYS[before.weekday], "hour": before.hour},
        "after": {"enabled": enabled, "day": WEEKDAYS[weekday], "hour": hour},
    }
    audit.record(
        db,
        actor,
        "reconciliation.schedule",
        "weekly reconciliation",
        details,
        dealership_id=dealership.id,
    )
    db.flush()
    return read(db, dealership, now)


def _check(weekday: int, hour: int) -> None:
    errors = {}
    if not 0 <= weekday < len(WEEKDAYS):
        errors["weekday"] = "Choose a day of the week."
    if not 0 <= hour <= 23:
        errors["hour"] = "Choose an hour from 0 to 23."
    if errors:
        raise InputInvalid("Day or hour cannot be used.", errors)


def _cron(weekday: int, hour: int) -> str:
    """Cron counts the days of the week from Sunday."""
    return f"0 {hour} * * {(weekday + 1) % 7}"


def _read_cron(line: str) -> tuple[int, int]:
    _, hour, _, _, day = line.split()
    return (int(day) - 1) % 7, int(hour)


def _next(line: str, dealership: Dealership, now: datetime) -> datetime:
    return schedules.next_runs(line, schedules.zone_of(dealership), now, 1)[0]


def _rows(db: Session, dealership_id: int) -> Sequence[Schedule]:
    query = select(Schedule).where(
        Schedule.dealership_id == dealership_id,
        Schedule.provider == PROVIDER,
        Schedule.stream.startswith(PREFIX),
    )
    return db.scalars(query.order_by(Schedule.id)).all()


def _ensure(db: Session, dealership: Dealership, now: datetime) -> Sequence[Schedule]:
    known = {row.stream for row in _rows(db, dealership.id)}
    line = _cron(SUNDAY, HOUR)
    for stream in STREAMS:
        if PREFIX + stream not in known:
            db.add(
                Schedule(
                    dealership_id=dealership.id,
                    provider=PROVIDER,
                    stream=PREFIX + stream,
                    interval="custom",
                    cron=line,
                    next_run_at=_next(line, dealership, now),
                )
            )
    db.flush()
    return _rows(db, dealership.id)


# -- The clock -------------------------------------------------------------------------------------


def start_due(db: Session, *, settings: Settings, queue: JobQueue, clock: Clock) -> list[int]:
    """Opens the reconciliations that are due; the runs' ids. The tick calls this, in the scope of
    all dealerships."""
    if not schedules.globally_enabled(db, settings):
        return []
    now = clock.now()
    for stream in STREAMS:
        for dealership in schedules.without(db, PREFIX + stream):
            _ensure(db, dealership, now)
    mine = Schedule.stream.startswith(PREFIX)
    found = [_start(db, row, place, queue, clock) for row, place in schedules.due(db, now, mine)]
    return [run_id for run_id in found if run_id is not None]


def _start(
    db: Session, row: Schedule, dealership: Dealership, queue: JobQueue, clock: Clock
) -> int | None:
    """The row's lock keeps two ticks apart; a run that waits for a sync leaves the row due."""
    now, due = clock.now(), row.next_run_at
    row.next_run_at = _next(row.cron, dealership, now)
    if due is None:
        return None
    try:
        with db.begin_nested():
            run = opening.open_run(
                db,
                dealership_id=row.dealership_id,
                provider=PROVIDER,
                stream=row.stream.removeprefix(PREFIX),
                starter=Starter("schedule", "schedule"),
                queue=queue,
                clock=clock,
                mode=MODE,
            )
    except AlreadyRunning:
        row.next_run_at = due
        return None
    except (NotConfigured, IntegrityError):
        log.info("reconciliation_skipped", dealership_id=row.dealership_id)
        return None
    row.last_due_at = due
    return run.id
