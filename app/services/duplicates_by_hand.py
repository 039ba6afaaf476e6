"""Two vehicles that a person puts side by side, though nothing suggested them (C22)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.models import DuplicatePair, Vehicle
from app.services import audit, duplicates
from app.services.audit import Actor
from app.services.errors import InputInvalid

NAMES: Final = ("first", "second")


def pair(
    db: Session, dealership_id: int, texts: tuple[str, str], actor: Actor, now: datetime
) -> DuplicatePair:
    """The pair of two vehicles, each named by stock number, VIN or registration.

    A pair that is known stays as it is; a new one is noted as open, with who chose it.
    Raises InputInvalid with the fields "first" and "second".
    """
    first, second = _both(db, texts)
    known = duplicates.pair_of(db, first, second)
    if known is not None:
        return known
    told = {"field": "person", "text": f"Chosen by {actor.label}", "points": 0}
    smaller, larger = sorted((first, second))
    made = DuplicatePair(
        dealership_id=dealership_id, first_id=smaller, second_id=larger, score=0, reasons=[told],
        found_at=now,
    )  # fmt: skip
    db.add(made)
    db.flush()
    facts = {"vehicles": [smaller, larger]}
    audit.record(
        db, actor, "duplicate.choose", f"pair:{made.id}", facts, dealership_id=dealership_id
    )
    return made


def _both(db: Session, texts: tuple[str, str]) -> tuple[int, int]:
    found: dict[str, int] = {}
    errors: dict[str, str] = {}
    for name, text in zip(NAMES, texts, strict=True):
        try:
            found[name] = _vehicle(db, text)
        except ValueError as problem:
            errors[name] = str(problem)
    if not errors and found["first"] == found["second"]:
        errors["second"] = "Both are the same vehicle. Enter another one."
    if errors:
        raise InputInvalid("The two vehicles were not found.", errors)
    return found["first"], found["second"]


def _vehicle(db: Session, text: str) -> int:
    """Raises ValueError in words."""
    wanted = " ".join(text.replace("\0", " ").split())
    if not wanted:
        raise ValueError("Enter a stock number, a VIN or a registration.")
    columns = (Vehicle.stock_number, Vehicle.vin, Vehicle.rego_num)
    query = select(Vehicle.id).where(
        Vehicle.merged_into_id.is_(None),
        or_(*(func.lower(column) == wanted.lower() for column in columns)),
    )
    ids = db.scalars(query.order_by(Vehicle.id).limit(2)).all()
    if not ids:
        raise ValueError(f"No vehicle here has the stock number, VIN or registration {wanted}.")
    if len(ids) > 1:
        raise ValueError(f"More than one vehicle has {wanted}. Enter another of its numbers.")
    return ids[0]
