"""A vehicle's fields as plain values, read and written by name, whatever column they live in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from app.models import Vehicle
from app.services.vehicle_fields import FIELDS

# Columns that are never empty.
DEFAULTS = {"title": "", "currency": "AUD"}


def values_of(vehicle: Vehicle) -> dict[str, Any]:
    """Field → JSON value (money in cents, dates as ISO text); a value not given is absent."""
    found = {name: value_of(vehicle, name) for name in FIELDS}
    return {name: value for name, value in found.items() if value is not None}


def value_of(vehicle: Vehicle, name: str) -> Any:
    """One field's JSON value, None when not given. Raises KeyError for an unknown name."""
    if FIELDS[name].stored == "details":
        return (vehicle.details or {}).get(name)
    value = getattr(vehicle, name)
    return value.isoformat() if isinstance(value, date) else value


def put_values(vehicle: Vehicle, changes: Mapping[str, Any]) -> None:
    """Writes JSON values into their columns; None takes a value away.

    Raises KeyError for an unknown name, ValueError for a date that is none.
    """
    details = dict(vehicle.details or {})
    for name, value in changes.items():
        if FIELDS[name].stored == "details":
            details[name] = value
        else:
            setattr(vehicle, name, _as_column(name, value))
    vehicle.details = {name: value for name, value in details.items() if value is not None}


def _as_column(name: str, value: Any) -> Any:
    if value is None:
        return DEFAULTS.get(name)
    return date.fromisoformat(value) if FIELDS[name].kind == "date" else value
