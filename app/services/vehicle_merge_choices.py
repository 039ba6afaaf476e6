"""Two vehicles side by side: what differs, which one stays, and what the merged one will be.

Pure but for the look at the links. A choice is "kept" or "merged" per field: whose value counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import ExternalLink, Vehicle
from app.services.vehicle_fields import FIELDS, VehicleField
from app.services.vehicle_values import value_of

Side = Literal["kept", "merged"]
# A unit goes with its number: 80,000 of one and miles of the other would be a third vehicle.
COMPANIONS: Final = {"odometer": ("odometer_unit",), "price_cents": ("currency",)}
FOLLOWERS: Final = frozenset(name for names in COMPANIONS.values() for name in names)


@dataclass(frozen=True)
class Compared:
    """One field of both; values as JSON values, None when not given."""

    field: VehicleField
    kept: Any
    merged: Any
    is_same: bool

    @property
    def proposal(self) -> Side:
        """The kept one's value, unless only the other has one."""
        return "merged" if _blank(self.kept) and not _blank(self.merged) else "kept"


@dataclass(frozen=True)
class Staying:
    """What happens to the sync when one stays and the other goes.

    `way`: "goes-on" (only the kept one is synced), "moves" (only the other is: the sync goes on
    into the kept one), "behind" (both are: the other's sync goes on hidden), "none".
    """

    way: Literal["goes-on", "moves", "behind", "none"]


def compare(kept: Vehicle, merged: Vehicle) -> list[Compared]:
    """Every field that one of them has, in the catalogue's order."""
    found = []
    for name, field in FIELDS.items():
        mine, theirs = value_of(kept, name), value_of(merged, name)
        if name in FOLLOWERS or (_blank(mine) and _blank(theirs)):
            continue
        names = (name, *COMPANIONS.get(name, ()))
        same = all(_alike(value_of(kept, one), value_of(merged, one)) for one in names)
        found.append(Compared(field, mine, theirs, same))
    return found


def _blank(value: Any) -> bool:
    return value is None or value in ("", [])


def _alike(one: Any, other: Any) -> bool:
    return one == other or (_blank(one) and _blank(other))


def chosen(kept: Vehicle, merged: Vehicle, choices: Mapping[str, str]) -> dict[str, Side]:
    """The choice for every differing field: the person's, else the proposal."""
    return {
        one.field.name: _side(choices.get(one.field.name), one.proposal)
        for one in compare(kept, merged)
        if not one.is_same
    }


def _side(given: str | None, proposal: Side) -> Side:
    if given == "kept":
        return "kept"
    return "merged" if given == "merged" else proposal


def to_write(merged: Vehicle, sides: Mapping[str, Side]) -> dict[str, Any]:
    """Field → value that the kept one takes over, units with their numbers."""
    names = [
        one
        for name, side in sides.items()
        if side == "merged"
        for one in (name, *COMPANIONS.get(name, ()))
    ]
    return {name: value_of(merged, name) for name in names}


def links_of(db: Session, vehicle_ids: Sequence[int]) -> dict[int, list[ExternalLink]]:
    """Vehicle id → its links, for each of the given vehicles."""
    found: dict[int, list[ExternalLink]] = {vehicle_id: [] for vehicle_id in vehicle_ids}
    query = select(ExternalLink).where(
        ExternalLink.entity == "vehicle", ExternalLink.entity_id.in_(vehicle_ids)
    )
    for link in db.scalars(query.order_by(ExternalLink.id)):
        found[link.entity_id].append(link)
    return found


def who_stays(
    first: Vehicle, second: Vehicle, links: Mapping[int, Sequence[ExternalLink]]
) -> Vehicle:
    """The proposal: the synced one beside a hand-made one, else the one that EasyCars still
    lists, else the older row."""
    linked = [one for one in (first, second) if links[one.id]]
    if len(linked) == 1:
        return linked[0]
    listed = [one for one in (first, second) if one.lifecycle == "listed"]
    return listed[0] if len(listed) == 1 else min(first, second, key=lambda one: one.id)


def staying(kept: Vehicle, merged: Vehicle, links: Mapping[int, Sequence[ExternalLink]]) -> Staying:
    """How the sync goes on after the merge."""
    if links[kept.id]:
        return Staying("behind" if links[merged.id] else "goes-on")
    return Staying("moves" if links[merged.id] else "none")


def lifecycle_after(kept: Vehicle, merged: Vehicle) -> str:
    """One car, sold once; and a merge takes no car off the market."""
    both = {kept.lifecycle, merged.lifecycle}
    return next(one for one in ("sold", "listed", "missing", "off_market") if one in both)
