"""Every field of a lead and of a customer, named once: label, kind, choices, EasyCars' name.

Forms, comparison, conflicts, timeline and exports read this catalogue; its order is the order of
display. `source` is EasyCars' own name (FR7); the 25 fields end here or in the lead's identity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from app.models import Customer, Lead

Kind = Literal["text", "long", "money", "int", "bool", "choice", "email", "phone", "link"]

STATUSES: Final = {
    "new": "New",
    "in_progress": "In progress",
    "won": "Won",
    "lost": "Lost",
    "deleted": "Deleted",
}
RATINGS: Final = {"cold": "Cold", "warm": "Warm", "hot": "Hot"}
INTERESTS: Final = {
    "buy": "Buy",
    "lease": "Lease",
    "sell": "Sell",
    "test_drive": "Test drive",
    "service": "Service",
}
FINANCE: Final = {"yes": "Yes", "no": "No", "maybe": "Maybe"}
VEHICLE_TYPES: Final = {
    "car": "Car",
    "motorbike": "Motorbike",
    "boat": "Boat",
    "caravan": "Caravan",
    "truck": "Truck or bus",
    "trailer": "Trailer",
}
SYNC_STATES: Final = {
    "waiting": "Waiting to send",
    "sent": "Sent",
    "unconfirmed": "Sent, not confirmed",
    "failed": "Not sent",
    "cannot_be_sent": "Cannot be sent",
    "not_configured": "EasyCars not connected",
}
NEW_OR_USED: Final = {"yes": "New", "no": "Used"}


@dataclass(frozen=True, slots=True)
class LeadField:
    """One field. Money is in cents. `can_change`: EasyCars lets it be changed after the create.

    `limit`: the longest text that is kept here.
    """

    name: str
    label: str
    kind: Kind
    source: str
    can_change: bool = False
    limit: int = 100
    choices: Mapping[str, str] = field(default_factory=dict)


LEAD_FIELDS: Final[dict[str, LeadField]] = {
    one.name: one
    for one in (
        LeadField("status", "Status", "choice", "LeadStatus", True, choices=STATUSES),
        LeadField("interest", "Interest", "choice", "VehicleInterest", True, choices=INTERESTS),
        LeadField("rating", "Rating", "choice", "Rating", True, choices=RATINGS),
        LeadField("finance_status", "Finance", "choice", "FinanceStatus", True, choices=FINANCE),
        LeadField("message", "Message", "long", "Notes", True, limit=20_000),
        LeadField("page_url", "Page", "link", "VehicleSourcePageURL", True, limit=400),
        LeadField("vehicle_price_cents", "Price", "money", "VehiclePrice", True),
        LeadField("stock_number", "Stock number", "text", "StockNumber"),
        LeadField("vehicle_make", "Make", "text", "VehicleMake"),
        LeadField("vehicle_model", "Model", "text", "VehicleModel"),
        LeadField("vehicle_year", "Year", "int", "VehicleYear"),
        LeadField("vehicle_type", "Type", "choice", "VehicleType", choices=VEHICLE_TYPES),
        LeadField("is_vehicle_new", "New or used", "bool", "IsVehicleNew", choices=NEW_OR_USED),
    )
}
CUSTOMER_FIELDS: Final[dict[str, LeadField]] = {
    one.name: one
    for one in (
        LeadField("name", "Name", "text", "CustomerName", True, 200),
        LeadField("email", "Email", "email", "CustomerEmail", True, 254),
        LeadField("phone", "Phone", "phone", "CustomerPhone", True, 50),
        LeadField("mobile", "Mobile", "phone", "CustomerMobile", True, 50),
        LeadField("fax", "Fax", "phone", "CustomerFax", True, 50),
        LeadField("address", "Address", "text", "CustomerAddress", True, 300),
        LeadField("city", "City", "text", "CustomerCity", True),
        LeadField("state", "State", "text", "CustomerState", True, 50),
        LeadField("post_code", "Post code", "text", "CustomerPostCode", True, 20),
    )
}
CHANGEABLE: Final = frozenset(name for name, one in LEAD_FIELDS.items() if one.can_change)
VEHICLE_FIELDS: Final = (
    "stock_number",
    "vehicle_make",
    "vehicle_model",
    "vehicle_year",
    "vehicle_type",
    "vehicle_price_cents",
    "is_vehicle_new",
)


def lead_values(lead: Lead) -> dict[str, Any]:
    """What is given of a lead's own fields, by field name."""
    return _given(lead, LEAD_FIELDS)


def customer_values(customer: Customer) -> dict[str, Any]:
    """What is given of a customer's fields, by field name."""
    return {name: value for name, value in _given(customer, CUSTOMER_FIELDS).items() if value}


def _given(record: Lead | Customer, fields: Mapping[str, LeadField]) -> dict[str, Any]:
    values = {name: getattr(record, name) for name in fields}
    return {name: value for name, value in values.items() if value is not None}


def shown(one: LeadField, value: Any) -> str:
    """A value in words, "" when it is not given."""
    if value is None or value == "":
        return ""
    if one.kind == "bool":
        return one.choices["yes" if value else "no"]
    if one.kind == "money":
        return f"${value / 100:,.2f}"
    return str(one.choices.get(value, value))


def label_of_field(name: str) -> str:
    known = LEAD_FIELDS.get(name) or CUSTOMER_FIELDS.get(name)
    return known.label if known else name


def label_of(lead: Lead) -> str:
    """How a run's rows and mails call a lead."""
    parts = (str(lead.vehicle_year or ""), lead.vehicle_make, lead.vehicle_model)
    vehicle = " ".join(part for part in parts if part)
    return ", ".join(part for part in (lead.customer.name, vehicle) if part) or f"Lead {lead.id}"
