"""`kill -9` in the middle of an apply and of its undo: each goes on and ends as if undisturbed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import func, select

from app.models import ExternalLink, SyncItem, Vehicle
from tests.e2e import kills, people, processes
from tests.e2e.kills import ENDED
from tests.e2e.people import Place
from tests.e2e.stack import Stack, running_stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]
VEHICLES = 3000
# Small batches make the middle wide enough to hit on any machine.
BATCH = "50"
RUNS = "/api/admin/easycars/sync/runs"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("kills-of-trust")
    with running_stack(folder, vehicles=VEHICLES, photos=False, SYNC_BATCH_SIZE=BATCH) as found:
        yield found


def started(stack: Stack, place: Place, path: str, **body: Any) -> int:
    with stack.client(place.token) as client:
        answer = client.post(path, json=body)
        assert answer.status_code == 202, answer.text
        return answer.json()["runId"]


def killed_in_the_middle(stack: Stack, run_id: int) -> Any:
    """The run after the job's own process was killed and somebody took it over."""

    def is_halfway(run: Any) -> bool:
        assert run.status not in ENDED, f"it ended before it could be disturbed: {run}"
        return bool(run.total) and run.created + run.updated > kills.MIDDLE * run.total

    run = kills.wait_for(stack, run_id, is_halfway)
    processes.kill(int(run.lease_owner.rpartition(":")[2]))
    struck = kills.facts(stack, run_id)
    assert struck.status == "running", f"too late: {struck}"
    assert struck.created + struck.updated < VEHICLES
    return kills.wait_for(stack, run_id, lambda run: run.status in ENDED)


def count(stack: Stack, table: Any, *conditions: Any) -> int:
    return int(stack.rows(select(func.count()).select_from(table).where(*conditions))[0][0])


def test_an_apply_and_its_undo_survive_a_kill(stack: Stack) -> None:
    place = people.place(stack, "harbour")
    preview = started(stack, place, "/api/admin/easycars/sync/stock", preview=True)
    shown = kills.wait_for(stack, preview, lambda run: run.status in ENDED)
    assert (shown.status, shown.created) == ("success", VEHICLES), shown.error_details
    vehicles, links = Vehicle.__table__, ExternalLink.__table__
    mine = vehicles.c.dealership_id == place.id
    assert count(stack, vehicles, mine) == 0

    applied = killed_in_the_middle(stack, started(stack, place, f"{RUNS}/{preview}/apply"))
    assert (applied.status, applied.created, applied.failed) == ("success", VEHICLES, 0)
    assert applied.attempt > 1
    assert count(stack, vehicles, mine) == VEHICLES
    items = SyncItem.__table__
    assert count(stack, items, items.c.run_id == applied.id) == VEHICLES

    undone = killed_in_the_middle(stack, started(stack, place, f"{RUNS}/{applied.id}/undo"))
    assert (undone.status, undone.updated, undone.total) == ("success", VEHICLES, VEHICLES)
    assert undone.attempt > 1
    assert count(stack, vehicles, mine) == 0
    assert count(stack, links, links.c.dealership_id == place.id) == 0
