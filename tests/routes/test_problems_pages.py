"""Problems as pages: banner, number, three tabs, one by itself, snooze; all dealerships."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import AuditEvent, Dealership, Problem
from app.services.problems import book
from app.services.problems.finding import record
from tests import factories, factories_leads, run_rows
from tests.reading import words
from tests.routes.runs import conftest as rig
from tests.routes.runs.conftest import NOW, World, counted_queries
from tests.services.problems.conftest import finding

# The dealership, its people and the standing clock of the pages of runs.
app, bare, clock, queue, world = rig.app, rig.bare, rig.clock, rig.queue, rig.world


def notice(world: World, cause: str = "stock-sync:timeout", **values: Any) -> Problem:
    with world.app.app_context(), unit_of_work(world.place.id) as db:
        return book.observe(db, finding(cause=cause, **values), NOW)


def banner(text: str) -> str:
    return words(text.partition('data-testid="problems"')[2].partition("</section>")[0])


def number(text: str) -> str | None:
    """What the navigation says beside Problems."""
    found = re.search(r'/alerts"[^>]*>.*?<span>Problems</span>(?:<span[^>]*>(\d+))?', text, re.S)
    assert found is not None
    return found[1]


def test_the_worst_open_problem_stands_above_every_page(world: World) -> None:
    client = world.client(world.viewer)
    assert number(client.get(world.url("vehicles")).text) is None
    notice(world, "photos-failing", title="Photos are missing", danger_from=None)
    urgent = notice(world, title="The stock sync took too long")
    for page in ("vehicles", "leads", "history", "alerts?tab=resolved"):
        text = client.get(world.url(page)).text
        assert number(text) == "2"
        told = banner(text)
        assert told.index("The stock sync took too long") < told.index("1 more problem")
        assert told.index("1 more problem") < told.index("Photos are missing")
        assert world.url(f"alerts/{urgent.id}") in text
    own = client.get(world.url(f"alerts/{urgent.id}")).text
    assert "The stock sync took too long" not in banner(own), "its own page says it once"
    assert 'data-testid="problems"' not in client.get(world.url("vehicles"), headers={
        "HX-Request": "true",
    }).text  # fmt: skip


def test_a_problem_says_what_it_affects_and_what_to_do(world: World) -> None:
    problem = notice(
        world,
        affected=21,
        records=[record("Sam Miller", "leads/7"), record("Gone", "nowhere/8"), record("A mail")],
        path="leads?tab=unsent",
        link="Open leads",
    )
    text = world.client(world.viewer).get(world.url(f"alerts/{problem.id}")).text
    told = words(text)
    for part in ("No such yard.", "Check the yard code.", "21 affected records", "And 18 more."):
        assert part in told
    assert f'<a href="{world.url("leads/7")}">Sam Miller</a>' in text
    assert "nowhere/8" not in text, "no link to a page that does not exist"
    assert "Gone" in told
    assert f'href="{world.url("leads?tab=unsent")}"' in text


@pytest.mark.parametrize(("role", "may"), [("admin", True), ("operator", False)])
def test_a_step_that_only_administrators_may_take_is_no_dead_link(
    world: World, role: str, may: bool
) -> None:
    problem = notice(world)
    client = world.client(getattr(world, role))
    for page in ("vehicles", "alerts", f"alerts/{problem.id}"):
        text = client.get(world.url(page)).text
        assert ("Open EasyCars settings" in text) is may
        if page != "vehicles":
            assert ("administrator" in words(text)) is not may


def test_three_tabs(world: World) -> None:
    client = world.client(world.viewer)
    assert "No open problems" in client.get(world.url("alerts")).text
    assert "Nothing is snoozed" in client.get(world.url("alerts?tab=snoozed")).text
    notice(world, "one", title="The first cause")
    notice(world, "two", title="The second cause")
    with world.app.app_context(), unit_of_work(world.place.id) as db:
        book.settle(db, ["two"], NOW + timedelta(hours=1), "Stock sync 14 ended well.")
    found = words(client.get(world.url("alerts")).text)
    assert "The first cause" in found
    assert "The second cause" not in found
    for tab in ("resolved", "resolved&x=%00"):
        found = words(client.get(world.url(f"alerts?tab={tab}")).text)
        assert "The second cause" in found
        assert "Stock sync 14 ended well." in found
        assert "Resolved 1" in found
    assert client.get(world.url("alerts?tab=never-heard-of")).status_code == 200


def test_snoozing_and_waking_by_plain_forms(world: World) -> None:
    problem = notice(world)
    client = world.client(world.operator)
    one = world.url(f"alerts/{problem.id}")
    wrong = client.post(f"{one}/snooze", data={"span": "for ever"})
    assert wrong.status_code == 422
    assert "Choose an hour, until tomorrow, or a week." in wrong.text
    done = client.post(f"{one}/snooze", data={"span": "week"}, follow_redirects=True)
    assert "Snoozed." in done.text
    assert number(done.text) is None
    listed = words(client.get(world.url("alerts?tab=snoozed")).text)
    assert problem.title in listed
    assert f"Snoozed by {world.operator.email}" in listed
    assert number(client.post(f"{one}/wake", follow_redirects=True).text) == "1"
    assert "not snoozed any more" in client.post(f"{one}/wake", follow_redirects=True).text
    with world.app.app_context(), reading(world.place.id) as db:
        events = db.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()
        assert [(one.action, one.subject) for one in events] == [
            ("problem.snooze", problem.cause), ("problem.wake", problem.cause),
        ]  # fmt: skip
    assert client.post(world.url("alerts/2147483647/wake")).status_code == 404
    assert world.client(world.viewer).post(f"{one}/snooze").status_code == 403


def test_a_problem_that_is_over_cannot_be_snoozed(world: World) -> None:
    problem = notice(world)
    with world.app.app_context(), unit_of_work(world.place.id) as db:
        book.settle(db, [problem.cause], NOW, "Over.")
    url = world.url(f"alerts/{problem.id}/snooze")
    answer = world.client(world.operator).post(url, data={"span": "hour"}, follow_redirects=True)
    assert "This problem was resolved meanwhile" in answer.text


def test_what_a_person_just_did_ends_a_problem_at_once(world: World) -> None:
    """The clock's minute must not make somebody look at what is done."""
    with world.app.app_context():
        lead = factories_leads.sent_lead(world.place, created_at=NOW - timedelta(days=1))
    client = world.client(world.operator)
    notice(world, "leads-overdue", title="1 lead waits for an answer")
    assert number(client.get(world.url("leads")).text) == "1"
    answer = client.post(
        world.url(f"leads/{lead.id}/status"), data={"status": "in_progress"}, follow_redirects=True
    )
    assert answer.status_code == 200
    assert number(client.get(world.url("leads")).text) is None


