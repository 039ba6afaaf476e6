"""Starting a reconciliation, and the last ones (row 193)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.models import SyncRun
from app.services import manual_sync
from app.services.audit import Actor
from app.services.errors import InputInvalid
from app.services.manual_sync import Means
from app.services.reconciliation.words import STREAMS

MODE: Final = "reconcile"
GOOD: Final = ("success", "warning")


def start(
    db: Session,
    dealership_id: int,
    stream: str,
    *,
    actor: Actor,
    means: Means,
    trigger: str = "person",
) -> SyncRun:
    """Opens a run that compares vehicles ("stock") or leads ("leads") and changes none of them.

    Raises InputInvalid (`stream`), NotConfigured, AlreadyRunning, TooMany.
    """
    if stream not in STREAMS:
        raise InputInvalid("Choose vehicles or leads.", {"stream": "Choose one of the two."})
    return manual_sync.start(
        db,
        dealership_id=dealership_id,
        stream=stream,
        actor=actor,
        trigger=trigger,
        means=means,
        mode=MODE,
    )


def latest(db: Session, stream: str) -> SyncRun | None:
    """The newest reconciliation, whatever became of it; within the session's dealership."""
    return db.scalar(_newest(stream))


def last_good(db: Session, stream: str) -> SyncRun | None:
    """The newest reconciliation that came to its end: as old as the differences are."""
    return db.scalar(_newest(stream).where(SyncRun.status.in_(GOOD)))


def _newest(stream: str) -> Select[SyncRun]:
    query = select(SyncRun).where(SyncRun.stream == stream, SyncRun.mode == MODE)
    return query.order_by(SyncRun.id.desc()).limit(1)
