"""A connected dealership, its people, a clock that stands, a queue that only takes notes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, event

from app import create_app
from app.config import Settings
from app.models import Dealership, User
from tests import factories, run_rows
from tests.conftest import close

NOW = run_rows.START + timedelta(hours=1)


@dataclass
class StandingClock:
    moment: datetime = NOW

    def now(self) -> datetime:
        return self.moment


@dataclass
class NotingQueue:
    """Takes jobs and does nothing: the tests say themselves how a run goes on."""

    enqueued: list[int] = field(default_factory=list)

    def sync(self, run_id: int, attempt: int) -> str:
        self.enqueued.append(run_id)
        return f"sync-{run_id}-{attempt}"

    def photos(self, run_id: int, attempt: int) -> str:
        return f"photos-{run_id}-{attempt}"

    def leads(self, dealership_id: int, token: str) -> str:
        return f"leads-{dealership_id}-{token}"

    def waiting(self, job_ids: Sequence[str]) -> set[str]:
        return set(job_ids)


@dataclass
class World:
    app: Flask
    place: Dealership
    admin: User
    operator: User
    viewer: User
    stranger: User

    def client(self, person: User) -> FlaskClient:
        with self.app.app_context():
            return factories.sign_in(self.app.test_client(), person)

    def run(self, status: str = "success", **values: Any) -> Any:
        with self.app.app_context():
            return run_rows.run(self.place, status, **values)

    def item(self, *args: Any, **values: Any) -> Any:
        with self.app.app_context():
            return run_rows.item(*args, **values)

    def url(self, path: str = "") -> str:
        return f"/d/{self.place.slug}/{path}"


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def queue() -> NotingQueue:
    return NotingQueue()


@pytest.fixture
def app(settings: Settings, clock: StandingClock, queue: NotingQueue) -> Iterator[Flask]:
    app = create_app(settings, clock=clock, queue=queue)
    yield app
    close(app)


@pytest.fixture
def bare(app: Flask) -> World:
    """Nothing is connected and nothing has run."""
    with app.app_context():
        place = factories.dealership("Harbour Motors", "harbour")
        other = factories.dealership()
        return World(
            app,
            place,
            factories.member(place, "admin"),
            factories.member(place, "operator"),
            factories.member(place, "viewer"),
            factories.member(other, "admin"),
        )


@pytest.fixture
def world(app: Flask, bare: World) -> World:
    with app.app_context():
        run_rows.credential(bare.place)
    return bare


@contextmanager
def counted_queries() -> Iterator[list[str]]:
    """Every SQL statement inside the block."""
    seen: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)
