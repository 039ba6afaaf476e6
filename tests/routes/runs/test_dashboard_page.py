"""The dashboard: health, cards, chart, numbers that lead to their rows (story 4.1)."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from app.db import reading, unit_of_work
from app.models import Dealership, Vehicle
from app.services import dashboard
from app.services.go_live import LIVE_SINCE
from tests import run_rows
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


@pytest.mark.parametrize(
    ("hours", "words"), [(10, "up to date"), (30, "is late"), (90, "is stale")]
)
def test_age_is_measured_by_the_schedule(world: World, hours: int, words: str) -> None:
    world.run("success", created_at=NOW - timedelta(hours=hours))
    with world.app.app_context():
        run_rows.last_good(world.place, NOW - timedelta(hours=hours))
    assert words in world.client(world.viewer).get(world.url()).text


def test_a_failure_becomes_a_banner(world: World) -> None:
    run = world.run("failed", error_code="AUTHENTICATION_FAIL", message="EasyCars refused us.")
    text = world.client(world.viewer).get(world.url()).text
    banner = text[text.index('data-testid="problems"') :]
    assert "EasyCars refused us." in banner
    assert world.url(f"runs/{run.id}") in banner


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
    text = world.client(world.viewer).get(world.url()).text
    assert text.count("No runs</span>") == 28
    assert "fc-chart-failed" in text


def test_the_refresh_says_when_nothing_is_new(world: World) -> None:
    world.run("success")
    client = world.client(world.viewer)
    text = client.get(world.url("live"), headers=HTMX).text
    assert "every 60s" in text
    version = text.partition('data-version="')[2].partition('"')[0]
    assert client.get(world.url(f"live?seen={version}"), headers=HTMX).status_code == 204


@pytest.mark.parametrize(("is_live", "most"), [(True, 32), (False, 42)])
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
