"""Where a preview stands: open for half an hour, applied once, or put away (C1, C2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import EasyCarsCredential, SyncPayload, SyncRun
from app.services.errors import NotAllowed
from app.services.sync import payload
from app.services.sync.opening import APPLIES, took_all

VALID_FOR: Final = timedelta(minutes=30)
KEPT_FOR: Final = timedelta(hours=24)
DISCARDED: Final = "discarded_by"
State = Literal["working", "unusable", "applied", "discarded", "expired", "moved", "open"]


@dataclass(frozen=True)
class Standing:
    """`changes`: what an apply would write; `waiting`: what it would hold or ask about.

    `until`: the end of its half hour, None while it works. `applied_by`: the run that applies it
    or did.
    """

    state: State
    changes: int
    waiting: int
    until: datetime | None = None
    applied_by: int | None = None
    discarded_by: str | None = None

    @property
    def is_open(self) -> bool:
        return self.state == "open"


REASONS: Final = {
    "working": "This preview is still being made. Apply it when it has ended.",
    "unusable": "This preview did not come to its end, so there is nothing to apply. "
    "Preview again.",
    "applied": "This preview was applied already. A preview is applied once; preview again to "
    "see what is new.",
    "discarded": "This preview was discarded. Preview again to see what would change now.",
    "moved": "The EasyCars connection was changed after this preview, so it may show the stock of "
    "another account, yard or environment. Preview again.",
    "expired": "This preview is older than 30 minutes, so the vehicles may have changed since. "
    "Preview again and apply what it shows.",
}


def standing(db: Session, run: SyncRun, now: datetime) -> Standing:
    """Where the preview stands. Raises NotAllowed when the run is no preview."""
    if run.mode != "preview":
        raise NotAllowed("This run is no preview: what it did is done.")
    until = run.completed_at + VALID_FOR if run.completed_at else None
    applied_by = _applied_by(db, run)
    discarded_by = run.scope.get(DISCARDED)
    return Standing(
        state=_state(db, run, now, applied_by, discarded_by),
        changes=run.created + run.updated + run.missing,
        waiting=run.held + run.conflicts,
        until=until,
        applied_by=applied_by,
        discarded_by=discarded_by,
    )


def _state(
    db: Session, run: SyncRun, now: datetime, applied_by: int | None, discarded_by: str | None
) -> State:
    if run.is_active:
        return "working"
    if run.status in ("failed", "cancelled") or run.completed_at is None:
        return "unusable"
    if applied_by is not None:
        return "applied"
    if discarded_by is not None:
        return "discarded"
    if now > run.completed_at + VALID_FOR or not _is_kept(db, run.id):
        return "expired"
    return "moved" if _has_moved(db, run) else "open"


def _has_moved(db: Session, run: SyncRun) -> bool:
    """Whether the connection was saved again, or removed, since the preview asked with it."""
    if run.provider != "easycars" or run.started_at is None:
        return False
    query = select(EasyCarsCredential.updated_at).where(
        EasyCarsCredential.dealership_id == run.dealership_id, EasyCarsCredential.is_active
    )
    saved_at = db.scalar(query)
    return saved_at is None or saved_at > run.started_at


def _is_kept(db: Session, run_id: int) -> bool:
    query = select(SyncPayload.part).where(
        SyncPayload.run_id == run_id, SyncPayload.part == payload.FACTS
    )
    return db.scalar(query) is not None


def _applied_by(db: Session, run: SyncRun) -> int | None:
    """The run that applies it or did. One that failed or was cancelled leaves it open: what it
    wrote is told as changed by the next one."""
    runs = db.execute(
        select(SyncRun.id, SyncRun.scope).where(
            SyncRun.parent_id == run.id, SyncRun.status.not_in(("failed", "cancelled"))
        )
    )
    return next((found.id for found in runs if found.scope.get(APPLIES) == run.id), None)


def open_one(db: Session, run: SyncRun, now: datetime) -> Standing:
    """The standing of a preview that may be applied now. Raises NotAllowed with the reason."""
    found = standing(db, run, now)
    if not found.is_open:
        raise NotAllowed(REASONS[found.state])
    return found


def discard(db: Session, run: SyncRun, actor: str, now: datetime) -> bool:
    """Puts an open preview away and drops what it received; whether it was open."""
    if not standing(db, run, now).is_open:
        return False
    run.scope = {**run.scope, DISCARDED: actor}
    run.version += 1
    payload.forget(db, [run.id])
    return True


def is_first(db: Session, dealership_id: int, stream: str) -> bool:
    """Whether no sync of the stream ever ended here, so that people look before they import."""
    query = select(SyncRun.id).where(
        SyncRun.dealership_id == dealership_id,
        SyncRun.stream == stream,
        SyncRun.mode == "sync",
        SyncRun.status.in_(("success", "warning", "held")),
        took_all(),
    )
    return db.scalar(query.limit(1)) is None


def prune(db: Session, now: datetime) -> Sequence[int]:
    """Drops what previews received more than a day ago; returns their ids. System scope."""
    old = db.scalars(
        select(SyncPayload.run_id)
        .join(SyncRun, SyncRun.id == SyncPayload.run_id)
        .where(SyncRun.created_at < now - KEPT_FOR)
        .distinct()
    ).all()
    if old:
        payload.forget(db, old)
    return old
