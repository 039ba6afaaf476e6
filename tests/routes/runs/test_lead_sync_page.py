"""The page EasyCars Lead Sync, its runs and the history of both directions (story 3.5)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import AuditEvent, Lead, OutboxMessage, SyncRun, Vehicle
from app.services.leads import sending
from tests import factories_leads, run_rows
from tests.reading import words
from tests.routes.runs.conftest import NOW, NotingQueue, StandingClock, World, counted_queries

HTMX = {"HX-Request": "true"}
PAGE = "sync/leads"


def delivery(world: World, minutes_ago: int, **values: Any) -> SyncRun:
    given = {
        "stream": "leads",
        "direction": "outbound",
        "trigger": "schedule",
        "actor": "Forecourt",
        "created_at": NOW - timedelta(minutes=minutes_ago),
    }
    return world.run(values.pop("status", "success"), **given | values)


def read(world: World, status: str = "success", **values: Any) -> SyncRun:
    return world.run(status, stream="leads", **values)


def test_each_direction_has_its_line_before_the_button(world: World) -> None:
    inbound = read(world, "warning", total=7, unchanged=6, failed=1, created_at=NOW)
    outbound = delivery(world, 5, created=2, updated=1, failed=1, status="warning")
    with world.app.app_context():
        run_rows.last_good(world.place, NOW - timedelta(minutes=30), "leads")
    text = world.client(world.operator).get(world.url(PAGE)).text
    assert "<h1>EasyCars Lead Sync</h1>" in text
    places = [text.index(part) for part in ("From EasyCars (Inbound)", "To EasyCars (", "sync-now")]
    assert places == sorted(places)
    for run in (inbound, outbound):
        assert world.url(f"runs/{run.id}") in text
    assert "Leads sent 3 , 1 not sent" in words(text)
    assert "Up to date" in words(text)
    assert "Sync Leads from EasyCars" in words(text)


def test_without_credentials_it_says_so_and_what_waits(bare: World) -> None:
    with bare.app.app_context():
        factories_leads.lead(bare.place, sync_state="not_configured")
    text = bare.client(bare.operator).get(bare.url(PAGE)).text
    assert "EasyCars is not connected" in text
    assert bare.url("settings/easycars") in text
    assert "1 lead waits for it." in words(text)
    assert "sync-now" not in text


def test_the_button_answers_at_once_with_the_running_card(world: World, queue: NotingQueue) -> None:
    client = world.client(world.operator)
    answer = client.post(world.url(PAGE), headers=HTMX)
    assert answer.status_code == 200
    assert 'data-testid="run-card" data-status="Queued"' in answer.text
    assert "every 2s" in answer.text
    assert "A lead sync is running. One runs at a time." in answer.text
    assert len(queue.enqueued) == 1
    again = client.post(world.url(PAGE), follow_redirects=True)
    assert "already running" in again.text
    assert len(queue.enqueued) == 1
    with world.app.app_context(), reading(world.place.id) as db:
        run = db.scalars(select(SyncRun)).one()
        started = db.scalars(select(AuditEvent).where(AuditEvent.action == "sync.start")).one()
    assert (run.stream, run.mode, run.trigger) == ("leads", "sync", "person")
    assert (started.subject, started.user_id) == (f"leads run {run.id}", world.operator.id)


def test_a_viewer_may_look_and_not_start(world: World, queue: NotingQueue) -> None:
    client = world.client(world.viewer)
    text = client.get(world.url(PAGE)).text
    assert "Your role may look" in text
    assert "Add a lead by its number" not in text
    assert client.post(world.url(PAGE)).status_code == 403
    assert client.post(world.url(f"{PAGE}/add"), data={"lead_number": "1"}).status_code == 403
    assert queue.enqueued == []


def test_stock_and_leads_have_each_their_own_hour(
    world: World, clock: StandingClock, queue: NotingQueue
) -> None:
    for minutes in range(5):
        world.run(user_id=world.operator.id, created_at=NOW - timedelta(minutes=50 - minutes))
    client = world.client(world.operator)
    assert client.post(world.url("sync/stock"), headers=HTMX).status_code == 429
    assert "left this hour" not in client.get(world.url(PAGE)).text
    for minutes in range(4):
        read(world, user_id=world.operator.id, created_at=NOW - timedelta(minutes=40 - minutes))
    single = {"scope": {"numbers": ["000001"]}, "created_at": NOW}
    read(world, user_id=world.operator.id, **single)
    assert "1 of 5 left this hour" in words(client.get(world.url(PAGE)).text)
    assert client.post(world.url(PAGE), headers=HTMX).status_code == 200


def test_what_waits_is_counted_by_state_with_its_next_try(world: World) -> None:
    with world.app.app_context():
        for state in ("waiting", "waiting", "cannot_be_sent", "sent"):
            factories_leads.lead(world.place, sync_state=state)
        with unit_of_work(world.place.id) as db:
            for minutes, error in ((40, "EasyCars did not answer."), (20, None)):
                db.add(waiting_message(world, minutes, error))
    text = world.client(world.viewer).get(world.url(PAGE)).text
    assert "Not at EasyCars yet 3 leads" in words(text)
    assert world.url("leads?tab=unsent&amp;state=cannot_be_sent") in text
    assert "EasyCars did not answer." in text
    oldest, _, coming = words(text).partition("The oldest waits since")[2].partition("Next try")
    assert "12:20 AEDT" in oldest
    assert "13:02 AEDT" in coming


def test_what_is_due_is_tried_now(world: World) -> None:
    with world.app.app_context(), unit_of_work(world.place.id) as db:
        db.add(waiting_message(world, 5, None))
    text = words(world.client(world.viewer).get(world.url(PAGE)).text)
    assert "Next try Now" in text


def waiting_message(world: World, minutes: int, error: str | None) -> OutboxMessage:
    since = NOW - timedelta(minutes=minutes)
    return OutboxMessage(
        dealership_id=world.place.id,
        kind=sending.KIND,
        lane=sending.LANE,
        key=f"lead:{minutes}",
        recipient="EasyCars",
        created_at=since,
        next_try_at=NOW + timedelta(minutes=2) if error else since,
        last_error=error,
    )


def recent(text: str) -> list[str]:
    """What the last lines did, newest first."""
    table = text[text.index('id="recent-runs"') :]
    rows = re.findall(r"<tr>(.*?)</tr>", table, flags=re.DOTALL)[1:]
    return [words(row) for row in rows]


def test_deliveries_of_an_hour_are_one_line_that_leads_to_them(world: World) -> None:
    for minutes in (200, 50, 45, 40):
        delivery(world, minutes, created=1, updated=1)
    read(world, created=1, unchanged=4, created_at=NOW - timedelta(minutes=30))
    delivery(world, 20, created=4, status="warning", failed=2)
    last = delivery(world, 10, created=5)
    text = world.client(world.viewer).get(world.url(PAGE)).text
    lines = recent(text)
    assert len(lines) == 4
    assert "9 leads sent in 2 deliveries" in lines[0]
    assert "Warning" in lines[0]
    assert "1 created, 0 updated, 4 unchanged" in lines[1]
    assert "6 leads sent in 3 deliveries" in lines[2]
    assert "2 leads sent" in lines[3]
    folded = "history?type=leads&amp;direction=outbound&amp;from=2026-03-10&amp;to=2026-03-10"
    assert world.url(folded) in text
    history = world.client(world.viewer).get(world.url(folded.replace("&amp;", "&"))).text
    assert history.count("View Details of run") == 6
    assert f"View Details of run {last.id}" in history


def test_many_deliveries_do_not_push_the_reads_out(world: World) -> None:
    reads = [read(world, created_at=NOW - timedelta(hours=9 - hour)) for hour in range(9)]
    for minutes in range(30, 0, -1):
        delivery(world, minutes, updated=1)
    lines = recent(world.client(world.viewer).get(world.url(PAGE)).text)
    assert len(lines) == 1 + len(reads)
    assert "30 leads sent in 30 deliveries" in lines[0]


def test_more_runs_ask_no_more_questions(world: World) -> None:
    client = world.client(world.viewer)
    read(world)
    client.get(world.url(PAGE))
    with counted_queries() as few:
        client.get(world.url(PAGE))
    for minutes in range(15):
        delivery(world, minutes, created=1)
        read(world)
    with counted_queries() as many:
        client.get(world.url(PAGE))
    assert len(many) == len(few)


def test_the_live_part_is_sent_only_when_something_is_new(world: World) -> None:
    client = world.client(world.viewer)
    read(world)
    text = client.get(world.url(f"{PAGE}/live"), headers=HTMX).text
    version = text.partition('data-version="')[2].partition('"')[0]
    seen = world.url(f"{PAGE}/live?seen={version}")
    assert client.get(seen, headers=HTMX).status_code == 204
    with world.app.app_context():
        factories_leads.lead(world.place)
    assert client.get(seen, headers=HTMX).status_code == 200


def test_what_easycars_cannot_tell_is_said_plainly(world: World) -> None:
    with world.app.app_context():
        for number in ("000001", "000002"):
            factories_leads.lead(world.place, lead_number=number, environment="Test")
        factories_leads.lead(world.place)
    client = world.client(world.admin)
    text = words(client.get(world.url(PAGE)).text)
    assert "EasyCars has no list of leads" in text
    assert "shows only leads that were created through this connection" in text
    assert "2 leads now, at most 200 in one sync" in text
    assert "The search for unknown numbers is off" in text
    reading_form = {"reads_per_run": "30", "discovery_gap": "3", "discovery_calls": "40"}
    client.post(world.url("settings/leads/reading"), data=reading_form | {"is_discovery_on": "1"})
    text = words(client.get(world.url(PAGE)).text)
    assert "at most 30 in one sync" in text
    assert "tries up to 40 numbers after the highest known one and stops after 3" in text


def test_a_lead_is_added_by_its_number(world: World, queue: NotingQueue) -> None:
    client = world.client(world.operator)
    answer = client.post(world.url(f"{PAGE}/add"), data={"lead_number": " 000231 "})
    with world.app.app_context(), reading(world.place.id) as db:
        run = db.scalars(select(SyncRun)).one()
    assert (answer.status_code, answer.location) == (303, world.url(f"runs/{run.id}"))
    assert (run.stream, run.scope) == ("leads", {"numbers": ["000231"]})
    assert queue.enqueued == [run.id]
    busy = client.post(world.url(f"{PAGE}/add"), data={"lead_number": "000232"})
    assert busy.status_code == 409
    assert "Add the lead when it has ended." in busy.text
    assert 'value="000232"' in busy.text


@pytest.mark.parametrize("typed", ["", "12 34", "0" * 21, "a'b"])
def test_what_is_no_number_is_told_at_the_field(
    world: World, queue: NotingQueue, typed: str
) -> None:
    data = {"lead_number": typed}
    answer = world.client(world.operator).post(world.url(f"{PAGE}/add"), data=data)
    assert answer.status_code == 422
    assert 'href="#f-lead_number"' in answer.text
    assert f'value="{typed.replace(chr(39), "&#39;")}"' in answer.text
    assert queue.enqueued == []


def test_a_single_read_is_not_the_last_sync(world: World) -> None:
    whole = read(world, created=3)
    read(world, created=1, scope={"numbers": ["000009"]})
    text = world.client(world.viewer).get(world.url(PAGE)).text
    line = text[text.index('id="leads-inbound"') : text.index('id="leads-outbound"')]
    assert world.url(f"runs/{whole.id}") in line
    assert "Lead 000009 by number" in words(text)


def test_a_run_of_leads_speaks_of_leads(world: World) -> None:
    run = read(world, created=1, updated=1, unchanged=2, failed=1, completed_at=NOW)
    with world.app.app_context():
        lead: Lead = factories_leads.lead(world.place)
    world.item(run, "000007", "create", label="Robin Walker", entity_id=lead.id,
               after={"status": "in_progress", "vehicle_price_cents": 1_999_000})  # fmt: skip
    world.item(run, "000008", "update", label="Kim Lee", entity_id=lead.id,
               before={"finance_status": "no"}, after={"finance_status": "maybe"},
               warnings=[{"field": "phone", "text": "It was cut."}])  # fmt: skip
    client = world.client(world.operator)
    text = client.get(world.url(f"runs/{run.id}?tab=created")).text
    assert f"Lead sync {run.id}" in text
    assert world.url(f"leads/{lead.id}") in text
    shown = words(text)
    for expected in ("Open the lead", "In progress", "$19,990.00", "Phone: 1 lead"):
        assert expected in shown
    assert "vehicle" not in shown.partition("What this run did")[2].partition("Technical")[0]
    for stock_only in ("Undo this", "Preview", "Photos:", "Held"):
        assert stock_only not in shown
    updated = words(client.get(world.url(f"runs/{run.id}?tab=updated")).text)
    assert "Finance" in updated
    assert "Maybe" in updated
    unchanged = words(client.get(world.url(f"runs/{run.id}?tab=unchanged")).text)
    assert "2 leads were as before" in unchanged


def test_a_run_of_leads_is_started_again_as_it_was(world: World, queue: NotingQueue) -> None:
    client = world.client(world.operator)
    single = read(world, "failed", scope={"numbers": ["000231"]})
    assert "Read again" in client.get(world.url(f"runs/{single.id}")).text
    client.post(world.url(f"runs/{single.id}/retry"))
    with world.app.app_context(), reading(world.place.id) as db:
        again = db.get_one(SyncRun, queue.enqueued[0])
    assert (again.stream, again.mode, again.scope) == ("leads", "sync", {"numbers": ["000231"]})
    assert (again.trigger, again.parent_id) == ("retry", single.id)


def test_a_delivery_has_no_button(world: World, queue: NotingQueue) -> None:
    run = delivery(world, 5, updated=1, failed=1, status="warning", message="1 updated, 1 not sent")
    world.item(run, "lead-9", "refuse", label="Robin Walker", entity_id=9, reason="No model.")
    client = world.client(world.operator)
    text = client.get(world.url(f"runs/{run.id}")).text
    assert f"Lead delivery {run.id}" in text
    assert "Updated at EasyCars" in words(text)
    assert "No model." in text
    assert "Open Leads" in text
    assert "retry-run" not in text
    assert client.post(world.url(f"runs/{run.id}/retry")).status_code == 404
    assert queue.enqueued == []


def test_a_leads_row_is_not_taken_for_a_vehicles(world: World) -> None:
    """Both number their rows from 1: the run says which is meant."""
    with world.app.app_context(), unit_of_work(world.place.id) as db:
        car = Vehicle(dealership_id=world.place.id, title="x", source="EasyCars", vin="JM0CX5")
        db.add(car)
        db.flush()
        number = car.id
    stock, leads = world.run(updated=1), read(world, updated=1)
    for run, row in ((stock, "A1"), (leads, "000231")):
        world.item(run, row, before={"status": "x"}, after={"status": "y"}, entity_id=number)
    client = world.client(world.operator)
    found = client.get(world.url("history?q=JM0CX5")).text
    assert f"View Details of run {stock.id}" in found
    assert f"View Details of run {leads.id}" not in found
    timeline = client.get(world.url(f"vehicles/{number}?tab=timeline")).text
    assert world.url(f"runs/{leads.id}") not in timeline


def test_history_tells_direction_and_looks_for_a_lead_by_number(world: World) -> None:
    inbound, outbound = read(world, created=1), delivery(world, 5, created=1)
    stock = world.run("success", created=1)
    with world.app.app_context():
        lead = factories_leads.lead(world.place)
    world.item(inbound, "000231", "create", entity_id=lead.id)
    client = world.client(world.viewer)
    cases = {
        "type=leads": [outbound, inbound],
        "type=leads&direction=outbound": [outbound],
        "direction=inbound": [stock, inbound],
        "q=000231": [inbound],
    }
    for query, expected in cases.items():
        text = client.get(world.url(f"history?{query}")).text
        found = [int(number) for number in re.findall(r"View Details of run (\d+)", text)]
        assert found == [run.id for run in expected], query
    assert "Outbound" in words(client.get(world.url("history?type=leads")).text)
