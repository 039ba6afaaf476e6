"""What a person types, or a program sends, for one field of a vehicle: read, and shown again.

`as_typed` and `read_typed` are each other's reverse, so that a form which nobody touched changes
nothing, whatever odd values a feed left behind.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from app.models import Vehicle
from app.services.vehicle_fields import FIELDS, VehicleField
from app.services.vehicles import KINDS

LARGEST: Final = 2**31 - 1
LONGEST_TEXT: Final = 60_000
LONGEST_DETAIL: Final = 500
MOST_LINES: Final = 500
FIRST_YEAR: Final = 1900
LONG_TEXTS: Final = frozenset({"description", "additional_description", "short_description"})
LINKS: Final = frozenset({"video_link"})
CHOICES: Final[dict[str, dict[str, str]]] = {
    "kind": KINDS,
    "condition": {"new": "New", "used": "Used", "demo": "Demo"},
    "odometer_unit": {"km": "Kilometres", "mi": "Miles", "h": "Hours"},
    "currency": {"AUD": "Australian dollars", "NZD": "New Zealand dollars"},
}
YES_NO: Final = {"yes": True, "no": False}
TITLE_PARTS: Final = ("make", "model", "badge", "year")
_AMOUNT = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d{1,2})?")
_WHOLE = re.compile(r"\d{1,3}(?:[, ]\d{3})+|\d+")
_DECIMAL = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")
_DAY = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})")


class Unreadable(ValueError):
    """The text is not a value of this field; the message says in words what is."""


def read_typed(name: str, text: str, known: Any = None) -> Any:
    """A form's text as JSON value (money in cents, dates as ISO text), None when it is empty.

    `known`: the stored value; a word that is no choice of ours stays possible when it is that.
    Raises Unreadable, KeyError for an unknown field.
    """
    field = FIELDS[name]
    text = _plain(text)
    if not text.strip():
        return None
    if name in CHOICES:
        return _choice(name, text.strip(), known)
    return _TYPED[field.kind](field, text)


def read_sent(name: str, value: Any, known: Any = None) -> Any:
    """The same for a JSON value: money in dollars, lists as lists, true and false.

    Raises Unreadable, KeyError for an unknown field.
    """
    field = FIELDS[name]
    if value is None or value in ("", []):
        return None
    if field.kind == "bool":
        return _sent_flag(value)
    if field.kind == "list":
        return _sent_list(field, value)
    if field.kind in ("money", "int", "number"):
        return _TYPED[field.kind](field, _sent_number(value))
    if not isinstance(value, str):
        raise Unreadable("Send a text, or null.")
    return read_typed(name, value, known)


def as_typed(name: str, value: Any) -> str:
    """A stored value as the form shows it; "" when it is not given."""
    if value is None:
        return ""
    field = FIELDS[name]
    if field.kind == "money":
        whole, part = divmod(value, 100)
        return f"{whole:,}" + (f".{part:02d}" if part else "")
    if field.kind == "int" and name != "year":
        return f"{value:,}"
    if field.kind == "bool":
        return "yes" if value else "no"
    if field.kind == "list":
        return "\n".join(_one_line(str(part)) for part in value)
    return _plain(str(value)) if name in LONG_TEXTS else _one_line(str(value))


def same_text(name: str, one: str, other: str) -> bool:
    """Whether two texts of a form are the same entry: browsers change line ends and edges."""
    if name in LONG_TEXTS or FIELDS[name].kind == "list":
        return _plain(one).strip() == _plain(other).strip()
    return _one_line(one) == _one_line(other)


def options(name: str, value: Any = None) -> dict[str, str]:
    """The choices of a field, none for one that is typed; a stored word stays a choice."""
    if name not in CHOICES:
        return {}
    found = CHOICES[name]
    return found if value is None or value in found else {**found, str(value): str(value)}


def title_from(values: Mapping[str, Any]) -> str:
    """Make, model, badge and year, as EasyCars' vehicles are called; "" when none is given."""
    parts = (str(values[name]) for name in TITLE_PARTS if values.get(name) is not None)
    return " ".join(" ".join(parts).split())[: _width("title")].rstrip()


def vin_hint(vin: str | None) -> str | None:
    """What is unusual about the form of a VIN; only a hint, it never blocks (C27, trap T25)."""
    if not vin:
        return None
    if len(vin) != 17:
        return (
            f"This VIN has {len(vin)} characters. Cars since 1989 have 17; check it if this is one."
        )
    odd = sorted(set("IOQ") & set(vin.upper()))
    if odd:
        return f"A VIN has no letter {' or '.join(odd)}. Perhaps a 1 or a 0 is meant."
    return None if vin.isalnum() else "A VIN has letters and digits only."


