"""The numbers of the Lead API and the house's words for them (easycars-api §8). Tables only.

A number that is not here is kept raw and warned about, never taken for a neighbour (trap T13).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.services.providers.easycars.tables import KINDS

VEHICLE_TYPES: Final = {
    1: "car",
    2: "motorbike",
    3: "boat",
    4: "caravan",
    5: "truck",
    6: "trailer",
}
INTERESTS: Final = {1: "buy", 2: "lease", 3: "sell", 4: "test_drive", 5: "service"}
FINANCE_STATUSES: Final = {1: "yes", 2: "no", 3: "maybe"}
RATINGS: Final = {1: "cold", 2: "warm", 3: "hot"}
LEAD_STATUSES: Final = {10: "new", 30: "in_progress", 50: "won", 60: "lost", 90: "deleted"}
PAYMENT_METHODS: Final = {
    1: "cash",
    2: "credit_card",
    3: "cheque",
    4: "bank_transfer",
    5: "bpay",
    6: "eftpos",
    9: "other",
}
EXTRA_TYPES: Final = {
    1: "extra",
    4: "registration",
    5: "ctp",
    6: "stamp_duty",
    7: "lct",
    8: "dealer_delivery",
    9: "extended_warranty",
}


def number_of(table: Mapping[int, str]) -> dict[str, int]:
    """The table read the other way: word → number."""
    return {word: number for number, word in table.items()}


# StockType letter of a vehicle in stock → VehicleType of a lead about it.
TYPE_OF_LETTER: Final = {letter: number_of(VEHICLE_TYPES)[kind] for letter, kind in KINDS.items()}

# The house's columns for what comes in; a test holds them against the tables.
LEAD_WIDTHS: Final = {
    "page_url": 400,
    "stock_number": 100,
    "vehicle_make": 100,
    "vehicle_model": 100,
}
CUSTOMER_WIDTHS: Final = {
    "name": 200,
    "email": 254,
    "phone": 50,
    "mobile": 50,
    "fax": 50,
    "address": 300,
    "city": 100,
    "state": 50,
    "post_code": 20,
}
# Shortened, these would name somebody or something else, so they are left out instead.
NEVER_CUT: Final = frozenset(
    {"page_url", "stock_number", "email", "phone", "mobile", "fax", "post_code", "customer_no"}
)
LEAD_NUMBER_WIDTH: Final = 20
CUSTOMER_NO_WIDTH: Final = 20
EXTERNAL_REF_WIDTH: Final = 50
