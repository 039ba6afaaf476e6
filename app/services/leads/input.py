"""What a person types, or a program sends, for a lead and its customer: read and checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import urlsplit

from app.services.errors import InputInvalid
from app.services.leads.fields import CUSTOMER_FIELDS, LEAD_FIELDS, LeadField

ALL_FIELDS: Final = LEAD_FIELDS | CUSTOMER_FIELDS
MOST_CENTS: Final = 2**31 - 1
YEARS: Final = range(1900, 2101)
_EMAIL = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+\.[^@\s<>,;.]+")
_PHONE = re.compile(r"[+0-9][0-9 ()./+-]{2,}(?: ?(?:x|ext\.?) ?[0-9]+)?", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Unreadable(ValueError):
    """The text is not a value of this field; the message says in words what is."""


def read_form(given: Mapping[str, str], names: Iterable[str]) -> dict[str, Any]:
    """The values of these fields as typed; an empty text is None, an absent name is left out.

    Raises InputInvalid with the words for every field that cannot be read.
    """
    return _read({name: given[name] for name in names if name in given})


def read_json(given: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The same for JSON: money in dollars, true and false, numbers as numbers. Raises as above."""
    return _read({name: given[name] for name in names if name in given})


def _read(given: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for name, value in given.items():
        try:
            found[name] = read_value(name, value)
        except Unreadable as wrong:
            errors[name] = str(wrong)
    if errors:
        raise InputInvalid("Some entries cannot be accepted.", errors)
    return found


def read_value(name: str, value: Any) -> Any:
    """One value; None when it is empty. Raises Unreadable, KeyError for an unknown field."""
    one = ALL_FIELDS[name]
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return _READERS[one.kind](one, value)


def _text(one: LeadField, value: Any) -> str:
    if not isinstance(value, str):
        raise Unreadable("Enter a text.")
    text = " ".join(_CONTROL.sub("", value).split())
    return _fitting(one, text)


def _long(one: LeadField, value: Any) -> str:
    if not isinstance(value, str):
        raise Unreadable("Enter a text.")
    text = _CONTROL.sub("", value.replace("\r\n", "\n").replace("\r", "\n")).strip()
    return _fitting(one, text)


def _fitting(one: LeadField, text: str) -> str:
    if len(text) > one.limit:
        raise Unreadable(f"{one.label} is too long: {len(text):,} of {one.limit:,} characters.")
    return text


def _email(one: LeadField, value: Any) -> str:
    text = _text(one, value)
    if not _EMAIL.fullmatch(text):
        raise Unreadable("Enter an email address like name@example.com.")
    return text


def _phone(one: LeadField, value: Any) -> str:
    text = _text(one, value)
    if not _PHONE.fullmatch(text):
        raise Unreadable("Enter a phone number: digits, blanks, + and brackets.")
    return text


def _link(one: LeadField, value: Any) -> str:
    text = _text(one, value)
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise Unreadable("Enter a web address that begins with https://.")
    return text


def _choice(one: LeadField, value: Any) -> str:
    if isinstance(value, str) and value in one.choices:
        return str(value)
    words = ", ".join(one.choices.values())
    raise Unreadable(f"{one.label} is one of: {words}.")


def _bool(_one: LeadField, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("yes", "no"):
        return bool(value == "yes")
    raise Unreadable("Choose new or used.")


def _int(_one: LeadField, value: Any) -> int:
    text = str(value).strip()
    if isinstance(value, bool | float) or not text.isdecimal() or int(text) not in YEARS:
        raise Unreadable("Enter a year with four digits.")
    return int(text)


def _money(_one: LeadField, value: Any) -> int:
    cents = _cents(str(value).replace(",", "").replace("$", "").strip())
    if isinstance(value, bool) or cents is None or cents not in range(MOST_CENTS + 1):
        raise Unreadable("Enter an amount in dollars, like 24,990 or 24990.50.")
    return cents


def _cents(text: str) -> int | None:
    """Whole cents; None for what is no amount of them."""
    try:
        cents = Decimal(text) * 100
    except InvalidOperation:
        return None
    return int(cents) if cents.is_finite() and cents == int(cents) else None


_READERS: Final = {
    "text": _text,
    "long": _long,
    "email": _email,
    "phone": _phone,
    "link": _link,
    "choice": _choice,
    "bool": _bool,
    "int": _int,
    "money": _money,
}
