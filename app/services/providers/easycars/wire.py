"""A stock item as it comes over the wire: 72 typed fields, read leniently (easycars-api §5).

Null and "" are the same, blanks around a text go, numbers may be texts, booleans may be words.
What cannot be read in its type becomes None and a warning; the item stays. Field names are the
columns of the archive, aliases the vendor's own (irregular) spellings.

The usual item is read by compiled code in one go. Only an item with something odd in it takes the
slow way, where the odd values are found and repaired one by one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Set
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.services.errors import RecordRefused
from app.services.sync.protocol import Warned

LARGEST_ITEM: Final = 32 << 20
BIGINT: Final = 2**63

# None is tried first, because most fields of most vehicles are null.
_Empty = Literal[""]
_BigInt = Annotated[int, Field(ge=-BIGINT, lt=BIGINT)]
_Sum = Annotated[Decimal, Field(gt=-(10**14), lt=10**14)]
_EITHER: Final = Field(union_mode="left_to_right")
Words = str | None
Whole = Annotated[_BigInt | _Empty, _EITHER] | None
Amount = Annotated[_Sum | _Empty, _EITHER] | None
Flag = Annotated[bool | _Empty, _EITHER] | None


class StockItem(BaseModel):
    """One advertised vehicle as EasyCars describes it. Empty numbers are "" or None here."""

    model_config = ConfigDict(
        extra="allow", str_strip_whitespace=True, coerce_numbers_to_str=True, populate_by_name=True
    )

    yard_code: Words = Field(None, alias="YardCode")
    yard_name: Words = Field(None, alias="YardName")
    stock_number: Words = Field(None, alias="StockNumber")
    make: Words = Field(None, alias="Make")
    model: Words = Field(None, alias="Model")
    badge: Words = Field(None, alias="Badge")
    rego_num: Words = Field(None, alias="RegoNum")
    vin: Words = Field(None, alias="VIN")
    price: Amount = Field(None, alias="Price")
    year_group: Whole = Field(None, alias="YearGroup")
    odometer: Whole = Field(None, alias="Odometer")
    body: Words = Field(None, alias="Body")
    colour: Words = Field(None, alias="Colour")
    engine_capacity: Words = Field(None, alias="EngineCapacity")
    gear_type: Words = Field(None, alias="GearType")
    fuel_type: Words = Field(None, alias="FuelType")
    adv_description: Words = Field(None, alias="AdvDescription")
    series: Words = Field(None, alias="Series")
    adv_special_price: Amount = Field(None, alias="AdvSpecialPrice")
    is_demo: Flag = Field(None, alias="IsDemo")
    is_special: Flag = Field(None, alias="IsSpecial")
    is_prestiged: Flag = Field(None, alias="IsPrestiged")
    stock_type: Words = Field(None, alias="StockType")
    is_used: Flag = Field(None, alias="IsUsed")
    rego_expiry: Words = Field(None, alias="RegoExpiry")
    video_link: Words = Field(None, alias="VideoLink")
    drive_train: Words = Field(None, alias="DriveTrain")
    door_num: Whole = Field(None, alias="DoorNum")
    cylinder: Words = Field(None, alias="Cylinder")
    short_description: Words = Field(None, alias="ShortDescription")
    engine_type_description: Words = Field(None, alias="EngineTypeDescription")
    engine_size: Amount = Field(None, alias="EngineSize")
    stock_status: Words = Field(None, alias="StockStatus")
    gcm: Amount = Field(None, alias="GCM")
    gvm: Amount = Field(None, alias="GVM")
    tare: Amount = Field(None, alias="Tare")
    sleeping_capacity: Whole = Field(None, alias="SleepingCapacity")
    toilet: Words = Field(None, alias="Toilet")
    shower: Words = Field(None, alias="Shower")
    air_conditioning: Words = Field(None, alias="AirConditioning")
    fridge: Words = Field(None, alias="Fridge")
    stereo: Words = Field(None, alias="Stereo")
    seat_capacity: Whole = Field(None, alias="SeatCapacity")
    rego_state: Words = Field(None, alias="RegoState")
    additional_description: Words = Field(None, alias="AdditionalDescription")
    is_drive_away: Flag = Field(None, alias="IsDriveAway")
    interior_color: Words = Field(None, alias="InteriorColor")
    built_date: Words = Field(None, alias="BuiltDate")
    compliance_date: Words = Field(None, alias="ComplianceDate")
    engine_number: Words = Field(None, alias="EngineNumber")
    gps: Words = Field(None, alias="GPS")
    wheel_size: Words = Field(None, alias="Wheelsize")
    tow_ball_weight: Words = Field(None, alias="TowBallWeight")
    warranty: Words = Field(None, alias="Warranty")
    wheels: Words = Field(None, alias="Wheels")
    axle_configuration: Words = Field(None, alias="AxleConfiguration")
    location: Words = Field(None, alias="Location")
    standard_features: Words = Field(None, alias="StandardFeatures")
    optional_features: Words = Field(None, alias="OptionalFeatures")
    redbook_code: Words = Field(None, alias="RedbookCode")
    nvic: Words = Field(None, alias="NVIC")
    is_miles: Flag = Field(None, alias="IsMiles")
    gear_count: Whole = Field(None, alias="GearCount")
    engine_power: Amount = Field(None, alias="EnginePower")
    power_kw: Amount = Field(None, alias="PowerkW")
    power_hp: Amount = Field(None, alias="Powerhp")
    engine_make: Words = Field(None, alias="EngineMake")
    serial_number: Words = Field(None, alias="SerialNumber")
    length: Amount = Field(None, alias="Length")
    is_deposit_taken: Flag = Field(None, alias="IsDepositTaken")
    image_count: Whole = Field(None, alias="ImageCount")
    image_urls: Words = Field(None, alias="ImageURLs")


VENDOR_NAMES: Final = {name: str(field.alias) for name, field in StockItem.model_fields.items()}
_ATTRIBUTES: Final = {alias: name for name, alias in VENDOR_NAMES.items()}
_NUL: Final = b"\\u0000"


@dataclass(frozen=True, slots=True)
class Parsed:
    """`unknown` and `absent` are the vendor's names: not ours to know, and not in this item."""

    item: StockItem
    warnings: tuple[Warned, ...] = ()
    unknown: tuple[str, ...] = ()
    absent: frozenset[str] = frozenset()


