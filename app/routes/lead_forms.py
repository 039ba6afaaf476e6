"""The form of a lead, field by field: what stands in it, and what of it was changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.models import Customer, Lead
from app.services.leads.fields import CHANGEABLE, CUSTOMER_FIELDS, LEAD_FIELDS, LeadField
from app.services.leads.input import ALL_FIELDS

WAS: Final = "was."
PERSON: Final = tuple(CUSTOMER_FIELDS)
REQUEST: Final = ("interest", "rating", "finance_status", "message", "page_url")
VEHICLE: Final = (
    "stock_number", "vehicle_make", "vehicle_model", "vehicle_year", "vehicle_type",
    "is_vehicle_new", "vehicle_price_cents",
)  # fmt: skip
FORM_FIELDS: Final = (*PERSON, *REQUEST, *VEHICLE)
# Without these EasyCars refuses a new lead (easycars-api §7, requirements row 119).
NEEDED: Final = frozenset(
    ("name", "email", "interest", "vehicle_make", "vehicle_model", "vehicle_year", "vehicle_type",
     "is_vehicle_new")
)  # fmt: skip
HINTS: Final = {
    "stock_number": "The vehicle is found by it; what you leave empty is taken from there.",
    "vehicle_price_cents": "In dollars.",
    "page_url": "The page on which the customer asked. It begins with https://.",
}
TYPES: Final = {"email": "email", "phone": "tel", "link": "url"}
MODES: Final = {"money": "decimal", "int": "numeric"}
FILLED_BY: Final = {"email": "email", "phone": "tel"}


@dataclass(frozen=True, slots=True)
class Line:
    """One field of the form. `was`: its text when the form was opened, None for a new lead."""

    field: LeadField
    text: str
    was: str | None
    hint: str | None
    is_needed: bool

    @property
    def name(self) -> str:
        return self.field.name

    @property
    def input_type(self) -> str:
        return TYPES.get(self.field.kind, "text")

    @property
    def input_mode(self) -> str | None:
        return MODES.get(self.field.kind)


def as_typed(one: LeadField, value: Any) -> str:
    """A stored value as the form holds it."""
    if value is None:
        return ""
    if one.kind == "bool":
        return "yes" if value else "no"
    if one.kind == "money":
        whole, part = divmod(value, 100)
        return f"{whole:,}" + (f".{part:02d}" if part else "")
    return str(value)


def stored_texts(lead: Lead, customer: Customer) -> dict[str, str]:
    """Every field of the form as it is stored."""
    own = {name: as_typed(LEAD_FIELDS[name], getattr(lead, name)) for name in (*REQUEST, *VEHICLE)}
    person = {name: as_typed(one, getattr(customer, name)) for name, one in CUSTOMER_FIELDS.items()}
    return person | own


def lines(
    names: Iterable[str],
    texts: Mapping[str, str],
    was: Mapping[str, str] | None = None,
    *,
    is_sent: bool = False,
) -> list[Line]:
    """Some fields of the form. `is_sent`: EasyCars has the lead, so part of it is fixed there."""
    return [
        Line(
            ALL_FIELDS[name],
            texts.get(name, ""),
            None if was is None else was.get(name, ""),
            _hint(name, is_sent=is_sent),
            name in NEEDED,
        )
        for name in names
    ]


def _hint(name: str, *, is_sent: bool) -> str | None:
    if is_sent and name in LEAD_FIELDS and name not in CHANGEABLE:
        return "Stays here only."
    needed = "EasyCars needs it." if name in NEEDED and not is_sent and name != "name" else ""
    return " ".join(part for part in (HINTS.get(name, ""), needed) if part) or None


def typed_of(sent: Mapping[str, str]) -> dict[str, str]:
    """The fields of a sent form, with line breaks as they are stored."""
    return {name: sent[name].replace("\r\n", "\n") for name in FORM_FIELDS if name in sent}


def changed_of(sent: Mapping[str, str]) -> dict[str, str]:
    """Those whose text is not the one that the form was opened with: what somebody else changed
    meanwhile in the other fields stays."""
    return {
        name: text
        for name, text in typed_of(sent).items()
        if WAS + name not in sent or text != sent[WAS + name].replace("\r\n", "\n")
    }
