"""Leads on their way to EasyCars, through the real client to the simulator (story 3.3)."""

from __future__ import annotations

import pytest

from app.db import reading, unit_of_work
from app.models import OutboxMessage, SyncRun
from app.services import credential_removal, credentials
from app.services.leads import saving, sending
from tests.factories import ACTOR
from tests.services.leads.rig import PERSON, Desk, connect

pytestmark = [pytest.mark.simulator, pytest.mark.usefixtures("any_database")]


def test_a_saved_lead_is_in_the_outbox_with_its_cause_and_a_worker_is_woken(desk: Desk) -> None:
    lead = desk.save()
    (message,) = desk.rows(OutboxMessage)
    assert (message.kind, message.state, message.payload["lead"]) == ("lead", "waiting", lead.id)
    assert desk.means.queue.woken == [desk.place.id]
    assert desk.there() == []


def test_a_lead_is_created_there_once_and_linked_here(desk: Desk) -> None:
    lead = desk.save()
    desk.send()
    desk.send()
    (there,) = desk.there()
    here = desk.get(lead)
    assert (here.sync_state, here.lead_number, here.environment) == ("sent", "000001", "Test")
    assert there["LeadNumber"] == "000001"
    assert there["ExternalID"] == here.external_ref
    assert (there["VehicleMake"], there["VehicleYear"]) == ("Mazda", 2021)
    assert (there["CustomerName"], here.customer_no) == (PERSON["name"], there["CustomerNo"])
    assert desk.story(lead) == ["created", "sent"]


def test_a_delivery_is_one_outbound_run_with_a_row_for_each_lead(desk: Desk) -> None:
    one, two = desk.save(), desk.save(name="Mei Khan", email="mei@example.com", mobile=None)
    desk.send()
    (run,) = desk.rows(SyncRun)
    assert (run.direction, run.stream, run.status, run.created) == (
        "outbound", "leads", "success", 2,
    )  # fmt: skip
    assert {item.entity_id for item in desk.items(run)} == {one.id, two.id}


def test_only_what_changed_is_sent_and_what_is_equal_asks_nothing(desk: Desk) -> None:
    lead = desk.save()
    desk.send()
    desk.simulator.forget_calls()
    desk.change(lead, status="in_progress", rating="hot")
    desk.send()
    (there,) = desk.there()
    assert (there["LeadStatus"], there["Rating"], there["Notes"]) == (30, 3, "Still there?")
    desk.change(lead, status="in_progress")
    desk.change(lead, vehicle_model="CX-9")
    desk.send()
    assert there["updates"] == 1
    assert desk.there()[0]["updates"] == 1
    assert desk.get(lead).vehicle_model == "CX-9"


def test_a_status_that_moved_before_the_lead_left_follows_the_create(desk: Desk) -> None:
    lead = desk.save()
    desk.change(lead, status="won")
    desk.send()
    (there,) = desk.there()
    assert there["LeadStatus"] == 50
    assert desk.get(lead).sync_state == "sent"


@pytest.mark.parametrize(
    ("known", "asked"),
    [
        ({"Name": "R. Walker", "Email": "ROBIN@example.com"}, {}),
        ({"Name": "R. Walker", "Mobile": "0400000123"}, {"email": None}),
    ],
)
def test_a_customer_known_there_is_found_by_exact_mail_or_phone(
    desk: Desk, known: dict[str, str], asked: dict[str, None]
) -> None:
    customer = {f"Customer{name}": value for name, value in known.items()}
    (first,) = desk.simulator.leads("create", account=desk.account)["created"]
    cleared = {"CustomerEmail": "", "CustomerPhone": "", "CustomerMobile": ""}
    desk.at_easycars(first, **(cleared | customer))
    lead = desk.save(**asked)
    desk.send()
    told = desk.simulator.leads(account=desk.account)
    assert len(told["customers"]) == 1
    assert desk.get(lead).customer_no == told["customers"][0]["CustomerNo"]


def test_a_customers_change_goes_with_their_newest_lead(desk: Desk) -> None:
    lead = desk.save()
    desk.send()
    with unit_of_work(desk.place.id) as db:
        saving.change_customer(
            db, lead.customer_id, {"city": "Cairns"}, actor=ACTOR, means=desk.means
        )
    desk.send()
    (customer,) = desk.simulator.leads(account=desk.account)["customers"]
    assert (customer["City"], customer["Email"]) == ("Cairns", PERSON["email"])


@pytest.mark.parametrize(("missing", "words"), [("vehicle_year", "year"), ("vehicle_make", "make")])
def test_what_easycars_would_refuse_is_told_before_anything_leaves(
    desk: Desk, missing: str, words: str
) -> None:
    facts = {"vehicle_make": "Mazda", "vehicle_model": "CX-5", "vehicle_year": 2021,
             "vehicle_type": "car", "is_vehicle_new": False}  # fmt: skip
    lead = desk.save(stock_number=None, **(facts | {missing: None}))
    other = desk.save(name="Mei Khan", email="mei@example.com", mobile=None)
    desk.send()
    kept = desk.get(lead)
    assert kept.sync_state == "cannot_be_sent"
    assert words in (kept.sync_reason or "").lower()
    assert desk.get(other).sync_state == "sent"
    desk.change(lead, **facts)
    desk.send()
    assert desk.get(lead).sync_state == "sent"


def test_a_lead_without_a_vehicle_stays_here_and_says_why(desk: Desk) -> None:
    lead = desk.save(stock_number=None)
    desk.send()
    kept = desk.get(lead)
    assert (kept.sync_state, desk.there()) == ("cannot_be_sent", [])
    assert "vehicle" in (kept.sync_reason or "")


def test_a_refusal_of_easycars_is_kept_on_the_lead_and_the_lane_goes_on(desk: Desk) -> None:
    first = desk.save()
    desk.simulator.scenario("code-7", account=desk.account, endpoint="CreateLead", count=1)
    other = desk.save(name="Mei Khan", email="mei@example.com", mobile=None)
    desk.send()
    assert [desk.get(one).sync_state for one in (first, other)] == ["failed", "sent"]
    assert desk.story(first)[-1] == "not_sent"
    with unit_of_work(desk.place.id) as db:
        assert saving.send_again(db, [first.id, other.id], actor=ACTOR, means=desk.means) == 1
    desk.send()
    assert desk.get(first).sync_state == "sent"
    assert len(desk.there()) == 2


def test_without_a_connection_the_lead_is_kept_and_goes_out_when_there_is_one(
    desk: Desk,
) -> None:
    waiting = desk.save()
    with unit_of_work(desk.place.id) as db:
        known = credentials.find(db, desk.place.id)
        assert known is not None
        credential_removal.delete(db, desk.place.id, known.id, ACTOR, desk.clock)
    lead = desk.save(name="Mei Khan", email="mei@example.com", mobile=None)
    desk.send()
    assert [desk.get(one).sync_state for one in (waiting, lead)] == ["not_configured"] * 2
    connect(desk.place, desk.account)
    with unit_of_work(desk.place.id) as db:
        assert sending.queue_kept(db, desk.means) == 2
    desk.send()
    assert [desk.get(one).sync_state for one in (waiting, lead)] == ["sent"] * 2
    assert len(desk.there()) == 2


def test_a_deleted_lead_stays_deleted(desk: Desk) -> None:
    lead = desk.save()
    desk.send()
    desk.change(lead, status="deleted")
    desk.send()
    assert desk.there()[0]["LeadStatus"] == 90
    with pytest.raises(saving.NotPossible):
        desk.change(lead, status="new")
    with reading(desk.place.id) as db:
        assert saving.get(db, lead.id).status == "deleted"
