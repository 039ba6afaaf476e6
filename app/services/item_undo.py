"""Undo of one record or one field of a run, as an edit by hand (C9).

The vehicle gets its earlier values back where it still has those of the run. What was agreed with
EasyCars stays, so that the next sync keeps them until EasyCars changes the field; a padlock keeps
them longer.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import SyncItem, SyncRun, Vehicle
from app.services import audit, vehicle_edits
from app.services.audit import Actor
from app.services.errors import InputInvalid, NotFound, NotPossible
from app.services.sync.before import KEPT_FOR
from app.services.vehicle_editing import locked_row
from app.services.vehicle_fields import FIELDS
from app.services.vehicle_values import DEFAULTS, put_values, value_of

MODES: Final = ("sync", "remap", "undo")
ACTIONS: Final = ("update", "restore", "conflict", "push")


@dataclass(frozen=True)
class FieldBack:
    """One field of the row. `why_not`: why it cannot go back, None when it can."""

    name: str
    label: str
    kind: str
    unit: str | None
    before: Any
    after: Any
    now: Any
    why_not: str | None


@dataclass(frozen=True)
class RowBack:
    """One row of a run with the fields that it changed."""

    item: SyncItem
    run: SyncRun
    vehicle: Vehicle
    fields: list[FieldBack]

    @property
    def possible(self) -> list[FieldBack]:
        return [field for field in self.fields if field.why_not is None]


def may_offer(item: SyncItem, run: SyncRun, now: datetime) -> bool:
    """Whether a row is worth the question: a quick look without asking the database."""
    if item.action not in ACTIONS or run.mode not in MODES or item.entity_id is None:
        return False
    if run.stream != "stock":
        return False
    if run.is_active or now > item.created_at + KEPT_FOR:
        return False
    return any(name in FIELDS for name in {**(item.before or {}), **(item.after or {})})


def row_of(db: Session, run_id: int, item_id: int, now: datetime) -> RowBack:
    """The row with what is possible. Raises NotFound, NotPossible."""
    item = db.scalar(select(SyncItem).where(SyncItem.id == item_id, SyncItem.run_id == run_id))
    run = db.scalar(select(SyncRun).where(SyncRun.id == run_id))
    if item is None or run is None:
        raise NotFound("There is no such row.")
    if now > item.created_at + KEPT_FOR:
        raise NotPossible("This change is more than 30 days old and cannot be undone here.")
    if not may_offer(item, run, now):
        raise NotPossible("This row changed no field of a vehicle that could be put back.")
    vehicle = db.scalar(select(Vehicle).where(Vehicle.id == item.entity_id))
    if vehicle is None:
        raise NotPossible("The vehicle of this row does not exist any more.")
    if vehicle.merged_into_id is not None:
        raise NotPossible(f"This vehicle was merged into vehicle {vehicle.merged_into_id}.")
    return RowBack(item, run, vehicle, _fields(item, vehicle))


def _fields(item: SyncItem, vehicle: Vehicle) -> list[FieldBack]:
    before, after = item.before or {}, item.after or {}
    named = [name for name in FIELDS if name in before or name in after]
    return [_field(name, before.get(name), after.get(name), vehicle) for name in named]


def _field(name: str, before: Any, after: Any, vehicle: Vehicle) -> FieldBack:
    known, now = FIELDS[name], value_of(vehicle, name)
    if _plain(name, now) == _plain(name, before):
        why_not = "It has this value already."
    elif _plain(name, now) != _plain(name, after):
        why_not = "It was changed since this run, so it stays as it is."
    else:
        why_not = None
    return FieldBack(name, known.label, known.kind, known.unit, before, after, now, why_not)


def _plain(name: str, value: Any) -> Any:
    return DEFAULTS.get(name) if value is None else value


def put_back(
    db: Session,
    run_id: int,
    item_id: int,
    names: Collection[str],
    *,
    lock: bool,
    actor: Actor,
    now: datetime,
) -> RowBack:
    """Writes the named fields back, with edit log and audit; `lock` puts the padlock on them.

    Raises NotFound, NotPossible, and InputInvalid when no named field can go back.
    """
    vehicle_id = row_of(db, run_id, item_id, now).vehicle.id
    locked_row(db, vehicle_id)
    row = row_of(db, run_id, item_id, now)
    back = [field for field in row.possible if field.name in names]
    if not back:
        raise InputInvalid(
            "Nothing was put back.", {"fields": "Choose at least one field that can go back."}
        )
    vehicle = row.vehicle
    before: dict[str, Any] = {field.name: field.now for field in back}
    after: dict[str, Any] = {field.name: field.before for field in back}
    put_values(vehicle, after)
    if lock:
        old = set(vehicle.locked_fields or ())
        before["locked_fields"], after["locked_fields"] = sorted(old), sorted(old | set(before))
        vehicle.locked_fields = after["locked_fields"]
    vehicle_edits.record(
        db, vehicle, "undo", before, after, actor=actor, now=now, run_id=run_id,
        reason=f"Put back as before run {run_id}.",
    )  # fmt: skip
    details = {"runId": run_id, "fields": [field.name for field in back], "locked": lock}
    audit.record(
        db, actor, "vehicle.undo", f"vehicle:{vehicle.id}", details,
        dealership_id=vehicle.dealership_id,
    )  # fmt: skip
    return row
