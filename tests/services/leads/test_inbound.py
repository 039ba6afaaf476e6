"""Leads read again from EasyCars, through the real client from the simulator (stories 3.4, 3.6)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from app.db import unit_of_work
from app.models import Conflict, EasyCarsLeadData, Lead, LeadPolicy, OutboxMessage
from app.services.leads import saving
from tests.factories import ACTOR
from tests.services.leads.rig import START, Desk

pytestmark = [pytest.mark.simulator, pytest.mark.usefixtures("any_database")]


@pytest.fixture
def sent(desk: Desk) -> Lead:
    """A lead that EasyCars has as we have it."""
    lead = desk.save()
    desk.send()
    return lead


def decide(desk: Desk, **values: Any) -> None:
    with unit_of_work(desk.place.id) as db:
        db.add(LeadPolicy(dealership_id=desk.place.id, **values))


def readable(desk: Desk) -> None:
    desk.simulator.scenario("status-readable", account=desk.account)


def test_the_first_reading_changes_nothing_and_keeps_the_raw_lead(desk: Desk, sent: Lead) -> None:
    run = desk.read()
    assert (run.status, run.unchanged, run.updated) == ("success", 1, 0)
    (archived,) = desk.rows(EasyCarsLeadData, by=EasyCarsLeadData.link_id)
    assert (archived.lead_number, archived.vehicle_interest, archived.is_vehicle_new) == (
        "000001", 1, False,
    )  # fmt: skip
    assert archived.created_at == desk.get(sent).easycars_created_at
    assert '"LeadNumber"' in archived.raw
    again = desk.read()
    assert (again.unchanged, desk.items(again)) == (1, [])
    assert "does not tell the status" in (again.message or "")


def test_a_change_there_is_taken_and_told(desk: Desk, sent: Lead) -> None:
    desk.read()
    desk.at_easycars("000001", Notes="Wants blue", Rating=3, CustomerCity="Perth")
    run = desk.read()
    here = desk.get(sent)
    assert (run.updated, here.message, here.rating) == (1, "Wants blue", "hot")
    assert desk.customer(sent).city == "Perth"
    (item,) = desk.items(run)
    assert (item.before, item.after) == (
        {"message": "Still there?", "rating": None},
        {"city": "Perth", "message": "Wants blue", "rating": "hot"},
    )
    assert desk.story(sent)[-1] == "taken"
    assert desk.send().sent == []


def test_without_a_told_status_nothing_is_guessed(desk: Desk, sent: Lead) -> None:
    desk.read()
    desk.at_easycars("000001", LeadStatus=50, Rating=1)
    desk.read()
    here = desk.get(sent)
    assert (here.status, here.remote_status, here.rating) == ("new", None, "cold")


@pytest.mark.parametrize(
    ("owner", "here", "there", "conflicts"),
    [("local", "lost", 60, 0), ("easycars", "won", 50, 0), ("ask", "lost", 50, 1)],
)
def test_both_sides_change_one_status(
    desk: Desk, sent: Lead, owner: str, here: str, there: int, conflicts: int
) -> None:
    decide(desk, status_owner=owner)
    readable(desk)
    desk.read()
    desk.change(sent, status="lost")
    desk.at_easycars("000001", LeadStatus=50)
    desk.read()
    desk.send()
    assert desk.get(sent).status == here
    assert desk.there()[0]["LeadStatus"] == there
    waiting = [(row.field, row.agreed, row.local, row.remote) for row in desk.rows(Conflict)]
    assert waiting == [("status", "new", "lost", "won")] * conflicts


def test_a_status_changed_there_alone_is_taken_in_every_strategy(desk: Desk, sent: Lead) -> None:
    readable(desk)
    desk.read()
    desk.at_easycars("000001", LeadStatus=30)
    desk.read()
    here = desk.get(sent)
    assert (here.status, here.remote_status) == ("in_progress", 30)
    assert here.responded_at is not None


def test_an_unknown_status_is_kept_raw_and_moves_nothing(desk: Desk, sent: Lead) -> None:
    readable(desk)
    desk.at_easycars("000001", LeadStatus=40)
    desk.read()
    here = desk.get(sent)
    assert (here.status, here.remote_status) == ("new", 40)


def test_a_lead_deleted_here_is_not_undeleted_by_easycars(desk: Desk, sent: Lead) -> None:
    decide(desk, status_owner="easycars")
    readable(desk)
    desk.read()
    desk.change(sent, status="deleted")
    desk.at_easycars("000001", LeadStatus=30)
    desk.read(numbers=["000001"])
    assert desk.get(sent).status == "deleted"


def test_a_lead_is_added_by_its_number_and_read_twice_is_one(desk: Desk) -> None:
    (number,) = desk.simulator.leads("create", account=desk.account)["created"]
    first = desk.read(numbers=[number])
    second = desk.read(numbers=[number])
    (lead,) = desk.rows(Lead)
    assert (first.created, second.created, second.unchanged) == (1, 0, 1)
    assert (lead.source, lead.lead_number, lead.sync_state) == ("EasyCars", number, "sent")
    assert desk.customer(lead).email
    assert [row for row in desk.rows(OutboxMessage) if row.kind == "lead"] == []


def test_a_number_that_is_not_ours_is_told_not_stored(desk: Desk) -> None:
    (foreign,) = desk.simulator.leads("create", account=desk.account, client_id="somebody-else")[
        "created"
    ]
    run = desk.read(numbers=[foreign, "999999"])
    assert (run.status, run.failed, desk.rows(Lead)) == ("warning", 2, [])
    assert {item.action for item in desk.items(run)} == {"refuse"}


def test_a_local_edit_of_the_customer_is_not_overwritten(desk: Desk, sent: Lead) -> None:
    desk.read()
    with unit_of_work(desk.place.id) as db:
        saving.change_customer(
            db, sent.customer_id, {"city": "Cairns"}, actor=ACTOR, means=desk.means
        )
    desk.at_easycars("000001", CustomerCity="Perth", CustomerPostCode="6000")
    desk.read()
    customer = desk.customer(sent)
    assert (customer.city, customer.post_code) == ("Cairns", "6000")
    assert [row.field for row in desk.rows(Conflict)] == ["city"]


def test_one_lead_that_cannot_be_read_leaves_the_others_done(desk: Desk, sent: Lead) -> None:
    other = desk.save(name="Mei Khan", email="mei@example.com", mobile=None)
    desk.send()
    desk.read()
    desk.at_easycars("000001", Rating=3)
    desk.at_easycars("000002", Rating=2)
    desk.simulator.scenario("code-7", account=desk.account, endpoint="GetLeadDetail", count=1)
    run = desk.read()
    assert (run.status, run.failed, run.updated) == ("warning", 1, 1)
    assert [desk.get(sent).rating, desk.get(other).rating] == [None, "warm"]
    assert desk.story(sent)[-1] == "unreadable"


def test_open_leads_come_first_closed_ones_rarely_and_the_cap_holds(desk: Desk) -> None:
    decide(desk, reads_per_run=3)
    leads = [
        desk.save(name=f"Person {n}", email=f"p{n}@example.com", mobile=None) for n in range(5)
    ]
    desk.send()
    desk.change(leads[0], status="won")
    desk.change(leads[1], status="deleted")
    desk.send()
    with unit_of_work(desk.place.id) as db:
        db.execute(update(Lead).values(read_at=START - timedelta(days=3)))
    desk.clock.pass_(60)
    assert desk.read().unchanged == 3
    asked = {lead.id for lead in desk.rows(Lead) if lead.read_at == desk.clock.now()}
    assert asked == {lead.id for lead in leads[2:]}
    desk.clock.pass_(8 * 86_400)
    desk.read()
    asked = {lead.id for lead in desk.rows(Lead) if lead.read_at == desk.clock.now()}
    assert leads[0].id in asked
    assert leads[1].id not in asked
    assert len(asked) == 3


@pytest.mark.parametrize(("gap", "calls", "found"), [(2, 50, 1), (5, 50, 3), (5, 3, 1)])
def test_discovery_walks_forward_within_its_bounds(
    desk: Desk, sent: Lead, gap: int, calls: int, found: int
) -> None:
    """Numbers 2 and 7, 8 are ours; 3 to 6 belong to somebody else."""
    decide(desk, is_discovery_on=True, discovery_gap=gap, discovery_calls=calls)
    for count, client in ((1, None), (4, "somebody-else"), (2, None)):
        who = {"client_id": client} if client else {}
        desk.simulator.leads("create", account=desk.account, count=count, **who)
    run = desk.read()
    assert run.created == found
    assert run.failed == 0


def test_discovery_is_off_by_default(desk: Desk, sent: Lead) -> None:
    desk.simulator.leads("create", account=desk.account)
    assert desk.read().created == 0
    assert len(desk.rows(EasyCarsLeadData, by=EasyCarsLeadData.link_id)) == 1


def test_a_value_typed_into_a_conflict_decides_it_and_goes_out(desk: Desk, sent: Lead) -> None:
    desk.read()
    desk.change(sent, message="Ours")
    desk.at_easycars("000001", Notes="Theirs")
    desk.send()
    assert [row.state for row in desk.rows(Conflict)] == ["open"]
    assert desk.there()[0]["Notes"] == "Theirs"
    desk.change(sent, message="A third one")
    desk.send()
    assert [(row.state, row.resolution) for row in desk.rows(Conflict)] == [("resolved", "manual")]
    assert desk.there()[0]["Notes"] == "A third one"
    assert desk.read().conflicts == 0


def test_a_run_that_cannot_reach_easycars_says_what_did_not_happen(desk: Desk, sent: Lead) -> None:
    desk.simulator.scenario("http-500", account=desk.account)
    run = desk.read()
    assert run.status == "failed"
    assert (run.message or "").endswith("No lead was lost because of this.")
