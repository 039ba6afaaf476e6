"""One advertised vehicle: the 72 wire fields, made from (seed, account, serial) alone."""

import hashlib
import random
from decimal import Decimal

from app.simulator.easycars.accounts import image_account
from app.simulator.easycars.kinds import MAKERS, Item
from app.simulator.easycars.wire import HOST_MARK, STOCK_FIELDS, money
from app.simulator.showroom.papers import plate
from app.simulator.showroom.words import advertisement

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
_NUMBERS = frozenset(
    [
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
    ]
)
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
    features = MAKERS[item["StockType"]](item, rng, serial)
    _condition(item, rng)
    _registration(item, rng, home_state(account), serial)
    _texts(item, rng, features, home_state(account))
    _photos(item, seed, account, serial, rng.randint(4, 12))
    return item


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
    digest = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
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
