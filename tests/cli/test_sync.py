"""`forecourt sync stock`: starts, follows, exits by the outcome, prints one JSON object."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, select, update

from app import create_app
from app.cli.reconcile import reconcile
from app.cli.sync import sync
from app.config import Settings
from app.db import ALL_DEALERSHIPS, reading, unit_of_work
from app.models import Dealership, SyncPayload, SyncRun
from app.models.types import utc_now
from tests import factories, run_rows
from tests.conftest import close
from tests.routes.runs.conftest import NotingQueue


@dataclass
class WorkingQueue(NotingQueue):
    """A worker at once: every run that is enqueued ends as `status`."""

    status: str = "success"
    photos_state: str = "none"

    def sync(self, run_id: int, attempt: int) -> str:
        end(run_id, self.status, photos_state=self.photos_state)
        return super().sync(run_id, attempt)


def end(run_id: int, status: str, **values: Any) -> None:
    with unit_of_work(ALL_DEALERSHIPS) as session:
        session.execute(
            update(SyncRun)
            .where(SyncRun.id == run_id)
            .values(
                status=status,
                started_at=func.coalesce(SyncRun.started_at, SyncRun.created_at),
                completed_at=utc_now(),
                message="It ended.",
                **values,
            )
        )


@pytest.fixture
def queue() -> WorkingQueue:
    return WorkingQueue()


@pytest.fixture
def app(settings: Settings, queue: WorkingQueue) -> Iterator[Flask]:
    app = create_app(settings, queue=queue)
    yield app
    close(app)


@pytest.fixture
def place(app: Flask) -> Dealership:
    with app.app_context():
        place = factories.dealership(slug="harbour")
        run_rows.credential(place)
        return place


def run(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(sync, ["stock", "--dealership", "harbour", *arguments])


@pytest.mark.parametrize(
    ("status", "word", "code"),
    [
        ("success", "Success", 0),
        ("failed", "Failed", 1),
        ("cancelled", "Cancelled", 1),
        ("warning", "Warning", 3),
        ("held", "Held", 3),
    ],
)
def test_waiting_ends_with_the_outcome(
    app: Flask, place: Dealership, queue: WorkingQueue, status: str, word: str, code: int
) -> None:
    queue.status = status
    result = run(app, "--wait", "--json")
    summary = json.loads(result.stdout)
    assert (summary["status"], summary["message"]) == (word, "It ended.")
    assert result.exit_code == code


def test_without_waiting_it_tells_the_run_and_returns(
    app: Flask, place: Dealership, queue: WorkingQueue
) -> None:
    queue.status = "running"
    result = run(app)
    assert result.exit_code == 0
    assert result.stdout.startswith("Run 1: InProgress")


def test_waiting_goes_on_until_the_photos_have_ended(
    app: Flask, place: Dealership, queue: WorkingQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.photos_state = "running"
    looks: list[float] = []

    def a_worker_finishes(seconds: float) -> None:
        looks.append(seconds)
        end(1, "success", photos_state="done", photos_new=7)

    monkeypatch.setattr("app.cli.sync.time.sleep", a_worker_finishes)
    result = run(app, "--wait")
    assert len(looks) == 1
    assert "7 new" in result.stdout


def test_a_running_sync_is_named_and_with_wait_followed(
    app: Flask, place: Dealership, queue: WorkingQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        active = run_rows.run(place, "running")
    refused = run(app)
    assert refused.exit_code == 1
    assert f"run {active.id}" in refused.stderr
    monkeypatch.setattr("app.cli.sync.time.sleep", lambda _: end(active.id, "success"))
    followed = run(app, "--wait", "--json")
    assert followed.exit_code == 0
    assert json.loads(followed.stdout)["runId"] == active.id
    assert queue.enqueued == []


def test_leads_are_read_alike(app: Flask, place: Dealership, queue: WorkingQueue) -> None:
    with app.app_context():
        run_rows.run(place, "running")  # of stock: each stream has its own
    arguments = ["leads", "--dealership", "harbour"]
    result = app.test_cli_runner().invoke(sync, [*arguments, "--wait", "--json"])
    summary = json.loads(result.stdout)
    assert (result.exit_code, summary["kind"], summary["status"]) == (0, "leads", "Success")
    with app.app_context():
        active = run_rows.run(place, "running", stream="leads")
    refused = app.test_cli_runner().invoke(sync, arguments)
    assert refused.exit_code == 1
    assert f"A lead sync is running already: run {active.id}" in refused.stderr


def test_what_is_wrong_is_told_in_words(app: Flask) -> None:
    assert "There is no dealership harbour" in run(app).stderr
    with app.app_context():
        factories.dealership(slug="harbour")
    result = run(app)
    assert result.exit_code == 1
    assert "EasyCars is not connected" in result.stderr


def modes(app: Flask, place: Dealership) -> list[tuple[str, dict[str, int]]]:
    with app.app_context(), reading(place.id) as db:
        rows = db.execute(select(SyncRun.mode, SyncRun.scope).order_by(SyncRun.id))
        return [(row.mode, row.scope) for row in rows]


def test_a_preview_and_its_apply(app: Flask, place: Dealership, queue: WorkingQueue) -> None:
    result = run(app, "--preview", "--wait", "--json")
    shown = json.loads(result.stdout)
    assert (result.exit_code, shown["mode"]) == (0, "preview")
    with app.app_context(), unit_of_work(place.id) as db:
        db.add(SyncPayload(dealership_id=place.id, run_id=shown["runId"], part=0, body=b"x"))
    arguments = ["apply", str(shown["runId"]), "--dealership", "harbour"]
    applied = app.test_cli_runner().invoke(sync, [*arguments, "--wait", "--json"])
    assert (applied.exit_code, json.loads(applied.stdout)["mode"]) == (0, "sync")
    again = app.test_cli_runner().invoke(sync, arguments)
    assert again.exit_code == 1
    assert "applied already" in again.stderr
    assert modes(app, place) == [("preview", {}), ("sync", {"applies": shown["runId"]})]


def test_applying_waits_for_no_other_run(app: Flask, place: Dealership) -> None:
    with app.app_context():
        shown = run_rows.run(place, mode="preview", created_at=utc_now(), completed_at=utc_now())
        active = run_rows.run(place, "running")
        with unit_of_work(place.id) as db:
            db.add(SyncPayload(dealership_id=place.id, run_id=shown.id, part=0, body=b"x"))
    arguments = ["apply", str(shown.id), "--dealership", "harbour", "--wait"]
    result = app.test_cli_runner().invoke(sync, arguments)
    assert result.exit_code == 1
    assert f"Run {active.id} is at work" in result.stderr


def test_a_reconciliation_is_a_run_of_its_own_mode_and_follows_no_sync(
    app: Flask, place: Dealership, queue: WorkingQueue
) -> None:
    arguments = ["--dealership", "harbour", "--stream", "leads", "--wait", "--json"]
    result = app.test_cli_runner().invoke(reconcile, arguments)
    summary = json.loads(result.stdout)
    assert (result.exit_code, summary["kind"], summary["mode"]) == (0, "leads", "reconcile")
    with app.app_context():
        at_work = run_rows.run(place, "running")
    refused = app.test_cli_runner().invoke(reconcile, ["--dealership", "harbour", "--wait"])
    assert refused.exit_code == 1
    assert f"Run {at_work.id} is at work" in refused.stderr
