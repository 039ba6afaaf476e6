"""Comparison and preview of a merge as the pages show them, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import DuplicatePair, ExternalLink, Vehicle, VehicleMerge
from app.services import vehicle_merge_undo, vehicles
from app.services.duplicates import PairRow
from app.services.vehicle_fields import FIELDS
from app.services.vehicle_merge import fingerprint
from app.services.vehicle_merge_choices import (
    Side,
    chosen,
    compare,
    lifecycle_after,
    links_of,
    staying,
    to_write,
    who_stays,
)
from app.services.vehicle_merge_moving import photos_to_add
from app.services.vehicle_values import value_of
from app.services.vehicle_view import in_words
from app.services.vehicles import LIFECYCLE_WORDS, VehicleRow

Column = Literal["left", "right"]
PREFIX: Final = "f."


@dataclass(frozen=True)
class Choice:
    """One field of both vehicles in words; `side`: whose value is chosen."""

    name: str
    label: str
    left: Any
    right: Any
    side: Column
    is_same: bool


@dataclass(frozen=True)
class Comparison:
    """Everything that the side by side page shows; left is the vehicle with the smaller id."""

    pair: DuplicatePair
    left: VehicleRow
    right: VehicleRow
    kept: Vehicle
    merged: Vehicle
    links: Mapping[int, Sequence[ExternalLink]]
    differing: Sequence[Choice]
    equal: Sequence[Choice]

    @property
    def way(self) -> str:
        return staying(self.kept, self.merged, self.links).way

    @property
    def numbers(self) -> dict[int, str]:
        """Vehicle id → the numbers of its records in EasyCars."""
        return {
            id_: ", ".join(link.external_id for link in links) for id_, links in self.links.items()
        }


@dataclass(frozen=True)
class Changed:
    """A field that the kept vehicle takes over, for the table of the preview."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Preview:
    """What the merge would do; `seen` binds it to the values that were shown."""

    changes: Sequence[Changed]
    photos: int
    lifecycle: str
    choices: Mapping[str, Side]
    seen: str


@dataclass(frozen=True)
class MergeRow:
    """A line of the list of merges; `refusal`: why it cannot be taken back now, or None."""

    merge: VehicleMerge
    kept: VehicleRow
    merged: VehicleRow
    refusal: str | None


def comparison(db: Session, row: PairRow, asked: Mapping[str, str]) -> Comparison:
    """`asked`: "stays" → a vehicle's id, "f.<field>" → "left" or "right", as a form sends them."""
    left, right = row.first.vehicle, row.second.vehicle
    links = links_of(db, [left.id, right.id])
    kept = {str(left.id): left, str(right.id): right}.get(asked.get("stays", ""))
    kept = kept or who_stays(left, right, links)
    merged = right if kept is left else left
    sides = chosen(kept, merged, _sides(asked, kept is left))
    fields = [_choice(one.field.name, left, right, kept, sides) for one in compare(kept, merged)]
    return Comparison(
        row.pair,
        row.first,
        row.second,
        kept,
        merged,
        links,
        [one for one in fields if not one.is_same],
        [one for one in fields if one.is_same],
    )


def _sides(asked: Mapping[str, str], left_stays: bool) -> dict[str, str]:
    """From columns of the page to sides of the merge."""
    side_of = {
        "left": "kept" if left_stays else "merged",
        "right": "merged" if left_stays else "kept",
    }
    given = {name.removeprefix(PREFIX): side for name, side in asked.items() if PREFIX in name}
    return {name: side_of[side] for name, side in given.items() if side in side_of}


def _choice(
    name: str, left: Vehicle, right: Vehicle, kept: Vehicle, sides: Mapping[str, Side]
) -> Choice:
    takes_kept = sides.get(name, "kept") == "kept"
    return Choice(
        name,
        FIELDS[name].label,
        in_words(name, value_of(left, name), left),
        in_words(name, value_of(right, name), right),
        "left" if takes_kept == (kept is left) else "right",
        name not in sides,
    )


def preview(db: Session, shown: Comparison) -> Preview:
    """The kept vehicle as it would be, without writing anything."""
    kept, merged = shown.kept, shown.merged
    taken = {one.name for one in shown.differing if (one.side == "left") != (kept is _left(shown))}
    sides: dict[str, Side] = {
        one.name: "merged" if one.name in taken else "kept" for one in shown.differing
    }
    writes = to_write(merged, sides)
    return Preview(
        [
            Changed(
                FIELDS[name].label,
                in_words(name, value_of(kept, name), kept),
                in_words(name, value, merged),
            )
            for name, value in writes.items()
            if value != value_of(kept, name)
        ],
        photos_to_add(db, kept, merged),
        LIFECYCLE_WORDS[lifecycle_after(kept, merged)],
        sides,
        fingerprint(kept, merged),
    )


def _left(shown: Comparison) -> Vehicle:
    return shown.left.vehicle


def merge_rows(db: Session, merges: Sequence[VehicleMerge], now: Any) -> list[MergeRow]:
    """Merges with both vehicles as lists show them."""
    ids = {id_ for one in merges for id_ in (one.kept_id, one.merged_id)}
    found = db.scalars(select(Vehicle).where(Vehicle.id.in_(ids))).all() if ids else []
    rows = {row.vehicle.id: row for row in vehicles.rows_of(db, found)}
    return [
        MergeRow(
            one,
            rows[one.kept_id],
            rows[one.merged_id],
            vehicle_merge_undo.refusal(db, one, now),
        )
        for one in merges
    ]
