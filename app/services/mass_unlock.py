"""Taking padlocks off many vehicles at once, counted first (C18, trap T21)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Vehicle
from app.services import vehicle_acts, vehicle_bulk
from app.services.audit import Actor
from app.services.errors import InputInvalid
from app.services.vehicle_bulk import Selection
from app.services.vehicle_fields import FIELDS, GROUPS
from app.services.vehicles import has_locks


@dataclass(frozen=True)
class Locked:
    """Locked fields of one group ("" for all), and the vehicles that have them."""

    group: str
    label: str
    fields: int
    vehicles: tuple[int, ...]


def count(db: Session, group: str = "") -> Locked:
    """How many fields are locked now. Raises InputInvalid for a group that does not exist."""
    if group and group not in GROUPS:
        raise InputInvalid("There is no such group of fields.")
    found = {vehicle_id: _of_group(names, group) for vehicle_id, names in _locks(db)}
    vehicles = tuple(vehicle_id for vehicle_id, number in found.items() if number)
    return Locked(group, GROUPS.get(group, ""), sum(found.values()), vehicles)


def by_group(db: Session) -> list[Locked]:
    """The groups that have locked fields, in the catalogue's order."""
    fields: Counter[str] = Counter()
    vehicles: dict[str, list[int]] = {}
    for vehicle_id, names in _locks(db):
        mine = Counter(FIELDS[name].group for name in names if name in FIELDS)
        fields += mine
        for group in mine:
            vehicles.setdefault(group, []).append(vehicle_id)
    return [
        Locked(name, label, fields[name], tuple(vehicles[name]))
        for name, label in GROUPS.items()
        if fields[name]
    ]


def unlock(
    db: Session, group: str, *, expected: int, take: bool, actor: Actor, now: datetime
) -> Locked:
    """Unlocks what was counted; `take`: with EasyCars' values at once, else ours stay.

    Raises InputInvalid when the number of locked fields is not the shown one any more.
    """
    locked = count(db, group)
    if locked.fields != expected or not locked.fields:
        raise InputInvalid(
            f"{expected} locked fields were counted, now there are {locked.fields}. Nothing was "
            "unlocked; look at the new number."
        )
    names = vehicle_acts.group_fields(group) if group else None
    act = vehicle_acts.unlock(names, take=take)
    vehicle_bulk.do(db, Selection(len(locked.vehicles), locked.vehicles), act, actor, now)
    return locked


def _locks(db: Session) -> list[tuple[int, list[str]]]:
    query = select(Vehicle.id, Vehicle.locked_fields).where(
        has_locks(), Vehicle.merged_into_id.is_(None)
    )
    return [(row.id, row.locked_fields) for row in db.execute(query.order_by(Vehicle.id))]


def _of_group(names: list[str], group: str) -> int:
    return sum(1 for name in names if not group or (name in FIELDS and FIELDS[name].group == group))
