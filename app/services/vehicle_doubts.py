"""Values of a hand-made change that look like a slip: said, and saved once somebody means them.

They are the guards of the sync (C4), asked of a person: nothing here ever blocks for good.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.services.sync.guards import FIRST_YEAR, Limits

Values = Mapping[str, Any]
MONEY: Final = {"price_cents": "price", "special_price_cents": "special price"}


@dataclass(frozen=True, slots=True)
class Doubt:
    """One suspicious value. `key` names field and value: a tick counts only for what was shown."""

    field: str
    text: str
    value: Any
    vehicle_id: int | None = None

    @property
    def key(self) -> str:
        return f"{self.field}={self.value}"


def doubts(before: Values, changes: Values, limits: Limits) -> list[Doubt]:
    """What is suspicious about writing `changes` over `before`; money in cents."""
    after = {**before, **changes}
    found: list[Doubt] = []
    for name, word in MONEY.items():
        if name in changes:
            found += _price(name, word, before.get(name), changes[name], limits)
    found += _special(changes, after, taken={doubt.field for doubt in found})
    found += _odometer(before, changes, after)
    found += _year(changes, limits)
    return found


def _price(name: str, word: str, old: Any, new: Any, limits: Limits) -> list[Doubt]:
    if new is None:
        return []
    if new == 0:
        return [Doubt(name, f"The {word} would be $0. Empty it for price on request.", new)]
    if old and new < old * (1 - limits.price_drop):
        share = min(99, round((old - new) / old * 100))
        return [Doubt(name, f"The {word} would fall by {share} %.", new)]
    return []


def _special(changes: Values, after: Values, taken: set[str]) -> list[Doubt]:
    special, price = after.get("special_price_cents"), after.get("price_cents")
    name = next((name for name in ("special_price_cents", "price_cents") if name in changes), None)
    if not special or not price or name is None or name in taken or special <= price:
        return []
    return [Doubt(name, "The special price is higher than the price.", changes[name])]


def _odometer(before: Values, changes: Values, after: Values) -> list[Doubt]:
    old, new = before.get("odometer"), changes.get("odometer")
    same_unit = after.get("odometer_unit") == before.get("odometer_unit")
    if old is None or new is None or new >= old or not same_unit:
        return []
    return [Doubt("odometer", f"The odometer would fall from {old:,} to {new:,}.", new)]


def _year(changes: Values, limits: Limits) -> list[Doubt]:
    year = changes.get("year")
    if year is None or FIRST_YEAR <= year <= limits.newest_year:
        return []
    span = f"{FIRST_YEAR} to {limits.newest_year}"
    return [Doubt("year", f"{year} is no usual year of a vehicle; usual are {span}.", year)]
