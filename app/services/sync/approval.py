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

from sqlalchemy import Select, or_, select, update
from sqlalchemy.orm import Session, aliased

from app.models import SyncItem, SyncRun
from app.services.errors import NotAllowed
from app.services.sync import opening
from app.services.sync.plan import Verb

VALID_FOR: Final = timedelta(hours=24)
APPROVES: Final = "approves"
APPROVED: Final = "approved"
KEPT: Final = "kept"
GONE: Final = ("missing", "off_market")
DID_NOT_LOOK: Final = ("failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Held:
    """What waits for approval: vehicles that would go, vehicles with a doubtful value, and new
    ones of a yard that nobody asked for."""

    removals: int
    values: int
    until: datetime
    new: int = 0

    @property
    def total(self) -> int:
        return self.removals + self.values + self.new


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
    kinds = [kind_of(item) for item in waiting(db, run.id, only)]
    if not kinds:
        raise NotAllowed("These changes were decided already.")
    return Held(kinds.count("removal"), kinds.count("value"), until, kinds.count("new"))


def waiting(db: Session, run_id: int, only: Set[int] | None = None) -> Sequence[SyncItem]:
    """The rows of a run that nobody decided to keep; an approval that failed counts as none."""
    found = db.scalars(open_rows(run_id).order_by(SyncItem.id)).all()
    return [item for item in found if only is None or item.id in only]


def kind_of(item: SyncItem) -> str:
    """removal, value, or new: a vehicle of a yard that nobody asked for."""
    if is_removal(item.after):
        return "removal"
    return "value" if item.entity_id or item.before else "new"


def open_rows(run_id: int) -> Select[SyncItem]:
    """Held rows that nobody decided to keep as it is. A new vehicle that a person left out before
    is no question any more: there is no link yet that could remember it."""
    earlier = aliased(SyncItem)
    left_out = (
        select(earlier.id)
        .where(
            earlier.dealership_id == SyncItem.dealership_id,
            earlier.external_id == SyncItem.external_id,
            earlier.entity_id.is_(None),
            earlier.decision == KEPT,
        )
        .exists()
    )
    return select(SyncItem).where(
        SyncItem.run_id == run_id,
        SyncItem.action == Verb.HOLD.value,
        or_(SyncItem.decision.is_(None), SyncItem.decision == APPROVED),
        or_(SyncItem.entity_id.is_not(None), ~left_out),
    )


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


def newest(db: Session, stream: str, before: int | None = None) -> SyncRun | None:
    """The last sync that looked at the whole feed; `before`: the last one before this run."""
    query = newest_first(stream)
    if before is not None:
        query = query.where(SyncRun.id < before)
    return db.scalar(query.limit(1))


def newest_first(stream: str) -> Select[SyncRun]:
    """The syncs that looked at the whole feed."""
    query = select(SyncRun).where(
        SyncRun.stream == stream,
        SyncRun.mode == "sync",
        SyncRun.completed_at.is_not(None),
        SyncRun.status.not_in(DID_NOT_LOOK),
        opening.took_all(),
    )
    return query.order_by(SyncRun.id.desc())


def open_removals(db: Session, run: SyncRun) -> set[str]:
    """External ids whose removal the sync before this run held and nobody decided about."""
    held = newest(db, run.stream, before=run.id)
    if held is None or not held.held:
        return set()
    approves = run.scope.get(APPROVES) == held.id
    if not approves and approved_already(db, held):
        approves = True  # what was approved has been let go; what was not is still asked
    return {
        item.external_id
        for item in db.scalars(open_rows(held.id))
        if is_removal(item.after) and not (approves and item.decision == APPROVED)
    }


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
