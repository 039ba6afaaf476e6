"""The filters of the list of vehicles: out of an address, into one, and in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from app.services import vehicles
from app.services.vehicles import VehicleFilter

TEXTS: Final = ("q", "source", "lifecycle", "status", "kind")
# Name in the address → field of the filter, and its two answers in words.
FLAGS: Final = {
    "published": ("is_published", ("Published", "Not published")),
    "excluded": ("is_excluded", ("Excluded from sync", "Part of the sync")),
    "locked": ("is_locked", ("With fields kept here", "No field kept here")),
    "edited": ("is_edited", ("Edited here", "Never edited here")),
}
ANSWERS: Final = {"yes": True, "no": False}
LONGEST: Final = 100


def wanted_of(sent: Mapping[str, str]) -> VehicleFilter:
    """The filter that an address or a form carries; what cannot be read is not there."""
    texts: dict[str, Any] = {name: _readable(sent.get(name)) for name in TEXTS}
    flags: dict[str, Any] = {
        field: ANSWERS.get(sent.get(name, "")) for name, (field, _) in FLAGS.items()
    }
    return VehicleFilter(**texts, **flags)


def given(wanted: VehicleFilter) -> dict[str, Any]:
    """The filter as parts of an address."""
    texts = {name: getattr(wanted, name) for name in TEXTS}
    flags = {name: getattr(wanted, field) for name, (field, _) in FLAGS.items()}
    answers = {name: "yes" if on else "no" for name, on in flags.items() if on is not None}
    return {name: value for name, value in texts.items() if value} | answers


def words(wanted: VehicleFilter) -> dict[str, str]:
    """Part of the address → what it narrows the list to, as people read it."""
    told = {
        "q": f"“{wanted.q}”",
        "lifecycle": vehicles.LIFECYCLE_WORDS.get(wanted.lifecycle or "", wanted.lifecycle),
        "kind": vehicles.KINDS.get(wanted.kind or "", wanted.kind),
    }
    for name, (field, (yes, no)) in FLAGS.items():
        told[name] = yes if getattr(wanted, field) else no
    return {name: told.get(name) or value for name, value in given(wanted).items()}


def flag_options(name: str) -> list[tuple[str, str]]:
    """The two answers of a yes-or-no filter, for a select."""
    yes, no = FLAGS[name][1]
    return [("yes", yes), ("no", no)]


def _readable(value: str | None) -> str | None:
    """NUL cannot be sent to PostgreSQL and is in no vehicle."""
    return (value or "").replace("\0", "").strip()[:LONGEST] or None