def parse_item(raw: bytes) -> Parsed:
    """Reads one element. Raises RecordRefused when it is no JSON object with a stock number."""
    if len(raw) > LARGEST_ITEM:
        raise RecordRefused(f"The vehicle's data is too large ({len(raw):,} bytes).")
    if _NUL not in raw:
        try:
            return _whole_item(StockItem.model_validate_json(raw))
        except ValidationError:
            pass  # the slow way finds out what is odd
    return _repaired(_object(raw))


def _whole_item(item: StockItem) -> Parsed:
    """Names are compared only where their number says that some are missing."""
    unknown = tuple(item.__pydantic_extra__ or ())
    if len(item.model_fields_set) - len(unknown) == len(VENDOR_NAMES):
        return Parsed(item, unknown=unknown)
    return Parsed(item, unknown=unknown, absent=_absent(item.model_fields_set))


def _absent(given: Set[str]) -> frozenset[str]:
    return frozenset(alias for name, alias in VENDOR_NAMES.items() if name not in given)


def _object(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw.decode(), parse_float=Decimal, parse_int=_whole)
    except (ValueError, RecursionError) as exc:
        raise RecordRefused("The vehicle's data is not readable JSON.") from exc
    if not isinstance(found, dict):
        raise RecordRefused("The list holds something that is not a vehicle.")
    return found


def _whole(digits: str) -> int | Decimal:
    return int(digits) if len(digits) < 30 else Decimal(digits)


def _repaired(found: dict[str, Any]) -> Parsed:
    """Drops each value that its field cannot take, and says so."""
    values = {name: _tidy(found[name]) for name in _ATTRIBUTES if name in found}
    unknown = tuple(name for name in found if name not in _ATTRIBUTES)
    absent = frozenset(_ATTRIBUTES.keys() - found.keys())
    try:
        return Parsed(StockItem.model_validate(values), (), unknown, absent)
    except ValidationError as exc:
        odd = {str(error["loc"][0]): None for error in exc.errors(include_url=False)}
    warnings = tuple(_dropped(name, values[name]) for name in odd)
    return Parsed(StockItem.model_validate(values | odd), warnings, unknown, absent)


def _tidy(value: Any) -> Any:
    """Text that every database takes; a list of texts as the vendor joins them elsewhere."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return _tidy(",".join(value))
    if isinstance(value, float):
        return Decimal(value)  # NaN and Infinity, which no column takes
    return value


def _dropped(name: str, value: Any) -> Warned:
    return Warned(name, f"{shown(value)} cannot be read as {_EXPECTED[name]}; left out.")


def shown(value: Any) -> str:
    """A received value for people, never longer than a line."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _expected(attributes: Iterable[str]) -> dict[str, str]:
    words = {"Words": "text", "Whole": "a whole number", "Amount": "a number", "Flag": "yes or no"}
    return {VENDOR_NAMES[name]: words[StockItem.__annotations__[name]] for name in attributes}


_EXPECTED: Final = _expected(VENDOR_NAMES)