# -- Kinds ------------------------------------------------------------------------------------


def _text(field: VehicleField, text: str) -> str:
    long = field.name in LONG_TEXTS
    found = text.strip() if long else _one_line(text)
    _refuse_controls(found, allowed="\n\t" if long else "")
    if len(found) > _width(field.name):
        raise Unreadable(
            f"Enter at most {_width(field.name):,} characters; these are {len(found):,}."
        )
    if field.name in LINKS and not found.startswith(("https://", "http://")):
        raise Unreadable("Enter a web address that begins with https://.")
    return found


def _money(_field: VehicleField, text: str) -> int:
    found = text.strip().upper().removeprefix("AUD").strip().removeprefix("$").replace(" ", "")
    if not _AMOUNT.fullmatch(found):
        raise Unreadable("Enter an amount in dollars, such as 24,990 or 24990.50.")
    return _fitting(int(Decimal(found.replace(",", "")) * 100))


INT_EXAMPLES: Final = {"year": "2019", "odometer": "84,210"}


def _int(field: VehicleField, text: str) -> int:
    found = text.strip()
    if not _WHOLE.fullmatch(found):
        example = INT_EXAMPLES.get(field.name, "4")
        raise Unreadable(f"Enter a whole number, such as {example}.")
    return _fitting(int(re.sub(r"[, ]", "", found)))


def _number(_field: VehicleField, text: str) -> int | float:
    found = text.strip()
    if not _DECIMAL.fullmatch(found):
        raise Unreadable("Enter a number, such as 2,450 or 5.4.")
    try:
        number = Decimal(found.replace(",", ""))
    except InvalidOperation:  # pragma: no cover - the pattern lets nothing else through
        raise Unreadable("Enter a number, such as 2,450 or 5.4.") from None
    _fitting(int(number))
    return int(number) if number == number.to_integral_value() else float(number)


def _bool(_field: VehicleField, text: str) -> bool:
    if text.strip() not in YES_NO:
        raise Unreadable("Choose yes, no or not given.")
    return YES_NO[text.strip()]


def _date(_field: VehicleField, text: str) -> str:
    found = text.strip()
    if parts := _DAY.fullmatch(found):
        found = f"{parts[3]}-{parts[2]:0>2}-{parts[1]:0>2}"
    try:
        day = date.fromisoformat(found)
    except ValueError:
        raise Unreadable("Enter a day that exists, such as 31/12/2027.") from None
    if not FIRST_YEAR <= day.year <= FIRST_YEAR + 200:
        raise Unreadable("Enter a day between 1900 and 2100.")
    return day.isoformat()


def _list(_field: VehicleField, text: str) -> list[str] | None:
    lines = [_one_line(line) for line in text.split("\n")]
    return _checked_list([line for line in lines if line])


def _checked_list(lines: list[str]) -> list[str] | None:
    if len(lines) > MOST_LINES:
        raise Unreadable(f"Enter at most {MOST_LINES} lines; these are {len(lines):,}.")
    for line in lines:
        _refuse_controls(line)
        if len(line) > LONGEST_DETAIL:
            raise Unreadable(f"A line has more than {LONGEST_DETAIL} characters: {line[:40]}…")
    return lines or None


_TYPED: Final[dict[str, Callable[[VehicleField, str], Any]]] = {
    "text": _text,
    "money": _money,
    "int": _int,
    "number": _number,
    "bool": _bool,
    "date": _date,
    "list": _list,
}


def _choice(name: str, text: str, known: Any) -> str:
    if text not in CHOICES[name] and text != known:
        raise Unreadable(f"Choose one of: {', '.join(CHOICES[name])}.")
    return text


def _sent_flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unreadable("Send true, false or null.")
    return value


def _sent_list(field: VehicleField, value: Any) -> list[str] | None:
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise Unreadable("Send a list of texts, or null.")
    return _list(field, "\n".join(part.replace("\n", " ") for part in value))


def _sent_number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unreadable("Send a number, or null.")
    return format(Decimal(str(value)), "f").removesuffix(".0")


def _fitting(number: int) -> int:
    if number > LARGEST:
        raise Unreadable("This number is larger than any vehicle could have.")
    return number


def _width(name: str) -> int:
    if FIELDS[name].stored == "details":
        return LONGEST_TEXT if name in LONG_TEXTS else LONGEST_DETAIL
    length: int | None = getattr(Vehicle.__table__.c[name].type, "length", None)
    return length or LONGEST_TEXT


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _refuse_controls(text: str, allowed: str = "") -> None:
    """NUL cannot be stored by PostgreSQL, and the others are in no vehicle."""
    if any(unicodedata.category(char) == "Cc" and char not in allowed for char in text):
        raise Unreadable("Remove the control characters; they cannot be stored.")
