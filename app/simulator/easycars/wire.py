"""EasyCars' way of writing JSON: names, order, codes and number formats on the wire."""

import json
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any

SUCCESS, AUTHENTICATION_FAIL, WARNING, FAILED, SYSTEM_ERROR = 0, 1, 5, 7, 9

# The 72 properties of a stock item, in the vendor's order.
STOCK_FIELDS = (
    "YardCode",
    "YardName",
    "StockNumber",
    "Make",
    "Model",
    "Badge",
    "RegoNum",
    "VIN",
    "Price",
    "YearGroup",
    "Odometer",
    "Body",
    "Colour",
    "EngineCapacity",
    "GearType",
    "FuelType",
    "AdvDescription",
    "Series",
    "AdvSpecialPrice",
    "IsDemo",
    "IsSpecial",
    "IsPrestiged",
    "StockType",
    "IsUsed",
    "RegoExpiry",
    "VideoLink",
    "DriveTrain",
    "DoorNum",
    "Cylinder",
    "ShortDescription",
    "EngineTypeDescription",
    "EngineSize",
    "StockStatus",
    "GCM",
    "GVM",
    "Tare",
    "SleepingCapacity",
    "Toilet",
    "Shower",
    "AirConditioning",
    "Fridge",
    "Stereo",
    "SeatCapacity",
    "RegoState",
    "AdditionalDescription",
    "IsDriveAway",
    "InteriorColor",
    "BuiltDate",
    "ComplianceDate",
    "EngineNumber",
    "GPS",
    "Wheelsize",
    "TowBallWeight",
    "Warranty",
    "Wheels",
    "AxleConfiguration",
    "Location",
    "StandardFeatures",
    "OptionalFeatures",
    "RedbookCode",
    "NVIC",
    "IsMiles",
    "GearCount",
    "EnginePower",
    "PowerkW",
    "Powerhp",
    "EngineMake",
    "SerialNumber",
    "Length",
    "IsDepositTaken",
    "ImageCount",
    "ImageURLs",
)

SUCCESS_TAIL = b'"Code":0,"ErrorMessage":null}'

# Stands in stored items for "scheme://host" of whoever asks: photo addresses point back at us.
# A control character that JSON need not escape, so that replacing it is one pass over the bytes.
HOST_MARK = "\x7f"


def money(dollars: int | Decimal) -> Decimal:
    """An amount with the vendor's four decimals."""
    return Decimal(dollars).quantize(Decimal("0.0001"))


_WRITERS: dict[type, Callable[[Any], str]] = {
    str: encode_basestring,
    int: int.__repr__,
    bool: lambda value: "true" if value else "false",
    type(None): lambda value: "null",  # noqa: ARG005 - one signature for all writers
    Decimal: str,
}


def json_value(value: Any) -> str:
    """One value as JSON. Decimals keep every digit, which json.dumps cannot do."""
    writer = _WRITERS.get(type(value))
    if writer is not None:
        return writer(value)
    if isinstance(value, Mapping):
        return json_object(value)
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(json_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def json_object(
    members: Mapping[str, Any] | Iterable[tuple[str, Any]], colon: str = ":", comma: str = ","
) -> str:
    pairs = members.items() if isinstance(members, Mapping) else members
    return "{" + comma.join(f'"{name}"{colon}{json_value(value)}' for name, value in pairs) + "}"


def parse(data: bytes | str) -> Any:
    """JSON with decimals kept as they were written, the opposite of `json_value`."""
    return json.loads(data, parse_float=Decimal)


def envelope(
    payload: Mapping[str, Any] | None = None, code: int = SUCCESS, message: str | None = None
) -> bytes:
    """The payload's properties followed by Code and ErrorMessage."""
    return json_object({**(payload or {}), "Code": code, "ErrorMessage": message}).encode()


def with_code(body: bytes, code: int, message: str) -> bytes:
    """A successful answer with another code at its end."""
    tail = f'"Code":{code},"ErrorMessage":{json_value(message)}}}'
    return body.removesuffix(SUCCESS_TAIL) + tail.encode()
