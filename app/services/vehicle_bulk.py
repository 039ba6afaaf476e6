"""One act on many vehicles: exactly those that were counted, or none (C71, trap T21).

The server is given ids, or a frozen filter with the number that the person saw. A selection that
changed meanwhile stops the act before anything is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session, load_only

from app.models import AuditEvent, ExternalLink, Vehicle, VehicleEdit
from app.services import audit
from app.services.audit import Actor
from app.services.errors import HubError, InputInvalid, NotFound
from app.services.vehicle_acts import NO_DIGEST, Act, links_of
from app.services.vehicles import VehicleFilter, narrowed

MOST_AT_ONCE: Final = 20_000
AT_ONCE: Final = 500
NONE_CHOSEN: Final = (
    "No vehicle is chosen. Tick vehicles on the list, or choose the page or all that match."
)
AUDIT_ACTION: Final = "vehicles.bulk"


class SelectionMoved(HubError):
    """The records that match are not as many as the person saw; `found` says how many now."""

    status = 409
    code = "selection_changed"

    def __init__(self, expected: int, found: int, noun: str = "vehicles") -> None:
        super().__init__(
            f"The selection changed: {expected:,} {noun} were counted, now it is {found:,}. "
            "Nothing was changed.",
            expected=expected,
            found=found,
        )
        self.expected, self.found = expected, found


@dataclass(frozen=True)
class Selection:
    """Ids that were ticked, or (None) all that match `wanted`; `expected` is the shown number."""

    expected: int
    ids: tuple[int, ...] | None = None
    wanted: VehicleFilter = field(default_factory=VehicleFilter)


@dataclass(frozen=True)
class Result:
    """`event_id` is the audit event that keeps these numbers."""

    event_id: int
    matched: int
    changed: int


def count(db: Session, selection: Selection) -> int:
    """How many vehicles the selection has now."""
    return db.scalar(_narrowed(select(func.count(Vehicle.id)), selection)) or 0


def first(db: Session, selection: Selection, size: int = 10) -> Sequence[Vehicle]:
    """Some vehicles of the selection, to be shown in the question."""
    query = _narrowed(select(Vehicle), selection).order_by(Vehicle.title, Vehicle.id)
    return db.scalars(query.limit(size)).all()


def check(selection: Selection, found: int) -> None:
    """Raises SelectionMoved, InputInvalid for none or too many."""
    if selection.ids == ():
        raise InputInvalid(NONE_CHOSEN, {"select": NONE_CHOSEN})
    if found != selection.expected:
        raise SelectionMoved(selection.expected, found)
    if not found:
        raise InputInvalid(NONE_CHOSEN, {"select": NONE_CHOSEN})
    if found > MOST_AT_ONCE:
        text = f"At most {MOST_AT_ONCE:,} vehicles can be changed at once. Narrow the filter."
        raise InputInvalid(text, {"select": text})


def do(db: Session, selection: Selection, act: Act, actor: Actor, now: datetime) -> Result:
    """Performs the act on every vehicle of the selection, all or none: one log row each, one audit.

    Works in chunks, so memory stays flat. Raises SelectionMoved, InputInvalid.
    """
    ids = list(db.scalars(_narrowed(select(Vehicle.id), selection).order_by(Vehicle.id)))
    check(selection, len(ids))
    dealership_id, changed = _dealership_of(db, ids[0]), 0
    for start in range(0, len(ids), AT_ONCE):
        perform = _set if act.sets else _perform
        edits = list(perform(db, ids[start : start + AT_ONCE], act, actor, now))
        db.flush()
        if edits:
            db.execute(insert(VehicleEdit), edits)
        db.expunge_all()
        changed += len(edits)
    event = _audit(db, dealership_id, selection, act, actor, (len(ids), changed))
    db.flush()
    return Result(event.id, len(ids), changed)


def result(db: Session, dealership_id: int, event_id: int) -> AuditEvent:
    """What a bulk act did, as the audit keeps it. Raises NotFound."""
    query = select(AuditEvent).where(
        AuditEvent.id == event_id,
        AuditEvent.dealership_id == dealership_id,
        AuditEvent.action == AUDIT_ACTION,
    )
    event = db.scalar(query)
    if event is None:
        raise NotFound("There is no such change here.")
    return event


def _narrowed(query: Any, selection: Selection) -> Any:
    if selection.ids is None:
        return narrowed(query, selection.wanted)
    return narrowed(query, VehicleFilter()).where(Vehicle.id.in_(selection.ids))


def _set(
    db: Session, ids: Sequence[int], act: Act, actor: Actor, now: datetime
) -> Iterator[dict[str, Any]]:
    """A flag is one statement for all rows of a chunk that have it otherwise."""
    if act.sets is None:
        return
    name, value = act.sets
    flag: Any = getattr(Vehicle, name)
    _hold_links(db, ids)
    others = select(Vehicle.id, Vehicle.dealership_id).where(
        Vehicle.id.in_(ids), flag.is_(not value)
    )
    rows = db.execute(others.order_by(Vehicle.id).with_for_update()).all()
    changed = [row.id for row in rows]
    told = {name: value, "edited_at": now, "updated_at": now}
    quietly = {"synchronize_session": False}
    db.execute(
        update(Vehicle).where(Vehicle.id.in_(changed)).values(told), execution_options=quietly
    )
    if act.kind == "include":
        again = update(ExternalLink).where(
            ExternalLink.entity == "vehicle", ExternalLink.entity_id.in_(changed)
        )
        db.execute(again.values(content_hash=NO_DIGEST), execution_options=quietly)
    for row in rows:
        yield _edit(row.dealership_id, row.id, act, {name: not value}, {name: value}, actor, now)


def _hold_links(db: Session, ids: Sequence[int]) -> None:
    """Links before vehicles, as a sync takes them: nobody waits for somebody who waits for him."""
    query = select(ExternalLink.id).where(
        ExternalLink.entity == "vehicle", ExternalLink.entity_id.in_(ids)
    )
    db.execute(query.order_by(ExternalLink.id).with_for_update()).all()


def _perform(
    db: Session, ids: Sequence[int], act: Act, actor: Actor, now: datetime
) -> Iterator[dict[str, Any]]:
    """Changes the rows of a chunk; the log's row for each that changed."""
    links = links_of(db, ids, light=not _takes(act))
    query = (
        select(Vehicle)
        .where(Vehicle.id.in_(ids))
        .options(load_only(*LIGHT))
        .order_by(Vehicle.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    for vehicle in db.scalars(query if not _takes(act) else _whole(ids)):
        before, after = act.perform(vehicle, links.get(vehicle.id, []))
        if before or after:
            vehicle.edited_at = vehicle.updated_at = now
            yield _edit(vehicle.dealership_id, vehicle.id, act, before, after, actor, now)


# What the acts read and write; a description of 60 kB is not read 20,000 times for a flag.
LIGHT: Final = (
    Vehicle.id,
    Vehicle.dealership_id,
    Vehicle.locked_fields,
    Vehicle.is_excluded,
    Vehicle.is_published,
    Vehicle.lifecycle,
    Vehicle.lifecycle_reason,
)


def _takes(act: Act) -> bool:
    return bool((act.details or {}).get("take"))


def _whole(ids: Sequence[int]) -> Any:
    query = select(Vehicle).where(Vehicle.id.in_(ids)).order_by(Vehicle.id).with_for_update()
    return query.execution_options(populate_existing=True)


def _edit(
    dealership_id: int,
    vehicle_id: int,
    act: Act,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    actor: Actor,
    now: datetime,
) -> dict[str, Any]:
    return {
        "dealership_id": dealership_id,
        "vehicle_id": vehicle_id,
        "kind": act.kind,
        "before": dict(before),
        "after": dict(after),
        "reason": act.reason,
        "user_id": actor.user_id,
        "actor": actor.label[:254],
        "created_at": now,
    }


def _dealership_of(db: Session, vehicle_id: int) -> int:
    return db.scalars(select(Vehicle.dealership_id).where(Vehicle.id == vehicle_id)).one()


def _audit(
    db: Session,
    dealership_id: int,
    selection: Selection,
    act: Act,
    actor: Actor,
    counts: tuple[int, int],
) -> AuditEvent:
    matched, changed = counts
    narrowed_by = {
        name: value for name, value in vars(selection.wanted).items() if value is not None
    }
    chosen = {"ticked": True} if selection.ids is not None else {"filter": narrowed_by}
    details = {
        "act": act.kind,
        **(act.details or {}),
        "reason": act.reason,
        "matched": matched,
        "changed": changed,
        **chosen,
    }
    return audit.record(
        db, actor, AUDIT_ACTION, f"{changed} vehicles", details, dealership_id=dealership_id
    )
