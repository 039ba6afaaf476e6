"""Held changes: what waits, and the decision to keep what is here (C3, C7).

The newest finished sync says what waits: each sync asks again about all that nobody decided.
Approving is in sync/approval.py and manual_sync.py. Keeping is for good, as far as that can be:
a kept value is not asked about until EasyCars changes it, a vehicle that is kept listed not until
it comes back, a vehicle that is left out not while it stays the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.models import ExternalLink, SyncItem, SyncRun, Vehicle
from app.services import audit, sync_policy, vehicle_edits
from app.services.audit import Actor
from app.services.errors import NotAllowed
from app.services.sync import approval, opening
from app.services.sync.approval import KEPT, VALID_FOR, kind_of, open_rows
from app.services.sync.guards import Limits, check_values
from app.services.sync.plan import Decision, Verb
from app.services.vehicle_values import values_of

PAGE_SIZE: Final = 50
AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a run holds that nobody decided, until when it can be approved."""

    run: SyncRun
    removals: int
    values: int
    new: int
    until: datetime

    @property
    def total(self) -> int:
        return self.removals + self.values + self.new


@dataclass(frozen=True, slots=True)
class Kept:
    """How many held changes were decided to stay as they are."""

    removals: int = 0
    values: int = 0
    new: int = 0

    @property
    def total(self) -> int:
        return self.removals + self.values + self.new


def waiting(db: Session, now: datetime) -> Waiting | None:
    """The open set of the session's dealership; None when nothing waits."""
    run = newest(db)
    if run is None or run.completed_at is None or not run.held:
        return None
    until = run.completed_at + VALID_FOR
    if now > until or approval.approved_already(db, run):
        return None
    kinds = [kind_of(item) for item in db.scalars(open_rows(run.id))]
    if not kinds:
        return None
    return Waiting(run, kinds.count("removal"), kinds.count("value"), kinds.count("new"), until)


def newest(db: Session) -> SyncRun | None:
    """The last stock sync that looked at the whole feed."""
    return approval.newest(db, "stock")


def rows(
    db: Session, run_id: int, *, after: int | None = None, size: int = PAGE_SIZE
) -> tuple[Sequence[SyncItem], int | None]:
    """A page of open rows in the order of the run, and the id to ask on with."""
    query = open_rows(run_id)
    if after is not None:
        query = query.where(SyncItem.id > after)
    found = db.scalars(query.order_by(SyncItem.id).limit(size + 1)).all()
    return found[:size], found[size - 1].id if len(found) > size else None


def chosen(db: Session, run_id: int, only: Set[int] | None) -> Kept:
    """How many open rows of each kind a decision is about, for its question."""
    kinds = [
        kind_of(item) for item in db.scalars(open_rows(run_id)) if only is None or item.id in only
    ]
    return Kept(kinds.count("removal"), kinds.count("value"), kinds.count("new"))


def ids_of(db: Session, run_id: int, only: Set[int] | None) -> frozenset[int]:
    """Ids of the open rows, all or the chosen ones."""
    found = db.scalars(open_rows(run_id).with_only_columns(SyncItem.id))
    return frozenset(number for number in found if only is None or number in only)


def keep(
    db: Session, run_id: int, *, actor: Actor, now: datetime, only: Set[int] | None = None
) -> Kept:
    """Decides that held changes are not made; `only`: ids of chosen rows, None: all open ones.

    Raises NotAllowed when the run's set is not the open one any more, or nothing of it is open.
    """
    held = waiting(db, now)
    if held is None or held.run.id != run_id:
        raise NotAllowed(
            "These changes do not wait any more: a newer sync looked again, or somebody decided. "
            "Review shows what waits now."
        )
    _refuse_active(db, held.run)
    items = [item for item in db.scalars(open_rows(run_id)) if only is None or item.id in only]
    if not items:
        raise NotAllowed("These changes were decided already.")
    kept = Kept(
        removals=_keep_listed(db, held.run, _of_kind(items, "removal"), actor, now),
        values=_keep_values(db, held.run, _of_kind(items, "value"), now),
        new=len(_of_kind(items, "new")),
    )
    _mark(db, items, actor, now)
    details = {"heldBy": run_id, "removals": kept.removals, "values": kept.values, "new": kept.new}
    audit.record(
        db, actor, "sync.keep", f"stock run {run_id}", details,
        dealership_id=held.run.dealership_id,
    )  # fmt: skip
    return kept


