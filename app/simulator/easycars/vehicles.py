"""One advertised vehicle as a dict of the 72 wire fields, made from (seed, account, serial) alone."""

import hashlib
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from app.simulator.easycars.accounts import image_account
from app.simulator.easycars.wire import HOST_MARK, STOCK_FIELDS, money
from app.simulator.showroom import catalogue as cat
from app.simulator.showroom.papers import plate, vin
from app.simulator.showroom.words import (
    CAR_FEATURES,
    TOURING_FEATURES,
    WORK_FEATURES,
    advertisement,
)

Item = dict[str, Any]

THIS_YEAR = 2026
# What stands at position (serial mod 25): small stocks already hold every kind.
_KINDS = "AAACAABAAMAATAAHAACAAABAA"
_YARDS = {"100": "Parramatta Road", "200": "Overflow Yard", "300": "Northern Branch"}
_PLACES = {
    "NSW": "Granville",
    "VIC": "Dandenong",
    "QLD": "Rocklea",
    "WA": "Cannington",
    "SA": "Enfield",
    "TAS": "Moonah",
    "ACT": "Phillip",
    "NT": "Winnellie",
}
_NUMBERS = {
    "GCM",
    "GVM",
    "Tare",
    "SleepingCapacity",
    "SeatCapacity",
    "GearCount",
    "EnginePower",
    "PowerkW",
    "Powerhp",
    "Length",
    "EngineSize",
    "DoorNum",
    "Price",
    "AdvSpecialPrice",
    "Odometer",
}
_BLANK: Item = {name: None if name in _NUMBERS else "" for name in STOCK_FIELDS} | {
    "IsDemo": False,
    "IsSpecial": False,
    "IsPrestiged": False,
    "IsUsed": True,
    "RegoExpiry": None,
    "IsDriveAway": None,
    "Wheelsize": "0",
    "IsMiles": False,
    "IsDepositTaken": False,
    "ImageCount": 0,
}
_PRESTIGE = {"BMW", "MERCEDES-BENZ", "AUDI", "TESLA"}


def kind_of(serial: int) -> str:
    """The vendor's letter for the kind of vehicle: A, B, C, H, M or T."""
    return _KINDS[serial % 25]


def home_state(account: str) -> str:
    return tuple(_PLACES)[(int(account[2:]) - 1) % 8]


def stock_number(serial: int) -> str:
    """Unique per account; a few have letters or leading zeros, as real ones do."""
    number = 10_001 + serial
    return f"{number}A" if serial % 23 == 5 else f"0{number}" if serial % 41 == 7 else str(number)


def dice(seed: int, account: str, serial: int) -> random.Random:
    return random.Random(f"{seed}/{account}/{serial}")


def make_item(seed: int, account: str, serial: int) -> Item:
    """The serial-th vehicle of an account, all 72 fields in the vendor's order."""
    rng = dice(seed, account, serial)
    item = _BLANK.copy()
    item["StockType"] = kind_of(serial)
    item["StockNumber"] = stock_number(serial)
    yard = "200" if rng.random() < 0.25 else "100"
    item["YardCode"], item["YardName"] = yard, _YARDS[yard]
    features = _MAKERS[item["StockType"]](item, rng, serial)
    _condition(item, rng)
    _registration(item, rng, home_state(account), serial)
    _texts(item, rng, features, home_state(account))
    _photos(item, seed, account, serial, rng.randint(4, 12))
    return item


def _model(item: Item, rng: random.Random, models: tuple[cat.Model, ...]) -> cat.Model:
    model = rng.choice(models)
    item["Make"], item["Model"], item["Badge"] = (
        model["make"],
        model["model"],
        rng.choice(model.badges),
    )
    item["YearGroup"] = max(model.first_year, model.last_year - int(rng.triangular(0, 11, 3)))
    item["Body"] = model.columns.get("body", "")
    item["Colour"] = rng.choice(cat.COLOUR_NAMES)
    item["Price"] = Decimal(model["price"]) * Decimal(rng.randint(93, 107)) / 100
    return model


def _power(item: Item, kw: int) -> None:
    item["EnginePower"] = item["PowerkW"] = kw
    item["Powerhp"] = (Decimal(kw) * Decimal("1.34102")).quantize(Decimal("0.01"))


def _engine(item: Item, model: cat.Model) -> None:
    cc = model.number("cc")
    item["Cylinder"] = model["cylinders"]
    item["EngineSize"] = cc or None
    item["EngineCapacity"] = f"{cc / 1000:.1f}L" if cc else ""
    _power(item, model.number("kw"))


