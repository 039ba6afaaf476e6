"""Mails about new leads and about those that nobody answers (C53)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.db import ALL_DEALERSHIPS, reading, unit_of_work
from app.jobs import periodic
from app.models import Customer, Dealership, Lead, LeadEvent, LeadPolicy, OutboxMessage
from app.models.types import utc_now
from app.services import mails, outbox
from app.services.leads import alarms
from tests import factories, factories_leads

NOW = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)


@pytest.fixture
def place(app: Flask, context: None) -> Dealership:
    made = factories.dealership("Harbour Motors", "harbour")
    for role in ("admin", "operator", "viewer"):
        factories.member(made, role, f"{role}@harbour.example")
    return made


def lead(place: Dealership, minutes: float = 0, name: str = "Robin Walker", **values: Any) -> Lead:
    """A lead of a named customer that came some minutes ago."""
    customer: Customer = factories_leads.customer(place, name=name)
    return factories_leads.lead(
        place, customer=customer, created_at=NOW - timedelta(minutes=minutes), **values
    )


def set_policy(place: Dealership, **values: Any) -> None:
    with unit_of_work(place.id) as db:
        db.add(LeadPolicy(dealership_id=place.id, **values))


def announce(of: Lead) -> list[OutboxMessage]:
    with unit_of_work(of.dealership_id) as db:
        alarms.new_lead(db, db.get_one(Lead, of.id), NOW)
    return put(of.dealership_id)


def tick(now: datetime = NOW) -> int:
    with unit_of_work(ALL_DEALERSHIPS) as db:
        return alarms.overdue(db, now)


def put(dealership_id: int) -> list[OutboxMessage]:
    with reading(dealership_id) as db:
        query = select(OutboxMessage).where(OutboxMessage.kind == "mail")
        return list(db.scalars(query.order_by(OutboxMessage.id)))


@pytest.mark.both_databases
def test_a_new_lead_is_told_to_those_who_may_act(place: Dealership) -> None:
    of = lead(place, vehicle_year=2019, vehicle_make="Mazda", vehicle_model="CX-5")
    found = announce(of)
    assert [one.recipient for one in found] == ["admin@harbour.example", "operator@harbour.example"]
    assert len(announce(of)) == 2, "telling it again tells nobody twice"
    with unit_of_work(ALL_DEALERSHIPS) as db:
        message = outbox.claim(db, NOW, ("mail",))
    assert message is not None
    mail = mails.compose(message, "https://forecourt.example")
    assert mail.subject == "Harbour Motors: new lead from Robin Walker"
    assert "Robin Walker asks about 2019 Mazda CX-5." in mail.text
    assert f"https://forecourt.example/d/harbour/leads/{of.id}" in mail.text
    assert "because you look after leads" in mail.text
    assert "because you look after leads" in mail.html
    assert "approve changes" not in mail.text + mail.html


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"vehicle_make": "Mazda"}, "Mazda"),
        ({"vehicle_make": "Mazda", "stock_number": "A1"}, "Mazda (stock number A1)"),
        ({"stock_number": "A1"}, "stock number A1"),
        ({}, "no vehicle by name"),
    ],
)
def test_the_vehicle_is_named_as_far_as_it_is_known(values: dict[str, Any], words: str) -> None:
    assert alarms.about(Lead(**values)) == words


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"source": "Web"}, True),
        ({"source": "API"}, True),
        ({"source": "EasyCars"}, True),
        ({"source": "Manual"}, False),
        ({"source": "EasyCars", "easycars_created_at": NOW - timedelta(hours=23)}, True),
        ({"source": "EasyCars", "easycars_created_at": NOW - timedelta(days=40)}, False),
    ],
)
def test_only_what_comes_in_is_told(place: Dealership, values: dict[str, Any], told: bool) -> None:
    assert bool(announce(lead(place, **values))) is told


def test_a_dealership_that_wants_no_mails_gets_none(place: Dealership) -> None:
    set_policy(place, is_alarm_on=False)
    assert announce(lead(place)) == []
    lead(place, minutes=600)
    assert tick() == 0
    assert put(place.id) == []


@pytest.mark.both_databases
def test_an_overdue_lead_is_told_once(place: Dealership) -> None:
    of = lead(place, minutes=119, vehicle_make="Mazda")
    assert tick() == 0
    assert tick(NOW + timedelta(minutes=1)) == 1
    assert tick(NOW + timedelta(minutes=2)) == 0
    first = put(place.id)[0]
    assert first.payload["subject"] == "Harbour Motors: 1 lead waits for an answer"
    assert first.payload["rows"] == ["Robin Walker, Mazda, waiting for 2 h 0 min"]
    assert first.payload["link"] == ["Open the lead", f"/d/harbour/leads/{of.id}"]
    with reading(place.id) as db:
        (event,) = db.scalars(select(LeadEvent).where(LeadEvent.kind == "overdue"))
    assert (event.lead_id, event.text) == (of.id, "Nobody answered for 2 h 0 min.")


def test_several_leads_share_a_mail_and_each_dealership_has_its_own(place: Dealership) -> None:
    other = factories.dealership()
    factories.member(other, "admin", "admin@other.example")
    set_policy(other, overdue_minutes=30)
    for minutes in (130, 150, 3000):
        lead(place, minutes, name=f"Person {minutes}")
    lead(other, 31, name="Kim Lee")
    lead(other, 29, name="Nobody yet")
    assert tick() == 4
    here, there = put(place.id), put(other.id)
    assert [len(here), len(there)] == [2, 1]
    assert here[0].payload["subject"] == "Harbour Motors: 3 leads wait for an answer"
    assert [row.split(",")[0] for row in here[0].payload["rows"]] == [
        "Person 130", "Person 150", "Person 3000",
    ]  # fmt: skip
    assert here[0].payload["rows"][2].endswith("waiting for 2 d 2 h")
    assert here[0].payload["link"] == ["Open the leads", "/d/harbour/leads?tab=overdue"]
    assert "Kim Lee" in there[0].payload["rows"][0]


@pytest.mark.parametrize(
    "values",
    [
        {"status": "in_progress"},
        {"status": "deleted"},
        {"responded_at": NOW - timedelta(minutes=60)},
        {"minutes": 60 * 24 * 9},
        {"source": "EasyCars", "easycars_created_at": NOW - timedelta(days=40)},
    ],
    ids=["at work", "deleted", "contacted", "lies for longer than a week", "old news"],
)
def test_what_is_not_overdue_is_not_told(place: Dealership, values: dict[str, Any]) -> None:
    lead(place, **{"minutes": 600} | values)
    assert tick() == 0
    assert put(place.id) == []


def test_a_long_mail_names_the_first_and_counts_the_rest(place: Dealership) -> None:
    for number in range(17):
        lead(place, 200, name=f"Person {number}")
    assert tick() == 17
    rows = put(place.id)[0].payload["rows"]
    assert (len(rows), rows[-1]) == (16, "and 2 more")


def test_an_inactive_dealership_is_left_alone(place: Dealership) -> None:
    lead(place, 600)
    with unit_of_work(ALL_DEALERSHIPS) as db:
        db.get_one(Dealership, place.id).is_active = False
    assert tick() == 0


def test_the_clock_tells_of_overdue_leads(place: Dealership) -> None:
    factories_leads.lead(place, created_at=utc_now() - timedelta(hours=3))
    assert periodic.tell_overdue() == 1
    assert periodic.tell_overdue() == 0
    assert len(put(place.id)) == 2
