"""When streams run by themselves, in each dealership's own zone (story 2.4, trap T8).

Schedules are rows. The clock's tick only asks which are due; opening the run and moving
`next_run_at` is one transaction, and the due time is the run's idempotency key, so that two ticks
or two schedulers start one run. Clock changes follow Debian's cron: a fixed time that the night
skips runs right after the gap, one that occurs twice runs once, and "every hour" stays an hour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.config import Settings
from app.log import get_logger
from app.models import Dealership, EasyCarsCredential, Schedule, SystemSetting
from app.services import audit
from app.services.errors import AlreadyRunning, HubError, InputInvalid, NotConfigured
from app.services.ports import Clock, JobQueue
from app.services.sync import opening
from app.services.sync.opening import Starter

log = get_logger(__name__)
HOURLY = "0 * * * *"
DAILY = "0 2 * * *"
INTERVALS = {"hourly": HOURLY, "daily": DAILY}
AUTO_SYNC = "auto_sync_enabled"
STREAMS = ("stock", "leads")


def zone_of(dealership: Dealership) -> ZoneInfo:
    return ZoneInfo(dealership.timezone)


def check_zone(name: str) -> str:
    """The IANA name. Raises InputInvalid."""
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError) as exc:
        raise InputInvalid(
            "This time zone does not exist.",
            {"timezone": "Choose a zone such as Australia/Sydney."},
        ) from exc


def check_cron(cron: str) -> str:
    """The cron line with single blanks. Raises InputInvalid with words for a person."""
    line = " ".join(cron.split())
    if len(line.split()) != 5 or not _ever_due(line):
        raise InputInvalid(
            "This is not a schedule that we can read.",
            {"cron": "Write five fields: minute, hour, day, month, weekday. Example: 30 5 * * 1-6"},
        )
    return line


def _ever_due(line: str) -> bool:
    try:
        next(CronSim(line, datetime(2026, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration):
        return False
    return True


def describe_cron(cron: str) -> str | None:
    """The schedule in plain words, None when the line cannot be read."""
    try:
        line = check_cron(cron)
    except InputInvalid:
        return None
    return str(CronSim(line, datetime(2026, 1, 1, tzinfo=UTC)).explain())


def due_times(cron: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """Moments in UTC, strictly after `after`."""
    return (local.astimezone(UTC) for local in CronSim(cron, after.astimezone(zone)))


def next_runs(cron: str, zone: ZoneInfo, after: datetime, count: int) -> list[datetime]:
    """The next `count` due moments in UTC."""
    times = due_times(cron, zone, after)
    return [next(times) for _ in range(count)]


def find(db: Session, dealership_id: int, provider: str, stream: str) -> Schedule | None:
    return db.scalar(
        select(Schedule).where(
            Schedule.dealership_id == dealership_id,
            Schedule.provider == provider,
            Schedule.stream == stream,
        )
    )


def get_or_default(
    db: Session, dealership_id: int, provider: str, stream: str, settings: Settings
) -> Schedule:
    """The schedule, or an unsaved one with the installation's default (contract §3)."""
    found = find(db, dealership_id, provider, stream)
    if found is not None:
        return found
    cron = settings.lead_sync_cron if stream == "leads" else settings.stock_sync_cron
    return Schedule(
        dealership_id=dealership_id,
        provider=provider,
        stream=stream,
        interval=next((name for name, line in INTERVALS.items() if line == cron), "custom"),
        cron=cron,
        enabled=True,
    )


def ensure(
    db: Session,
    dealership: Dealership,
    provider: str,
    stream: str,
    settings: Settings,
    now: datetime,
) -> Schedule:
    """The saved schedule; makes the default one when there is none."""
    found = find(db, dealership.id, provider, stream)
    if found is None:
        found = get_or_default(db, dealership.id, provider, stream, settings)
        found.next_run_at = next_runs(found.cron, zone_of(dealership), now, 1)[0]
        db.add(found)
    return found


def set_schedule(  # noqa: PLR0913 - one keyword for each fact of the schedule
    db: Session,
    dealership: Dealership,
    provider: str,
    stream: str,
    *,
    interval: str,
    cron: str | None,
    enabled: bool,
    actor: audit.Actor,
    settings: Settings,
    clock: Clock,
) -> Schedule:
    """Changes interval and switch; audited. Raises InputInvalid."""
    if interval not in (*INTERVALS, "custom"):
        raise InputInvalid("Choose hourly, daily or custom.", {"interval": "Choose one of three."})
    line = check_cron(cron or "") if interval == "custom" else INTERVALS[interval]
    now = clock.now()
    schedule = ensure(db, dealership, provider, stream, settings, now)
    before = {"cron": schedule.cron, "enabled": schedule.enabled}
    schedule.interval, schedule.cron, schedule.enabled = interval, line, enabled
    schedule.changed_at, schedule.changed_by_id = now, actor.user_id
    if enabled:
        schedule.pause_reason = schedule.paused_until = None
    schedule.next_run_at = next_runs(line, zone_of(dealership), now, 1)[0]
    after = {"cron": line, "enabled": enabled}
    _audit(db, actor, "schedule.changed", schedule, {"before": before, "after": after})
    return schedule