def _car(item: Item, rng: random.Random, serial: int) -> list[str]:
    model = _model(item, rng, cat.CARS)
    _engine(item, model)
    year = item["YearGroup"]
    item["Badge"] += " " if serial % 3 == 0 else ""
    item["Series"] = f"{model['series']} MY{year % 100:02d} "
    item["GearType"] = f"{model['gears']} SP {model['gearbox']}"
    item["GearCount"] = model.number("gears") if serial % 2 else None
    item["FuelType"] = item["EngineTypeDescription"] = model["fuel"]
    item["DriveTrain"] = model["drive"]
    item["DoorNum"] = model.number("doors") if serial % 4 else None
    item["SeatCapacity"] = model.number("seats")
    item["IsPrestiged"] = model["make"] in _PRESTIGE
    item["VIN"] = "" if serial % 37 == 11 else vin(model["vin"], year, serial)
    item["Wheelsize"] = rng.choice(("0", "16", "17", "18", "19"))
    item["InteriorColor"] = rng.choice(cat.INTERIORS)
    item["AirConditioning"] = rng.choice(("", "Climate Control", "Air Conditioning"))
    item["Stereo"] = rng.choice(("", "Radio CD with 6 Speakers", "8in Touch Screen"))
    item["GPS"] = rng.choice(("", "Satellite Navigation"))
    if model["shape"] == "ute":
        item["GVM"], item["GCM"], item["Tare"] = 3200, 6000, rng.randint(1950, 2250)
    item["RedbookCode"] = f"AUVSIM{year}{serial % 10_000:04d}" if serial % 2 else ""
    return rng.sample(CAR_FEATURES, rng.randint(2, 4))


def _caravan(item: Item, rng: random.Random, serial: int) -> list[str]:
    model = _model(item, rng, cat.CARAVANS)
    camper = model["shape"] == "camper"
    item["Body"] = "CAMPER TRAILER" if camper else "CARAVAN"
    item["Tare"], item["GVM"] = model.number("tare"), model.number("gvm")
    item["SleepingCapacity"], item["Length"] = model.number("berths"), Decimal(model["length"])
    item["Toilet"] = "" if camper else rng.choice(("Cassette Toilet", "Porta Potti"))
    item["Shower"] = rng.choice(("External Shower", "")) if camper else "Separate Shower"
    item["AirConditioning"] = "" if camper else "Roof Mounted Reverse Cycle"
    item["Fridge"] = rng.choice(("3-Way 95L", "216L Compressor", "12V 80L Slide-out"))
    item["Stereo"] = rng.choice(("Bluetooth Radio", "DVD/CD Player with 4 Speakers", ""))
    item["TowBallWeight"] = f"{rng.randint(110, 240)}kg"
    item["AxleConfiguration"] = model["axles"]
    item["SerialNumber"] = f"6K9{rng.randint(100_000, 999_999)}"
    return rng.sample(TOURING_FEATURES, 4)


def _boat(item: Item, rng: random.Random, serial: int) -> list[str]:
    model = _model(item, rng, cat.BOATS)
    item["Body"] = "PERSONAL WATERCRAFT" if model["make"] == "SEA-DOO" else "RUNABOUT"
    item["Length"], item["SeatCapacity"] = Decimal(model["length"]), model.number("seats")
    item["EngineMake"], item["EngineTypeDescription"] = model["engine_make"], model["engine"]
    item["Powerhp"] = Decimal(model["hp"])
    item["EnginePower"] = item["PowerkW"] = round(model.number("hp") / 1.341)
    item["FuelType"] = model["fuel"]
    item["SerialNumber"] = (
        f"AUQLD{rng.randint(10_000, 99_999)}{'ABCDEF'[serial % 6]}{item['YearGroup'] % 100:02d}"
    )
    return [WORK_FEATURES[3], rng.choice(TOURING_FEATURES[:2])]


def _truck(item: Item, rng: random.Random, serial: int) -> list[str]:
    model = _model(item, rng, cat.TRUCKS)
    _engine(item, model)
    item["GVM"], item["GCM"] = model.number("gvm"), model.number("gcm")
    item["Tare"] = round(model.number("gvm") * 0.45 / 10) * 10
    item["GearType"], item["FuelType"] = f"6 SP {model['gearbox']}", "Diesel Turbo"
    item["AxleConfiguration"], item["DriveTrain"] = model["axles"], "Rear Wheel Drive"
    item["SeatCapacity"], item["Cylinder"] = model.number("seats"), model["cylinders"]
    item["EngineNumber"] = f"{model['make'][:2]}{rng.randint(100_000, 999_999)}"
    return [WORK_FEATURES[1], *rng.sample(CAR_FEATURES, 2)]


def _bike(item: Item, rng: random.Random, serial: int) -> list[str]:
    model = _model(item, rng, cat.BIKES)
    _engine(item, model)
    item["EngineCapacity"] = f"{model['cc']}cc"
    item["GearType"], item["GearCount"] = f"{model['gears']} SP MANUAL", model.number("gears")
    item["FuelType"], item["SeatCapacity"] = "Petrol Unleaded ULP", 2
    return [WORK_FEATURES[2], rng.choice(CAR_FEATURES)]


