"""Review with conflicts of leads and customers beside those of vehicles (C21, row 168)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.db import unit_of_work
from app.models import Conflict, Customer, ExternalLink, Lead
from tests import factories_leads as made
from tests.reading import words
from tests.routes.runs.conftest import NOW, World
from tests.routes.runs.test_review import dispute, hidden, rows_of


def dispute_lead(world: World, *, status: bool = True, city: bool = True) -> dict[str, int]:
    """A lead whose status, and a customer whose city, changed on both sides; conflict ids."""
    with world.app.app_context():
        who = made.customer(world.place, name="Robin Walker", city="Hobart")
        asked = made.sent_lead(
            world.place, customer=who, lead_number="000231", status="won", vehicle_make="Mazda",
            is_vehicle_new=False,
        )  # fmt: skip
        made.lead_link(asked, agreed={"status": "new", "is_vehicle_new": False})
        with unit_of_work(world.place.id) as db:
            own = db.scalars(select(ExternalLink).where(ExternalLink.entity == "lead")).one()
            theirs = _customer_link(world, who)
            db.add(theirs)
            db.flush()
            rows = {
                "lead": _row(own, field="status", agreed="new", local="won", remote="lost"),
                "customer": _row(theirs, field="city", local="Hobart", remote="Perth"),
            }
            wanted = {"lead": status, "customer": city}
            db.add_all(row for name, row in rows.items() if wanted[name])
        return {name: row.id for name, row in rows.items() if wanted[name]}


def _customer_link(world: World, who: Customer) -> ExternalLink:
    return ExternalLink(
        dealership_id=world.place.id, provider="easycars", stream="customers", environment="Test",
        external_id="000087", entity="customer", entity_id=who.id, content_hash=bytes(16),
    )  # fmt: skip


def _row(link: ExternalLink, **values: Any) -> Conflict:
    return Conflict(
        dealership_id=link.dealership_id, provider="easycars", stream=link.stream,
        entity=link.entity, entity_id=link.entity_id, link_id=link.id,
        external_id=link.external_id, first_seen_at=NOW, seen_at=NOW, **values,
    )  # fmt: skip


def test_the_list_holds_all_kinds_and_says_so(world: World) -> None:
    dispute(world)
    dispute_lead(world)
    text = words(world.client(world.operator).get(world.url("review/conflicts")).text)
    assert "3 records changed here and in EasyCars" in text
    for said in ("Lead 000231", "Customer 000087", "Vehicle C1", "Robin Walker, Mazda"):
        assert said in text


def test_a_lead_is_settled_in_its_own_words(world: World) -> None:
    number = dispute_lead(world, city=False)["lead"]
    client, address = world.client(world.operator), world.url(f"review/conflicts/{number}")
    page = client.get(address).text
    text = words(page)
    for said in ("lead number 000231", "Open the lead", "Won", "Lost", "Used"):
        assert said in text
    sent = hidden(page) | {"take-status": "manual", "value-status": "in_progress"}
    preview = client.post(address, data=sent | {"act": "preview"}).text
    assert "In progress" in words(preview)
    assert client.post(address, data=sent | {"act": "apply"}).status_code == 303
    (lead,) = rows_of(world, Lead)
    assert (lead.status, lead.revision) == ("in_progress", 2)


def test_one_choice_settles_every_kind(world: World) -> None:
    dispute(world)
    dispute_lead(world)
    client = world.client(world.operator)
    question = client.get(world.url("review/conflicts/decide?take=easycars&all=1")).text
    assert "Use EasyCars for 1 vehicle, 1 lead and 1 customer" in words(question)
    answer = client.post(world.url("review/conflicts/decide"), data=hidden(question))
    assert "3 fields of 1 vehicle, 1 lead and 1 customer" in client.get(answer.location).text
    assert {row.state for row in rows_of(world, Conflict)} == {"resolved"}
    assert rows_of(world, Lead)[0].status == "lost"
    assert rows_of(world, Customer)[0].city == "Perth"


def test_nothing_is_settled_when_one_kind_moved(world: World) -> None:
    dispute(world)
    dispute_lead(world)
    client = world.client(world.operator)
    question = client.get(world.url("review/conflicts/decide?take=local&all=1")).text
    assert "sent to EasyCars" in words(question)
    with world.app.app_context(), unit_of_work(world.place.id) as db:
        db.scalars(select(Customer)).one().city = "Cairns"
    client.post(world.url("review/conflicts/decide"), data=hidden(question))
    assert {row.state for row in rows_of(world, Conflict)} == {"open"}
