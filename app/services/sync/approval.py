"""Approving what a run held: this one set, by a named person, within a day (C3, trap T23).

An approval is an ordinary sync that knows what was approved. It reads the feed again and lets
exactly the shown changes through; whatever changed meanwhile is held anew. All other guards stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import SyncItem, SyncRun
from app.services.errors import NotAllowed
from app.services.sync.plan import Verb

VALID_FOR: Final = timedelta(hours=24)
APPROVES: Final = "approves"


@dataclass(frozen=True, slots=True)
class Held:
    """What waits for approval: vehicles that would go, and vehicles with a doubtful value."""

    removals: int
    values: int
    until: datetime

    @property
    def total(self) -> int:
        return self.removals + self.values


def held_by(db: Session, run: SyncRun, now: datetime) -> Held:
    """Counts for the question. Raises NotAllowed when there is nothing to approve (any more)."""
    if run.is_active or run.mode != "sync" or not run.held or run.completed_at is None:
        raise NotAllowed("This run holds nothing that waits for approval.")
    until = run.completed_at + VALID_FOR
    if now > until:
        raise NotAllowed(
            "These changes were held more than a day ago. Sync again and approve what it shows."
        )
    if _approved_already(db, run):
        raise NotAllowed("These changes were approved already.")
    afters = [after for _, after in _items(db, run.id)]
    removals = sum(1 for after in afters if "lifecycle" in after)
    return Held(removals, len(afters) - removals, until)


def _approved_already(db: Session, run: SyncRun) -> bool:
    """Whether a run with this approval waits, works or ended well."""
    runs = db.scalars(
        select(SyncRun.scope).where(
            SyncRun.parent_id == run.id, SyncRun.status.not_in(("failed", "cancelled"))
        )
    )
    return any(scope.get(APPROVES) == run.id for scope in runs)


def approved_changes(db: Session, run: SyncRun) -> Mapping[str, Mapping[str, Any]]:
    """External id → the approved values, for a run that approves another; else nothing."""
    approves = run.scope.get(APPROVES)
    return dict(_items(db, approves)) if approves else {}


def _items(db: Session, run_id: int) -> list[tuple[str, dict[str, Any]]]:
    rows = db.execute(
        select(SyncItem.external_id, SyncItem.after).where(
            SyncItem.run_id == run_id, SyncItem.action == Verb.HOLD.value
        )
    )
    return [(row.external_id, row.after or {}) for row in rows]
