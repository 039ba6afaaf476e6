"""One simulator for this folder, as new for every test."""

from collections.abc import Iterator

import httpx
import pytest

from app.simulator import RunningSimulator, running_simulator
from tests.simulator.caller import Caller


@pytest.fixture(scope="session")
def shared_simulator() -> Iterator[RunningSimulator]:
    with running_simulator(vehicles=100, seed=7) as running:
        yield running


@pytest.fixture
def simulator(shared_simulator: RunningSimulator) -> RunningSimulator:
    shared_simulator.reset(vehicles=100, seed=7)
    shared_simulator.settings(photos="drawn")
    return shared_simulator


@pytest.fixture
def caller(simulator: RunningSimulator) -> Iterator[Caller]:
    with httpx.Client(timeout=30) as http:
        yield Caller(simulator, http)
