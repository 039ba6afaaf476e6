"""What a difference is called, and what can and cannot be done about it, in words for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.models import Difference
from app.services.leads.fields import CUSTOMER_FIELDS, LEAD_FIELDS, label_of_field, shown
from app.services.vehicle_fields import FIELDS
from app.services.vehicle_timeline import label_of, words_of

STOCK: Final = "stock"
LEADS: Final = "leads"
THERE_ONLY: Final = "there_only"
HERE_ONLY: Final = "here_only"
DIFFERING: Final = "differing"
MISSING: Final = "missing"
OUTDATED: Final = "outdated"
CONFLICTING: Final = "conflicting"
PHOTOS: Final = "photos"
LIFECYCLE: Final = "lifecycle"

STREAMS: Final = {STOCK: "Vehicles", LEADS: "Leads"}
KINDS: Final = {THERE_ONLY: "Only in EasyCars", HERE_ONLY: "Only here", DIFFERING: "Different"}
SEVERITIES: Final = {MISSING: "Missing", OUTDATED: "Outdated", CONFLICTING: "Conflicting"}
SEVERITY_MEANS: Final = {
    MISSING: "One side does not have it.",
    OUTDATED: "EasyCars has newer values, and the next sync would take them.",
    CONFLICTING: "A value was changed, set or locked here, so no sync takes EasyCars' value.",
}
STATUSES: Final = {
    "open": "Open",
    "ignored": "Ignored",
    "listed": "On the change list",
    "resolved": "Resolved",
}
RESOLUTIONS: Final = {
    "gone": "No longer found",
    "taken": "Taken from EasyCars",
    "pushed": "Sent to EasyCars",
    "shown": "EasyCars shows it",
}
CANNOT_LIST_LEADS: Final = (
    "EasyCars has no list of leads: it shows a lead by its number, and only those that came "
    "through this connection. So a reconciliation reads again the leads that have a number here, "
    "and finds leads that are only in EasyCars only while the search for unknown numbers is on, "
    "among the numbers that follow the highest known one. EasyCars does not tell the status of a "
    "lead either; what it was told last counts as its status."
)
CANNOT_PUSH_VEHICLES: Final = (
    "EasyCars takes no vehicles from other programs. Put the vehicle on the change list instead: "
    "somebody enters it in EasyCars, and it leaves the list when EasyCars shows it."
)


@dataclass(frozen=True, slots=True)
class Line:
    """One field of a difference; `here` and `there` in words, "" when not given."""

    name: str
    label: str
    here: str
    there: str


def lines(difference: Difference) -> list[Line]:
    """The fields of a difference in the order of the catalogue."""
    of_lead = difference.stream == LEADS
    label, words = (label_of_field, _lead_words) if of_lead else (label_of, _vehicle_words)
    found: Mapping[str, Mapping[str, Any]] = difference.fields or {}
    return [
        Line(name, label(name), words(name, found[name]["here"]), words(name, found[name]["there"]))
        for name in _ordered(found)
    ]


def _ordered(names: Iterable[str]) -> Iterator[str]:
    known = [LIFECYCLE, *FIELDS, *LEAD_FIELDS, *CUSTOMER_FIELDS, PHOTOS]
    place = {name: at for at, name in reversed(list(enumerate(known)))}
    return iter(sorted(names, key=lambda name: (place.get(name, len(known)), name)))


def _vehicle_words(name: str, value: Any) -> str:
    return "" if value in (None, "", []) else str(words_of(name, value))


def _lead_words(name: str, value: Any) -> str:
    one = LEAD_FIELDS.get(name) or CUSTOMER_FIELDS.get(name)
    return shown(one, value) if one else str(value or "")


def path_of(difference: Difference) -> str | None:
    """The record's page below the dealership's, None for one that is not here."""
    if difference.entity_id is None:
        return None
    folder = "leads" if difference.stream == LEADS else "vehicles"
    return f"{folder}/{difference.entity_id}"


def counted(count: int, stream: str) -> str:
    """ "1 vehicle", "3 leads"."""
    noun = "lead" if stream == LEADS else "vehicle"
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
