"""A vehicle as programs outside read it: names and types of contract §4, null for not given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pydantic.alias_generators import to_camel

from app.models import Photo
from app.services.vehicle_fields import FIELDS
from app.services.vehicle_values import value_of
from app.services.vehicles import VehicleRow

# Fields whose name outside is not simply the camel-case one.
NAMES: Final = {"price_cents": "price", "special_price_cents": "specialPrice"}


def outside_name(field: str) -> str:
    """stock_number → stockNumber, price_cents → price."""
    return NAMES.get(field) or to_camel(field)


def dollars(cents: int | None) -> int | float | None:
    """2499000 → 24990, 2499050 → 24990.5."""
    if cents is None:
        return None
    return cents // 100 if cents % 100 == 0 else cents / 100


def vehicle_shape(row: VehicleRow, photos: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The contract's members and some more; `photos` from photo_shape."""
    vehicle = row.vehicle
    return {
        "id": vehicle.id,
        "title": vehicle.title,
        "stockNumber": vehicle.stock_number,
        "vin": vehicle.vin,
        "regoNum": vehicle.rego_num,
        "kind": vehicle.kind,
        "condition": vehicle.condition,
        "make": vehicle.make,
        "model": vehicle.model,
        "badge": vehicle.badge,
        "year": vehicle.year,
        "price": dollars(vehicle.price_cents),
        "specialPrice": dollars(vehicle.special_price_cents),
        "currency": vehicle.currency,
        "isDriveAway": vehicle.is_drive_away,
        "odometer": vehicle.odometer,
        "odometerUnit": vehicle.odometer_unit,
        "status": vehicle.status,
        "lifecycle": vehicle.lifecycle,
        "lifecycleReason": vehicle.lifecycle_reason,
        "source": vehicle.source,
        "lockedFields": [outside_name(name) for name in vehicle.locked_fields or ()],
        "isExcluded": vehicle.is_excluded,
        "isPublished": vehicle.is_published,
        "mergedIntoId": vehicle.merged_into_id,
        "editedAt": vehicle.edited_at,
        "photos": list(photos),
        "lastSyncedAt": row.last_synced_at,
        "updatedAt": vehicle.updated_at,
    }


def whole_shape(row: VehicleRow, photos: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The same with every field of the catalogue; what PATCH takes can be read here."""
    fields = {
        outside_name(name): _outside_value(name, value_of(row.vehicle, name)) for name in FIELDS
    }
    return fields | vehicle_shape(row, photos)


def _outside_value(name: str, value: Any) -> Any:
    return dollars(value) if FIELDS[name].kind == "money" else value


def photo_shape(photo: Photo, urls: Mapping[str, str], place: int) -> dict[str, Any]:
    """`urls`: size name → address, empty while the picture is not stored yet; `place` from 0."""
    return {
        "id": photo.id,
        "position": place,
        "state": photo.state,
        "sourceUrl": photo.source_url,
        "url": urls.get("large"),
        "thumbnailUrl": urls.get("medium"),
        "width": photo.media.width if photo.media else None,
        "height": photo.media.height if photo.media else None,
    }


def by_vehicle(photos: Sequence[Photo]) -> dict[int, list[Photo]]:
    """Photos of several vehicles, sorted apart; the order inside stays."""
    found: dict[int, list[Photo]] = {}
    for photo in photos:
        found.setdefault(photo.vehicle_id, []).append(photo)
    return found
