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
from app.services.providers.easycars.wire import StockItem, shown
from app.services.sync.protocol import Draft, Warned

KINDS: Final = {
    "A": "car",
    "B": "boat",
    "C": "caravan",
    "H": "truck",
    "M": "motorbike",
    "T": "trailer",
}

# attribute of the item → vehicle field, where the text is taken over as it is
TEXTS: Final = {
    "vin": "vin",
    "rego_num": "rego_num",
    "rego_state": "rego_state",
    "make": "make",
    "model": "model",
    "badge": "badge",
    "series": "series",
    "stock_status": "status",
    "body": "body",
    "colour": "colour",
    "interior_color": "interior_colour",
    "fuel_type": "fuel_type",
    "gear_type": "gear_type",
    "drive_train": "drive_train",
    "engine_capacity": "engine_capacity",
    "yard_code": "yard_code",
    "yard_name": "yard_name",
    "short_description": "short_description",
    "adv_description": "description",
    "additional_description": "additional_description",
    "video_link": "video_link",
    "warranty": "warranty",
    "built_date": "built_date",
    "compliance_date": "compliance_date",
    "engine_type_description": "engine_type",
    "engine_make": "engine_make",
    "engine_number": "engine_number",
    "cylinder": "cylinder",
    "axle_configuration": "axle_configuration",
    "wheels": "wheels",
    "tow_ball_weight": "tow_ball_weight",
    "air_conditioning": "air_conditioning",
    "toilet": "toilet",
    "shower": "shower",
    "fridge": "fridge",
    "stereo": "stereo",
    "gps": "gps",
    "location": "location",
    "serial_number": "serial_number",
    "redbook_code": "redbook_code",
    "nvic": "nvic",
}
WHOLES: Final = {
    "year_group": "year",
    "odometer": "odometer",
    "door_num": "doors",
    "seat_capacity": "seats",
    "gear_count": "gear_count",
    "sleeping_capacity": "sleeping_capacity",
}
FLAGS: Final = {
    "is_drive_away": "is_drive_away",
    "is_deposit_taken": "is_deposit_taken",
    "is_special": "is_special",
    "is_prestiged": "is_prestige",
}
AMOUNTS: Final = {"price": "price_cents", "adv_special_price": "special_price_cents"}
NUMBERS: Final = {
    "engine_size": "engine_size_cc",
    "engine_power": "engine_power",
    "power_kw": "power_kw",
    "power_hp": "power_hp",
    "gcm": "gcm_kg",
    "gvm": "gvm_kg",
    "tare": "tare_kg",
    "length": "length_m",
}
LISTS: Final = {"standard_features": "features", "optional_features": "optional_features"}

# The vehicle table's widths; a test holds them against the table.
WIDTHS: Final = {
    "vin": 32,
    "rego_num": 32,
    "rego_state": 32,
    "make": 100,
    "model": 100,
    "badge": 200,
    "series": 100,
    "status": 100,
    "body": 100,
    "colour": 100,
    "interior_colour": 100,
    "fuel_type": 100,
    "gear_type": 200,
    "drive_train": 100,
    "engine_capacity": 100,
    "yard_code": 50,
    "yard_name": 200,
}
TITLE_PARTS: Final = ("make", "model", "badge", "year")
KIND_WIDTH: Final = 32
TITLE_WIDTH: Final = 300
STOCK_NUMBER_WIDTH: Final = 100
LONGEST_TEXT: Final = 60_000
# Every text; the list of pictures is judged address by address instead.
UNBOUNDED: Final = frozenset(
    name for name, kind in StockItem.__annotations__.items() if kind == "Words"
) - {"image_urls"}
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
        for name in LISTS.keys() & given.keys():
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
        for name in UNBOUNDED & given.keys():
            if len(given[name]) > LONGEST_TEXT:
                given[name] = self._cut(name, given[name], LONGEST_TEXT)

    def _texts(self, given: Mapping[str, Any], values: dict[str, Any]) -> None:
        for name in TEXTS.keys() & given.keys():
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
        for name in WHOLES.keys() & given.keys():
            if self._fits(WHOLES[name], given[name]):
                values[WHOLES[name]] = given[name]
        for name in AMOUNTS.keys() & given.keys():
            if self._fits(AMOUNTS[name], cents := in_cents(given[name])):
                values[AMOUNTS[name]] = cents
        for name in NUMBERS.keys() & given.keys():
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
        for name in FLAGS.keys() & given.keys():
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
