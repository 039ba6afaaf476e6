"""One vehicle as a page shows it: fields in groups, photos, what was received."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, Final

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.models import (
    Conflict,
    EasyCarsStockData,
    ExternalLink,
    Photo,
    StreamState,
    Vehicle,
)
from app.services import vehicle_fields, vehicle_values, vehicles
from app.services.vehicle_fields import FIELDS, GROUPS, VehicleField
from app.services.vehicle_values import DEFAULTS

STREAM: Final = "stock"
# Shown together with another field.
NOT_LISTED: Final = {"currency", "odometer_unit"}
LONG_TEXTS: Final = {"description", "additional_description", "features", "optional_features"}
CONDITIONS: Final = {"new": "New", "used": "Used", "demo": "Demo"}


@dataclass(frozen=True)
class Shown:
    """One field as it is shown. `value` None: not given.

    `differs`: EasyCars has another value, `theirs` (None: it does not say). `conflict_id`: both
    sides changed it, and nobody has decided yet.
    """

    field: VehicleField
    value: Any
    locked: bool
    differs: bool = False
    theirs: Any = None
    conflict_id: int | None = None

    @property
    def is_given(self) -> bool:
        return self.value not in (None, "", [])

    @property
    def is_long(self) -> bool:
        """Texts that need the whole width."""
        return self.field.name in LONG_TEXTS


@dataclass(frozen=True)
class Group:
    """Fields of one heading; `absent` are the rarer ones that are not given, by label."""

    name: str
    fields: list[Shown]
    absent: list[str]


@dataclass(frozen=True)
class Change:
    """A changed field, in words."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class RawField:
    """A value as it was received, under the vendor's name; `ours` is the field it ends in."""

    name: str
    value: str
    ours: str | None


@dataclass(frozen=True)
class Origin:
    """Where a vehicle comes from: the link, its stream's state and its row as received."""

    link: ExternalLink
    last_success_at: datetime | None
    received_at: datetime | None
    raw: str | None


def groups_of(
    vehicle: Vehicle, agreed: Mapping[str, Any], disputed: Mapping[str, Conflict] | None = None
) -> list[Group]:
    """All fields of the catalogue under their headings, in the catalogue's order.

    `disputed`: open conflicts by field; they know what EasyCars says now, `agreed` does not yet.
    """
    found_open = disputed or {}
    says = {**agreed, **{name: row.remote for name, row in found_open.items()}}
    found = {name: Group(heading, [], []) for name, heading in GROUPS.items()}
    for field in FIELDS.values():
        if field.name in NOT_LISTED:
            continue
        shown = _shown(vehicle, field, says, found_open.get(field.name))
        group = found[field.group]
        if shown.is_given or field.stored == "column":
            group.fields.append(shown)
        else:
            group.absent.append(field.label)
    return [group for group in found.values() if group.fields or group.absent]


def _shown(
    vehicle: Vehicle, field: VehicleField, says: Mapping[str, Any], conflict: Conflict | None
) -> Shown:
    name = field.name
    return Shown(
        field,
        in_words(name, value_of(vehicle, field), vehicle),
        name in (vehicle.locked_fields or ()),
        bool(says) and differs(name, vehicle_values.value_of(vehicle, name), says.get(name)),
        in_words(name, says.get(name)),
        conflict.id if conflict else None,
    )


def disputed_of(db: Session, vehicle_id: int) -> dict[str, Conflict]:
    """The vehicle's open conflicts by field."""
    query = select(Conflict).where(
        Conflict.entity == "vehicle", Conflict.entity_id == vehicle_id, Conflict.state == "open"
    )
    return {row.field: row for row in db.scalars(query)}


def differs(name: str, here: Any, agreed: Any) -> bool:
    """Whether EasyCars has another value than the vehicle. Both are JSON values.

    Columns that are never empty do not differ from "not said" by their default alone.
    """
    return bool(here != agreed and not (agreed is None and here == DEFAULTS.get(name)))


