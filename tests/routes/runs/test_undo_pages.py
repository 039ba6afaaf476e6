"""Undo from the pages and over JSON: the question, the start, one row, and who may (C9)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app.db import ALL_DEALERSHIPS, reading, unit_of_work
from app.jobs import periodic
from app.models import (
    AuditEvent,
    Schedule,
    SyncBefore,
    SyncItem,
    SyncRun,
    Vehicle,
    VehicleEdit,
)
from app.services import vehicle_edits
from tests import factories, run_rows
from tests.routes.runs.conftest import NOW, NotingQueue, StandingClock, World
from tests.services.sync.memory import Yard

pytestmark = [pytest.mark.both_databases]


class Story:
    """A first sync, a second one that changed S1 and S2, removed S3 and created S4."""

    def __init__(self, world: World, clock: StandingClock) -> None:
        self.world = world
        with world.app.app_context():
            self.yard = Yard()
            self.yard.dealership, self.yard.clock = world.place, clock
            self.yard.stream.feed = [self.car(n, "Red") for n in (1, 2, 3)]
            self.yard.sync()
            self.yard.stream.feed = [self.car(n, "Blue") for n in (1, 2, 4)]
            self.run = self.yard.sync()
            clock.moment += timedelta(hours=1)

    @staticmethod
    def car(number: int, colour: str) -> dict[str, Any]:
        return {"no": f"S{number}", "make": "Mazda", "colour": colour, "doors": 4}

    def edit(self, number: str, colour: str) -> None:
        with self.world.app.app_context(), unit_of_work(self.world.place.id) as db:
            car = db.scalars(select(Vehicle).where(Vehicle.stock_number == number)).one()
            before, car.colour = {"colour": car.colour}, colour
            now = self.yard.clock.now()
            after = {"colour": colour}
            vehicle_edits.record(db, car, "edit", before, after, actor=factories.ACTOR, now=now)

    def item(self, number: str) -> SyncItem:
        with self.world.app.app_context():
            return {item.external_id: item for item in self.yard.items(self.run)}[number]

    def colours(self) -> dict[str, str | None]:
        with self.world.app.app_context():
            return {number: car.colour for number, car in self.yard.vehicles().items()}

    @property
    def url(self) -> str:
        return self.world.url(f"runs/{self.run.id}/undo")

    def item_url(self, number: str) -> str:
        return self.world.url(f"runs/{self.run.id}/items/{self.item(number).id}/undo")


@pytest.fixture
def story(world: World, clock: StandingClock) -> Story:
    return Story(world, clock)


def test_the_run_page_offers_the_undo_to_those_who_may(story: Story) -> None:
    address = story.url.removesuffix("/undo")
    page = story.world.client(story.world.operator).get(address).text
    assert 'data-testid="undo-run"' in page
    assert (
        'data-testid="undo-item"'
        in story.world.client(story.world.operator).get(f"{address}?tab=updated").text
    )
    seen = story.world.client(story.world.viewer).get(f"{address}?tab=updated").text
    assert 'data-testid="undo-' not in seen
    assert story.world.client(story.world.viewer).get(story.url).status_code == 403


def test_the_question_tells_counts_and_what_stays(story: Story) -> None:
    story.edit("S2", "Pink")
    story.edit("S4", "Black")
    page = story.world.client(story.world.operator).get(story.url).text
    assert "3 vehicles go back" in page
    assert "1 vehicle</a> that this run created" in page
    assert "2 vehicles changed since" in page
    assert "Colour, now Pink (" in page
    assert "Not removed: this vehicle was changed since the run created it" in page
    assert 'name="pause" value="1" checked' in page


def test_without_later_changes_everything_goes_back(story: Story) -> None:
    page = story.world.client(story.world.operator).get(story.url).text
    assert "everything goes back" in page
    assert 'data-testid="undo-stays"' not in page


@pytest.mark.parametrize("pause", [True, False])
def test_the_start_opens_a_linked_run_pauses_and_is_audited(
    story: Story, queue: NotingQueue, pause: bool
) -> None:
    world = story.world
    with world.app.app_context(), unit_of_work(world.place.id) as db:
        db.add(
            Schedule(
                dealership_id=world.place.id, provider="demo", stream="stock", interval="daily",
                cron="0 2 * * *", enabled=True,
            )
        )  # fmt: skip
    answer = world.client(world.operator).post(story.url, data={"pause": "1"} if pause else {})
    with world.app.app_context(), reading(world.place.id) as db:
        made = db.scalars(select(SyncRun).where(SyncRun.mode == "undo")).one()
        schedule = db.scalars(select(Schedule)).one()
        told = db.scalars(select(AuditEvent).where(AuditEvent.action == "sync.undo")).one()
    assert answer.status_code == 303
    assert answer.location.endswith(f"/runs/{made.id}")
    assert made.scope == {"undoes": story.run.id, "paused": pause}
    assert (schedule.paused_until is not None) == pause
    assert (told.actor, told.details["undoes"]) == (world.operator.email, story.run.id)
    assert made.id in queue.enqueued
    with world.app.app_context():
        done = story.yard.execute(made.id)
    assert ("paused for 24 hours" in (done.message or "")) == pause
    assert story.colours() == {"S1": "Red", "S2": "Red", "S3": "Red"}
    page = world.client(world.viewer).get(story.url.removesuffix("/undo")).text
    assert f"Undone by run {done.id}" in page
    assert world.client(world.viewer).get(answer.location + "?tab=updated").status_code == 200


def test_what_was_changed_since_is_shown_under_conflicts(story: Story) -> None:
    story.edit("S2", "Pink")
    client = story.world.client(story.world.operator)
    client.post(story.url)
    with story.world.app.app_context(), reading(story.world.place.id) as db:
        undo = db.scalars(select(SyncRun).where(SyncRun.mode == "undo")).one()
    with story.world.app.app_context():
        story.yard.execute(undo.id)
    page = client.get(story.world.url(f"runs/{undo.id}")).text
    assert "Colour, now Pink" in page
    assert "Look under Conflicts" in page
    assert story.colours()["S2"] == "Pink"


REFUSED = {
    "undone already": "undone already",
    "too old": "more than 30 days",
    "nothing changed": "nothing to undo",
    "an undo": "Only a sync",
    "a preview": "Only a sync",
    "still running": "not ended",
}


@pytest.mark.parametrize("why", REFUSED)
def test_refused_in_words(story: Story, clock: StandingClock, queue: NotingQueue, why: str) -> None:
    world, run = story.world, story.run
    with world.app.app_context():
        if why == "undone already":
            run_rows.run(world.place, provider="demo", mode="undo", parent_id=run.id)
        elif why == "too old":
            clock.moment += timedelta(days=31)
        elif why != "still running":
            mode = {"an undo": "undo", "a preview": "preview"}.get(why, "sync")
            run = run_rows.run(world.place, provider="demo", mode=mode)
        else:
            run = run_rows.run(world.place, "running", provider="demo")
    enqueued = len(queue.enqueued)
    client = world.client(world.admin)
    asked = client.get(world.url(f"runs/{run.id}/undo"))
    page = client.get(asked.location)
    api = client.post(f"/api/admin/easycars/sync/runs/{run.id}/undo")
    assert (asked.status_code, api.status_code) == (303, 409)
    assert asked.location.endswith(f"runs/{run.id}"), "back to the run, with the reason"
    assert REFUSED[why] in page.text
    assert REFUSED[why] in api.get_json()["message"]
    assert client.post(world.url(f"runs/{run.id}/undo")).status_code == 303
    assert len(queue.enqueued) == enqueued


def test_a_program_starts_an_undo(story: Story) -> None:
    world = story.world
    client = world.client(world.operator)
    address = f"/api/admin/easycars/sync/runs/{story.run.id}/undo"
    answer = client.post(address, json={"pauseSchedules": True})
    assert answer.status_code == 202
    body = answer.get_json()
    assert set(body) == {"jobId", "runId", "message", "estimatedDurationSeconds", "location"}
    again = client.post(address)
    assert again.status_code == 409


def test_one_field_of_one_row_goes_back_with_a_padlock(story: Story) -> None:
    world = story.world
    client = world.client(world.operator)
    page = client.get(story.item_url("S1") + "?field=colour").text
    assert 'value="colour" checked' in page
    answer = client.post(story.item_url("S1"), data={"fields": "colour", "lock": "1"})
    assert answer.status_code == 303
    assert story.colours() == {"S1": "Red", "S2": "Blue", "S3": "Red", "S4": "Blue"}
    with world.app.app_context(), reading(world.place.id) as db:
        edit = db.scalars(select(VehicleEdit)).one()
        car = db.get_one(Vehicle, edit.vehicle_id)
    assert (edit.kind, edit.run_id, car.locked_fields) == ("undo", story.run.id, ["colour"])
    with world.app.app_context():
        story.yard.sync()
    assert story.colours()["S1"] == "Red"


def test_a_row_put_back_without_padlock_stays_until_the_feed_changes(story: Story) -> None:
    client = story.world.client(story.world.operator)
    client.post(story.item_url("S1"), data={"fields": "colour"})
    with story.world.app.app_context():
        story.yard.sync()
    assert story.colours()["S1"] == "Red"


def test_a_field_that_changed_since_says_why_it_cannot_go_back(story: Story) -> None:
    story.edit("S1", "Pink")
    client = story.world.client(story.world.operator)
    assert "changed since this run" in client.get(story.item_url("S1")).text
    wrong = client.post(story.item_url("S1"), data={"fields": "colour"})
    assert wrong.status_code == 422
    assert story.colours()["S1"] == "Pink"


def test_a_created_row_has_nothing_to_put_back(story: Story) -> None:
    assert story.world.client(story.world.operator).get(story.item_url("S4")).status_code == 409


def test_the_timeline_of_a_vehicle_offers_it_too(story: Story) -> None:
    vehicle = story.item("S1").entity_id
    page = story.world.client(story.world.operator).get(
        story.world.url(f"vehicles/{vehicle}?tab=timeline")
    )
    assert story.item_url("S1") in page.text


def test_old_images_are_deleted(story: Story, clock: StandingClock) -> None:
    with story.world.app.app_context():
        assert periodic.drop_old_images() == 0
        with unit_of_work(ALL_DEALERSHIPS) as db:
            db.execute(
                update(SyncBefore)
                .where(SyncBefore.run_id == story.run.id)
                .values(created_at=NOW - timedelta(days=31))
            )
        assert periodic.drop_old_images() == 3
        clock.moment += timedelta(days=40)
        assert periodic.drop_old_images() == 0
