"""Differences for tests: each commits. They need an application context."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any, Final

from app.models import Dealership, Difference
from tests.factories import _saved
from tests.factories_vehicles import NOON

PRICE: Final = {"price_cents": {"here": 1_299_000, "there": 1_349_000}}
_numbers = count(1)


def difference(place: Dealership, kind: str = "differing", **facts: Any) -> Difference:
    """An open difference; of a vehicle and of its price when nothing else is said."""
    return _saved(unsaved(place, kind, **facts))


def unsaved(place: Dealership, kind: str = "differing", **facts: Any) -> Difference:
    """The same, for tests that save many at once."""
    number = next(_numbers)
    stream = facts.get("stream", "stock")
    external_id = f"S{number:05}" if stream == "stock" else f"{990000 + number}"
    severity = "outdated" if kind == "differing" else "missing"
    given: dict[str, Any] = {
        "stream": stream,
        "severity": severity,
        "external_id": external_id,
        "record_key": facts.get("external_id", external_id),
        "label": f"2019 Toyota Hilux SR5 {number}",
        "fields": PRICE if kind == "differing" else _named(kind),
        "fingerprint": f"{number:032}",
        "first_seen_at": NOON - timedelta(days=3),
        "last_seen_at": NOON,
    }
    if facts.get("status") in ("ignored", "listed"):
        given |= {"decided_at": NOON, "decided_by": "anna@example.com"}
    return Difference(dealership_id=place.id, kind=kind, **given | facts)


def _named(kind: str) -> dict[str, Any]:
    """What the one side that has the record says of the fields that name it."""
    sides = {"make": "Toyota", "model": "Hilux", "year": 2019}
    here = kind == "here_only"
    return {
        name: {"here": value if here else None, "there": None if here else value}
        for name, value in sides.items()
    }
