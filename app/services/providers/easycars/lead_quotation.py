"""A quotation in the product's words, and how it is checked and written (easycars-api §7a).

Content is one JSON object. Money is in integer cents, dates are ISO text, rates are decimals as
text ("0.1" is 10 %), choices are words of lead_tables.py; what is not given is absent, None or "".

    {…members of SUBJECT and PRICE…,
     "customer": {"customer_no" or "name" and "email", …}, "second_customer": {…} or absent,
     "finance_company": {…members of FINANCE_COMPANY…} or absent,
     "receipts": [{…RECEIPT…}, …], "trade_ins": [{…TRADE_IN…}, …], "extras": [{…EXTRA…}, …]}

A person stands in front of the form, so nothing is cut: a text that is too long is a problem at its
field. Problems of rows are named "receipts.0.amount_cents". An object or row with nothing in it
counts as absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from app.services.providers.easycars import lead_rules as rules
from app.services.providers.easycars.lead_members import Member, WireWriter
from app.services.providers.easycars.lead_tables import (
    EXTRA_TYPES,
    LEAD_NUMBER_WIDTH,
    PAYMENT_METHODS,
    VEHICLE_TYPES,
)
from app.services.sync.protocol import Values

SUBJECT: Final = (
    Member("lead_number", "LeadNumber", "the lead number", limit=LEAD_NUMBER_WIDTH),
    Member("yard_code", "YardCode", "the yard code", required=True),
    Member("stock_number", "StockNumber", "the stock number", limit=20),
    *rules.VEHICLE,
    Member("series", "Series", "the series", limit=30),
    Member("series_model_year", "SeriesModelYear", "the series' model year", limit=30),
    Member("badge", "Badge", "the badge", limit=65),
    Member("badge_secondary", "BadgeSecondary", "the second badge", limit=50),
    Member("body", "Body", "the body", limit=50),
    Member("colour", "Colour", "the colour", limit=50),
    Member("gear_type", "GearType", "the transmission", limit=50),
    Member("interior_colour", "InteriorColour", "the interior colour", limit=50),
    Member("special_conditions", "SpecialConditions", "the special conditions", limit=1000),
)
PRICE: Final = (
    Member("quote_date", "QuoteDate", "the date of the quotation", "date", required=True),
    Member("base_price_cents", "BasePrice", "the base price", "money", required=True),
    Member("selling_price_cents", "SellingPrice", "the selling price", "money", required=True),
    Member("discount_cents", "Discount", "the discount", "money"),
    Member("rego_state", "RegoState", "the state of registration", required=True, limit=3),
    Member("is_calc_gov_charges", "IsCalcGovCharges", "calculate government charges", "flag"),
    Member("is_igc_price", "IsIGCPrice", "price including government charges", "flag"),
    Member("is_commercial", "IsCommercial", "commercial use", "flag"),
    Member("tax_rate", "TaxRate", "the tax rate", "rate"),
    Member("finance_note", "FinanceNote", "the note on finance", limit=1000),
)
FINANCE_COMPANY: Final = (
    Member("name", "Name", "the finance company's name", required=True, limit=100),
    Member("abn", "ABN", "the finance company's ABN", required=True, limit=20),
    Member("email", "Email", "the finance company's e-mail address", limit=100),
    Member("address", "Address", "the finance company's address", limit=200),
    Member("city", "City", "the finance company's city", limit=50),
    Member("state", "State", "the finance company's state"),
    Member("post_code", "PostCode", "the finance company's post code", limit=10),
    Member("fax", "Fax", "the finance company's fax number", limit=20),
    Member("phone", "Phone", "the finance company's phone number", limit=20),
    Member("mobile", "Mobile", "the finance company's mobile number", limit=20),
)
RECEIPT: Final = (
    Member("amount_cents", "Amount", "the receipt's amount", "money", required=True),
    Member("description", "Description", "the receipt's description", limit=200),
    Member("receive_date", "ReceiveDate", "the date of the receipt", "date", required=True),
    Member(
        "payment_method",
        "PaymentMethod",
        "the method of payment",
        "choice",
        required=True,
        choices=PAYMENT_METHODS,
    ),
    Member("reference", "Reference", "the receipt's reference", limit=30),
)
TRADE_IN: Final = (
    Member("allowance_cents", "Allowance", "the trade-in's allowance", "money", required=True),
    Member("make", "Make", "the trade-in's make", required=True, limit=100),
    Member("model", "Model", "the trade-in's model", required=True, limit=50),
    Member(
        "vehicle_type",
        "VehicleType",
        "the trade-in's type (such as car or boat)",
        "choice",
        required=True,
        choices=VEHICLE_TYPES,
    ),
    Member(
        "vehicle_year",
        "VehicleYear",
        "the trade-in's year",
        "whole",
        required=True,
        between=rules.YEARS,
    ),
    Member("badge", "Badge", "the trade-in's badge", limit=65),
    Member("badge_secondary", "BadgeSecondary", "the trade-in's second badge", limit=50),
    Member("body", "Body", "the trade-in's body", limit=50),
    Member("build_date", "BuildDate", "the trade-in's month of build", "month"),
    Member("engine_number", "EngineNumber", "the trade-in's engine number", limit=22),
    Member("finance_payout_cents", "FinancePayout", "the trade-in's finance payout", "money"),
    Member("gear_type", "GearType", "the trade-in's transmission", limit=50),
    Member("odometer", "Odometer", "the trade-in's odometer", "whole"),
    Member("rego_num", "RegoNum", "the trade-in's registration", limit=10),
    Member("rego_state", "RegoState", "the trade-in's state of registration", limit=3),
    Member("series", "Series", "the trade-in's series", limit=30),
    Member("series_model_year", "SeriesModelYear", "the trade-in's series' model year", limit=50),
    Member("vin", "VIN", "the trade-in's VIN", limit=20),
    Member("is_commercial", "IsCommercial", "the trade-in's commercial use", "flag"),
)
EXTRA: Final = (
    Member(
        "extra_type", "ExtraType", "the kind of extra", "choice", required=True, choices=EXTRA_TYPES
    ),
    Member("amount_cents", "Amount", "the extra's amount", "money", required=True),
    Member("tax_rate", "TaxRate", "the extra's tax rate", "rate"),
    Member("description", "Description", "the extra's description", limit=200),
    Member("is_dutiable", "Dutiable", "whether the extra is dutiable", "flag"),
    Member("is_lct_applied", "LCTApply", "whether LCT applies to the extra", "flag"),
    Member("is_price_included", "PriceIncluded", "whether the price includes the extra", "flag"),
    Member("cost_cents", "Cost", "the extra's cost", "money"),
)
ROWS: Final = {
    "receipts": ("QuotationReceipts", RECEIPT),
    "trade_ins": ("QuotationTradeins", TRADE_IN),
    "extras": ("QuotationExtras", EXTRA),
}
CANNOT_BE_QUOTED: Final = "The quotation cannot be sent:"


def write_quotation(content: Values) -> dict[str, Any]:
    """The members of CreateQuotation beside the account. Raises CannotBeSent with all problems."""
    writer = WireWriter(cuts=False)
    fields = writer.write((*SUBJECT, *PRICE), content)
    fields["QuotationCustomer1"] = _customer(writer, content.get("customer") or {}, "customer")
    if _is_filled(content.get("second_customer")):
        second = _customer(writer, content["second_customer"], "second_customer")
        fields["QuotationCustomer2"] = second
    if _is_filled(content.get("finance_company")):
        fields["FinanceCompany"] = writer.write(
            FINANCE_COMPANY, content["finance_company"], "finance_company."
        )
    for name, (wire, members) in ROWS.items():
        if rows := _rows(writer, members, content.get(name) or (), name):
            fields[wire] = rows
    writer.require(CANNOT_BE_QUOTED)
    return fields


def _customer(writer: WireWriter, given: Values, where: str) -> dict[str, Any]:
    return rules.write_customer(writer, given, given.get("customer_no"), f"{where}.")


def _rows(
    writer: WireWriter, members: Iterable[Member], rows: Iterable[Values], name: str
) -> list[dict[str, Any]]:
    return [
        writer.write(members, row, f"{name}.{number}.")
        for number, row in enumerate(rows)
        if _is_filled(row)
    ]


def _is_filled(given: Any) -> bool:
    """A row of a form whose flags alone are set to no holds nothing."""
    return isinstance(given, Mapping) and any(
        value not in (None, "", False) for value in given.values()
    )
