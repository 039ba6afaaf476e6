"""The public form's rules: stamps, what is kept out, what becomes one lead, what is never shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from structlog.testing import capture_logs

from app.db import ALL_DEALERSHIPS, reading, unit_of_work
from app.models import Customer, Dealership, Lead, LeadPolicy
from app.secret import Secret
from app.services.audit import Actor
from app.services.errors import InputInvalid, NotFound
from app.services.leads import web_form
from app.services.leads.sending import Means
from app.services.leads.web_form import Form, Stamps
from tests import factories, factories_vehicles

pytestmark = pytest.mark.usefixtures("context")
NOON = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
KEY = "a-key-that-nobody-guesses"
ENQUIRY = {
    "name": "Robin Walker",
    "email": "robin@example.com",
    "phone": "0400 000 001",
    "interest": "buy",
    "message": "Is it still available?",
}


class Bench:
    """A clock that stands, and a queue that takes everything."""

    moment = NOON

    def now(self) -> datetime:
        return self.moment

    def leads(self, dealership_id: int, token: str) -> str:
        return f"leads-{dealership_id}-{token}"


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def place(app: Flask) -> Dealership:
    return factories.dealership("Harbour Cars")


@pytest.fixture
def form(place: Dealership) -> Form:
    factories._saved(LeadPolicy(dealership_id=place.id, form_key=KEY))
    with reading(ALL_DEALERSHIPS) as db:
        return web_form.find(db, KEY)


def take(form: Form, bench: Any, stamp: web_form.Stamp = "good", **changes: Any) -> str:
    actor, means = Actor(None, "Web form", "203.0.113.7", "r1"), Means(bench, bench)
    with unit_of_work(form.dealership_id) as db:
        return web_form.take(db, form, ENQUIRY | changes, stamp=stamp, actor=actor, means=means)


def leads_of(form: Form) -> list[Lead]:
    with reading(form.dealership_id) as db:
        return list(db.scalars(select(Lead).order_by(Lead.id)))


# -- Which form ----------------------------------------------------------------------------------


@pytest.mark.both_databases
def test_a_form_is_found_by_its_key_alone(form: Form, place: Dealership) -> None:
    assert (form.dealership_id, form.dealership) == (place.id, "Harbour Cars")
    for key in ("", "x", KEY + "x", "%", "a\0key-that-is-odd", "x" * 41):
        with reading(ALL_DEALERSHIPS) as db, pytest.raises(NotFound):
            web_form.find(db, key)


@pytest.mark.parametrize("change", ["switched off", "inactive"])
def test_a_form_can_end(form: Form, place: Dealership, change: str) -> None:
    with unit_of_work(ALL_DEALERSHIPS) as db:
        if change == "inactive":
            db.get_one(Dealership, place.id).is_active = False
        else:
            db.scalars(select(LeadPolicy)).one().form_key = None
    with reading(ALL_DEALERSHIPS) as db, pytest.raises(NotFound):
        web_form.find(db, KEY)


def test_a_form_that_ended_meanwhile_takes_nothing(form: Form, bench: Bench) -> None:
    with unit_of_work(form.dealership_id) as db:
        db.scalars(select(LeadPolicy)).one().form_key = "a-key-of-today"
    with pytest.raises(NotFound):
        take(form, bench)
    assert leads_of(form) == []


@pytest.mark.parametrize(
    ("values", "stock", "shown"),
    [
        ({}, "S1", "2019 Toyota Hilux"),
        ({}, " S1 ", "2019 Toyota Hilux"),
        ({"title": ""}, "S1", "2019 Toyota Hilux"),
        ({}, "S2", None),
        ({}, "", None),
        ({}, None, None),
        ({}, 7, None),
        ({}, "x" * 101, None),
        ({"is_published": False}, "S1", None),
        ({"lifecycle": "sold"}, "S1", None),
        ({"merged_into_id": 1}, "S1", None),
    ],
)
def test_only_listed_and_published_vehicles_are_shown(
    form: Form, place: Dealership, values: dict[str, Any], stock: Any, shown: str | None
) -> None:
    defaults = {"stock_number": "S1", "title": "2019 Toyota Hilux"}
    factories_vehicles.vehicle(place, **(defaults | values))
    factories_vehicles.vehicle(factories.dealership(), stock_number="S2")
    with reading(form.dealership_id) as db:
        assert web_form.vehicle_title(db, stock) == shown


# -- Stamps --------------------------------------------------------------------------------------

STAMPS = Stamps(Secret("a key for stamps"))


@pytest.mark.parametrize(
    ("seconds", "worth"),
    [
        (-60, "early"), (0, "early"), (2.9, "early"), (3, "good"), (60, "good"),
        (12 * 3600, "good"), (12 * 3600 + 1, "late"),
    ],
)  # fmt: skip
def test_a_stamp_tells_how_long_somebody_looked(seconds: float, worth: str) -> None:
    stamp = STAMPS.issue(KEY, NOON)
    assert STAMPS.read(stamp, KEY, NOON + timedelta(seconds=seconds)) == worth


def test_stamps_of_others_are_worth_nothing() -> None:
    later = NOON + timedelta(minutes=1)
    good = STAMPS.issue(KEY, NOON)
    strange = Stamps(Secret("another key")).issue(KEY, NOON)
    odd = str(STAMPS._signer.dumps("no pair")), str(STAMPS._signer.dumps([KEY, "yesterday"]))
    for stamp in (good[:-2] + "xx", strange, STAMPS.issue("another-form", NOON), "x", 7, [1], *odd):
        assert STAMPS.read(stamp, KEY, later) == "foreign", stamp
    assert STAMPS.read(None, KEY, later) == STAMPS.read("", KEY, later) == "none"
    assert STAMPS.read(good, KEY, later) == "good"


# -- What is kept out ----------------------------------------------------------------------------


@pytest.mark.parametrize(("stamp", "says"), [("early", "very quick"), ("late", "long time"),
                                             ("foreign", "long time")])  # fmt: skip
def test_a_bad_stamp_is_refused_in_words(
    form: Form, bench: Bench, stamp: web_form.Stamp, says: str
) -> None:
    with capture_logs() as logs, pytest.raises(InputInvalid, match=says) as refused:
        take(form, bench, stamp)
    assert list(refused.value.fields) == [""]
    assert [(line["event"], line["reason"]) for line in logs] == [("form_spam", stamp)]
    assert leads_of(form) == []


def test_what_falls_into_the_trap_is_counted_without_its_content(form: Form, bench: Bench) -> None:
    with capture_logs() as logs:
        assert take(form, bench, extra_details="cheap pills", name="") == "trapped"
    assert leads_of(form) == []
    counted = {"event": "form_spam", "reason": "trap", "dealership_id": form.dealership_id}
    assert logs == [counted | {"log_level": "info"}]
    assert take(form, bench, extra_details="  ") == "taken"


LINK = "see https://example.com/a "


@pytest.mark.parametrize(
    ("stamp", "changes", "wrong"),
    [
        ("good", {"name": None}, ["name"]),
        ("good", {"name": "  "}, ["name"]),
        ("good", {"name": "Win at www.example.com"}, ["name"]),
        ("good", {"name": "x" * 201}, ["name"]),
        ("good", {"name": 7}, ["name"]),
        ("good", {"name": ["a"]}, ["name"]),
        ("good", {"email": None, "phone": None}, ["email"]),
        ("good", {"email": "robin@", "phone": None}, ["email"]),
        ("good", {"email": "robin@"}, ["email"]),
        ("good", {"phone": "call me"}, ["phone"]),
        ("good", {"interest": "pills"}, ["interest"]),
        ("good", {"interest": []}, ["interest"]),
        ("good", {"message": "x" * 4001}, ["message"]),
        ("good", {"message": LINK * 3}, ["message"]),
        ("good", {"message": "<a href=x>[url=y]WWW.z"}, ["message"]),
        ("none", {"message": LINK * 2}, ["message"]),
        ("none", {"name": "", "email": "x", "phone": "y"}, ["name", "email", "phone"]),
    ],
)
def test_entries_that_are_refused(
    form: Form, bench: Bench, stamp: web_form.Stamp, changes: dict[str, Any], wrong: list[str]
) -> None:
    with pytest.raises(InputInvalid) as refused:
        take(form, bench, stamp, **changes)
    assert sorted(refused.value.fields) == sorted(wrong)
    assert all(refused.value.fields.values())
    assert leads_of(form) == []


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("stamp", "changes", "kept"),
    [
        ("good", {"message": LINK * 2}, {}),
        ("none", {"message": LINK}, {}),
        ("none", {"email": None}, {}),
        ("good", {"phone": ""}, {}),
        ("good", {"message": None, "interest": None}, {"message": None, "interest": None}),
        ("good", {"page": "https://harbour.example/cars"},
         {"page_url": "https://harbour.example/cars"}),
        ("good", {"page": "javascript:alert(1)"}, {"page_url": None}),
        ("good", {"stock": "x" * 101}, {"stock_number": None}),
        ("good", {"stock": "GONE7"}, {"stock_number": "GONE7", "vehicle_id": None}),
        ("good", {"message": "a\0b \ud800 c"}, {"message": "ab ? c"}),
        ("good", {"message": "x" * 4000}, {}),
        ("good", {"status": "won", "rating": "hot"}, {"status": "new", "rating": None}),
    ],
    ids=str,
)  # fmt: skip
def test_entries_that_are_taken(
    form: Form, bench: Bench, stamp: web_form.Stamp, changes: dict[str, Any], kept: dict[str, Any]
) -> None:
    """What nobody typed costs no enquiry, and what the form does not offer cannot be set."""
    assert take(form, bench, stamp, **changes) == "taken"
    lead = leads_of(form)[0]
    assert (lead.source, lead.created_by) == ("Web", "Web form")
    assert {name: getattr(lead, name) for name in kept} == kept


# -- One lead, or two ----------------------------------------------------------------------------


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("minutes", "changes", "outcome"),
    [
        (9, {}, "repeated"),
        (9, {"email": " ROBIN@example.com "}, "repeated"),
        (9, {"name": "R. Walker", "phone": None}, "repeated"),
        (11, {}, "taken"),
        (9, {"message": "And its colour?"}, "taken"),
        (9, {"stock": "S2"}, "taken"),
        (9, {"email": "alex@example.com"}, "taken"),
    ],
)
def test_the_same_enquiry_again(
    form: Form, bench: Bench, minutes: int, changes: dict[str, Any], outcome: str
) -> None:
    assert take(form, bench) == "taken"
    bench.moment = NOON + timedelta(minutes=minutes)
    assert take(form, bench, **changes) == outcome
    assert len(leads_of(form)) == (1 if outcome == "repeated" else 2)


@pytest.mark.parametrize(
    ("first", "again", "outcome"),
    [
        ("0400 000 001", "+61 400 000 001", "repeated"),
        ("0400 000 001", "0400 000 002", "taken"),
        ("123", "123", "repeated"),
    ],
)
def test_without_an_email_the_phone_tells(
    form: Form, bench: Bench, first: str, again: str, outcome: str
) -> None:
    assert take(form, bench, email=None, phone=first) == "taken"
    assert take(form, bench, email=None, phone=again) == outcome


def test_another_dealership_s_enquiry_is_another_lead(form: Form, bench: Bench) -> None:
    other = factories.dealership()
    factories._saved(LeadPolicy(dealership_id=other.id, form_key="key-of-the-other"))
    with reading(ALL_DEALERSHIPS) as db:
        second = web_form.find(db, "key-of-the-other")
    assert [take(form, bench), take(second, bench)] == ["taken", "taken"]
    assert len(leads_of(form)) == len(leads_of(second)) == 1


def test_a_lead_knows_its_vehicle_and_its_customer(
    form: Form, place: Dealership, bench: Bench
) -> None:
    car = factories_vehicles.vehicle(place, stock_number="S1", make="Toyota")
    assert take(form, bench, stock="S1") == "taken"
    lead = leads_of(form)[0]
    assert (lead.vehicle_id, lead.vehicle_make, lead.stock_number) == (car.id, "Toyota", "S1")
    with reading(place.id) as db:
        customer = db.scalars(select(Customer)).one()
    assert (customer.name, customer.email) == ("Robin Walker", "robin@example.com")
