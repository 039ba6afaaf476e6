"""The fields of a quotation's form, with the names of lead_quotation.py and words for people.

Offered are the members that a sale over the counter needs; finance company and second customer are
not among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from app.services.leads.fields import NEW_OR_USED, VEHICLE_TYPES

Kind = Literal["text", "long", "money", "whole", "date", "rate", "choice", "flag", "new"]
STATES: Final = {name: name for name in ("ACT", "NSW", "NT", "QLD", "SA", "TAS", "VIC", "WA")}
PAYMENTS: Final = {
    "cash": "Cash",
    "credit_card": "Credit card",
    "cheque": "Cheque",
    "bank_transfer": "Bank transfer",
    "bpay": "BPAY",
    "eftpos": "EFTPOS",
    "other": "Other",
}
EXTRAS: Final = {
    "extra": "Extra",
    "registration": "Registration",
    "ctp": "CTP insurance",
    "stamp_duty": "Stamp duty",
    "lct": "Luxury car tax",
    "dealer_delivery": "Dealer delivery",
    "extended_warranty": "Extended warranty",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One input. `limit`: EasyCars' longest text; kind "new" is new or used as a truth value."""

    name: str
    label: str
    kind: Kind = "text"
    required: bool = False
    limit: int = 100
    choices: Mapping[str, str] = field(default_factory=dict)
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """A list of the form; `one` is how a row is called."""

    name: str
    label: str
    one: str
    fields: tuple[Field, ...]


VEHICLE: Final = (
    Field("yard_code", "Yard code", required=True, limit=50),
    Field("stock_number", "Stock number", limit=20),
    Field("vehicle_make", "Make", required=True),
    Field("vehicle_model", "Model", required=True, limit=50),
    Field("vehicle_year", "Year", "whole", required=True),
    Field("vehicle_type", "Type", "choice", required=True, choices=VEHICLE_TYPES),
    Field("is_vehicle_new", "New or used", "new", required=True, choices=NEW_OR_USED),
    Field("series", "Series", limit=30),
    Field("badge", "Badge", limit=65),
    Field("body", "Body", limit=50),
    Field("colour", "Colour", limit=50),
    Field("interior_colour", "Interior colour", limit=50),
    Field("gear_type", "Transmission", limit=50),
)
PRICE: Final = (
    Field("quote_date", "Date", "date", required=True),
    Field("base_price_cents", "Base price", "money", required=True),
    Field("selling_price_cents", "Selling price", "money", required=True),
    Field("discount_cents", "Discount", "money"),
    Field("rego_state", "Registered in", "choice", required=True, choices=STATES),
    Field("tax_rate", "Tax rate in percent", "rate", hint="GST is 10."),
    Field("is_calc_gov_charges", "EasyCars works out government charges", "flag"),
    Field("is_igc_price", "The price includes government charges", "flag"),
    Field("is_commercial", "For commercial use", "flag"),
    Field("special_conditions", "Special conditions", "long", limit=1000),
    Field("finance_note", "Note on finance", "long", limit=1000),
)
ROWS: Final = (
    Rows("trade_ins", "Trade-ins", "trade-in", (
        Field("make", "Make", required=True),
        Field("model", "Model", required=True, limit=50),
        Field("vehicle_year", "Year", "whole", required=True),
        Field("vehicle_type", "Type", "choice", required=True, choices=VEHICLE_TYPES),
        Field("allowance_cents", "Allowance", "money", required=True),
        Field("finance_payout_cents", "Finance payout", "money"),
        Field("odometer", "Odometer", "whole"),
        Field("rego_num", "Registration", limit=10),
        Field("rego_state", "Registered in", "choice", choices=STATES),
        Field("vin", "VIN", limit=20),
    )),
    Rows("extras", "Extras", "extra", (
        Field("extra_type", "Kind", "choice", required=True, choices=EXTRAS),
        Field("amount_cents", "Amount", "money", required=True),
        Field("description", "Description", limit=200),
        Field("tax_rate", "Tax rate in percent", "rate"),
        Field("is_price_included", "Already in the selling price", "flag"),
    )),
    Rows("receipts", "Receipts", "receipt", (
        Field("amount_cents", "Amount", "money", required=True),
        Field("receive_date", "Received on", "date", required=True),
        Field("payment_method", "Paid by", "choice", required=True, choices=PAYMENTS),
        Field("reference", "Reference", limit=30),
        Field("description", "Description", limit=200),
    )),
)  # fmt: skip
