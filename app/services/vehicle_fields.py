"""Every field of a vehicle, named once: label, group, kind, storage, and where it comes from.

Forms, comparison, export, "raw data" page and filters read this catalogue; the order is the order
of display. Column fields are columns of `app/models/vehicles.py`; the others live in its `details`.
`source` is the vendor's own name (the 72 fields of the stock list, FR5). All of those end in a
field here except ImageCount and ImageURLs, which become photos.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "money", "int", "bool", "date", "list", "number"]
Stored = Literal["column", "details"]

GROUPS = {
    "identity": "Identity",
    "price": "Price",
    "description": "Description",
    "registration": "Registration",
    "mechanical": "Engine and drive",
    "dimensions": "Weights and dimensions",
    "living": "Comfort and living",
    "yard": "Yard and status",
}


@dataclass(frozen=True, slots=True)
class VehicleField:
    """One field. Money is in cents, dates are ISO text, a number may have decimals."""

    name: str
    label: str
    group: str
    kind: Kind
    stored: Stored
    unit: str | None = None
    source: str | None = None


def _column(
    name: str, label: str, group: str, source: str | None, kind: Kind = "text"
) -> VehicleField:
    return VehicleField(name, label, group, kind, "column", source=source)


def _detail(
    name: str, label: str, group: str, source: str, kind: Kind = "text", unit: str | None = None
) -> VehicleField:
    return VehicleField(name, label, group, kind, "details", unit, source)


_CATALOGUE = (
    _column("title", "Title", "identity", None),
    _column("stock_number", "Stock number", "identity", "StockNumber"),
    _column("kind", "Kind of vehicle", "identity", "StockType"),
    _column("condition", "Condition", "identity", "IsDemo, IsUsed"),
    _column("make", "Make", "identity", "Make"),
    _column("model", "Model", "identity", "Model"),
    _column("badge", "Badge", "identity", "Badge"),
    _column("series", "Series", "identity", "Series"),
    _column("year", "Year", "identity", "YearGroup", "int"),
    _column("vin", "VIN", "identity", "VIN"),
    _detail("serial_number", "Serial number", "identity", "SerialNumber"),
    _detail("redbook_code", "Redbook code", "identity", "RedbookCode"),
    _detail("nvic", "NVIC", "identity", "NVIC"),
    _column("price_cents", "Price", "price", "Price", "money"),
    _column("special_price_cents", "Special price", "price", "AdvSpecialPrice", "money"),
    _column("currency", "Currency", "price", None),
    _column("is_drive_away", "Drive away", "price", "IsDriveAway", "bool"),
    _detail("is_special", "On special", "price", "IsSpecial", "bool"),
    _column("is_deposit_taken", "Deposit taken", "price", "IsDepositTaken", "bool"),
    _column("short_description", "Short description", "description", "ShortDescription"),
    _column("description", "Description", "description", "AdvDescription"),
    _detail(
        "additional_description", "Additional description", "description", "AdditionalDescription"
    ),
    _column("features", "Standard features", "description", "StandardFeatures", "list"),
    _detail("optional_features", "Optional features", "description", "OptionalFeatures", "list"),
    _column("body", "Body", "description", "Body"),
    _column("colour", "Colour", "description", "Colour"),
    _column("interior_colour", "Interior colour", "description", "InteriorColor"),
    _detail("is_prestige", "Prestige", "description", "IsPrestiged", "bool"),
    _detail("video_link", "Video", "description", "VideoLink"),
    _detail("warranty", "Warranty", "description", "Warranty"),
    _column("rego_num", "Registration", "registration", "RegoNum"),
    _column("rego_state", "Registration state", "registration", "RegoState"),
    _column("rego_expiry", "Registration expires", "registration", "RegoExpiry", "date"),
    _detail("built_date", "Built", "registration", "BuiltDate"),
    _detail("compliance_date", "Complied", "registration", "ComplianceDate"),
    _column("odometer", "Odometer", "mechanical", "Odometer", "int"),
    _column("odometer_unit", "Odometer unit", "mechanical", "IsMiles"),
    _column("fuel_type", "Fuel", "mechanical", "FuelType"),
    _column("gear_type", "Transmission", "mechanical", "GearType"),
    _detail("gear_count", "Gears", "mechanical", "GearCount", "int"),
    _column("drive_train", "Drive", "mechanical", "DriveTrain"),
    _column("engine_capacity", "Engine capacity", "mechanical", "EngineCapacity"),
    _detail("engine_size_cc", "Engine size", "mechanical", "EngineSize", "number", "cc"),
    _detail("engine_type", "Engine type", "mechanical", "EngineTypeDescription"),
    _detail("engine_make", "Engine make", "mechanical", "EngineMake"),
    _detail("engine_number", "Engine number", "mechanical", "EngineNumber"),
    _detail("cylinder", "Cylinders", "mechanical", "Cylinder"),
    _detail("engine_power", "Engine power", "mechanical", "EnginePower", "number"),
    _detail("power_kw", "Power", "mechanical", "PowerkW", "number", "kW"),
    _detail("power_hp", "Power (hp)", "mechanical", "Powerhp", "number", "hp"),
    _detail("axle_configuration", "Axles", "mechanical", "AxleConfiguration"),
    _detail("wheels", "Wheels", "mechanical", "Wheels"),
    _detail("wheel_size", "Wheel size", "mechanical", "Wheelsize"),
    _detail("gcm_kg", "Gross combination mass", "dimensions", "GCM", "number", "kg"),
    _detail("gvm_kg", "Gross vehicle mass", "dimensions", "GVM", "number", "kg"),
    _detail("tare_kg", "Tare", "dimensions", "Tare", "number", "kg"),
    _detail("tow_ball_weight", "Tow ball weight", "dimensions", "TowBallWeight"),
    _detail("length_m", "Length", "dimensions", "Length", "number", "m"),
    _column("doors", "Doors", "living", "DoorNum", "int"),
    _column("seats", "Seats", "living", "SeatCapacity", "int"),
    _detail("sleeping_capacity", "Berths", "living", "SleepingCapacity", "int"),
    _detail("air_conditioning", "Air conditioning", "living", "AirConditioning"),
    _detail("toilet", "Toilet", "living", "Toilet"),
    _detail("shower", "Shower", "living", "Shower"),
    _detail("fridge", "Fridge", "living", "Fridge"),
    _detail("stereo", "Stereo", "living", "Stereo"),
    _detail("gps", "GPS", "living", "GPS"),
    _column("status", "Status", "yard", "StockStatus"),
    _column("yard_code", "Yard code", "yard", "YardCode"),
    _column("yard_name", "Yard", "yard", "YardName"),
    _detail("location", "Location", "yard", "Location"),
)

FIELDS: dict[str, VehicleField] = {field.name: field for field in _CATALOGUE}


def label_of(name: str) -> str:
    """The label of a field; a name that is not in the catalogue stands for itself."""
    field = FIELDS.get(name)
    return field.label if field else name


def field_of_source(vendor_name: str) -> VehicleField | None:
    """The field that a vendor's field ends in, e.g. "IsMiles" → odometer_unit."""
    return _BY_SOURCE.get(vendor_name)


_BY_SOURCE = {
    name: field for field in _CATALOGUE if field.source for name in field.source.split(", ")
}
