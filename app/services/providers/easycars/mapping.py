"""From an EasyCars stock item to the house's vehicle fields (easycars-api §5, §8; story 2.2).

Tables say which field goes where; functions only where a value changes its form. Nothing is
invented: what EasyCars does not say stays absent (trap T12).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from app.services.errors import RecordRefused
from app.services.providers.easycars.tables import (
    AMOUNTS,
    FLAGS,
    KIND_WIDTH,
    KINDS,
    LISTS,
    LONGEST_TEXT,
    NUMBERS,
    STOCK_NUMBER_WIDTH,
    TEXTS,
    TITLE_PARTS,
    TITLE_WIDTH,
    WHOLES,
    WIDTHS,
)
from app.services.providers.easycars.wire import StockItem, shown
from app.services.sync.protocol import Draft, Warned

# Every text; the list of pictures is judged address by address instead.
UNBOUNDED: Final = tuple(
    name
    for name, kind in StockItem.__annotations__.items()
    if kind == "Words" and name != "image_urls"
)
LARGEST_INT: Final = 2**31 - 1
_UNKNOWN_ZERO: Final = frozenset({"0", "0.0"})
_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?:\s.*)?")
_ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T\s].*)?")


def stock_number(item: StockItem) -> str:
    """The record's key. Raises RecordRefused when there is none that could be kept."""
    number = item.stock_number
    if not number:
        what = " ".join(filter(None, (item.make, item.model))) or "A vehicle"
        raise RecordRefused(f"{what[:80]} has no stock number.")
    if len(number) > STOCK_NUMBER_WIDTH:
        raise RecordRefused(
            f"The stock number {shown(number)} is longer than {STOCK_NUMBER_WIDTH} characters."
        )
    return number


class EasyCarsStockMapper:
    """One item → one draft. Pure; a mapper is made per item and collects its warnings."""

    def __init__(self, warnings: tuple[Warned, ...] = ()) -> None:
        self.warnings = list(warnings)

    def map_to_vehicle(self, item: StockItem) -> Draft:
        """Values of vehicle fields, the archive's columns, photos (row 64).

        Raises RecordRefused without a stock number.
        """
        number = stock_number(item)
        given = {
            name: value
            for name, value in item.__dict__.items()
            if value is not None and value != ""
        }
        self._shorten_texts(given)
        values: dict[str, Any] = {"stock_number": number}
        self._texts(given, values)
        self._numbers(given, values)
        self._classify(given, values)
        for name in filter(given.__contains__, LISTS):
            if parts := split_list(given[name]):
                values[LISTS[name]] = parts
        values["title"] = title_of(values)
        photos = self._photos(given.get("image_urls", ""))
        archive = _COLUMNS | given
        archive["rego_expiry"] = _day(values.get("rego_expiry"))
        return Draft(
            number, values["title"] or number, values, photos, archive, tuple(self.warnings)
        )

    def _shorten_texts(self, given: dict[str, Any]) -> None:
        """Text of absurd length: the raw record keeps all of it, the columns do not."""
        for name in filter(given.__contains__, UNBOUNDED):
            if len(given[name]) > LONGEST_TEXT:
                given[name] = self._cut(name, given[name], LONGEST_TEXT)

    def _texts(self, given: Mapping[str, Any], values: dict[str, Any]) -> None:
        for name in filter(given.__contains__, TEXTS):
            to, text = TEXTS[name], given[name]
            width = WIDTHS.get(to)
            values[to] = text if width is None or len(text) <= width else self._cut(to, text, width)
        wheel_size = given.get("wheel_size")
        if wheel_size and wheel_size not in _UNKNOWN_ZERO:
            values["wheel_size"] = wheel_size

    def _cut(self, field: str, text: str, width: int) -> str:
        self._warn(field, f"was cut from {len(text):,} to {width:,} characters.")
        return text[:width].rstrip()

    def _numbers(self, given: Mapping[str, Any], values: dict[str, Any]) -> None:
        for name in filter(given.__contains__, WHOLES):
            if self._fits(WHOLES[name], given[name]):
                values[WHOLES[name]] = given[name]
        for name in filter(given.__contains__, AMOUNTS):
            if self._fits(AMOUNTS[name], cents := in_cents(given[name])):
                values[AMOUNTS[name]] = cents
        for name in filter(given.__contains__, NUMBERS):
            values[NUMBERS[name]] = plain_number(given[name])
        if values.get("year") == 0:  # the field cannot be null on the wire
            del values["year"]
        if "odometer" in values and "is_miles" in given:
            values["odometer_unit"] = "mi" if given["is_miles"] else "km"

    def _fits(self, field: str, number: int) -> bool:
        """Vehicle columns hold 32-bit numbers; a value beyond is a slip, not a fact."""
        if 0 <= number <= LARGEST_INT:
            return True
        self._warn(field, f"{number} is not possible; left out.")
        return False

    def _classify(self, given: Mapping[str, Any], values: dict[str, Any]) -> None:
        letter = given.get("stock_type")
        if letter:
            values["kind"] = KINDS.get(letter.upper()) or self._unknown_kind(letter)
        for name in filter(given.__contains__, FLAGS):
            values[FLAGS[name]] = given[name]
        if (condition := condition_of(given.get("is_demo"), given.get("is_used"))) is not None:
            values["condition"] = condition
        expiry = self._date("rego_expiry", given.get("rego_expiry"))
        if expiry is not None:
            values["rego_expiry"] = expiry.isoformat()

    def _unknown_kind(self, letter: str) -> str:
        self._warn("kind", f"{shown(letter)} is not a known stock type; kept as it is.")
        return letter[:KIND_WIDTH]

    def _date(self, field: str, text: str | None) -> date | None:
        if text is None:
            return None
        found = date_of(text)
        if found is None:
            self._warn(field, f"{shown(text)} is not a date; left out.")
        return found

    def _photos(self, joined: str) -> tuple[str, ...]:
        """The dealer's order; the first is the main picture (§6)."""
        urls = dict.fromkeys(split_list(joined))
        unusable = [url for url in urls if not is_photo_url(url)]
        for url in unusable:
            del urls[url]
            self._warn("photos", f"{shown(url)} is not the address of a picture; left out.")
        return tuple(urls)

    def _warn(self, field: str, text: str) -> None:
        self.warnings.append(Warned(field, text))


