"""Conflicts of leads and customers, settled from Review (C21, row 168)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import Conflict, Customer, ExternalLink, Lead, LeadEvent
from app.services import conflict_resolving, conflicts
from app.services.conflict_settling import Choice
from app.services.errors import InputInvalid
from app.services.leads import conflict_kinds
from app.services.leads.input import Unreadable
from tests.factories import ACTOR, _saved
from tests.factories_leads import customer, sent_lead
from tests.factories_vehicles import NOON
from tests.services.leads.rig import Desk

pytestmark = [pytest.mark.simulator, pytest.mark.usefixtures("any_database")]


@pytest.fixture
def sent(desk: Desk) -> Lead:
    """A lead that both sides know, with its customer."""
    made = desk.save(rating="cold")
    desk.send()
    return desk.get(made)


def dispute(desk: Desk, record: Any, entity: str, field: str, agreed: Any, remote: Any) -> Conflict:
    """What an inbound run leaves: the field changed here and there."""
    with unit_of_work(desk.place.id) as db:
        link = db.scalars(
            select(ExternalLink).where(
                ExternalLink.entity == entity, ExternalLink.entity_id == record.id
            )
        ).one()
        row = Conflict(
            dealership_id=desk.place.id, provider="easycars", stream=link.stream, entity=entity,
            entity_id=record.id, link_id=link.id, external_id=link.external_id, field=field,
            agreed=agreed, local=getattr(record, field), remote=remote, first_seen_at=NOON,
            seen_at=NOON,
        )  # fmt: skip
        db.add(row)
    return row


def settle(desk: Desk, row: Conflict, take: str, value: Any = None) -> None:
    with reading(desk.place.id) as db:
        record = conflicts.record_of(db, row)
    assert record is not None
    marks = {field.info.name: field.mark for field in record.fields}
    choice = Choice(take, marks[row.field], value)  # type: ignore[arg-type]
    with unit_of_work(desk.place.id) as db:
        conflict_resolving.resolve(
            db, row.entity, row.entity_id, {row.field: choice}, actor=ACTOR, means=desk.means
        )


def agreed(desk: Desk, row: Conflict) -> Any:
    with reading(desk.place.id) as db:
        return db.get_one(ExternalLink, row.link_id).agreed.get(row.field)


@pytest.mark.parametrize(
    ("take", "value", "here", "there"),
    [
        ("local", None, "won", 50),
        ("easycars", None, "lost", 60),
        ("manual", "in_progress", "in_progress", 30),
    ],
)
def test_a_status_settled_each_way_is_the_same_on_both_sides(
    desk: Desk, sent: Lead, take: str, value: str | None, here: str, there: int
) -> None:
    """Ours is sent though EasyCars changed its own; theirs asks nobody."""
    desk.change(sent, status="won")
    desk.at_easycars(sent.lead_number or "", LeadStatus=60)
    row = dispute(desk, desk.get(sent), "lead", "status", "new", "lost")
    desk.send()
    assert desk.there()[0]["LeadStatus"] == 60
    settle(desk, row, take, value)
    assert agreed(desk, row) == "lost"
    assert desk.waits() == (take != "easycars")
    desk.send()
    assert (desk.get(sent).status, desk.there()[0]["LeadStatus"]) == (here, there)
    assert not desk.waits()


@pytest.mark.parametrize(
    ("take", "value", "here", "sent_there"),
    [
        ("local", None, "Hobart", "Hobart"),
        ("easycars", None, "Perth", ""),
        ("manual", "Cairns", "Cairns", "Cairns"),
    ],
)
def test_a_customers_field_goes_out_with_the_newest_lead(
    desk: Desk, sent: Lead, take: str, value: str | None, here: str, sent_there: str
) -> None:
    desk.change(sent, city="Hobart")
    row = dispute(desk, desk.customer(sent), "customer", "city", None, "Perth")
    desk.send()
    settle(desk, row, take, value)
    desk.send()
    (there,) = desk.simulator.leads(account=desk.account)["customers"]
    assert (desk.customer(sent).city, there["City"]) == (here, sent_there)


def test_the_list_names_leads_and_customers_statuses_first(desk: Desk, sent: Lead) -> None:
    dispute(desk, desk.customer(sent), "customer", "city", None, "Perth")
    dispute(desk, sent, "lead", "status", "new", "lost")
    with reading(desk.place.id) as db:
        page = conflicts.page(db)
    told = [
        (row.entity, row.label, row.external_id, row.fields, row.is_urgent) for row in page.rows
    ]
    assert told == [
        ("lead", "Robin Walker, Mazda CX-5", sent.lead_number, ("Status",), True),
        ("customer", "Robin Walker", sent.customer_no, ("City",), False),
    ]
    assert page.counts == {"lead": 1, "customer": 1}


def test_a_merged_customer_waits_for_nobody(desk: Desk, sent: Lead) -> None:
    dispute(desk, desk.customer(sent), "customer", "city", None, "Perth")
    with unit_of_work(desk.place.id) as db:
        other = customer(desk.place)
        db.get_one(Customer, sent.customer_id).merged_into_id = other.id
    with reading(desk.place.id) as db:
        assert conflicts.count(db) == 0


def test_who_changed_it_here_is_read_from_the_story(desk: Desk, sent: Lead) -> None:
    desk.change(sent, rating="hot", city="Hobart")
    for row in (
        dispute(desk, desk.get(sent), "lead", "rating", "cold", "warm"),
        dispute(desk, desk.customer(sent), "customer", "city", None, "Perth"),
    ):
        with reading(desk.place.id) as db:
            record = conflicts.record_of(db, row)
        assert record is not None
        (field,) = record.fields
        assert field.changed_here is not None
        assert (field.changed_here.actor, field.info.label) == (
            ACTOR.label, "Rating" if row.entity == "lead" else "City",
        )  # fmt: skip


def test_the_story_tells_what_was_settled(desk: Desk, sent: Lead) -> None:
    desk.change(sent, status="won")
    settle(desk, dispute(desk, desk.get(sent), "lead", "status", "new", "lost"), "easycars")
    event = next(one for one in desk.rows(LeadEvent) if one.kind == "resolved")
    assert (event.lead_id, event.before, event.after) == (
        sent.id, {"status": "won"}, {"status": "lost"},
    )  # fmt: skip
    assert "Status: taken from EasyCars" in str(event.text)


def test_a_deleted_lead_is_not_brought_back(desk: Desk) -> None:
    gone = sent_lead(desk.place, status="deleted")
    _saved(_link(desk, gone))
    row = dispute(desk, gone, "lead", "status", "new", "in_progress")
    with pytest.raises(InputInvalid, match="stays deleted"):
        settle(desk, row, "easycars")
    assert desk.get(gone).status == "deleted"
    settle(desk, row, "local")


def _link(desk: Desk, of: Lead) -> ExternalLink:
    return ExternalLink(
        dealership_id=desk.place.id, provider="easycars", stream="leads", environment="Test",
        external_id=of.lead_number, entity="lead", entity_id=of.id, content_hash=bytes(16),
        agreed={"status": "new"}, first_seen_at=NOON, changed_at=NOON,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "name", "typed", "value"),
    [
        (conflict_kinds.Leads(), "vehicle_price_cents", "24,990.50", 2_499_050),
        (conflict_kinds.Leads(), "is_vehicle_new", "no", False),
        (conflict_kinds.Leads(), "message", "", None),
        (conflict_kinds.Customers(), "email", "robin@example.com", "robin@example.com"),
        (conflict_kinds.Leads(), "status", "", Unreadable),
        (conflict_kinds.Leads(), "status", "gone", Unreadable),
        (conflict_kinds.Customers(), "name", " ", Unreadable),
        (conflict_kinds.Customers(), "email", "robin", Unreadable),
    ],
)
def test_a_third_value_is_read_as_on_the_lead(kind: Any, name: str, typed: str, value: Any) -> None:
    if value is Unreadable:
        with pytest.raises(Unreadable):
            kind.read(name, typed)
    else:
        assert kind.read(name, typed) == value
        assert kind.typed(name, value) == typed