def value_of(vehicle: Vehicle, field: VehicleField) -> Any:
    """The stored value of a field, None when it is not given."""
    if field.stored == "column":
        return getattr(vehicle, field.name)
    return (vehicle.details or {}).get(field.name)


def in_words(name: str, value: Any, vehicle: Vehicle | None = None) -> Any:
    """A field's value as people read it; None stays None (trap T12)."""
    field = FIELDS.get(name)
    if value is None or field is None:
        return value
    if field.name == "odometer":
        return distance(value, vehicle.odometer_unit if vehicle else None)
    if field.name in WORDS:
        return WORDS[field.name].get(str(value), value)
    return _by_kind(field, value)


WORDS: Final[dict[str, dict[str, str]]] = {
    "kind": vehicles.KINDS,
    "condition": CONDITIONS,
    "lifecycle": vehicles.LIFECYCLE_WORDS,
}


def _by_kind(field: VehicleField, value: Any) -> Any:
    if field.kind == "money" and isinstance(value, int):
        return dollars(value)
    if field.kind == "bool":
        return "Yes" if value else "No"
    if field.kind == "list" and isinstance(value, list):
        return ", ".join(str(part) for part in value)
    if field.kind == "date":
        return _day(value)
    if field.unit:
        return f"{value:,} {field.unit}" if isinstance(value, int | float) else value
    return value


def dollars(cents: int) -> str:
    """2499000 → $24,990."""
    whole, part = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}${whole:,}" + (f".{part:02d}" if part else "")


def distance(value: Any, unit: str | None) -> str:
    return f"{value:,} {(unit or 'km').lower()}"


def _day(value: Any) -> Any:
    try:
        day = value if isinstance(value, date) else date.fromisoformat(str(value))
    except ValueError:
        return value
    return f"{day.day} {day:%B %Y}"


def photos_of(db: Session, *vehicle_ids: int) -> Sequence[Photo]:
    """The photos of some vehicles in the dealer's order, with their files; not the hidden ones."""
    return db.scalars(
        select(Photo)
        .where(Photo.vehicle_id.in_(vehicle_ids), Photo.is_hidden.is_(False))
        .options(joinedload(Photo.media))
        .order_by(Photo.vehicle_id, Photo.position, Photo.id)
    ).all()


def origin_of(db: Session, vehicle_id: int) -> Origin | None:
    """The vehicle's newest link with what was received for it; None for one made by hand."""
    query = (
        select(
            ExternalLink,
            StreamState.last_success_at,
            EasyCarsStockData.received_at,
            EasyCarsStockData.raw.label("archived"),
        )
        .outerjoin(
            StreamState,
            (StreamState.dealership_id == ExternalLink.dealership_id)
            & (StreamState.provider == ExternalLink.provider)
            & (StreamState.stream == ExternalLink.stream)
            & (StreamState.environment == ExternalLink.environment),
        )
        .outerjoin(EasyCarsStockData, EasyCarsStockData.link_id == ExternalLink.id)
        .where(ExternalLink.entity == "vehicle", ExternalLink.entity_id == vehicle_id)
        .order_by(ExternalLink.missing_runs, ExternalLink.id.desc())
        .limit(1)
    )
    row = db.execute(query).one_or_none()
    if row is None:
        return None
    return Origin(row[0], row.last_success_at, row.received_at, row.archived or row[0].raw)


def raw_fields(raw: str | None) -> list[RawField]:
    """The received record field by field, in the vendor's order; empty when it is no object."""
    try:
        found = orjson.loads(raw or "")
    except orjson.JSONDecodeError:
        return []
    if not isinstance(found, dict):
        return []
    return [RawField(name, _as_received(value), _ours(name)) for name, value in found.items()]


def _as_received(value: Any) -> str:
    """As JSON writes it, so that null, "" and "0" can be told apart."""
    return orjson.dumps(value).decode()


@cache
def _ours(vendor_name: str) -> str | None:
    field = vehicle_fields.field_of_source(vendor_name)
    return field.label if field else None
