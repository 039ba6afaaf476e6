"""Causes that are states: found once a minute, counted as the lists count that they lead to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import select, update

from app.db import reading, unit_of_work
from app.jobs import periodic
from app.models import (
    Conflict,
    EasyCarsCredential,
    Lead,
    LeadPolicy,
    OutboxMessage,
    Photo,
    Schedule,
)
from app.parts import parts
from app.services import conflicts, data_quality
from app.services.leads import listing as lead_listing
from app.services.problems import sweep
from tests import factories, factories_leads, factories_vehicles, run_rows
from tests.routes.runs.conftest import counted_queries
from tests.services.problems.conftest import NOW, Yard

_numbers = count(1)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def late_lead(yard: Yard) -> None:
    factories_leads.sent_lead(yard.place, created_at=NOW - 3 * HOUR)


def stuck_lead(yard: Yard) -> None:
    factories_leads.lead(yard.place, sync_state="cannot_be_sent", responded_at=NOW)


def waiting_lead(yard: Yard, since: timedelta = 31 * MINUTE, attempts: int = 4) -> None:
    lead = factories_leads.lead(yard.place, responded_at=NOW)
    factories_leads.message(
        lead, created_at=NOW - since, attempts=attempts, last_error="EasyCars is away."
    )


def mail(yard: Yard, **values: Any) -> None:
    given = {
        "dealership_id": yard.place.id, "kind": "mail", "key": f"k{next(_numbers)}",
        "recipient": "pat@harbour.example", "payload": {"subject": "2 leads wait"},
        "created_at": NOW - timedelta(days=2), "next_try_at": NOW - timedelta(days=1),
    }  # fmt: skip
    with unit_of_work(yard.place.id) as db:
        db.add(OutboxMessage(**(given | values)))


def dead_mail(yard: Yard) -> None:
    mail(yard, state="dead", last_error="No such mailbox.")


def lost_photo(yard: Yard) -> None:
    """Two of one vehicle: it is one vehicle that is affected."""
    car = factories_vehicles.vehicle(yard.place)
    for _ in range(2):
        factories_vehicles.photo(car, state="failed")


def both_changed(yard: Yard) -> None:
    """Two fields of one vehicle: it is one record that is affected."""
    link = factories_vehicles.link(factories_vehicles.vehicle(yard.place))
    with unit_of_work(yard.place.id) as db:
        for field in ("colour", "price_cents"):
            db.add(
                Conflict(
                    dealership_id=yard.place.id, provider="easycars", stream="stock",
                    entity="vehicle", entity_id=link.entity_id, link_id=link.id,
                    external_id=link.external_id, field=field, remote="x",
                )
            )  # fmt: skip


def all_of(yard: Yard, entity: Any, **values: Any) -> None:
    with unit_of_work(yard.place.id) as db:
        db.execute(update(entity).values(**values))


def late_leads(db: Any) -> int:
    return lead_listing.page_of(db, lead_listing.LeadFilter(tab="overdue"), NOW).total


def stuck_leads(db: Any) -> int:
    return len(db.scalars(select(Lead.id).where(Lead.sync_state.in_(lead_listing.STUCK))).all())


def without_photo(db: Any) -> int:
    return data_quality.page_of(db, 2027, "photo-failed").total


Make = Callable[[Yard], None]
STATES: dict[str, tuple[Make, Callable[[Any], int], dict[str, Any]]] = {
    "leads-overdue": (late_lead, late_leads, {"entity": Lead, "status": "in_progress"}),
    "leads-stuck": (stuck_lead, stuck_leads, {"entity": Lead, "sync_state": "sent"}),
    "leads-waiting": (waiting_lead, lambda _: 3, {"entity": OutboxMessage, "state": "sent"}),
    "mails-undelivered": (dead_mail, lambda _: 3, {"entity": OutboxMessage, "state": "sent"}),
    "photos-failing": (lost_photo, without_photo, {"entity": Photo, "state": "wanted"}),
    "conflicts": (both_changed, conflicts.count, {"entity": Conflict, "state": "resolved"}),
}


@pytest.mark.both_databases
def test_a_state_is_one_problem_with_its_records_until_it_is_over(yard: Yard) -> None:
    other = Yard(factories.dealership())
    for make, *_ in STATES.values():
        make(other)
        for _ in range(3):
            make(yard)
    assert yard.sweep() == 2
    found = yard.open()
    assert {cause: (one.affected, len(one.records)) for cause, one in found.items()} == (
        dict.fromkeys(STATES, (3, 3))
    )
    assert {one.affected for one in other.open().values()} == {1}
    with reading(yard.place.id) as db:
        for cause, (_, counted, _) in STATES.items():
            assert counted(db) == 3, f"the page of {cause} counts as many"
    assert yard.sweep(NOW + MINUTE) == 0, "a quiet minute writes nothing"
    assert yard.sweep(NOW + 11 * MINUTE) == 2
    last = {(one.times, one.last_seen_at) for one in yard.open().values()}
    assert last == {(1, NOW + 11 * MINUTE)}
    for _, _, cure in STATES.values():
        all_of(yard, **cure)
    assert yard.sweep(NOW + 12 * MINUTE) == 1
    assert (yard.open(), set(other.open())) == ({}, set(STATES))
    assert {one.resolved_at for one in yard.every().values()} == {NOW + 12 * MINUTE}


def test_only_what_nobody_else_tells_has_a_mail_here(yard: Yard) -> None:
    for make, *_ in STATES.values():
        make(yard)
    yard.sweep()
    assert set(yard.open()) == set(STATES)
    subjects = {one.payload["subject"] for one in yard.mails()}
    assert subjects == {
        "Harbour Motors: 1 lead did not reach EasyCars",
        "Harbour Motors: Leads wait to be sent to EasyCars",
    }


def test_many_records_are_counted_and_the_first_are_named(yard: Yard) -> None:
    for _ in range(23):
        stuck_lead(yard)
    yard.sweep()
    problem = yard.open()["leads-stuck"]
    assert (problem.affected, len(problem.records)) == (23, 20)


def test_overdue_is_what_the_dealership_calls_so(yard: Yard) -> None:
    """The lead came three hours ago; who has no limit of its own has two hours."""
    cases = {240: set(), 170: {"leads-overdue"}, None: {"leads-overdue"}}
    places = {minutes: Yard(factories.dealership()) for minutes in cases}
    for minutes, place in places.items():
        late_lead(place)
        if minutes:
            with unit_of_work(place.place.id) as db:
                db.add(LeadPolicy(dealership_id=place.place.id, overdue_minutes=minutes))
    yard.sweep()
    assert {minutes: set(place.open()) for minutes, place in places.items()} == cases


def test_a_lane_at_work_is_no_problem(yard: Yard) -> None:
    for_a_moment, untried = Yard(factories.dealership()), Yard(factories.dealership())
    waiting_lead(for_a_moment, 29 * MINUTE)
    waiting_lead(untried, HOUR, attempts=0)
    yard.sweep()
    assert (for_a_moment.open(), untried.open()) == ({}, {})


def test_leads_that_wait_because_of_the_credentials_are_no_second_problem(yard: Yard) -> None:
    run_rows.credential(yard.place)
    yard.ended("failed", error_code="AUTHENTICATION_FAIL", message="Refused.")
    waiting_lead(yard)
    yard.sweep()
    assert set(yard.open()) == {"easycars-refused"}


def test_which_mails_are_told(yard: Yard) -> None:
    mail(yard, state="waiting", attempts=3, recipient="late@harbour.example")
    mail(yard, state="waiting", attempts=3, created_at=NOW - 59 * MINUTE)
    mail(yard, state="waiting", attempts=0)
    mail(yard, state="dead", next_try_at=NOW - timedelta(days=8))
    mail(yard, state="dead", kind="lead")
    yard.sweep()
    [problem] = yard.open().values()
    assert [one["label"] for one in problem.records] == ["2 leads wait, to late@harbour.example"]


def test_a_later_mail_that_arrived_ends_it(yard: Yard) -> None:
    dead_mail(yard)
    mail(yard, state="sent", recipient="another@harbour.example")
    yard.sweep()
    assert set(yard.open()) == {"mails-undelivered"}
    mail(yard, state="sent")
    yard.sweep()
    assert yard.open() == {}


def schedule(yard: Yard, **values: Any) -> None:
    given = {
        "dealership_id": yard.place.id, "provider": "easycars", "stream": "stock",
        "cron": "0 2 * * *", "next_run_at": NOW - 11 * MINUTE,
    }  # fmt: skip
    with unit_of_work(yard.place.id) as db:
        db.add(Schedule(**(given | values)))


@pytest.mark.both_databases
def test_a_run_that_should_have_started_and_did_not(yard: Yard) -> None:
    run_rows.credential(yard.place)
    schedule(yard)
    fine = (
        {"next_run_at": NOW - 9 * MINUTE}, {"enabled": False}, {"paused_until": NOW + MINUTE},
    )  # fmt: skip
    others = [Yard(factories.dealership()) for _ in fine]
    for other, values in zip(others, fine, strict=True):
        run_rows.credential(other.place)
        schedule(other, **values)
    yard.sweep()
    assert [other.open() for other in others] == [{}] * len(fine)
    [problem] = yard.open().values()
    assert (problem.cause, problem.path) == ("schedule-missed:stock", "sync/stock")
    # 1:49 in UTC is 12:49 in Sydney in March.
    assert "12:49 AEDT" in problem.detail
    all_of(yard, Schedule, next_run_at=NOW + HOUR)
    yard.sweep()
    assert yard.open() == {}


def test_a_scheduled_run_that_nobody_takes_up(yard: Yard) -> None:
    run_rows.credential(yard.place)
    schedule(yard, next_run_at=NOW + HOUR)
    run_rows.run(yard.place, "queued", trigger="schedule", created_at=NOW - 61 * MINUTE)
    yard.sweep()
    assert set(yard.open()) == {"schedule-missed:stock"}


def test_a_weekly_reconciliation_that_never_gets_its_turn(yard: Yard) -> None:
    """It may wait an hour for a sync that is at work."""
    run_rows.credential(yard.place)
    schedule(yard, stream="reconcile-stock", next_run_at=NOW - 59 * MINUTE)
    schedule(yard, stream="reconcile-leads", next_run_at=NOW - 61 * MINUTE)
    yard.sweep()
    [problem] = yard.open().values()
    assert (problem.cause, problem.path) == ("schedule-missed:reconcile-leads", "reconciliation")
    assert problem.title == "The scheduled reconciliation of leads did not start"


def test_nothing_is_missed_while_the_installation_lets_nothing_start(yard: Yard) -> None:
    run_rows.credential(yard.place)
    schedule(yard)
    sweep.sweep(replace(parts().settings, auto_sync_enabled=False), NOW)
    assert yard.open() == {}


KEYS = {
    "tested since": ({"test_passed": True, "tested_at": NOW + MINUTE}, True),
    "tested in vain": ({"test_passed": False, "tested_at": NOW + MINUTE}, False),
    "tested before": ({"test_passed": True, "tested_at": NOW - MINUTE}, False),
    "not connected any more": ({"is_active": False}, True),
}


def test_refused_credentials_end_with_new_ones(yard: Yard) -> None:
    places = {name: Yard(factories.dealership()) for name in KEYS}
    for name, place in places.items():
        run_rows.credential(place.place)
        place.ended("failed", error_code="AUTHENTICATION_FAIL", message="Refused.")
        all_of(place, EasyCarsCredential, **KEYS[name][0])
    yard.sweep(NOW + 2 * MINUTE)
    assert {name for name, place in places.items() if not place.open()} == {
        name for name, (_, is_over) in KEYS.items() if is_over
    }


def test_a_closed_dealership_has_no_problems_to_tell(yard: Yard) -> None:
    closed = Yard(factories.dealership(is_active=False))
    stuck_lead(closed)
    assert (closed.sweep(), closed.every()) == (0, {})


def test_more_dealerships_ask_no_more_questions(yard: Yard) -> None:
    with counted_queries() as few:
        yard.sweep()
    for _ in range(5):
        late_lead(Yard(factories.dealership()))
    yard.sweep()
    with counted_queries() as many:
        yard.sweep(NOW + MINUTE)
    assert len(many) == len(few) <= 12


def test_the_clock_looks(yard: Yard) -> None:
    stuck_lead(yard)
    assert (periodic.look_for_problems(), set(yard.open())) == (1, {"leads-stuck"})
