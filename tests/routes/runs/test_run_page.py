"""One run: card, tabs, rows, warnings, log, cancel, retry (rows 72, 101, 185, 186, C12, C16)."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from app.db import unit_of_work
from app.models import SyncRun
from tests import factories
from tests.routes.runs.conftest import NotingQueue, World, counted_queries

HTMX = {"HX-Request": "true"}


def test_outcome_first_then_who_and_what(world: World) -> None:
    run = world.run("success", created=2, message="2 in the feed: 2 created.", total=2)
    world.item(run, "A1", "create", label="Ford Ranger", after={"price_cents": 4599000})
    text = world.client(world.viewer).get(world.url(f"runs/{run.id}")).text
    assert text.index("2 in the feed") < text.index("Ford Ranger") < text.index("Technical log")
    assert "Started by anna@example.com" in text
    assert "$45,990" in text
    assert "1 min" in text


@pytest.mark.parametrize(
    ("status", "photos", "expected", "trigger"),
    [
        ("running", "none", 200, True),
        ("success", "running", 200, True),
        ("success", "done", 286, False),
        ("failed", "none", 286, False),
    ],
)
def test_the_card_polls_until_run_and_photos_have_ended(
    world: World, status: str, photos: str, expected: int, trigger: bool
) -> None:
    run = world.run(status, photos_state=photos, version=4)
    answer = world.client(world.viewer).get(world.url(f"runs/{run.id}/card?seen=3"), headers=HTMX)
    assert answer.status_code == expected
    assert ("hx-trigger" in answer.text) is trigger


def test_nothing_new_is_204_and_the_end_is_told_once(world: World) -> None:
    run = world.run("running", phase="applying", total=10, version=7)
    client = world.client(world.viewer)
    address = world.url(f"runs/{run.id}/card?seen=7&active=1")
    assert client.get(address, headers=HTMX).status_code == 204
    with world.app.app_context(), unit_of_work(world.place.id) as session:
        session.execute(update(SyncRun).values(status="success", phase="done", version=8))
    ended = client.get(address, headers=HTMX)
    assert (ended.status_code, ended.headers["HX-Trigger"]) == (286, "run-ended")
    late = client.get(world.url(f"runs/{run.id}/card?seen=7"), headers=HTMX)
    assert "HX-Trigger" not in late.headers


def test_fetching_counts_up_without_a_total(world: World) -> None:
    run = world.run("running", phase="fetching", total=1500)
    text = world.client(world.viewer).get(world.url(f"runs/{run.id}/card"), headers=HTMX).text
    assert "1,500 vehicles so far" in text
    assert 'data-progress="0"' in text


def test_rows_open_to_field_before_and_after(world: World) -> None:
    run = world.run(updated=1)
    world.item(
        run,
        "A1",
        "update",
        before={"price_cents": 1000000, "special_price_cents": None},
        after={"price_cents": 950000, "special_price_cents": 900000},
    )
    text = world.client(world.viewer).get(world.url(f"runs/{run.id}?tab=updated")).text
    for words in ("Price", "$10,000", "$9,500", "Special price", "Not given", "Before", "After"):
        assert words in text


def test_unchanged_has_no_rows_and_says_why(world: World) -> None:
    run = world.run(unchanged=120)
    text = world.client(world.viewer).get(world.url(f"runs/{run.id}?tab=unchanged")).text
    assert "120 vehicles were as before" in text
    assert world.url("vehicles?source=EasyCars") in text


def test_tabs_show_missing_and_conflicts_only_when_there_are_some(world: World) -> None:
    client = world.client(world.viewer)
    calm = client.get(world.url(f"runs/{world.run(created=1).id}")).text
    assert "tab=missing" not in calm
    odd = client.get(world.url(f"runs/{world.run(missing=1, conflicts=2).id}")).text
    assert "tab=missing" in odd
    assert "tab=conflicts" in odd


def test_the_first_tab_is_the_one_that_needs_a_look(world: World) -> None:
    run = world.run("warning", created=5, failed=1)
    world.item(run, "BAD", "refuse", label="Row 17", reason="The stock number is missing.")
    text = world.client(world.viewer).get(world.url(f"runs/{run.id}")).text
    assert "The stock number is missing." in text


def test_a_conflict_that_wrote_other_fields_is_under_updated_too(world: World) -> None:
    run = world.run("warning", updated=1, conflicts=1)
    world.item(run, "C1", "conflict", label="Mixed", after={"make": "Ford"}, before={"make": "F"})
    client = world.client(world.viewer)
    for tab in ("updated", "conflicts"):
        assert "Mixed" in client.get(world.url(f"runs/{run.id}?tab={tab}")).text


def test_warnings_are_grouped_by_field(world: World) -> None:
    run = world.run("success", created=3)
    for number in range(3):
        text = "Price 0 in EasyCars"
        warned = [{"field": "price_cents", "text": text}] if number else None
        world.item(run, f"W{number}", "create", after={}, warnings=warned)
    page = world.client(world.viewer).get(world.url(f"runs/{run.id}")).text
    assert "Price: 2 vehicles" in page
    assert "Vehicle W1 (W1): Price 0 in EasyCars" in page


def test_thousands_of_rows_are_paged_and_cost_the_same(world: World) -> None:
    from app.models import SyncItem

    run = world.run(created=2000)
    with world.app.app_context(), unit_of_work(world.place.id) as session:
        session.add_all(
            SyncItem(
                run_id=run.id,
                dealership_id=world.place.id,
                external_id=f"N{number:05}",
                label=f"Car {number:05}",
                action="create",
            )
            for number in range(2000)
        )
    client = world.client(world.viewer)
    address = world.url(f"runs/{run.id}?tab=created")
    with counted_queries() as first:
        page = client.get(address).text
    assert "Car 00000" in page
    assert "Car 00025" not in page
    later = page.rpartition('rel="next" href="')[2].partition("#")[0].replace("&amp;", "&")
    with counted_queries() as second:
        page = client.get(later).text
    assert "Car 00025" in page
    assert len(second) <= len(first)
    earlier = page.rpartition('rel="prev" href="')[2].partition("#")[0].replace("&amp;", "&")
    assert "Car 00024" in client.get(earlier).text


def test_traces_are_for_the_system_role(world: World) -> None:
    told = {"status": 200, "code": 0, "duration_ms": 120, "attempt": 1, "bytes": 400}
    calls = [told | {"method": "POST", "path": "/RequestToken", "at": "2026-03-10T01:00:00.123"}]
    run = world.run("failed", error_details="Traceback: line 7", response_summary={"calls": calls})
    address = world.url(f"runs/{run.id}")
    admin = world.client(world.admin).get(address).text
    assert "/RequestToken" in admin
    assert "ref-0123456789ab" in admin
    assert "Traceback" not in admin
    with world.app.app_context():
        system = factories.user(is_system=True)
    assert "Traceback: line 7" in world.client(system).get(address).text


def test_a_stranger_and_a_number_without_a_run_get_404(world: World) -> None:
    run = world.run()
    stranger = world.client(world.stranger)
    for path in ("", "/card", "/parts"):
        assert stranger.get(world.url(f"runs/{run.id}{path}")).status_code == 404
    member = world.client(world.admin)
    for number in (run.id + 1, 10**12, 10**30):
        assert member.get(world.url(f"runs/{number}")).status_code == 404


def test_cancel_asks_a_running_run_and_ends_a_queued_one(world: World) -> None:
    client = world.client(world.operator)
    queued = world.run("queued")
    answer = client.post(world.url(f"runs/{queued.id}/cancel"), headers=HTMX)
    assert 'data-status="Cancelled"' in answer.text
    running = world.run("running", phase="applying")
    answer = client.post(world.url(f"runs/{running.id}/cancel"), headers=HTMX)
    assert "Stopping after this batch" in answer.text
    assert client.post(world.url(f"runs/{running.id}/cancel")).status_code == 303
    assert (
        world.client(world.viewer).post(world.url(f"runs/{running.id}/cancel")).status_code == 403
    )


def test_retry_starts_again_linked_to_the_run(world: World, queue: NotingQueue) -> None:
    failed = world.run("failed")
    answer = world.client(world.operator).post(world.url(f"runs/{failed.id}/retry"))
    assert answer.location == world.url(f"runs/{queue.enqueued[0]}")
    page = world.client(world.viewer).get(answer.location).text
    assert f"after run {failed.id}" in page
    again = world.client(world.operator).post(world.url(f"runs/{failed.id}/retry"))
    assert again.location == answer.location


def test_retries_count_as_starts_by_hand(world: World, queue: NotingQueue) -> None:
    from datetime import timedelta

    from tests.routes.runs.conftest import NOW

    for minutes in range(5):
        world.run(
            trigger="retry", user_id=world.admin.id, created_at=NOW - timedelta(minutes=minutes + 1)
        )
    failed = world.run("failed")
    answer = world.client(world.operator).post(world.url(f"runs/{failed.id}/retry"))
    assert answer.status_code == 429
    assert queue.enqueued == []
