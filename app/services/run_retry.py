"""Trying again what failed in a run, and nothing else (rows 185, T6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import SyncItem, SyncRun
from app.services import manual_sync
from app.services.audit import Actor
from app.services.errors import NotPossible
from app.services.leads import saving, sending
from app.services.leads.delivery import SENT_LEAD
from app.services.manual_sync import Means
from app.services.sync import opening, runs, some
from app.services.sync.plan import Verb

LOOKED_AT: Final = 1000
NOT_ENDED: Final = "This run has not ended yet."
NOTHING: Final = "No record failed in this run."
NAMELESS: Final = (
    "The rows that failed have no number, so they cannot be asked for alone. Correct them in "
    "EasyCars; the next sync takes them in."
)
NO_SYNC: Final = "Only what failed in a sync can be tried again; start this one again as a whole."


@dataclass(frozen=True, slots=True)
class Retried:
    """What was started: a run, or leads put on their way again; their run is told when they
    have left."""

    run_id: int | None
    records: int


def why_not(db: Session, run: SyncRun) -> str | None:
    """Why nothing of the run can be tried again, None when something can."""
    if run.is_active:
        return NOT_ENDED
    if run.mode != "sync":
        return NO_SYNC
    if not run.failed:
        return NOTHING
    return None if _numbers(db, run, LOOKED_AT) else NAMELESS


def _numbers(db: Session, run: SyncRun, limit: int | None = None) -> list[str]:
    """Numbers of the records that failed; of a delivery, its names of our leads."""
    rows = db.scalars(
        select(SyncItem.external_id)
        .where(SyncItem.run_id == run.id, SyncItem.action == Verb.REFUSE.value)
        .order_by(SyncItem.id)
        .limit(limit)
    )
    return [number for number in map(some.number_of, rows) if number]


def retry(db: Session, run_id: int, *, actor: Actor, means: Means) -> Retried:
    """Opens the run that takes only what failed, or sends the leads that were not sent again.

    Raises NotFound, NotPossible (with the reason), AlreadyRunning, NotConfigured, TooMany.
    """
    run = runs.get(db, run_id, lock=True)
    reason = why_not(db, run)
    if reason is not None:
        raise NotPossible(reason)
    numbers = _numbers(db, run)
    if run.direction == "outbound":
        return _send_again(db, numbers, actor, means)
    started = manual_sync.start(
        db,
        dealership_id=run.dealership_id,
        stream=run.stream,
        actor=actor,
        trigger="retry",
        means=means,
        parent_id=run.id,
        scope=_scope(run, numbers),
    )
    return Retried(started.id, len(set(numbers)))


def _scope(run: SyncRun, numbers: list[str]) -> dict[str, Any]:
    if run.stream == "leads":
        return {opening.NUMBERS: numbers}
    return {opening.SOME: {some.FAILED_OF: run.id}}


def _send_again(db: Session, numbers: list[str], actor: Actor, means: Means) -> Retried:
    ids = [int(number.removeprefix(SENT_LEAD)) for number in numbers]
    leads = sending.Means(means.queue, means.clock)
    sent = saving.send_again(db, ids, actor=actor, means=leads)
    if not sent:
        raise NotPossible("These leads are at EasyCars by now, or deleted: nothing is to be sent.")
    return Retried(None, sent)
