"""Lead ↔ vehicle: by stock number, within the dealership."""

from __future__ import annotations

from typing import Any

from sqlalchemy import case, select
from sqlalchemy.orm import Session

from app.models import Vehicle
from app.services.errors import InputInvalid
from app.services.leads.fields import VEHICLE_TYPES


def by_id(db: Session, vehicle_id: int) -> Vehicle:
    """The vehicle that was chosen. Raises InputInvalid at the field `vehicle_id`."""
    found = db.scalar(select(Vehicle).where(Vehicle.id == vehicle_id))
    if found is None:
        message = "There is no such vehicle."
        raise InputInvalid(message, {"vehicle_id": message})
    return found


def by_stock_number(db: Session, stock_number: str | None) -> Vehicle | None:
    """The vehicle with this number: listed ones first, then the newest."""
    if not stock_number:
        return None
    query = (
        select(Vehicle)
        .where(Vehicle.stock_number == stock_number, Vehicle.merged_into_id.is_(None))
        .order_by(case((Vehicle.lifecycle == "listed", 0), else_=1), Vehicle.id.desc())
        .limit(1)
    )
    return db.scalar(query)


def facts(vehicle: Vehicle) -> dict[str, Any]:
    """What a lead keeps of its vehicle; nothing is invented (easycars-api §11 row 15)."""
    return {
        "stock_number": vehicle.stock_number,
        "vehicle_make": vehicle.make,
        "vehicle_model": vehicle.model,
        "vehicle_year": vehicle.year,
        "vehicle_type": vehicle.kind if vehicle.kind in VEHICLE_TYPES else None,
        "vehicle_price_cents": vehicle.special_price_cents or vehicle.price_cents,
        "is_vehicle_new": None if vehicle.condition is None else vehicle.condition == "new",
    }
