"""The dashboard: health, cards, chart, numbers that lead to their rows (story 4.1)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.db import reading, unit_of_work
from app.models import Dealership, Vehicle
from app.services import dashboard
from app.services.go_live import LIVE_SINCE
from app.services.problems import book, listing, run_causes
from tests import factories_leads, run_rows
from tests.reading import words
from tests.routes.runs.conftest import NOW, World, counted_queries

HTMX = {"HX-Request": "true"}


def test_one_sentence_on_health_comes_first(world: World) -> None:
    world.run("success", created=4, created_at=NOW - timedelta(hours=1))
    with world.app.app_context():
        run_rows.last_good(world.place, NOW - timedelta(hours=1))
    text = world.client(world.operator).get(world.url()).text
    assert "Your stock is up to date." in text
    assert text.index("Your stock is up to date.") < text.index("Sync Stock Now")
    assert text.index('id="stock-card"') < text.index("Sync Stock Now")


@pytest.mark.parametrize(("hours", "told"), [(10, "up to date"), (30, "is late"), (90, "is stale")])
def test_age_is_measured_by_the_schedule(world: World, hours: int, told: str) -> None:
    world.run("success", created_at=NOW - timedelta(hours=hours))
    with world.app.app_context():
        run_rows.last_good(world.place, NOW - timedelta(hours=hours))
    assert told in world.client(world.viewer).get(world.url()).text


def test_open_problems_stand_below_the_sentence_with_cause_since_and_next_step(
    world: World,
) -> None:
    run = world.run("failed", error_code="AUTHENTICATION_FAIL", message="EasyCars refused us.")
    with world.app.app_context(), unit_of_work(world.place.id) as db:
        run_causes.after_run(db, run.id, NOW - timedelta(minutes=12))
        [problem] = listing.pressing(db, NOW)
    client = world.client(world.admin)
    for text in (client.get(world.url()).text, client.get(world.url("live"), headers=HTMX).text):
        assert text.count('data-testid="problems"') == 1
        assert text.index('data-testid="health"') < text.index('data-testid="problems"')
        told = words(text[text.index('data-testid="problems"') :])
        assert "EasyCars refuses the credentials since " in told
        assert "EasyCars refused us. Check the EasyCars credentials" in told
        assert world.url(f"alerts/{problem.id}") in text
        assert world.url("settings/easycars") in text
    version = text.partition('data-version="')[2].partition('"')[0]
    with world.app.app_context(), unit_of_work(world.place.id) as db:
        book.settle(db, [problem.cause], NOW, "It works again.")
    again = client.get(world.url(f"live?seen={version}"), headers=HTMX)
    assert (again.status_code, 'data-testid="problems"' in again.text) == (200, False)


def test_each_part_of_the_sentence_leads_to_what_it_tells(world: World) -> None:
    with world.app.app_context():
        run_rows.last_good(world.place, NOW - timedelta(hours=1))
        factories_leads.lead(world.place, created_at=NOW - timedelta(days=1))
        factories_leads.lead(world.place, sync_state="failed", responded_at=NOW)
    run = world.run("warning", failed=1, created_at=NOW - timedelta(hours=1))
    with world.app.app_context(), unit_of_work(world.place.id) as db:
        run_causes.after_run(db, run.id, NOW)
    text = world.client(world.viewer).get(world.url()).text
    sentence = text[text.index('id="health"') :].partition("</strong>")[0]
    parts = re.findall(r'<a href="([^"]+)">([^<]+)</a>', sentence)
    assert [(url, words(part)) for url, part in parts] == [
        (world.url("sync/stock"), "Your stock is up to date;"),
        (world.url(f"runs/{run.id}?tab=failed"), "some vehicles need a look."),
        (world.url("leads?tab=overdue"), "1 lead waits for an answer."),
        (world.url("leads?tab=unsent"), "1 lead did not reach EasyCars."),
    ]


def test_not_connected_is_said_and_leads_to_the_settings(bare: World) -> None:
    text = bare.client(bare.admin).get(bare.url()).text
    assert "EasyCars is not connected" in text
    assert bare.url("settings/easycars") in text


def test_totals_lead_to_filtered_lists(world: World) -> None:
    with world.app.app_context(), unit_of_work(world.place.id) as session:
        for source, lifecycle in (
            ("EasyCars", "listed"),
            ("EasyCars", "missing"),
            ("Manual", "listed"),
        ):
            session.add(
                Vehicle(dealership_id=world.place.id, title="x", source=source, lifecycle=lifecycle)
            )
    with world.app.app_context(), reading(world.place.id) as db:
        totals = dashboard.totals(db, world.place.id)
    assert (totals.total, totals.from_easycars) == (3, 2)
    assert totals.by_lifecycle == {"listed": 2, "missing": 1}
    text = world.client(world.viewer).get(world.url()).text
    for query in ("source=EasyCars", "lifecycle=listed", "lifecycle=missing"):
        assert world.url(f"vehicles?{query}") in text


def test_days_without_runs_are_gaps_not_failures(world: World) -> None:
    world.run("success", created_at=NOW)
    world.run("failed", created_at=NOW - timedelta(days=2))
    with world.app.app_context(), reading(world.place.id) as db:
        days = dashboard.thirty_days(db, world.place.id, ZoneInfo("Australia/Sydney"), NOW)
    assert [day.runs for day in days[-3:]] == [1, 0, 1]
    assert len(days) == 30
    assert dashboard.success_share(days) == 50
    assert dashboard.success_share(days[:20]) is None
    client = world.client(world.viewer)
    page = client.get(world.url()).text
    assert 'data-testid="chart-loading"' in page, "a page does not wait for the chart"
    assert f'hx-get="{world.url("chart")}"' in page
    for text in (
        client.get(world.url("chart"), headers=HTMX).text,
        client.get(world.url("live"), headers=HTMX).text,
        client.get(world.url("?whole=1")).text,
    ):
        assert text.count("No runs</span>") == 28
        assert text.count('<line class="fc-chart-none" x1="') == 28 + 1, "the legend has one too"
        assert text.count('<rect class="fc-chart-failed" x="') == 1
        assert 'data-testid="chart-loading"' not in text


@pytest.mark.both_databases
def test_a_day_begins_when_it_does_there_also_where_clocks_move(world: World) -> None:
    """Sydney's clocks go back on 5 April 2026 at 3: the day has 25 hours."""
    zone, now = ZoneInfo("Australia/Sydney"), datetime(2026, 4, 7, 2, tzinfo=UTC)
    for local in ((4, 23, 59), (5, 0, 0), (5, 23, 59), (6, 0, 0)):
        world.run("success", created_at=datetime(2026, 4, *local, tzinfo=zone))
    world.run("failed", created_at=datetime(2026, 3, 8, 23, 59, tzinfo=zone))
    with world.app.app_context(), reading(world.place.id) as db:
        days = dashboard.thirty_days(db, world.place.id, zone, now)
    assert [(day.day.day, day.success) for day in days if day.runs] == [(4, 1), (5, 2), (6, 1)]


def test_the_refresh_says_when_nothing_is_new(world: World) -> None:
    world.run("success")
    client = world.client(world.viewer)
    text = client.get(world.url("live"), headers=HTMX).text
    assert "every 60s" in text
    version = text.partition('data-version="')[2].partition('"')[0]
    assert client.get(world.url(f"live?seen={version}"), headers=HTMX).status_code == 204


@pytest.mark.parametrize(("is_live", "most"), [(True, 24), (False, 33)])
def test_more_runs_ask_no_more_questions(world: World, is_live: bool, most: int) -> None:
    """Until the sign-off the list of steps asks about ten of its own."""
    client = world.client(world.viewer)
    with world.app.app_context(), unit_of_work(world.place.id) as db:
        db.get_one(Dealership, world.place.id).settings = {LIVE_SINCE: "now"} if is_live else {}
    world.run("success")
    client.get(world.url())
    with counted_queries() as few:
        client.get(world.url())
    for _ in range(15):
        world.run("success")
    with counted_queries() as many:
        client.get(world.url())
    assert len(many) == len(few)
    assert len(few) <= most