def _trailer(item: Item, rng: random.Random, serial: int) -> list[str]:
    model = _model(item, rng, cat.TRAILERS)
    item["Tare"], item["GVM"], item["Length"] = (
        model.number("tare"),
        model.number("gvm"),
        Decimal(model["length"]),
    )
    item["AxleConfiguration"], item["Wheels"] = model["axles"], "14in Galvanised"
    return [WORK_FEATURES[0]]


_MAKERS: dict[str, Callable[[Item, random.Random, int], list[str]]] = {
    "A": _car,
    "B": _boat,
    "C": _caravan,
    "H": _truck,
    "M": _bike,
    "T": _trailer,
}


def _condition(item: Item, rng: random.Random) -> None:
    """New, demonstrator or used, with the odometer, price, status and flags that follow from it."""
    age = THIS_YEAR - item["YearGroup"]
    drives = item["StockType"] in "AHM"
    item["IsUsed"] = age > 0 or rng.random() < 0.3
    item["IsDemo"] = age <= 1 and drives and rng.random() < 0.25
    worth = item["Price"] * Decimal(str(round(0.87**age, 3)))
    item["Price"] = (
        None
        if rng.random() < 0.03
        else money(int(worth / 500) * 500 + rng.choice((-10, 0, 490, 390)))
    )
    if drives:
        item["Odometer"] = _odometer(item, age, rng)
    special = item["Price"] is not None and rng.random() < 0.12
    item["IsSpecial"] = special
    item["AdvSpecialPrice"] = item["Price"] - 1000 if special and item["Price"] > 5000 else None
    item["StockStatus"] = rng.choices(("In Stock", "On Offer", "On Order", "Sold"), (80, 12, 6, 2))[
        0
    ]
    item["IsDepositTaken"] = item["StockStatus"] == "On Offer"
    item["IsDriveAway"] = rng.choice((True, False, None))
    item["Warranty"] = rng.choice(("", "Balance of new car warranty", "3 Months/5,000km Statutory"))


def _odometer(item: Item, age: int, rng: random.Random) -> int | None:
    if not item["IsUsed"]:
        return None if rng.random() < 0.5 else rng.randint(5, 60)
    if item["IsDemo"]:
        return rng.randint(600, 7500)
    yearly = {"A": 14_000, "H": 32_000, "M": 4_200}[item["StockType"]]
    return int((age + 0.4) * yearly * rng.uniform(0.6, 1.4))


def _registration(item: Item, rng: random.Random, home: str, serial: int) -> None:
    state = home if rng.random() < 0.85 else rng.choice(("NSW", "VIC", "QLD", "SA"))
    item["RegoState"] = state
    item["Location"] = f"{_PLACES[home]} {home}"
    if item["IsUsed"] and serial % 6:
        item["RegoNum"] = plate(rng, state)
        item["RegoExpiry"] = f"{rng.randint(1, 28):02d}/{rng.randint(1, 12):02d}/{THIS_YEAR + 1}"
    if item["StockType"] in "AH" and serial % 5:
        month = rng.randint(1, 12)
        item["BuiltDate"] = f"{month:02d}/{item['YearGroup']}"
        item["ComplianceDate"] = f"{min(12, month + 1):02d}/{item['YearGroup']}"


def _texts(item: Item, rng: random.Random, features: list[str], home: str) -> None:
    title = " ".join(
        f"{item['YearGroup']} {item['Make'].title()} {item['Model']} {item['Badge']}".split()
    )
    item["ShortDescription"] = " ".join(
        f"{item['Model']} {item['Badge']} {item['EngineCapacity']}".split()
    )
    item["AdvDescription"] = advertisement(
        rng.randrange(144),
        title=title,
        colour=item["Colour"],
        dealer=f"{_PLACES[home]} Motor Group",
        place=item["Location"],
        stock=rng.randrange(80, 400, 10),
        number=item["StockNumber"],
    )
    item["StandardFeatures"] = ",".join(features)
    if rng.random() < 0.2:
        item["OptionalFeatures"] = rng.choice(
            ("Tow Bar,Metallic Paint", "Sunroof", "Canopy,Bullbar,UHF Radio")
        )


def photo_address(seed: int, account: str, serial: int, index: int, revision: int = 0) -> str:
    """Path of a photo. The integer before the hash tells vehicle and position."""
    name = f"{seed}/{account}/{serial}/{index}/{revision}"
    digest = hashlib.sha1(name.encode()).hexdigest()
    return (
        f"/test/publicimages/image/{image_account(account)}/{(serial + 1) * 100 + index}/{digest}"
    )


def photo_serial(image_id: int) -> tuple[int, int]:
    """Vehicle and position that a photo's integer stands for."""
    return image_id // 100 - 1, image_id % 100


def photo_urls(seed: int, account: str, serial: int, count: int, revision: int = 0) -> str:
    return ",".join(
        HOST_MARK + photo_address(seed, account, serial, n, revision) for n in range(count)
    )


def _photos(item: Item, seed: int, account: str, serial: int, count: int) -> None:
    item["ImageCount"] = count
    item["ImageURLs"] = photo_urls(seed, account, serial, count)