def test_all_dealerships_stand_worst_first(world: World) -> None:
    with world.app.app_context():
        fine = factories.dealership("A fine place", "fine")
        for place, hours in ((world.place, 1), (fine, 1)):
            run_rows.last_good(place, NOW - timedelta(hours=hours))
        run_rows.credential(fine)
        run_rows.run(fine, "success", created_at=NOW - timedelta(hours=1))
        empty = factories.dealership("B not connected", "empty")
        for place in (fine, empty):
            factories.membership(world.viewer, place, "viewer")
    run = world.run("failed", created_at=NOW - timedelta(minutes=9))
    notice(world, "leads-overdue", affected=3)
    text = world.client(world.viewer).get("/").text
    rows = [words(row) for row in re.findall(r"<tr data-tone.*?</tr>", text, re.S)]
    assert [row.split(" How ")[0].strip()[:9] for row in rows] == [
        "Harbour M", "B not con", "A fine pl",
    ]  # fmt: skip
    assert "The last stock sync failed; what you see is older. 3 leads wait" in rows[0]
    assert "EasyCars is not connected" in rows[1]
    assert "Your stock is up to date." in rows[2]
    assert f"/d/harbour/runs/{run.id}" in text
    assert 'href="/d/harbour/alerts">1<' in text


def test_more_dealerships_ask_no_more_questions(world: World) -> None:
    client = world.client(world.viewer)

    def another(count: int) -> int:
        with world.app.app_context():
            for _ in range(count):
                place: Dealership = factories.dealership()
                factories.membership(world.viewer, place, "viewer")
                run_rows.run(place, "success")
        with counted_queries() as asked:
            assert client.get("/").status_code == 200
        return len(asked)

    few = another(1)
    assert another(5) == few <= 9
