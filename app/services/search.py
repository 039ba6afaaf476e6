"""One search box over vehicles, leads, customers and runs (C33).

Numbers and addresses are looked up in indexes first, as written, in capitals and in small letters;
then words are looked for among the rows of the session's dealership. Of each kind the best few are
shown, with the count of all and the list that has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, contains_eager

from app.models import Customer, Lead, SyncRun, Vehicle
from app.services import run_words, vehicles
from app.services.leads import customer_list, customers, listing
from app.services.leads.listing import LeadFilter
from app.services.vehicles import VehicleFilter

SHOWN: Final = 5
LONGEST: Final = 100
LARGEST_ID: Final = 2_147_483_647
SHORTEST_REQUEST_ID: Final = 8


@dataclass(frozen=True, slots=True)
class Hit:
    """One record. `path` within the dealership; `is_exact`: its own number, address or id."""

    title: str
    detail: str
    path: str
    is_exact: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """The hits of one kind, exact ones first. `total` counts all; `more` is the list of them."""

    key: str
    noun: str
    hits: Sequence[Hit]
    total: int
    more: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a text found, the kinds in the order of the menu; kinds without a hit are absent."""

    text: str
    groups: Sequence[Group]

    @property
    def total(self) -> int:
        return sum(group.total for group in self.groups)

    @property
    def the_one(self) -> Hit | None:
        """The record that can only be meant: the single exact hit."""
        exact = [hit for group in self.groups for hit in group.hits if hit.is_exact]
        return exact[0] if len(exact) == 1 else None


def search(db: Session, text: str, now: datetime) -> Found:
    """Looks for `text` in the session's dealership; a blank one finds nothing."""
    asked = " ".join(text.replace("\0", "").split())[:LONGEST]
    if not asked:
        return Found("", [])
    groups = (_vehicles(db, asked), _leads(db, asked, now), _customers(db, asked), _runs(db, asked))
    return Found(asked, [group for group in groups if group.total])


def spellings(text: str) -> list[str]:
    """How a number may be stored: an index finds these, a search without capitals it does not."""
    return sorted({text, text.upper(), text.lower(), text.replace(" ", "").upper()})


def _vehicles(db: Session, text: str) -> Group:
    exact = _exact_vehicles(db, text)
    matching = vehicles.narrowed(select(Vehicle), VehicleFilter(q=text))
    others = _others(db, matching, Vehicle.id, [car.id for car in exact], Vehicle.updated_at.desc())
    count = vehicles.narrowed(select(func.count(Vehicle.id)), VehicleFilter(q=text))
    total = max(db.scalar(count) or 0, len(exact))
    hits = [_vehicle_hit(car, True) for car in exact]
    hits += [_vehicle_hit(car, False) for car in others]
    return Group("vehicles", "vehicle", hits[:SHOWN], total, _list("vehicles", q=text))


def _exact_vehicles(db: Session, text: str) -> Sequence[Vehicle]:
    """By stock number, VIN or rego, each with its index."""
    forms = spellings(text)
    columns = (Vehicle.stock_number, Vehicle.vin, Vehicle.rego_num)
    numbers = or_(*(column.in_(forms) for column in columns))
    query = select(Vehicle).where(numbers, Vehicle.merged_into_id.is_(None))
    return db.scalars(query.order_by(Vehicle.id.desc()).limit(SHOWN)).all()


def _others(db: Session, query: Any, key: Any, known: Sequence[int], first: Any) -> Sequence[Any]:
    """The newest of those that match without being exact, as far as there is room."""
    if known:
        query = query.where(key.not_in(known))
    room = max(SHOWN - len(known), 0)
    return db.scalars(query.order_by(first, key.desc()).limit(room)).all()


def _vehicle_hit(car: Vehicle, is_exact: bool) -> Hit:
    title = car.title or " ".join(filter(None, (car.make, car.model))) or f"Vehicle {car.id}"
    market = "" if car.lifecycle == "listed" else vehicles.LIFECYCLE_WORDS[car.lifecycle]
    facts = (car.stock_number, car.rego_num, car.vin, market)
    return Hit(title, _told(facts), f"vehicles/{car.id}", is_exact)


