"""One running product for the browser tests; each test has a dealership of its own in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.simulator import account_number
from tests.e2e.numbers import next_number
from tests.e2e.people import Place, place
from tests.e2e.stack import Stack, running_stack

VEHICLES = 12


@pytest.fixture(scope="package")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole product on SQLite, with small batches so that a run has steps to watch.

    It ends with the tests that need it, so that it takes nothing from those that follow.
    """
    folder = tmp_path_factory.mktemp("product")
    with running_stack(folder, vehicles=VEHICLES, SYNC_BATCH_SIZE="50") as stack:
        yield stack


@pytest.fixture
def account() -> str:
    """A dealer account of the simulator that no other test uses."""
    return account_number(next_number())


@pytest.fixture
def dealer(product: Stack, account: str, request: pytest.FixtureRequest) -> Place:
    """A dealership that is connected to `account`."""
    return place(product, f"dealer-{account[-4:].lower()}", account=account)
