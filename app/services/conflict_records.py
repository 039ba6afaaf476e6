"""The records behind conflicts: how each kind is loaded, named, read and written.

A conflict knows its entity and the number of its record, no more. Vehicles are here, leads and
customers in leads/conflict_kinds.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.models import Conflict, Vehicle, VehicleEdit
from app.services import vehicle_edits
from app.services.conflict_shape import ChangedHere, FieldInfo, Kind, Settled, last_changes
from app.services.leads.conflict_kinds import Customers, Leads
from app.services.leads.sending import Means
from app.services.vehicle_fields import FIELDS
from app.services.vehicle_input import as_typed, options, read_typed
from app.services.vehicle_sync import follow_status
from app.services.vehicle_values import put_values, values_of

EDITS_READ: Final = 200


class Vehicles:
    """Conflicts of vehicles. Merged and excluded ones wait for nobody."""

    noun = "vehicle"
    path = "vehicles"
    number = "stock number"

    def load(self, db: Session, ids: Sequence[int], *, lock: bool = False) -> dict[int, Vehicle]:
        query = select(Vehicle).where(Vehicle.id.in_(ids))
        if lock:
            query = query.with_for_update().execution_options(populate_existing=True)
        return {vehicle.id: vehicle for vehicle in db.scalars(query)}

    def visible(self) -> ColumnElement[bool]:
        query = select(Vehicle.id).where(
            Vehicle.id == Conflict.entity_id,
            Vehicle.merged_into_id.is_(None),
            Vehicle.is_excluded.is_(False),
        )
        return query.exists()

    def label(self, record: Vehicle) -> str:
        return record.title or record.stock_number or f"Vehicle {record.id}"

    def values(self, record: Vehicle) -> dict[str, Any]:
        return values_of(record)

    def locked(self, record: Vehicle) -> frozenset[str]:
        return frozenset(record.locked_fields or ())

    def fields(self) -> Iterable[FieldInfo]:
        for field in FIELDS.values():
            yield FieldInfo(field.name, field.label, field.kind, field.unit)

    def read(self, name: str, text: str) -> Any:
        """Raises Unreadable (a ValueError) in words."""
        return read_typed(name, text)

    def typed(self, name: str, value: Any) -> str:
        """A value as its input shows it."""
        return as_typed(name, value)

    def options(self, name: str, value: Any) -> Mapping[str, str]:
        """What can be chosen; empty: anything can be typed."""
        if FIELDS[name].kind == "bool":
            return {"yes": "Yes", "no": "No"}
        return options(name, value)

    def put(self, record: Vehicle, changes: Mapping[str, Any], agreed: Mapping[str, Any]) -> None:
        """Writes the values; a status that turns to "Sold", or from it, moves the life cycle."""
        put_values(record, changes)
        if "status" in changes:
            was = agreed.get("status")
            follow_status(record, was, "when a conflict was settled")

    def edits(self, db: Session, record_id: int) -> dict[str, ChangedHere]:
        """The last hand-made change of each field, among the newest acts on the vehicle."""
        query = select(VehicleEdit.after, VehicleEdit.actor, VehicleEdit.created_at)
        newest = query.where(VehicleEdit.vehicle_id == record_id).order_by(VehicleEdit.id.desc())
        return last_changes(db.execute(newest.limit(EDITS_READ)))

    def note(self, db: Session, record: Vehicle, settled: Settled) -> None:
        vehicle_edits.record(
            db,
            record,
            "conflict",
            settled.before,
            settled.after,
            actor=settled.actor,
            now=settled.now,
            reason=settled.reason,
            run_id=settled.run_id,
        )

    def differs_now(self, db: Session, record: Vehicle, means: Means) -> None:
        """Vehicles are not sent to EasyCars."""


KINDS: Final[Mapping[str, Kind]] = {
    "vehicle": Vehicles(),
    "lead": Leads(),
    "customer": Customers(),
}
