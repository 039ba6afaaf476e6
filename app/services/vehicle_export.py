"""The filtered list as CSV: every field, read and written in chunks (UI.10, T18)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from app.services.vehicle_fields import FIELDS, VehicleField
from app.services.vehicle_view import value_of
from app.services.vehicles import VehicleFilter, VehicleRow, all_matching

FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
EXTRA: Final = ("Id", "Source", "Lifecycle", "Last synced", "Last changed")


def vehicles_csv(db: Session, wanted: VehicleFilter) -> Iterator[str]:
    """Lines of the file, a chunk at a time; starts with the mark by which Excel knows UTF-8."""
    yield "\ufeff" + _lines([[*EXTRA, *(_heading(field) for field in FIELDS.values())]])
    for rows in all_matching(db, wanted):
        yield _lines([_cells(row) for row in rows])


def _heading(field: VehicleField) -> str:
    return f"{field.label} ({field.unit})" if field.unit else field.label


def _cells(row: VehicleRow) -> list[Any]:
    vehicle = row.vehicle
    own = (
        vehicle.id,
        vehicle.source,
        vehicle.lifecycle,
        _cell(row.last_synced_at),
        _cell(vehicle.updated_at),
    )
    return [*own, *(_field(field, value_of(vehicle, field)) for field in FIELDS.values())]


def _field(field: VehicleField, value: Any) -> Any:
    if field.kind == "money" and isinstance(value, int):
        return f"{value / 100:.2f}"
    if field.kind == "list" and isinstance(value, list):
        return safe_text(", ".join(str(part) for part in value))
    return _cell(value)


def _cell(value: Any) -> Any:
    """Not given is an empty cell; numbers stay numbers; text cannot become a formula."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    return safe_text(value) if isinstance(value, str) else value


def safe_text(value: str) -> str:
    """Text that a spreadsheet would run as a formula gets an apostrophe in front (T18)."""
    return f"'{value}" if value.startswith(FORMULA_STARTS) else value


def _lines(rows: list[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
