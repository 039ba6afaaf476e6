"""`kill -9` in the middle of a first load: the run goes on within a minute and loses nothing.

Issue 1's "done when", rows B-2b.6 and the lease of design §3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Alias, ColumnElement, Select, Table, and_, func, or_, select

from app.models import EasyCarsStockData, ExternalLink, SyncItem, SyncRun, Vehicle
from app.ops.ports import wait_until
from tests.e2e import kills, people
from tests.e2e.kills import ENDED, Load
from tests.e2e.stack import Stack, running_stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]
VEHICLES = 5000
WITHIN_S = 60.0
# Small batches make the middle wide enough to hit on any machine.
BATCH = "50"
KILLS = ("horse", "worker_and_horse", "worker", "web", "redis")
# What differs between two dealerships, or between two runs, by its nature.
OWN = {
    "vehicle": {"id", "dealership_id", "created_at", "updated_at"},
    "external_link": {
        "id", "dealership_id", "entity_id", "first_seen_at", "changed_at", "changed_run_id",
    },
    "easycar_stock_data": {"link_id", "dealership_id", "vehicle_id", "run_id", "received_at"},
    "sync_item": {"id", "run_id", "dealership_id", "entity_id", "created_at"},
}  # fmt: skip
TABLES = [model.__table__ for model in (Vehicle, ExternalLink, EasyCarsStockData, SyncItem)]


@dataclass
class Aftermath:
    """The product after all kills, the loads by name, and an undisturbed dealership's id."""

    stack: Stack
    loads: dict[str, Load]
    undisturbed: int


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def aftermath(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Aftermath]:
    folder = tmp_path_factory.mktemp(f"kills-{request.param}")
    if request.param == "sqlite":
        yield from after_all_kills(folder, {})
        return
    with request.getfixturevalue("postgres").copy_of_template() as url:
        yield from after_all_kills(folder, {"DATABASE_URL": url})


def after_all_kills(folder: Path, settings: dict[str, str]) -> Iterator[Aftermath]:
    settings["SYNC_BATCH_SIZE"] = BATCH
    with running_stack(folder, vehicles=VEHICLES, photos=False, **settings) as stack:
        loads = {
            name: Load(name, people.place(stack, name.replace("_", "-")), getattr(kills, name))
            for name in KILLS
        }
        undisturbed = first_sync_of_demo(stack)
        horse, both, worker, web, redis = loads.values()
        kills.play_all(stack, [[horse, both], [worker, web], [redis]])
        report(loads)
        yield Aftermath(stack, loads, undisturbed)


def first_sync_of_demo(stack: Stack) -> int:
    """`./dev run` starts it by itself: nobody disturbs that one."""
    run = kills.wait_for(stack, 1, lambda run: run.status in ENDED)
    assert (run.status, run.created) == ("success", VEHICLES), run.error_details or run.message
    return run.dealership_id


def report(loads: dict[str, Load]) -> None:
    """For `pytest -s` and for the output of a failure."""
    for load in loads.values():
        print(  # noqa: T201
            f"\n{load.name}: killed at {load.done_at_kill}, went on after {load.went_on_after} s, "
            f"ended after {load.ended_after} s, fault {load.fault!r}"
        )


@pytest.fixture(params=KILLS)
def load(aftermath: Aftermath, request: pytest.FixtureRequest) -> Load:
    found = aftermath.loads[request.param]
    if found.fault is not None:
        raise found.fault
    return found


def test_the_run_goes_on_within_a_minute_and_ends(load: Load, aftermath: Aftermath) -> None:
    run = kills.facts(aftermath.stack, load.run_id)
    assert 0 < load.done_at_kill < VEHICLES
    assert load.went_on_after < WITHIN_S
    assert (run.status, run.error_code) == ("success", None)


def test_counters_add_up_and_no_second_run_was_started(load: Load, aftermath: Aftermath) -> None:
    run = kills.facts(aftermath.stack, load.run_id)
    assert (run.total, run.created) == (VEHICLES, VEHICLES)
    assert (run.updated, run.unchanged, run.failed, run.held) == (0, 0, 0, 0)
    of_place = SyncRun.__table__.c.dealership_id == load.place.id
    assert aftermath.stack.rows(select(SyncRun.__table__.c.id).where(of_place)) == [(run.id,)]


def test_every_vehicle_has_one_item_in_the_run(load: Load, aftermath: Aftermath) -> None:
    items = SyncItem.__table__.c
    query = select(
        func.count(),
        func.count(items.external_id.distinct()),
        func.count(items.entity_id.distinct()),
    ).where(items.run_id == load.run_id)
    assert aftermath.stack.rows(query) == [(VEHICLES, VEHICLES, VEHICLES)]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_rows_equal_those_of_an_undisturbed_run(
    load: Load, aftermath: Aftermath, table: Table
) -> None:
    stack, mine, theirs = aftermath.stack, load.place.id, aftermath.undisturbed
    count = select(func.count()).where(table.c.dealership_id == mine)
    assert stack.rows(count) == [(VEHICLES,)]
    ours, others = table.alias("ours"), table.alias("others")
    pairs = side_by_side(ours, others).where(
        ours.c.dealership_id == mine, others.c.dealership_id == theirs
    )
    assert stack.rows(pairs.with_only_columns(func.count())) == [(VEHICLES,)]
    assert stack.rows(pairs.where(or_(*unequal(table, ours, others))).limit(1)) == []


def side_by_side(ours: Alias, others: Alias) -> Select[Any]:
    """Joined by all that names a record, so that the database finds it by its index."""
    record = ("provider", "stream", "environment", "external_id")
    keys = [name for name in record if name in ours.c] or ["stock_number"]
    same = and_(*(ours.c[name] == others.c[name] for name in keys))
    return select(ours, others).join_from(ours, others, same)


def unequal(table: Table, ours: Alias, others: Alias) -> list[ColumnElement[bool]]:
    """A condition for each column that two dealerships have in common."""
    shared = [column.name for column in table.c if column.name not in OWN[table.name]]
    return [_told(ours, name).is_distinct_from(_told(others, name)) for name in shared]


def _told(rows: Alias, name: str) -> Any:
    """The reason of a life cycle ends in the run's own number: only its words are compared."""
    column = rows.c[name]
    return func.substr(column, 1, len("Sold in EasyCars")) if name == "lifecycle_reason" else column


def test_links_lead_to_their_own_vehicles(load: Load, aftermath: Aftermath) -> None:
    links, vehicles = ExternalLink.__table__, Vehicle.__table__
    query = (
        select(func.count())
        .select_from(links.join(vehicles, links.c.entity_id == vehicles.c.id))
        .where(
            links.c.dealership_id == load.place.id,
            vehicles.c.dealership_id == load.place.id,
            links.c.external_id == vehicles.c.stock_number,
        )
    )
    assert aftermath.stack.rows(query) == [(VEHICLES,)]


def test_what_was_killed_runs_again(load: Load, aftermath: Aftermath) -> None:
    names = {"redis", "web", "worker-1", "worker-2", "scheduler"}
    assert wait_until(lambda: set(aftermath.stack.pids()) == names, 10)
    assert not set(load.killed) & set(aftermath.stack.pids().values())
    answer = httpx.get(f"{aftermath.stack.url}/readyz", trust_env=False)
    assert answer.status_code == 200