_COLUMNS: Final[dict[str, Any]] = dict.fromkeys(StockItem.model_fields)


def title_of(values: Mapping[str, Any]) -> str:
    """Make, model, badge and year with single spaces (row B-2b.3)."""
    parts = (str(values[name]) for name in TITLE_PARTS if name in values)
    return " ".join(" ".join(parts).split())[:TITLE_WIDTH].rstrip()


def _day(iso: str | None) -> date | None:
    return date.fromisoformat(iso) if iso else None


def condition_of(is_demo: bool | None, is_used: bool | None) -> str | None:
    """Demo, used or new (§8); None when EasyCars says neither."""
    if is_demo:
        return "demo"
    return None if is_used is None else ("used" if is_used else "new")


def in_cents(amount: Decimal) -> int:
    """Half a cent goes to the even side, as money is rounded elsewhere in Python."""
    return int((amount * 100).to_integral_value())


def plain_number(number: Decimal) -> int | float:
    """JSON has no decimals of its own; measures need no more than a float's fifteen digits."""
    return int(number) if number == number.to_integral_value() else float(number)


def split_list(text: str) -> list[str]:
    """A comma-separated text as the vendor writes features and addresses (§5, fields 58 and 72)."""
    return [part for piece in text.split(",") if (part := piece.strip())]


def is_photo_url(url: str) -> bool:
    return url.startswith(("https://", "http://")) and len(url) <= 2000 and " " not in url


def date_of(text: str) -> date | None:
    """dd/MM/yyyy, or ISO; with or without a time. None when no such day exists."""
    if found := _DATE.fullmatch(text):
        day, month, year = (int(part) for part in found.groups())
    elif found := _ISO_DATE.fullmatch(text):
        year, month, day = (int(part) for part in found.groups())
    else:
        return None
    try:
        return date(year, month, day) if year >= 1900 else None
    except ValueError:
        return None
