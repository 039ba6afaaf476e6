"""Where one stream of a dealership stands: what the sync page, the dashboard and JSON tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.config import Settings
from app.models import Dealership, EasyCarsCredential, Schedule, StreamState, SyncRun
from app.services import freshness, manual_sync, schedules
from app.services.freshness import Age
from app.services.manual_sync import PROVIDER, Allowance
from app.services.sync.opening import NUMBERS, SOME

RECENT = 10
LOOKED_AT = 50
INBOUND = "inbound"
NOT_CONNECTED = "EasyCars is not connected yet."


class Common(NamedTuple):
    """What all streams of a dealership have in common."""

    is_configured: bool
    is_enabled: bool


@dataclass(frozen=True)
class Overview:
    """One stream, as far as it reads from EasyCars. `next_run` is None while nothing is scheduled;
    `waits` says why, in words.

    `last`: the newest sync that ended; a preview, an undo or a re-map is none.
    """

    stream: str
    configured: bool
    schedule: Schedule
    next_run: datetime | None
    waits: str | None
    recent: Sequence[SyncRun]
    last: SyncRun | None
    last_good_at: datetime | None
    age: Age | None
    allowance: Allowance
    usual_s: float | None

    @property
    def latest(self) -> SyncRun | None:
        return self.recent[0] if self.recent else None

    @property
    def active(self) -> SyncRun | None:
        return next((run for run in self.recent if run.is_active), None)

    def version(self, now: datetime) -> str:
        """Changes when anything that a page tells does; the minute is part of "5 minutes ago"."""
        facts = [
            *((run.id, run.version) for run in self.recent),
            self.configured, self.next_run, self.waits, self.age, self.allowance,
            int(now.timestamp()) // 60,
        ]  # fmt: skip
        return sha256(repr(facts).encode()).hexdigest()[:16]


def common(db: Session, dealership_id: int, settings: Settings) -> Common:
    return Common(is_configured(db, dealership_id), schedules.globally_enabled(db, settings))


def overview(
    db: Session,
    dealership: Dealership,
    stream: str,
    settings: Settings,
    now: datetime,
    known: Common | None = None,
) -> Overview:
    """Reads it all with a fixed number of queries, each answered by an index."""
    schedule = schedules.get_or_default(db, dealership.id, PROVIDER, stream, settings)
    configured, is_enabled = known or common(db, dealership.id, settings)
    waits = _waits(schedule, is_enabled, now) if configured else NOT_CONNECTED
    last_good_at = _last_good(db, dealership.id, stream)
    newest = recent(db, dealership.id, stream)
    zone = schedules.zone_of(dealership)
    return Overview(
        stream=stream,
        configured=configured,
        schedule=schedule,
        next_run=None if waits else schedules.next_runs(schedule.cron, zone, now, 1)[0],
        waits=waits,
        recent=newest,
        last=_last_sync(db, dealership.id, stream, newest),
        last_good_at=last_good_at,
        age=freshness.age_of(last_good_at, schedule.cron if not waits else None, zone, now),
        allowance=manual_sync.allowance(
            db, dealership.id, stream, now, settings.manual_syncs_per_hour
        ),
        usual_s=manual_sync.usual_seconds(db, dealership.id, stream),
    )


def _waits(schedule: Schedule, is_enabled: bool, now: datetime) -> str | None:
    if not is_enabled:
        return "Automatic sync is switched off for all dealerships."
    if schedule.paused_until is not None and schedule.paused_until > now:
        return f"Paused{_because(schedule)}."
    if not schedule.enabled:
        return f"Automatic sync is off{_because(schedule)}."
    return None


def _because(schedule: Schedule) -> str:
    reason = (schedule.pause_reason or "").rstrip(". ")
    return f": {reason}" if reason else ""


def is_configured(db: Session, dealership_id: int) -> bool:
    query = select(EasyCarsCredential.id).where(
        EasyCarsCredential.dealership_id == dealership_id, EasyCarsCredential.is_active
    )
    return db.scalar(query) is not None


def recent(db: Session, dealership_id: int, stream: str, limit: int = RECENT) -> Sequence[SyncRun]:
    """The last runs that read a stream, newest first; deliveries to EasyCars are not among them."""
    query = select(SyncRun).where(
        SyncRun.dealership_id == dealership_id,
        SyncRun.stream == stream,
        SyncRun.direction == INBOUND,
    )
    return db.scalars(query.order_by(SyncRun.id.desc()).limit(limit)).all()


def _last_sync(
    db: Session, dealership_id: int, stream: str, newest: Sequence[SyncRun]
) -> SyncRun | None:
    """Asks again only when the newest runs are all of other modes."""
    among = next((run for run in newest if _is_whole(run) and not run.is_active), None)
    if among is not None or len(newest) < RECENT:
        return among
    query = select(SyncRun).where(
        SyncRun.dealership_id == dealership_id,
        SyncRun.stream == stream,
        SyncRun.direction == INBOUND,
        SyncRun.mode == "sync",
        SyncRun.completed_at.is_not(None),
    )
    found = db.scalars(query.order_by(SyncRun.id.desc()).limit(LOOKED_AT))
    return next((run for run in found if _is_whole(run)), None)


def _is_whole(run: SyncRun) -> bool:
    """Whether it read all that a sync reads, not some records of it."""
    return run.mode == "sync" and not {NUMBERS, SOME} & run.scope.keys()


def _last_good(db: Session, dealership_id: int, stream: str) -> datetime | None:
    return db.scalar(
        select(func.max(StreamState.last_success_at)).where(
            StreamState.dealership_id == dealership_id,
            StreamState.provider == PROVIDER,
            StreamState.stream == stream,
        )
    )
