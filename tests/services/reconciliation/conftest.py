"""A connected dealership beside a running simulator; an account and stock of its own per test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from app import create_app
from app.simulator import RunningSimulator, running_simulator
from tests.conftest import close, invented_settings
from tests.services.leads.rig import MovableClock, SilentQueue, open_desk
from tests.services.reconciliation.rig import Place


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    with running_simulator(vehicles=12, photos="fast") as running:
        yield running


@pytest.fixture
def place(tmp_path: Path, database_url: str, simulator: RunningSimulator) -> Iterator[Place]:
    simulator.normal()
    settings = replace(
        invented_settings(tmp_path, database_url, None),
        easycars_test_base_url=simulator.test_base_url,
        easycars_production_base_url=simulator.production_base_url,
    )
    clock = MovableClock()
    app: Flask = create_app(settings, clock=clock, queue=SilentQueue())
    with open_desk(app, simulator, clock) as desk:
        yield Place(desk)
    close(app)


@pytest.fixture
def numbers(place: Place) -> list[str]:
    """The numbers of twelve ordinary vehicles that both sides have alike."""
    return place.settle()
