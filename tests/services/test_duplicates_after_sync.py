"""What follows a finished run: the look for duplicates; its failure is none of the run's."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import insert, select

from app.db import reading, unit_of_work
from app.jobs import sync as jobs
from app.models import Dealership, DuplicatePair, Vehicle
from app.models.types import utc_now
from app.parts import SystemClock
from app.services import duplicates_after_sync
from tests import factories, run_rows
from tests.factories_vehicles import vehicle
from tests.services.sync.memory import Yard

pytestmark = [pytest.mark.both_databases]
VIN = "MR0FZ29G001234567"


@pytest.fixture
def place(app: Flask) -> Iterator[Dealership]:
    with app.app_context():
        yield factories.dealership()


def pairs(place: Dealership) -> list[str]:
    with reading(place.id) as session:
        return list(session.scalars(select(DuplicatePair.state)))


@pytest.mark.parametrize(
    ("status", "values", "looks"),
    [
        ("success", {}, True),
        ("warning", {}, True),
        ("success", {"mode": "remap"}, True),
        ("success", {"mode": "undo"}, True),
        ("success", {"mode": "preview"}, False),
        ("success", {"stream": "leads"}, False),
        ("running", {}, False),
    ],
    ids=["sync", "warning", "re-map", "undo", "preview", "leads", "still running"],
)
def test_runs_that_change_vehicles_are_followed_by_a_look(
    place: Dealership, status: str, values: dict[str, str], looks: bool
) -> None:
    for _ in range(2):
        vehicle(place, vin=VIN)
    run = run_rows.run(place, status, **values)
    jobs.look_for_duplicates(run.id)
    assert pairs(place) == (["open"] if looks else [])


def test_a_failed_look_does_not_fail_the_job(
    place: Dealership, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(duplicates_after_sync, "look", broken)
    run = run_rows.run(place)
    jobs.look_for_duplicates(run.id)
    assert pairs(place) == []


def test_a_sync_and_its_look_pair_a_hand_made_twin(app: Flask) -> None:
    with app.app_context():
        yard = Yard()
        vehicle(yard.dealership, vin=VIN, source="Manual")
        yard.stream.feed = [{"no": "S100", "vin": VIN}]
        run = yard.sync()
        jobs.look_for_duplicates(run.id)
        assert pairs(yard.dealership) == ["open"]
        assert len(yard.vehicles()) == 2


def test_a_look_through_twenty_thousand_vehicles_is_quick(place: Dealership) -> None:
    now = utc_now()
    rows = [
        {
            "dealership_id": place.id,
            "stock_number": f"S{number}",
            "vin": f"MR0FZ29G0{number % 19_990:08}",
            "rego_num": f"R{number:05}",
            "rego_state": "NSW",
            "make": f"Make {number % 12}",
            "model": f"Model {number % 40}",
            "year": 2010 + number % 15,
            "odometer": number * 7919 % 200_000,
            "title": f"Car {number}",
            "source": "EasyCars",
            "created_at": now,
            "updated_at": now,
        }
        for number in range(20_000)
    ]
    with unit_of_work(place.id) as session:
        session.execute(insert(Vehicle), rows)
    started = time.process_time()
    found = duplicates_after_sync.look(place.id, SystemClock())
    assert time.process_time() - started < 2
    assert found.open == 10
