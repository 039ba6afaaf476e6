"""What EasyCars wants to know about a lead and its customer, checked before the network (§7).

Catalogues of members, and the two rules that one member alone cannot tell: a customer is a number,
or a name with an e-mail address; a lead is about a vehicle (§11 rows 14 and 15).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from app.services.providers.easycars.lead_members import Member, WireWriter
from app.services.providers.easycars.lead_tables import (
    CUSTOMER_NO_WIDTH,
    EXTERNAL_REF_WIDTH,
    FINANCE_STATUSES,
    INTERESTS,
    LEAD_NUMBER_WIDTH,
    LEAD_STATUSES,
    RATINGS,
    VEHICLE_TYPES,
)
from app.services.sync.protocol import Values, Warned

CANNOT_BE_SENT: Final = "Cannot be sent:"
NO_VEHICLE: Final = (
    "Cannot be sent: no vehicle. EasyCars takes a lead only about a vehicle: choose one in stock, "
    "or fill in make, model, year, type, and new or used."
)
YEARS: Final = (1900, 2100)

INTEREST: Final = Member(
    "interest",
    "VehicleInterest",
    "what the customer wants: buy, lease, sell, test drive or service",
    "choice",
    choices=INTERESTS,
)
CHANGEABLE: Final = (
    Member("vehicle_price_cents", "VehiclePrice", "the vehicle's price", "money"),
    INTEREST,
    Member("message", "Notes", "the message", can_empty=True),
    Member("page_url", "VehicleSourcePageURL", "the page's address", limit=400, can_empty=True),
    Member(
        "finance_status",
        "FinanceStatus",
        "whether finance is wanted",
        "choice",
        choices=FINANCE_STATUSES,
    ),
    Member("rating", "Rating", "the rating", "choice", choices=RATINGS),
)
VEHICLE: Final = (
    Member(
        "vehicle_make", "VehicleMake", "the vehicle's make", required=True, limit=100, can_cut=True
    ),
    Member(
        "vehicle_model",
        "VehicleModel",
        "the vehicle's model",
        required=True,
        limit=50,
        can_cut=True,
    ),
    Member(
        "vehicle_type",
        "VehicleType",
        "the vehicle's type (such as car or boat)",
        "choice",
        required=True,
        choices=VEHICLE_TYPES,
    ),
    Member(
        "vehicle_year", "VehicleYear", "the vehicle's year", "whole", required=True, between=YEARS
    ),
    Member(
        "is_vehicle_new",
        "IsVehicleNew",
        "to know whether the vehicle is new or used",
        "flag",
        required=True,
    ),
)
CREATE: Final = (
    Member("stock_number", "StockNumber", "the stock number", limit=20),
    *VEHICLE,
    *(replace(member, required=member is INTEREST) for member in CHANGEABLE),
)
EXTERNAL_ID: Final = Member(
    "external_ref", "ExternalID", "our own number", required=True, limit=EXTERNAL_REF_WIDTH
)
LEAD_NUMBER: Final = Member(
    "lead_number", "LeadNumber", "the lead number", required=True, limit=LEAD_NUMBER_WIDTH
)
STATUS: Final = Member("status", "LeadStatus", "the status", "choice", choices=LEAD_STATUSES)
UPDATE: Final = (*CHANGEABLE, STATUS)

CUSTOMER_NO: Final = Member(
    "customer_no", "CustomerNo", "the customer number", limit=CUSTOMER_NO_WIDTH
)
NAME: Final = Member("name", "Name", "the customer's name", limit=100, can_cut=True)
EMAIL: Final = Member("email", "Email", "the customer's e-mail address", limit=100, can_empty=True)
_REST: Final = (
    Member("address", "Address", "the address", limit=200, can_cut=True, can_empty=True),
    Member("city", "City", "the city", limit=50, can_cut=True, can_empty=True),
    Member("state", "State", "the state", can_empty=True),
    Member("post_code", "PostCode", "the post code", limit=10, can_empty=True),
    Member("fax", "Fax", "the fax number", limit=20, can_empty=True),
    Member("phone", "Phone", "the phone number", limit=20, can_empty=True),
    Member("mobile", "Mobile", "the mobile number", limit=20, can_empty=True),
)
CUSTOMER: Final = (NAME, EMAIL, *_REST)
NEW_CUSTOMER: Final = (replace(NAME, required=True), replace(EMAIL, required=True), *_REST)


def write_customer(
    writer: WireWriter, customer: Values, customer_no: str | None, where: str = ""
) -> dict[str, Any]:
    """The LeadCustomer object; without a usable number, name and e-mail address are required."""
    known = writer.write([CUSTOMER_NO], {CUSTOMER_NO.name: customer_no}, where)
    return known | writer.write(CUSTOMER if known else NEW_CUSTOMER, customer, where)


def has_no_vehicle(lead: Values) -> bool:
    """Nothing is said about a vehicle, so there is nothing to ask for one by one either."""
    return all(lead.get(member.name) in (None, "") for member in VEHICLE)


def refused_without_vehicle(writer: WireWriter) -> str:
    """The sentence for a lead without a vehicle, and what else is missing."""
    vehicle = {member.name for member in VEHICLE}
    others = [words for name, words in writer.problems.items() if name not in vehicle]
    return " ".join([NO_VEHICLE, *others])


def unchangeable(lead: Values, changeable: frozenset[str]) -> list[Warned]:
    """Remarks on given values that UpdateLead cannot change (§7)."""
    return [
        Warned(name, "cannot be changed at EasyCars; it was not sent.")
        for name, value in lead.items()
        if name not in changeable and value is not None
    ]
