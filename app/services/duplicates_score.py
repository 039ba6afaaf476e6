"""Are these two vehicles one? Pure: evidence with points, each with its sentence (C22).

| evidence                                             | points |
| same VIN, of a plausible form / of another form      | 90 / 50 |
| same registration and state / one state not given    | 70 / 55 |
| same stock number / of one or two characters         | 60 / 30 |
| same make, model and year                            | 20 |
| … and odometer: the same / near / far apart          | 45 / 30 / -25 |
| … and price / colour / badge the same                | 15 / 10 / 5 |
| different plausible VINs                             | -80 |
| different registrations, makes, models, years, kinds | -20 / -40 / -15 / -25 / -20 |

Two vehicles become a pair from 40 points on; one plausible VIN makes at least 50. A key that many
vehicles share ("TBA", a stock number used as a word) names none of them and is left out (trap T11).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

from app.services.sync.targets import plausible_vin

PAIR_FROM: Final = 40
VERY_LIKELY: Final = 80
LIKELY: Final = 60
# Evidence that stands by itself: a new kind of it opens again what a person had dismissed.
MAIN: Final = frozenset({"vin", "rego_num", "stock_number", "odometer"})
SURE: Final = 90
SHARED_BY_MANY: Final = 8
NEIGHBOURS: Final = 8
# New cars of one model all have a few kilometres: that tells nothing.
TELLING_ODOMETER: Final = 500
NEAR: Final = 500
FAR: Final = 5_000
WORDS_FOR_NONE: Final = frozenset(
    {"TBA", "TBC", "NA", "NONE", "NIL", "NEW", "UNREG", "UNREGISTERED", "NOREGO", "UNKNOWN"}
)


@dataclass(frozen=True, slots=True)
class Subject:
    """A vehicle as it is compared: keys in capitals without blanks, "" when not given."""

    id: int
    vin: str
    rego: str
    rego_state: str
    stock_number: str
    make: str
    model: str
    year: int | None
    odometer: int | None
    price: int | None
    colour: str
    badge: str
    kind: str
    by_hand: bool
    on_market: bool

    @property
    def name(self) -> tuple[str, str, int] | None:
        """Make, model and year, None when one of them is not given."""
        if self.make and self.model and self.year:
            return self.make, self.model, self.year
        return None


@dataclass(frozen=True, slots=True)
class Reason:
    """One piece of evidence; negative points speak against."""

    field: str
    text: str
    points: int

    def as_json(self) -> dict[str, Any]:
        return {"field": self.field, "text": self.text, "points": self.points}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pair worth a person's look: the smaller id first, score 40 to 100."""

    first_id: int
    second_id: int
    score: int
    reasons: tuple[Reason, ...]


def subject(row: Any) -> Subject:
    """From a row with the vehicle's columns."""
    return Subject(
        id=row.id,
        vin=_key(row.vin),
        rego=_key(row.rego_num),
        rego_state=_key(row.rego_state),
        stock_number=_key(row.stock_number),
        make=_key(row.make),
        model=_key(row.model),
        year=row.year,
        odometer=row.odometer,
        price=row.price_cents,
        colour=_key(row.colour),
        badge=_key(row.badge),
        kind=row.kind or "",
        by_hand=row.source != "EasyCars",
        on_market=row.lifecycle in ("listed", "missing"),
    )


def _key(text: str | None) -> str:
    """Spelling aside: "abc 12-d" is "ABC12D"; a word for "none" is none."""
    if not text:
        return ""
    key = "".join(filter(str.isalnum, text)).upper()
    return "" if key in WORDS_FOR_NONE or not key.strip("0X") else key


def candidates(subjects: Sequence[Subject]) -> list[Candidate]:
    """All pairs from 40 points on, the surest first. Linear in the number of vehicles but for
    the sorting, because only vehicles that share a key are compared."""
    known = {one.id: one for one in subjects}
    found = (judge(known[first], known[second]) for first, second in _pairs(subjects))
    return sorted(filter(None, found), key=lambda pair: (-pair.score, pair.first_id))


def judge(one: Subject, other: Subject) -> Candidate | None:
    """Weighs two vehicles; None below 40 points, and when neither is on the market."""
    if not (one.on_market or other.on_market):
        return None
    first, second = sorted((one, other), key=lambda subject: subject.id)
    reasons = tuple(filter(None, (rule(first, second) for rule in RULES)))
    score = min(100, max(_floor(reasons), sum(reason.points for reason in reasons)))
    return Candidate(first.id, second.id, score, reasons) if score >= PAIR_FROM else None


def _floor(reasons: Iterable[Reason]) -> int:
    """One VIN is one car, whatever else was typed wrongly."""
    return 50 if any(one.field == "vin" and one.points >= SURE for one in reasons) else 0


# -- Who is compared with whom -----------------------------------------------------------------


def _pairs(subjects: Sequence[Subject]) -> set[tuple[int, int]]:
    keys: tuple[Callable[[Subject], str], ...] = (
        lambda one: one.vin,
        lambda one: one.rego,
        lambda one: one.stock_number,
    )
    found: set[tuple[int, int]] = set()
    for key in keys:
        for group in _groups(subjects, key).values():
            if len(group) <= SHARED_BY_MANY:
                found.update(_ordered(one, other) for one, other in combinations(group, 2))
    found.update(_near_odometers(subjects))
    found.update(_looks(subjects))
    return found