def _refuse_active(db: Session, run: SyncRun) -> None:
    """A sync at work may be deciding about the same records at this moment."""
    if opening.active_run_id(db, run.dealership_id, run.provider, run.stream) is not None:
        raise NotAllowed("A sync is running. Decide again when it has ended.")


def _of_kind(items: Iterable[SyncItem], kind: str) -> list[SyncItem]:
    return [item for item in items if kind_of(item) == kind]


def _mark(db: Session, items: Sequence[SyncItem], actor: Actor, now: datetime) -> None:
    ids = [item.id for item in items]
    for start in range(0, len(ids), AT_ONCE):
        db.execute(
            update(SyncItem)
            .where(SyncItem.id.in_(ids[start : start + AT_ONCE]))
            .values(decision=KEPT, decided_by=actor.label[:254], decided_at=now)
            .execution_options(synchronize_session="fetch")
        )


def _links(db: Session, run: SyncRun, items: Sequence[SyncItem]) -> dict[str, ExternalLink]:
    """The links behind some rows, held until the transaction ends, by external id."""
    query = select(ExternalLink).where(
        ExternalLink.provider == run.provider,
        ExternalLink.stream == run.stream,
        ExternalLink.entity_id.in_([item.entity_id for item in items]),
        ExternalLink.external_id.in_([item.external_id for item in items]),
    )
    found = db.scalars(query.order_by(ExternalLink.id).with_for_update())
    return {link.external_id: link for link in found}


def _vehicles(db: Session, items: Sequence[SyncItem]) -> dict[int, Vehicle]:
    query = select(Vehicle).where(Vehicle.id.in_([item.entity_id for item in items]))
    return {vehicle.id: vehicle for vehicle in db.scalars(query.with_for_update())}


def _keep_listed(
    db: Session, run: SyncRun, items: Sequence[SyncItem], actor: Actor, now: datetime
) -> int:
    """Absence counts no more for these vehicles, until they are in the feed again."""
    for start in range(0, len(items), AT_ONCE):
        some = items[start : start + AT_ONCE]
        links = _links(db, run, some)
        for link in links.values():
            link.kept_outside = True
            # It is absent, so that its return is noticed even when not a byte of it changed.
            link.missing_runs = max(link.missing_runs, 1)
            link.missing_since = link.missing_since or now
        for vehicle in _vehicles(db, some).values():
            _list_again(db, vehicle, run, actor, now)
    return len(items)


def _list_again(db: Session, vehicle: Vehicle, run: SyncRun, actor: Actor, now: datetime) -> None:
    """One that an earlier sync marked as missing is listed again: that is what was decided."""
    if vehicle.lifecycle != "missing":
        return
    before, vehicle.lifecycle, vehicle.lifecycle_reason = vehicle.lifecycle, "listed", None
    vehicle_edits.record(
        db, vehicle, "lifecycle", {"lifecycle": before}, {"lifecycle": "listed"},
        actor=actor, now=now, reason="Kept listed although EasyCars no longer lists it.",
        run_id=run.id,
    )  # fmt: skip


def _keep_values(db: Session, run: SyncRun, items: Sequence[SyncItem], now: datetime) -> int:
    """Ours stays, and EasyCars' value is the agreed one: it is not asked about until it changes.

    Only what looked wrong is kept; what came along with it is taken by the next sync.
    """
    limits = sync_policy.read(db).limits(now.year + 2)
    for start in range(0, len(items), AT_ONCE):
        some = items[start : start + AT_ONCE]
        links, vehicles = _links(db, run, some), _vehicles(db, some)
        for item in some:
            link, vehicle = links.get(item.external_id), vehicles.get(item.entity_id or 0)
            if link is not None and vehicle is not None:
                doubtful = _doubtful(item.after or {}, values_of(vehicle), limits)
                link.agreed = _agreeing(link.agreed, doubtful)
    return len(items)


def _doubtful(after: Mapping[str, Any], here: Mapping[str, Any], limits: Limits) -> dict[str, Any]:
    """The fields of a held change that look wrong by themselves; all when none does."""
    values = {name: value for name, value in after.items() if name not in ("lifecycle", "photos")}
    found = {
        name: value
        for name, value in values.items()
        if check_values(Decision(Verb.UPDATE, {name: value}), here, limits).verb is Verb.HOLD
    }
    return found or values


def _agreeing(agreed: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**agreed, **values}
    return {name: value for name, value in merged.items() if value is not None}


def count(db: Session, now: datetime) -> int:
    """How many held changes wait."""
    found = waiting(db, now)
    return found.total if found else 0
