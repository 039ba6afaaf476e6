"""What each kind of vehicle has: the technical wire fields of cars, boats, caravans and so on."""

# ruff: noqa: ARG001 - every kind has the same signature

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from app.simulator.showroom import catalogue as cat
from app.simulator.showroom.papers import vin
from app.simulator.showroom.words import CAR_FEATURES, TOURING_FEATURES, WORK_FEATURES

Item = dict[str, Any]
_PRESTIGE = {"BMW", "MERCEDES-BENZ", "AUDI", "TESLA"}


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


MAKERS: dict[str, Callable[[Item, random.Random, int], list[str]]] = {
    "A": _car,
    "B": _boat,
    "C": _caravan,
    "H": _truck,
    "M": _bike,
    "T": _trailer,
}