def _groups(
    subjects: Iterable[Subject], key: Callable[[Subject], Hashable]
) -> Mapping[Hashable, list[Subject]]:
    groups: dict[Hashable, list[Subject]] = defaultdict(list)
    for one in subjects:
        if value := key(one):
            groups[value].append(one)
    return groups


def _ordered(one: Subject, other: Subject) -> tuple[int, int]:
    return (one.id, other.id) if one.id < other.id else (other.id, one.id)


def _near_odometers(subjects: Iterable[Subject]) -> Iterator[tuple[int, int]]:
    """Neighbours by odometer among vehicles of one make, model and year."""
    telling = (one for one in subjects if (one.odometer or 0) >= TELLING_ODOMETER)
    for group in _groups(telling, lambda one: one.name).values():
        group.sort(key=lambda one: one.odometer or 0)
        for place, one in enumerate(group):
            for other in group[place + 1 : place + 1 + NEIGHBOURS]:
                if not _is_near(one.odometer or 0, other.odometer or 0):
                    break
                yield _ordered(one, other)


def _looks(subjects: Iterable[Subject]) -> Iterator[tuple[int, int]]:
    """Entered by hand beside any other of the same make, model, year and price."""
    priced = (one for one in subjects if one.price)
    for group in _groups(priced, lambda one: one.name and (*one.name, one.price)).values():
        if len(group) <= SHARED_BY_MANY:
            for one, other in combinations(group, 2):
                if one.by_hand or other.by_hand:
                    yield _ordered(one, other)


def _is_near(one: int, other: int) -> bool:
    return abs(one - other) <= max(NEAR, max(one, other) // 100)


# -- The evidence ------------------------------------------------------------------------------


def _vin(one: Subject, other: Subject) -> Reason | None:
    if not (one.vin and other.vin):
        return None
    if one.vin == other.vin:
        if plausible_vin(one.vin):
            return Reason("vin", f"Same VIN: {one.vin}", SURE)
        if len(one.vin) >= 6:
            return Reason("vin", f"Same VIN, of an unusual form: {one.vin}", 50)
        return None
    if plausible_vin(one.vin) and plausible_vin(other.vin):
        return Reason("vin", "Different VINs", -80)
    return None


def _rego(one: Subject, other: Subject) -> Reason | None:
    if not (one.rego and other.rego):
        return None
    states = {one.rego_state, other.rego_state} - {""}
    if len(states) > 1:
        return None
    if one.rego != other.rego:
        return Reason("rego_num", "Different registrations", -20)
    if one.rego_state and other.rego_state:
        return Reason("rego_num", f"Same registration: {one.rego}, {one.rego_state}", 70)
    return Reason("rego_num", f"Same registration: {one.rego} (state not given on both)", 55)


def _stock_number(one: Subject, other: Subject) -> Reason | None:
    if not one.stock_number or one.stock_number != other.stock_number:
        return None
    points = 60 if len(one.stock_number) > 2 else 30
    return Reason("stock_number", f"Same stock number: {one.stock_number}", points)


def _name(one: Subject, other: Subject) -> Reason | None:
    if one.name and one.name == other.name:
        return Reason("model", "Same make, model and year", 20)
    return None


def _odometer(one: Subject, other: Subject) -> Reason | None:
    if not one.name or one.name != other.name or not one.odometer or not other.odometer:
        return None
    if min(one.odometer, other.odometer) < TELLING_ODOMETER:
        return None
    apart = abs(one.odometer - other.odometer)
    if not apart:
        return Reason("odometer", f"Same odometer: {one.odometer:,}", 45)
    if _is_near(one.odometer, other.odometer):
        return Reason("odometer", f"Odometers are {apart:,} apart", 30)
    if apart > max(FAR, max(one.odometer, other.odometer) // 5):
        return Reason("odometer", f"Odometers are {apart:,} apart", -25)
    return None


def _support(field: str, words: str, points: int) -> Callable[[Subject, Subject], Reason | None]:
    """Adds weight to vehicles of one make, model and year only."""

    def rule(one: Subject, other: Subject) -> Reason | None:
        value = getattr(one, field)
        if not value or value != getattr(other, field) or not one.name or one.name != other.name:
            return None
        return Reason(field, words, points)

    return rule


def _against(field: str, words: str, points: int) -> Callable[[Subject, Subject], Reason | None]:
    def rule(one: Subject, other: Subject) -> Reason | None:
        mine, theirs = getattr(one, field), getattr(other, field)
        if not mine or not theirs or mine == theirs:
            return None
        return Reason(field, words, -points)

    return rule


def _model(one: Subject, other: Subject) -> Reason | None:
    """ "Hilux" and "Hilux SR5" are one model, written differently."""
    if not one.model or not other.model:
        return None
    if one.model.startswith(other.model) or other.model.startswith(one.model):
        return None
    return Reason("model", "Different models", -15)


def _year(one: Subject, other: Subject) -> Reason | None:
    """One year apart is the year of building beside that of the model."""
    if not one.year or not other.year or abs(one.year - other.year) < 2:
        return None
    return Reason("year", f"Different years: {one.year} and {other.year}", -25)


RULES: Final[tuple[Callable[[Subject, Subject], Reason | None], ...]] = (
    _vin,
    _rego,
    _stock_number,
    _name,
    _odometer,
    _support("price", "Same price", 15),
    _support("colour", "Same colour", 10),
    _support("badge", "Same badge", 5),
    _against("make", "Different makes", 40),
    _model,
    _year,
    _against("kind", "Different kinds of vehicle", 20),
)
