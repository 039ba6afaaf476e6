"""What is missing or odd about listed vehicles, worst first (C44, B-2d.9).

Each rule is one condition, one sentence and some points; a vehicle's number is their sum and
nothing else, so everybody can count it again. The database judges all vehicles in one statement,
counts their photos in another, and answers (id, bits of the broken rules); sorting and counting
20,000 such pairs is quick.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select
from sqlalchemy.orm import Session

from app.models import Photo, Vehicle
from app.services.vehicles import VehicleRow, rows_of

FEW_PHOTOS: Final = 3
SHORT_TEXT: Final = 60
LOWEST_PRICE: Final = 50_000
HIGHEST_PRICE: Final = 200_000_000
HIGHEST_ODOMETER: Final = 1_000_000
FIRST_YEAR: Final = 1900
# Since then VINs of cars have 17 characters (trap T25).
FIRST_VIN_YEAR: Final = 1989
VIN_LENGTH: Final = 17
NEVER_IN_VIN: Final = ("I", "O", "Q", " ", "-")
PHOTOS: Final = "photos"
DRIVEN: Final = ("car", "truck", "motorbike")


@dataclass(frozen=True)
class Rule:
    """`field`: where it is mended, a vehicle field or PHOTOS. More points are worse."""

    key: str
    label: str
    text: str
    points: int
    field: str
    is_hint: bool = False


RULES: Final = (
    Rule("no-photo", "No photo", "There is no photo to show.", 30, PHOTOS),
    Rule("price-zero", "Price 0", "The price is $0. Empty it to show price on request.", 30,
         "price_cents"),
    Rule("no-price", "No price", "There is no price: it is shown as price on request.", 20,
         "price_cents"),
    Rule("price-odd", "Unusual price", "The price is below $500 or above $2,000,000.", 15,
         "price_cents"),
    Rule("no-odometer", "No odometer", "The odometer is not given.", 15, "odometer"),
    Rule("odometer-odd", "Unusual odometer",
         "The odometer is above 1,000,000, or 0 on a used vehicle.", 15, "odometer"),
    Rule("year-odd", "Impossible year", "The year is before 1900 or too far ahead.", 15, "year"),
    Rule("few-photos", "Few photos", f"Fewer than {FEW_PHOTOS} photos are shown.", 10, PHOTOS),
    Rule("no-description", "No description", "There is no description.", 10, "description"),
    Rule("no-make", "No make", "The make is not given.", 10, "make"),
    Rule("no-model", "No model", "The model is not given.", 10, "model"),
    Rule("no-year", "No year", "The year is not given.", 10, "year"),
    Rule("photo-failed", "Photo not fetched", "A photo of EasyCars could not be fetched.", 5,
         PHOTOS),
    Rule("short-description", "Short description",
         f"The description has fewer than {SHORT_TEXT} characters.", 5, "description"),
    Rule("no-body", "No body", "The body is not given.", 4, "body"),
    Rule("no-colour", "No colour", "The colour is not given.", 4, "colour"),
    Rule("no-fuel", "No fuel", "The fuel is not given.", 4, "fuel_type"),
    Rule("no-gear", "No transmission", "The transmission is not given.", 4, "gear_type"),
    Rule("rego-state", "Rego without state", "A registration without its state.", 3,
         "rego_state"),
    Rule("vin-form", "Unusual VIN",
         "Cars since 1989 have a VIN of 17 characters without I, O and Q. Only a hint.", 2, "vin",
         is_hint=True),
)  # fmt: skip
BY_KEY: Final = {rule.key: rule for rule in RULES}
Found = list[tuple[int, int]]


@dataclass(frozen=True)
class QualityRow:
    """One vehicle with what is wrong, the heaviest first."""

    row: VehicleRow
    rules: Sequence[Rule]
    points: int


@dataclass(frozen=True)
class QualityPage:
    """`counts`: rule → vehicles, over all listed ones; `total`: those that the filter leaves."""

    rows: Sequence[QualityRow]
    total: int
    page: int
    size: int
    counts: dict[str, int]
    listed: int
    clean: int

    @property
    def first(self) -> int:
        return (self.page - 1) * self.size + 1 if self.rows else 0

    @property
    def last(self) -> int:
        return (self.page - 1) * self.size + len(self.rows)


def page_of(
    db: Session, newest_year: int, issue: str | None = None, page: int = 1, size: int = 50
) -> QualityPage:
    """A page of the vehicles with issues, or with one of them; `newest_year` is still possible."""
    found = judged(db, newest_year)
    wanted = worst_first(found, issue)
    part = wanted[(page - 1) * size : page * size]
    clean = sum(1 for _, bits in found if not bits)
    return QualityPage(told(db, part), len(wanted), page, size, _counts(found), len(found), clean)


def judged(db: Session, newest_year: int) -> Found:
    """Every listed vehicle of the dealership with the bits of the rules it breaks."""
    bits: Any = literal(0)
    for key, condition in _conditions(newest_year).items():
        bits = bits + case((condition, _bit(key)), else_=0)
    query = select(Vehicle.id, bits).where(
        Vehicle.lifecycle == "listed", Vehicle.merged_into_id.is_(None)
    )
    photos = _shown(db)
    return [(row[0], row[1] | _photo_bits(photos.get(row[0], 0))) for row in db.execute(query)]


def worst_first(found: Found, issue: str | None = None) -> Found:
    """Those with issues, or with one; most points first, among equals the newest vehicle."""
    mask = _bit(issue) if issue else -1
    return sorted(
        (pair for pair in found if pair[1] & mask),
        key=lambda pair: (-points_of(pair[1]), -pair[0]),
    )


@cache
def points_of(bits: int) -> int:
    """The sum of the broken rules' points; vehicles share few combinations, so it is kept."""
    return sum(rule.points for rule in rules_of(bits))


