"""Asking for the undo of a run: whether it is possible, what it would do, starting it (C9)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.models import Dealership, SyncBefore, SyncItem, SyncRun
from app.services import audit, schedules
from app.services.audit import Actor
from app.services.errors import NotPossible
from app.services.manual_sync import Means
from app.services.sync import opening, registry, runs, undo_found, undo_words
from app.services.sync.before import KEPT_FOR
from app.services.sync.opening import Starter
from app.services.sync.rows import Target
from app.services.sync.undo import PAUSED, UNDOES
from app.services.sync.undo_plan import may_delete, undo_record
from app.services.sync.undo_query import Undoing

MODES: Final = ("sync", "remap")
CHANGING: Final = ("update", "missing", "restore")
PAUSE: Final = timedelta(hours=24)
LOOKED_AT: Final = 1000
SHOWN: Final = 50
TURN: Final = 500


@dataclass(frozen=True)
class Stays:
    """A record of which something will not be put back, and why."""

    vehicle_id: int
    external_id: str
    label: str
    why: str


@dataclass
class Question:
    """What an undo would do. `put_back` and `removed` are records; `stays` names those of which
    something is kept, `more` of them beyond the shown ones; `at_least`: there may be more yet."""

    put_back: int
    removed: int
    photos: int
    until: datetime
    stays: list[Stays] = field(default_factory=list)
    more: int = 0
    at_least: bool = False

    @property
    def staying(self) -> int:
        return len(self.stays) + self.more


def why_not(db: Session, run: SyncRun, now: datetime) -> str | None:
    """Why the run cannot be taken back (any more), None when it can."""
    if run.mode not in MODES:
        return "Only a sync or a run with new mapping rules can be undone."
    if run.stream != "stock":
        return "A lead sync is not undone as a whole: change the lead itself."
    if run.is_active or run.completed_at is None:
        return "This run has not ended yet."
    if now > run.completed_at + KEPT_FOR:
        return "This run ended more than 30 days ago; what it replaced is not kept any more."
    taken_back = undone_by(db, run)
    if taken_back is not None:
        return f"This run was undone already, by run {taken_back}."
    if not _changed_anything(db, run):
        return "This run changed no vehicle, so there is nothing to undo."
    return None


def undone_by(db: Session, run: SyncRun) -> int | None:
    """The undo of this run that works or ended; one that was stopped may be asked for again."""
    query = select(SyncRun.id).where(
        SyncRun.parent_id == run.id,
        SyncRun.mode == "undo",
        SyncRun.status.not_in(("failed", "cancelled")),
    )
    return db.scalar(query.limit(1))


def _changed_anything(db: Session, run: SyncRun) -> bool:
    image = select(SyncBefore.link_id).where(SyncBefore.run_id == run.id)
    created = select(SyncItem.id).where(SyncItem.run_id == run.id, SyncItem.action == "create")
    return any(db.scalar(query.limit(1)) is not None for query in (image, created))


def _count_images(db: Session, run: SyncRun) -> int:
    """Vehicles that the run changed: a conflict alone is kept too, and changed none."""
    changed = select(SyncItem.entity_id).where(
        SyncItem.run_id == run.id, SyncItem.action.in_(CHANGING)
    )
    query = select(func.count()).where(
        SyncBefore.run_id == run.id,
        or_(SyncBefore.photos.is_not(None), SyncBefore.vehicle_id.in_(changed)),
    )
    return db.scalar(query) or 0


def _count_created(db: Session, run: SyncRun) -> int:
    return undo_found.count_created(db, run.dealership_id, run.id)


def question(db: Session, run: SyncRun, now: datetime) -> Question:
    """Counts, and the records that stay. Raises NotPossible."""
    _check(db, run, now)
    photos = select(func.count()).select_from(SyncBefore)
    assert run.completed_at is not None  # noqa: S101 - _check looked at it
    asked = Question(
        put_back=_count_images(db, run),
        removed=_count_created(db, run),
        photos=db.scalar(photos.where(SyncBefore.run_id == run.id, SyncBefore.photos.is_not(None)))
        or 0,
        until=run.completed_at + KEPT_FOR,
    )
    for looked, stays in enumerate(_staying(db, run), 1):
        if looked > LOOKED_AT:
            asked.at_least = True
            break
        if len(asked.stays) < SHOWN:
            asked.stays.append(stays)
        else:
            asked.more += 1
    return asked


def _check(db: Session, run: SyncRun, now: datetime) -> None:
    reason = why_not(db, run, now)
    if reason is not None:
        raise NotPossible(reason)


def _staying(db: Session, run: SyncRun) -> Iterator[Stays]:
    """Decided as the undo itself decides, only for vehicles that were touched since."""
    stream = registry.stream(run.provider, run.stream)
    target = Target(run.dealership_id, run.id, run.provider, stream, "")
    undoing = Undoing(target, run.id, run.started_at or run.created_at, only_looking=True)
    zone = ZoneInfo(db.get_one(Dealership, run.dealership_id).timezone)
    yield from _created_that_stay(db, undoing, zone)
    yield from _records_that_stay(db, undoing, zone)


def _created_that_stay(db: Session, undoing: Undoing, zone: ZoneInfo) -> Iterator[Stays]:
    last = 0
    while True:
        last, created, edits = undo_found.created_vehicles(db, undoing, last, TURN)
        staying = [one for one in created if not may_delete(one)]
        vehicles = [one.vehicle_id for one in staying]
        since = undo_words.since(db, undoing, vehicles, edits, zone)
        for one in staying:
            told = one.told
            why = since.touched(one.vehicle_id)
            yield Stays(one.vehicle_id, told.external_id, told.label, why)
        if not last:
            return


def _records_that_stay(db: Session, undoing: Undoing, zone: ZoneInfo) -> Iterator[Stays]:
    last = 0
    while True:
        found = undo_found.known_records(db, undoing, last, TURN)
        if not found.records:
            return
        last = found.records[-1].link_id
        decided = [one for one in map(undo_record, found.records) if one.kept]
        vehicles = [one.record.vehicle_id for one in decided]
        since = undo_words.since(db, undoing, vehicles, found.edits, zone)
        for one in decided:
            told = one.record.told
            why = since.kept(one.record, one.kept)
            yield Stays(one.record.vehicle_id, told.external_id, told.label, why)


def start(
    db: Session, run_id: int, *, actor: Actor, means: Means, pause: bool, trigger: str = "person"
) -> SyncRun:
    """Opens the undo and audits who asked for it; `pause` stops scheduled syncs for 24 hours.

    Raises NotFound, NotPossible (wrong kind, too old, undone already, nothing to undo) and
    AlreadyRunning. The hourly limit does not count: a mistake must not wait.
    """
    run = runs.get(db, run_id, lock=True)
    now = means.clock.now()
    _check(db, run, now)
    paused = pause and _pause(db, run, actor, means)
    undo = opening.open_run(
        db,
        dealership_id=run.dealership_id,
        provider=run.provider,
        stream=run.stream,
        starter=Starter(actor.label, trigger, actor.user_id, actor.request_id),
        queue=means.queue,
        clock=means.clock,
        mode="undo",
        parent_id=run.id,
        scope={UNDOES: run.id, PAUSED: paused},
    )
    details = {"undoes": run.id, "paused": paused}
    audit.record(
        db, actor, "sync.undo", f"{run.stream} run {undo.id}", details,
        dealership_id=run.dealership_id,
    )  # fmt: skip
    return undo


def _pause(db: Session, run: SyncRun, actor: Actor, means: Means) -> bool:
    """Stops the stream's schedule for a day, unless it is off or stopped for longer already."""
    schedule = schedules.find(db, run.dealership_id, run.provider, run.stream)
    until = means.clock.now() + PAUSE
    if schedule is None or not schedule.enabled:
        return False
    if schedule.paused_until is None or schedule.paused_until < until:
        reason = f"Run {run.id} was undone by {actor.label}."
        schedules.pause(db, schedule, until, reason, actor, means.clock)
    return True
