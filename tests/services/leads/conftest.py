"""Leads against a running simulator: one process of it for the module, an account per test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from app import create_app
from app.simulator import RunningSimulator, running_simulator
from tests.conftest import close, invented_settings
from tests.services.leads.rig import Desk, MovableClock, SilentQueue, open_desk


@pytest.fixture(scope="session")
def simulator() -> Iterator[RunningSimulator]:
    with running_simulator(vehicles=3, photos="fast") as running:
        yield running


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def desk(
    tmp_path: Path, database_url: str, simulator: RunningSimulator, clock: MovableClock
) -> Iterator[Desk]:
    simulator.normal()
    settings = replace(
        invented_settings(tmp_path, database_url, None),
        easycars_test_base_url=simulator.test_base_url,
        easycars_production_base_url=simulator.production_base_url,
    )
    app: Flask = create_app(settings, clock=clock, queue=SilentQueue())
    with open_desk(app, simulator, clock) as opened:
        yield opened
    close(app)
