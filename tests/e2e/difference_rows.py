"""What the pages of reconciliation have to show: differences of every kind, severity and state."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.db import unit_of_work
from app.models import Dealership, Difference, Vehicle
from tests import factories_differences
from tests.e2e.people import Place
from tests.e2e.stack import Stack

LONG = "2019 Toyota Landcruiser Prado GXL Kakadu Commercial Cruiser Special Edition MY19"
FIELDS: dict[str, Any] = {
    "price_cents": {"here": 1_299_000, "there": 1_349_000},
    "odometer": {"here": 84_210, "there": None},
    "colour": {"here": "Kateřina's Žlutá", "there": "Yellow"},
    "description": {"here": "One owner. " * 40, "there": "Two owners. " * 40},
}


def differences(stack: Stack, place: Place) -> None:
    """One that is open with many fields, and one of each other kind and state."""
    with stack.app.app_context():
        with unit_of_work(place.id) as db:
            here = db.get_one(Dealership, place.id)
            car = db.scalars(select(Vehicle.id).order_by(Vehicle.id).limit(1)).one()
        make = factories_differences.difference
        make(here, "there_only", label=LONG)
        make(here, "here_only", entity_id=car, external_id=None, record_key=f"vehicle:{car}")
        make(here, stream="leads", severity="conflicting", label="Nguyễn Văn Đặng")
        make(here, status="ignored", reason="Sold to the trade, waits for its papers.")
        make(here, status="listed", fields=FIELDS)
        make(here, status="resolved", resolution="taken")
        make(here, severity="conflicting", entity_id=car, label=LONG, fields=FIELDS)


def ids(place: Place) -> dict[str, Any]:
    """Which rows the pages show, as `select` of one id."""
    row = Difference.__table__.c
    shown = (row.dealership_id == place.id) & (row.label == LONG) & (row.kind == "differing")
    return {"difference_id": select(row.id).where(shown)}