def _leads(db: Session, text: str, now: datetime) -> Group:
    due = listing.deadline(db, now)
    wanted = LeadFilter(q=text)
    base = select(Lead).join(Lead.customer).options(contains_eager(Lead.customer))
    exact = db.scalars(
        base.where(Lead.lead_number.in_(spellings(text))).order_by(Lead.id.desc()).limit(SHOWN)
    ).all()
    others = _others(
        db,
        listing.narrowed(base, wanted, due),
        Lead.id,
        [lead.id for lead in exact],
        Lead.created_at.desc(),
    )
    count = select(func.count(Lead.id)).join(Lead.customer)
    total = max(db.scalar(listing.narrowed(count, wanted, due)) or 0, len(exact))
    hits = [_lead_hit(lead, True) for lead in exact]
    hits += [_lead_hit(lead, False) for lead in others]
    return Group("leads", "lead", hits[:SHOWN], total, _list("leads", tab="all", q=text))


def _lead_hit(lead: Lead, is_exact: bool) -> Hit:
    about = " ".join(filter(None, (lead.vehicle_make, lead.vehicle_model)))
    number = f"Lead {lead.lead_number}" if lead.lead_number else ""
    facts = (number, about, lead.customer.email, lead.customer.mobile or lead.customer.phone)
    name = lead.customer.name or f"Lead {lead.id}"
    return Hit(name, _told(facts), f"leads/{lead.id}", is_exact)


def _customers(db: Session, text: str) -> Group:
    found = customer_list.page(db, text, size=SHOWN)
    exact = _exact_customers(db, text)
    known = {one.id for one in exact}
    hits = [_customer_hit(one, True) for one in exact]
    hits += [_customer_hit(row.customer, False) for row in found.rows
             if row.customer.id not in known]  # fmt: skip
    total = max(found.total, len(exact))
    return Group("customers", "customer", hits[:SHOWN], total, _list("customers", q=text))


def _exact_customers(db: Session, text: str) -> Sequence[Customer]:
    """By the whole mail address or phone number, however it is written."""
    digits = not any(char.isalpha() for char in text)
    phone = customers.phone_key(text) if digits else None
    wanted: list[ColumnElement[bool]] = []
    if "@" in text:
        wanted.append(Customer.email_key == customers.email_key(text))
    if phone:
        wanted.append(Customer.phone_keys.contains(f" {phone} ", autoescape=True))
    if not wanted:
        return []
    query = select(Customer).where(or_(*wanted), Customer.merged_into_id.is_(None))
    return db.scalars(query.order_by(Customer.id.desc()).limit(SHOWN)).all()


def _customer_hit(one: Customer, is_exact: bool) -> Hit:
    facts = (one.email, one.mobile or one.phone, one.city)
    return Hit(one.name or one.email or f"Customer {one.id}", _told(facts),
               f"customers/{one.id}", is_exact)  # fmt: skip


def _runs(db: Session, text: str) -> Group:
    """By number, or by the id of the request that started it, as logs and messages tell it."""
    wanted: list[ColumnElement[bool]] = []
    number = text.removeprefix("#")
    if number.isascii() and number.isdigit() and len(number) < 11 and int(number) <= LARGEST_ID:
        wanted.append(SyncRun.id == int(number))
    if len(text) >= SHORTEST_REQUEST_ID:
        wanted.append(SyncRun.request_id == text)
    if not wanted:
        return Group("runs", "sync", [], 0, "")
    query = select(SyncRun).where(or_(*wanted)).order_by(SyncRun.id.desc()).limit(SHOWN + 1)
    runs = db.scalars(query).all()
    hits = [Hit(run_words.title(run), run.message or "", f"runs/{run.id}", True) for run in runs]
    return Group("runs", "sync", hits[:SHOWN], len(runs), _list("history", q=text))


def _told(facts: Iterable[str | None]) -> str:
    return " · ".join(fact for fact in facts if fact)


def _list(path: str, **query: str) -> str:
    return f"{path}?{urlencode(query)}"
