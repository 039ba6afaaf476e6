"""The documented rules of the Lead API: required fields, lengths, ranges, who a customer is."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.simulator.easycars.calls import Refused
from app.simulator.easycars.wire import FAILED

VEHICLE_TYPES = range(1, 7)
INTERESTS = range(1, 6)
FINANCE_STATUSES = RATINGS = range(1, 4)
LEAD_STATUSES = (10, 30, 50, 60, 90)
PAYMENT_METHODS = (1, 2, 3, 4, 5, 6, 9)
EXTRA_TYPES = (1, 4, 5, 6, 7, 8, 9)


@dataclass(frozen=True)
class Rule:
    """`kind` is a key of _TYPES; `limit` is a length or the values allowed."""

    kind: str
    required: bool = False
    limit: int | range | tuple[int, ...] | None = None


def _text(limit: int | None = None, required: bool = False) -> Rule:
    return Rule("text", required, limit)


def _choice(values: range | tuple[int, ...], required: bool = False) -> Rule:
    return Rule("integer", required, values)


NUMBER, INTEGER, FLAG, DATE = Rule("number"), Rule("integer"), Rule("flag"), Rule("date")
Rules = Mapping[str, Rule]

CUSTOMER: Rules = {
    "CustomerNo": _text(20),
    "Name": _text(100),
    "Email": _text(100),
    "Address": _text(200),
    "City": _text(50),
    "State": _text(),
    "PostCode": _text(10),
    "Fax": _text(20),
    "Phone": _text(20),
    "Mobile": _text(20),
}
_CHANGEABLE: Rules = {
    "VehiclePrice": NUMBER,
    "Notes": _text(),
    "VehicleSourcePageURL": _text(400),
    "FinanceStatus": _choice(FINANCE_STATUSES),
    "Rating": _choice(RATINGS),
}
CREATE_LEAD: Rules = {
    "StockNumber": _text(20),
    "VehicleMake": _text(100, True),
    "VehicleModel": _text(50, True),
    "VehicleType": _choice(VEHICLE_TYPES, True),
    "VehicleYear": Rule("integer", True),
    "IsVehicleNew": Rule("flag", True),
    "VehicleInterest": _choice(INTERESTS, True),
    "ExternalID": _text(50),
    "LeadCustomer": Rule("object", True),
    **_CHANGEABLE,
}
UPDATE_LEAD: Rules = {
    "LeadNumber": _text(20, True),
    "VehicleInterest": _choice(INTERESTS),
    "LeadStatus": _choice(LEAD_STATUSES),
    "LeadCustomer": Rule("object"),
    **_CHANGEABLE,
}
LEAD_NUMBER: Rules = {"LeadNumber": _text(20, True)}

QUOTATION: Rules = {
    "LeadNumber": _text(20),
    "YardCode": _text(None, True),
    "StockNumber": _text(20),
    "VehicleMake": _text(100, True),
    "VehicleModel": _text(50, True),
    "VehicleType": _choice(VEHICLE_TYPES, True),
    "IsVehicleNew": Rule("flag", True),
    "VehicleYear": Rule("integer", True),
    "Series": _text(30),
    "SeriesModelYear": _text(30),
    "Badge": _text(65),
    "BadgeSecondary": _text(50),
    "Body": _text(50),
    "Colour": _text(50),
    "GearType": _text(50),
    "InteriorColour": _text(50),
    "SpecialConditions": _text(1000),
    "QuoteDate": Rule("date", True),
    "BasePrice": Rule("number", True),
    "SellingPrice": Rule("number", True),
    "Discount": NUMBER,
    "RegoState": _text(3, True),
    "IsCalcGovCharges": FLAG,
    "IsIGCPrice": FLAG,
    "IsCommercial": FLAG,
    "TaxRate": NUMBER,
    "FinanceNote": _text(1000),
    "QuotationCustomer1": Rule("object", True),
    "QuotationCustomer2": Rule("object"),
    "FinanceCompany": Rule("object"),
    "QuotationReceipts": Rule("list"),
    "QuotationTradeins": Rule("list"),
    "QuotationExtras": Rule("list"),
}
FINANCE_COMPANY: Rules = {
    "Name": _text(100, True),
    "ABN": _text(20, True),
    "Email": _text(100),
    "Address": _text(200),
    "City": _text(50),
    "State": _text(),
    "PostCode": _text(10),
    "Fax": _text(20),
    "Phone": _text(20),
    "Mobile": _text(20),
}
QUOTATION_ROWS: Mapping[str, Rules] = {
    "QuotationReceipts": {
        "Amount": Rule("number", True),
        "Description": _text(200),
        "ReceiveDate": Rule("date", True),
        "PaymentMethod": _choice(PAYMENT_METHODS, True),
        "Reference": _text(30),
    },
    "QuotationTradeins": {
        "Allowance": Rule("number", True),
        "Make": _text(100, True),
        "Model": _text(50, True),
        "VehicleType": _choice(VEHICLE_TYPES, True),
        "VehicleYear": Rule("integer", True),
        "Badge": _text(65),
        "BadgeSecondary": _text(50),
        "Body": _text(50),
        "BuildDate": Rule("month"),
        "EngineNumber": _text(22),
        "FinancePayout": NUMBER,
        "GearType": _text(50),
        "Odometer": INTEGER,
        "RegoNum": _text(10),
        "RegoState": _text(3),
        "Series": _text(30),
        "SeriesModelYear": _text(50),
        "VIN": _text(20),
        "IsCommercial": FLAG,
    },
    "QuotationExtras": {
        "ExtraType": _choice(EXTRA_TYPES, True),
        "Amount": Rule("number", True),
        "TaxRate": NUMBER,
        "Description": _text(200),
        "Dutiable": FLAG,
        "LCTApply": FLAG,
        "PriceIncluded": FLAG,
        "Cost": NUMBER,
    },
}


def check(fields: Mapping[str, Any], rules: Rules, where: str = "") -> None:
    """Raises Refused with Code 7 and every complaint in one message."""
    complaints = [
        f"{where}{name} {complaint}"
        for name, rule in rules.items()
        if (complaint := _complaint(fields.get(name), rule))
    ]
    if complaints:
        raise Refused(FAILED, "; ".join(complaints) + ".")


def check_customer(customer: Mapping[str, Any], where: str = "LeadCustomer.") -> None:
    """Lengths, and either CustomerNo or Name and Email together. Raises Refused."""
    check(customer, CUSTOMER, where)
    if not customer.get("CustomerNo") and not (customer.get("Name") and customer.get("Email")):
        raise Refused(FAILED, f"{where}CustomerNo, or Name and Email, are required.")


def _complaint(value: Any, rule: Rule) -> str | None:
    if value is None or value == "":
        return "is required" if rule.required else None
    if not _TYPES[rule.kind](value):
        return f"is not a valid {rule.kind}"
    if isinstance(rule.limit, int) and len(value) > rule.limit:
        return f"is longer than {rule.limit} characters"
    if isinstance(rule.limit, range | tuple) and value not in rule.limit:
        return "has an unknown value"
    return None


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_time(value: Any, pattern: str) -> bool:
    try:
        return isinstance(value, str) and bool(time.strptime(value, pattern))
    except ValueError:
        return False


_TYPES: dict[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "number": lambda value: _is_integer(value) or isinstance(value, Decimal),
    "integer": _is_integer,
    "flag": lambda value: isinstance(value, bool),
    "date": lambda value: _is_time(value, "%d/%m/%Y"),
    "month": lambda value: _is_time(value, "%m/%y"),
    "object": lambda value: isinstance(value, dict),
    "list": lambda value: isinstance(value, list) and all(isinstance(row, dict) for row in value),
}
