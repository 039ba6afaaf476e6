"""The form of a quotation: its fields, what is filled in from lead and vehicle, what was typed.

Names and shapes of the content are those of lead_quotation.py. A row's field is called
"receipts.0.amount_cents" in the form, in errors and in the check alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from app.models import Customer, Lead, Vehicle
from app.services.leads.fields import LEAD_FIELDS, customer_values
from app.services.leads.input import Unreadable, read_value
from app.services.leads.quotation_fields import PRICE, ROWS, STATES, VEHICLE, Field, Rows

Content = dict[str, Any]
MOST_ROWS: Final = 20


@dataclass(frozen=True, slots=True)
class Totals:
    """Plain sums in cents, no tax worked out; `to_pay` None while no selling price is given.

    `extras`: those that the selling price does not include yet.
    """

    selling: int | None
    extras: int
    allowances: int
    payouts: int
    receipts: int

    @property
    def to_pay(self) -> int | None:
        if self.selling is None:
            return None
        return self.selling + self.extras - self.allowances + self.payouts - self.receipts


def filled_in(lead: Lead, vehicle: Vehicle | None, today: date) -> Content:
    """A new form: what lead and vehicle say, and the price of today's list. No rows."""
    found: Content = {name: getattr(vehicle, name) for name in _SHARED} if vehicle else {}
    found |= {one.name: getattr(lead, one.name) for one in VEHICLE if one.name in LEAD_FIELDS}
    price = lead.vehicle_price_cents
    found |= {
        "quote_date": today.isoformat(),
        "base_price_cents": vehicle.price_cents if vehicle and vehicle.price_cents else price,
        "selling_price_cents": price,
        "is_commercial": False,
    }
    if vehicle and vehicle.rego_state in STATES:
        found["rego_state"] = vehicle.rego_state
    return {name: value for name, value in found.items() if value not in (None, "")}


_SHARED: Final = (
    "yard_code", "series", "badge", "body", "colour", "interior_colour", "gear_type",
)  # fmt: skip


def customer_of(customer: Customer) -> dict[str, Any]:
    """The customer as the content wants it."""
    return customer_values(customer)


def as_texts(content: Mapping[str, Any]) -> dict[str, str]:
    """The content as the form's inputs show it."""
    found = {one.name: as_typed(one, content.get(one.name)) for one in (*VEHICLE, *PRICE)}
    for rows in ROWS:
        for number, row in enumerate(content.get(rows.name) or ()):
            for one in rows.fields:
                found[f"{rows.name}.{number}.{one.name}"] = as_typed(one, row.get(one.name))
    return found


def as_typed(one: Field, value: Any) -> str:
    """A value as its input shows it; "" when it is not given."""
    if value is None or value == "":
        return ""
    if one.kind == "money":
        return f"{value / 100:,.2f}"
    if one.kind == "rate":
        return f"{(Decimal(value) * 100).normalize():f}"
    if isinstance(value, bool):
        return ("no" if one.kind == "new" else "") if not value else _YES[one.kind]
    return str(value)


_YES: Final = {"new": "yes", "flag": "1"}


def in_words(one: Field, value: Any) -> str:
    """A value for reading; "" when it is not given."""
    if one.kind == "flag":
        return "" if value is None else "Yes" if value else "No"
    if one.kind == "rate" and value:
        return f"{as_typed(one, value)} %"
    text = as_typed(one, value)
    return f"${text}" if one.kind == "money" and text else one.choices.get(text, text)


def count_rows(typed: Mapping[str, str], rows: Rows) -> int:
    """How many rows of this list the form held, at most MOST_ROWS."""
    pattern = re.compile(rf"{rows.name}\.(\d{{1,2}})\.")
    numbers = [int(found[1]) for name in typed if (found := pattern.match(name))]
    return min(max(numbers, default=-1) + 1, MOST_ROWS)


def read(typed: Mapping[str, str]) -> tuple[Content, dict[str, str]]:
    """The content of a sent form, and words for every field that cannot be read.

    Empty rows stay in their place, so that errors keep their names.
    """
    errors: dict[str, str] = {}
    content: Content = dict(_read((*VEHICLE, *PRICE), typed, "", errors))
    for rows in ROWS:
        content[rows.name] = [
            dict(_read(rows.fields, typed, f"{rows.name}.{number}.", errors))
            for number in range(count_rows(typed, rows))
        ]
    return content, errors


def _read(
    fields: Iterable[Field], typed: Mapping[str, str], where: str, errors: dict[str, str]
) -> Iterator[tuple[str, Any]]:
    for one in fields:
        try:
            value = _value(one, typed.get(where + one.name, "").strip())
        except Unreadable as wrong:
            errors[where + one.name] = f"{one.label}: {wrong}"
            continue
        if value is not None:
            yield one.name, value


def _value(one: Field, text: str) -> Any:
    if one.kind == "flag":
        return text == "1"
    if not text:
        return None
    if one.kind == "rate":
        return _rate(text)
    if one.kind == "date":
        return _date(text)
    if one.kind == "whole":
        return _whole(text)
    if one.kind == "choice" and text not in one.choices:
        raise Unreadable("choose from the list.")
    return read_value(_READ_AS.get(one.kind, "message"), text)


# How input.py reads the kinds that leads have too.
_READ_AS: Final = {"money": "vehicle_price_cents", "new": "is_vehicle_new"}


def _rate(text: str) -> str:
    try:
        percent = Decimal(text.removesuffix("%").strip())
    except InvalidOperation:
        percent = Decimal(-1)
    if not percent.is_finite() or not 0 <= percent <= 100:
        raise Unreadable("enter a percentage from 0 to 100.")
    return f"{percent / 100:f}"


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise Unreadable("enter a date.") from None


def _whole(text: str) -> int:
    digits = text.replace(",", "").replace(" ", "")
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 9:
        raise Unreadable("enter a whole number.")
    return int(digits)


def without_empty_rows(content: Mapping[str, Any]) -> Content:
    """The content to keep: a row whose boxes alone were shown holds nothing."""
    kept = dict(content)
    for rows in ROWS:
        kept[rows.name] = [
            row for row in content.get(rows.name) or () if any(value for value in row.values())
        ]
    return kept


def totals(content: Mapping[str, Any]) -> Totals:
    """What the amounts of a content add up to."""
    extras = [row for row in content.get("extras") or () if not row.get("is_price_included")]
    trade_ins, receipts = content.get("trade_ins") or (), content.get("receipts") or ()
    return Totals(
        content.get("selling_price_cents"),
        _sum(extras, "amount_cents"),
        _sum(trade_ins, "allowance_cents"),
        _sum(trade_ins, "finance_payout_cents"),
        _sum(receipts, "amount_cents"),
    )


def _sum(rows: Iterable[Mapping[str, Any]], name: str) -> int:
    return sum(row.get(name) or 0 for row in rows)
