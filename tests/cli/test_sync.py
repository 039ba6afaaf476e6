"""`forecourt sync stock`: starts, follows, exits by the outcome, prints one JSON object."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, update

from app import create_app
from app.cli.sync import sync
from app.config import Settings
from app.db import ALL_DEALERSHIPS, unit_of_work
from app.models import Dealership, SyncRun
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


def test_what_is_wrong_is_told_in_words(app: Flask) -> None:
    assert "There is no dealership harbour" in run(app).stderr
    with app.app_context():
        factories.dealership(slug="harbour")
    result = run(app)
    assert result.exit_code == 1
    assert "EasyCars is not connected" in result.stderr