def pause(
    db: Session, schedule: Schedule, until: datetime, reason: str, actor: audit.Actor, clock: Clock
) -> None:
    """Stops scheduled runs until a moment; the reason is shown on every card (C13)."""
    if until <= clock.now():
        raise InputInvalid("The pause must end in the future.", {"until": "Choose a later time."})
    schedule.paused_until, schedule.pause_reason = until, reason.strip()[:300] or None
    schedule.changed_at, schedule.changed_by_id = clock.now(), actor.user_id
    details = {"until": until.isoformat(), "reason": schedule.pause_reason}
    _audit(db, actor, "schedule.paused", schedule, details)


def resume(db: Session, schedule: Schedule, actor: audit.Actor, clock: Clock) -> None:
    schedule.paused_until = schedule.pause_reason = None
    schedule.changed_at, schedule.changed_by_id = clock.now(), actor.user_id
    _audit(db, actor, "schedule.resumed", schedule, {})


def _audit(
    db: Session, actor: audit.Actor, action: str, schedule: Schedule, details: dict[str, Any]
) -> None:
    subject = f"{schedule.provider} {schedule.stream} schedule"
    audit.record(db, actor, action, subject, details, dealership_id=schedule.dealership_id)


def globally_enabled(db: Session, settings: Settings) -> bool:
    """The installation's switch: off in the environment or by the system role."""
    row = db.get(SystemSetting, AUTO_SYNC)
    return settings.auto_sync_enabled and (row is None or bool(row.value))


def start_due(db: Session, *, settings: Settings, queue: JobQueue, clock: Clock) -> list[int]:
    """Opens a run for every due schedule; returns the runs' ids. The tick calls this.

    A schedule that was missed for hours (everything was down) is due once, not once per miss.
    """
    if not globally_enabled(db, settings):
        return []
    now = clock.now()
    for stream in STREAMS:
        for dealership in without(db, stream):
            ensure(db, dealership, "easycars", stream, settings, now)
    db.flush()
    mine = Schedule.stream.in_(STREAMS)
    started = (
        _start(db, schedule, dealership, queue, clock)
        for schedule, dealership in due(db, now, mine)
    )
    return [run_id for run_id in started if run_id is not None]


def without(db: Session, stream: str) -> Sequence[Dealership]:
    """Dealerships with credentials that have no schedule of this name yet, even if nobody opened
    its page; in the scope of all dealerships."""
    connected = select(EasyCarsCredential.dealership_id).where(EasyCarsCredential.is_active)
    known = select(Schedule.dealership_id).where(
        Schedule.provider == "easycars", Schedule.stream == stream
    )
    found = select(Dealership).where(
        Dealership.is_active, Dealership.id.in_(connected), Dealership.id.not_in(known)
    )
    return db.scalars(found).all()


def due(
    db: Session, now: datetime, which: ColumnElement[bool]
) -> list[tuple[Schedule, Dealership]]:
    """Schedules of `which` that are due, locked until the transaction ends."""
    rows = db.execute(
        select(Schedule, Dealership)
        .join(Dealership, Dealership.id == Schedule.dealership_id)
        .where(
            Dealership.is_active,
            Schedule.enabled,
            which,
            or_(Schedule.paused_until.is_(None), Schedule.paused_until <= now),
            or_(Schedule.next_run_at.is_(None), Schedule.next_run_at <= now),
        )
        .order_by(Schedule.next_run_at)
        .with_for_update(of=Schedule, skip_locked=True)
    )
    return [(row[0], row[1]) for row in rows]


def _start(
    db: Session, schedule: Schedule, dealership: Dealership, queue: JobQueue, clock: Clock
) -> int | None:
    now = clock.now()
    due, schedule.next_run_at = (
        schedule.next_run_at,
        next_runs(schedule.cron, zone_of(dealership), now, 1)[0],
    )
    if due is None:
        return None
    schedule.last_due_at = due
    try:
        with db.begin_nested():
            run = opening.open_run(
                db,
                dealership_id=schedule.dealership_id,
                provider=schedule.provider,
                stream=schedule.stream,
                starter=Starter("schedule", "schedule"),
                queue=queue,
                clock=clock,
                due_at=due,
            )
    except (AlreadyRunning, NotConfigured, IntegrityError) as exc:
        code = exc.code if isinstance(exc, HubError) else "started_already"
        log.info("schedule_skipped", dealership_id=schedule.dealership_id, why=code)
        return None
    return run.id
