"""Approving what a run held: this one set, by a named person, within a day (C3, trap T23).

The set is the whole of what the run held, or rows that a person chose of it; the rows remember
who decided what and when.

An approval is an ordinary sync that knows what was approved. It reads the feed again and lets
exactly the shown changes through; whatever changed meanwhile is held anew. All other guards stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from app.models import SyncItem, SyncRun
from app.services.errors import NotAllowed
from app.services.sync.plan import Verb

VALID_FOR: Final = timedelta(hours=24)
APPROVES: Final = "approves"
APPROVED: Final = "approved"
KEPT: Final = "kept"
GONE: Final = ("missing", "off_market")


@dataclass(frozen=True, slots=True)
class Held:
    """What waits for approval: vehicles that would go, and vehicles with a doubtful value."""

    removals: int
    values: int
    until: datetime

    @property
    def total(self) -> int:
        return self.removals + self.values


def is_removal(after: Mapping[str, Any] | None) -> bool:
    """Whether a held change would take a vehicle off the market."""
    return (after or {}).get("lifecycle") in GONE


def held_by(db: Session, run: SyncRun, now: datetime, only: Set[int] | None = None) -> Held:
    """Counts for the question; `only`: ids of chosen rows. What a person kept counts no more.

    Raises NotAllowed when there is nothing to approve (any more).
    """
    if run.is_active or run.mode != "sync" or not run.held or run.completed_at is None:
        raise NotAllowed("This run holds nothing that waits for approval.")
    until = run.completed_at + VALID_FOR
    if now > until:
        raise NotAllowed(
            "These changes were held more than a day ago. Sync again and approve what it shows."
        )
    if approved_already(db, run):
        raise NotAllowed("These changes were approved already.")
    afters = [item.after for item in waiting(db, run.id, only)]
    if not afters:
        raise NotAllowed("These changes were decided already.")
    removals = sum(map(is_removal, afters))
    return Held(removals, len(afters) - removals, until)


def waiting(db: Session, run_id: int, only: Set[int] | None = None) -> Sequence[SyncItem]:
    """The rows of a run that nobody decided to keep; an approval that failed counts as none."""
    query = select(SyncItem).where(
        SyncItem.run_id == run_id,
        SyncItem.action == Verb.HOLD.value,
        or_(SyncItem.decision.is_(None), SyncItem.decision == APPROVED),
    )
    found = db.scalars(query.order_by(SyncItem.id)).all()
    return [item for item in found if only is None or item.id in only]


def mark(
    db: Session, run: SyncRun, actor: str, now: datetime, only: Set[int] | None = None
) -> None:
    """Notes on the rows who approves them, before the run that applies them is opened."""
    _decide(db, run.id, APPROVED, None, None, None)
    ids = [item.id for item in waiting(db, run.id, only)]
    for start in range(0, len(ids), 1000):
        _decide(db, run.id, None, APPROVED, (actor, now), ids[start : start + 1000])


def _decide(
    db: Session,
    run_id: int,
    was: str | None,
    decision: str | None,
    by: tuple[str, datetime] | None,
    ids: Sequence[int] | None,
) -> None:
    actor, now = by or (None, None)
    query = update(SyncItem).where(
        SyncItem.run_id == run_id,
        SyncItem.action == Verb.HOLD.value,
        SyncItem.decision == was if was else SyncItem.decision.is_(None),
    )
    if ids is not None:
        query = query.where(SyncItem.id.in_(ids))
    db.execute(
        query.values(decision=decision, decided_by=actor, decided_at=now).execution_options(
            synchronize_session="fetch"
        )
    )


def approved_already(db: Session, run: SyncRun) -> bool:
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
    if not approves:
        return {}
    rows = db.execute(
        select(SyncItem.external_id, SyncItem.after).where(
            SyncItem.run_id == approves,
            SyncItem.action == Verb.HOLD.value,
            SyncItem.decision == APPROVED,
        )
    )
    return {row.external_id: row.after or {} for row in rows}