def rules_of(bits: int) -> list[Rule]:
    return [rule for place, rule in enumerate(RULES) if bits & (1 << place)]


def told(db: Session, found: Found) -> list[QualityRow]:
    """The rows behind some of the found, in their order."""
    wanted = select(Vehicle).where(Vehicle.id.in_([vehicle_id for vehicle_id, _ in found]))
    rows = {row.vehicle.id: row for row in rows_of(db, db.scalars(wanted).all())}
    return [
        QualityRow(rows[vehicle_id], rules_of(bits), points_of(bits))
        for vehicle_id, bits in found
        if vehicle_id in rows
    ]


def all_told(db: Session, newest_year: int, issue: str | None) -> Iterator[list[QualityRow]]:
    """All of the filter's vehicles in chunks, for the file."""
    wanted = worst_first(judged(db, newest_year), issue)
    for start in range(0, len(wanted), 500):
        yield told(db, wanted[start : start + 500])
        db.expunge_all()


def _counts(found: Found) -> dict[str, int]:
    """Each combination is taken apart once, however many vehicles have it."""
    counts = dict.fromkeys(BY_KEY, 0)
    for bits, number in Counter(bits for _, bits in found).items():
        for rule in rules_of(bits):
            counts[rule.key] += number
    return counts


def _shown(db: Session) -> dict[int, int]:
    """Vehicle → its photos that are shown or on their way.

    One pass over all photos: asked for vehicle by vehicle, SQLite without statistics takes the
    dealership's index and reads every photo for each vehicle.
    """
    there = or_(Photo.media_id.is_not(None), Photo.state == "wanted")
    query = select(Photo.vehicle_id, func.count(Photo.id)).where(Photo.is_hidden.is_(False), there)
    return {row[0]: row[1] for row in db.execute(query.group_by(Photo.vehicle_id))}


def _lost() -> ColumnElement[bool]:
    """Has a photo that could not be fetched; few vehicles have, so they are looked up once."""
    return Vehicle.id.in_(
        select(Photo.vehicle_id).where(
            Photo.state == "failed", Photo.media_id.is_(None), Photo.is_hidden.is_(False)
        )
    )


def _photo_bits(shown: int) -> int:
    if not shown:
        return _bit("no-photo")
    return _bit("few-photos") if shown < FEW_PHOTOS else 0


@cache
def _bit(key: str) -> int:
    return 1 << RULES.index(BY_KEY[key])


def _conditions(newest_year: int) -> dict[str, ColumnElement[bool]]:
    """Every rule but the two that count photos."""
    kind = func.coalesce(Vehicle.kind, "car")
    driven, year = kind.in_(DRIVEN), Vehicle.year
    price, odometer = Vehicle.price_cents, Vehicle.odometer
    text = func.length(func.trim(func.coalesce(Vehicle.description, "")))
    return {
        "photo-failed": _lost(),
        "no-price": and_(price.is_(None), Vehicle.special_price_cents.is_(None)),
        "price-zero": price == 0,
        "price-odd": or_(and_(price > 0, price < LOWEST_PRICE), price > HIGHEST_PRICE),
        "no-odometer": and_(driven, odometer.is_(None)),
        "odometer-odd": or_(
            odometer > HIGHEST_ODOMETER,
            and_(driven, odometer == 0, Vehicle.condition == "used"),
        ),
        "no-year": year.is_(None),
        "year-odd": or_(year < FIRST_YEAR, year > newest_year),
        "no-description": text == 0,
        "short-description": and_(text > 0, text < SHORT_TEXT),
        "no-make": _blank(Vehicle.make),
        "no-model": _blank(Vehicle.model),
        "no-body": and_(kind == "car", _blank(Vehicle.body)),
        "no-colour": and_(driven, _blank(Vehicle.colour)),
        "no-fuel": and_(driven, _blank(Vehicle.fuel_type)),
        "no-gear": and_(driven, _blank(Vehicle.gear_type)),
        "rego-state": and_(~_blank(Vehicle.rego_num), _blank(Vehicle.rego_state)),
        "vin-form": and_(driven, ~_blank(Vehicle.vin), _modern(year), _odd_vin()),
    }


def _blank(column: Any) -> ColumnElement[bool]:
    return func.coalesce(column, "") == ""


def _modern(year: Any) -> ColumnElement[bool]:
    return func.coalesce(year, FIRST_VIN_YEAR) >= FIRST_VIN_YEAR


def _odd_vin() -> ColumnElement[bool]:
    """Too long, too short, or shorter without the characters that no VIN has."""
    left: Any = func.upper(Vehicle.vin)
    for strange in NEVER_IN_VIN:
        left = func.replace(left, strange, "")
    return or_(func.length(Vehicle.vin) != VIN_LENGTH, func.length(left) != VIN_LENGTH)
