"""The page EasyCars Stock Sync (story 2.5, rows 93 to 102 and 316)."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.db import reading
from app.models import AuditEvent, SyncRun
from tests import run_rows
from tests.routes.runs.conftest import NOW, NotingQueue, StandingClock, World

HTMX = {"HX-Request": "true"}


def test_state_comes_before_the_button(world: World) -> None:
    world.run("warning", created=3, updated=2, failed=1, message="Three rows were odd.")
    with world.app.app_context():
        run_rows.last_good(world.place, NOW - timedelta(hours=1))
    text = world.client(world.operator).get(world.url("sync/stock")).text
    assert "<h1>EasyCars Stock Sync</h1>" in text
    places = [text.index(words) for words in ("Last sync", "Age of the data", "sync-now")]
    assert places == sorted(places)
    assert "Warning" in text
    assert "Three rows were odd." in text
    assert "Up to date" in text
    assert 'data-status="Warning"' in text


def test_without_credentials_it_says_so_with_a_link(bare: World) -> None:
    text = bare.client(bare.operator).get(bare.url("sync/stock")).text
    assert "EasyCars is not connected" in text
    assert bare.url("settings/easycars") in text
    assert "sync-now" not in text


def test_the_button_answers_at_once_with_the_running_card(world: World, queue: NotingQueue) -> None:
    answer = world.client(world.operator).post(world.url("sync/stock"), headers=HTMX)
    assert answer.status_code == 200
    assert 'data-testid="run-card" data-status="Queued" data-progress="0"' in answer.text
    assert "every 2s" in answer.text
    assert len(queue.enqueued) == 1


def test_without_script_it_leads_back_to_the_page(world: World, queue: NotingQueue) -> None:
    answer = world.client(world.operator).post(world.url("sync/stock"))
    assert (answer.status_code, answer.location) == (303, world.url("sync/stock"))
    assert queue.enqueued == [1]


def test_a_second_click_is_led_to_the_run_that_works(world: World, queue: NotingQueue) -> None:
    run = world.run("running", phase="applying", total=200, created=50)
    client = world.client(world.operator)
    answer = client.post(world.url("sync/stock"), headers=HTMX)
    assert "already running" in answer.text
    assert f'id="run-{run.id}"' in answer.text
    assert 'data-progress="25"' in answer.text
    assert queue.enqueued == []
    plain = client.post(world.url("sync/stock"), follow_redirects=True)
    assert "already running" in plain.text


def test_the_button_is_disabled_with_a_spinner_while_a_sync_runs(world: World) -> None:
    world.run("running", phase="fetching")
    text = world.client(world.admin).get(world.url("sync/stock")).text
    button = text[text.index('id="sync-now"') - 120 : text.index('id="sync-now"') + 160]
    assert "is-busy" in button
    assert " disabled" in button
    assert "fc-spinner" in button


def test_the_sixth_start_within_the_hour_waits(
    world: World, queue: NotingQueue, clock: StandingClock
) -> None:
    for minutes in range(5):
        world.run(user_id=world.operator.id, created_at=NOW - timedelta(minutes=50 - minutes))
    client = world.client(world.operator)
    page = client.get(world.url("sync/stock")).text
    assert "0 of 5 left this hour, next at" in page
    refused = client.post(world.url("sync/stock"), headers=HTMX)
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "600"
    assert queue.enqueued == []
    clock.moment = NOW + timedelta(minutes=11)
    assert client.post(world.url("sync/stock"), headers=HTMX).status_code == 200


def test_scheduled_runs_and_retries_of_others_do_not_use_the_hour_up(world: World) -> None:
    for minutes in range(7):
        world.run(trigger="schedule", created_at=NOW - timedelta(minutes=minutes + 1))
    client = world.client(world.operator)
    assert "left this hour" not in client.get(world.url("sync/stock")).text
    assert client.post(world.url("sync/stock"), headers=HTMX).status_code == 200


def test_a_viewer_may_look_and_not_start(world: World, queue: NotingQueue) -> None:
    client = world.client(world.viewer)
    assert "Your role may look" in client.get(world.url("sync/stock")).text
    assert client.post(world.url("sync/stock")).status_code == 403
    assert queue.enqueued == []


@pytest.mark.parametrize(("ran_before", "action"), [(True, "sync.start"), (False, "sync.preview")])
def test_a_start_is_audited_with_the_person(world: World, ran_before: bool, action: str) -> None:
    if ran_before:
        world.run("success", trigger="schedule")
    world.client(world.operator).post(world.url("sync/stock"))
    with world.app.app_context(), reading(world.place.id) as db:
        event = db.scalars(select(AuditEvent).where(AuditEvent.action == action)).one()
        run = db.scalars(select(SyncRun).where(SyncRun.status == "queued")).one()
    assert event.user_id == run.user_id == world.operator.id
    assert run.actor == world.operator.email
    assert run.trigger == "person"


def test_the_live_part_is_sent_only_when_something_is_new(world: World) -> None:
    world.run("success", created=1)
    client = world.client(world.viewer)
    text = client.get(world.url("sync/stock/live"), headers=HTMX).text
    version = text.partition('data-version="')[2].partition('"')[0]
    seen = world.url(f"sync/stock/live?seen={version}")
    assert client.get(seen, headers=HTMX).status_code == 204
    world.run("running")
    assert client.get(seen, headers=HTMX).status_code == 200


def test_idle_asks_every_30_seconds_and_a_running_page_every_5(world: World) -> None:
    client = world.client(world.viewer)
    world.run("success")
    assert "every 30s, run-ended" in client.get(world.url("sync/stock")).text
    world.run("running")
    assert "every 5s, run-ended" in client.get(world.url("sync/stock")).text


def test_the_last_ten_are_listed_newest_first(world: World) -> None:
    runs = [world.run("success", created=number) for number in range(12)]
    text = world.client(world.viewer).get(world.url("sync/stock")).text
    recent = text[text.index('id="recent-runs"') :]
    shown = [run.id for run in runs if f'View Details of sync {run.id}"' in recent]
    assert shown == [run.id for run in runs[2:]]
    assert recent.index(f"sync {runs[11].id}") < recent.index(f"sync {runs[2].id}")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AUTHENTICATION_FAIL", "Check the EasyCars credentials"),
        ("provider_unavailable", "wait for the next scheduled"),
        ("something_new", "give support the reference number"),
    ],
)
def test_a_failure_tells_cause_next_step_and_reference(world: World, code: str, words: str) -> None:
    world.run("failed", error_code=code, message="EasyCars refused. No vehicle was removed.")
    text = world.client(world.viewer).get(world.url("sync/stock")).text
    assert "EasyCars refused. No vehicle was removed." in text
    assert words in text
    assert "ref-0123456789ab" in text


def test_paused_tells_why_and_until_when(world: World) -> None:
    client = world.client(world.admin)
    until = (NOW + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
    client.post(world.url("settings/sync/pause"), data={"until": until, "reason": "Stocktake"})
    text = client.get(world.url("sync/stock")).text
    assert "Stocktake. Ends" in re.sub(r"\s+", " ", text)
    assert "Paused: Stocktake" not in text, "the badge says it already"
