"""Where each EasyCars field goes in the house (easycars-api §5, §8). Tables only."""

from __future__ import annotations

from typing import Final

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
