"""Every bad feed of the simulator through the real engine: clear words, no vehicle lost.

Issue 1 ("Bad input"), rows 48 to 63 and 78. The table below must know every scenario there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Table, func, select

from app import simulator as double
from app.adapters.memory_state import MemoryCircuitStore, MemoryTokenStore
from app.config import Settings
from app.db import reading, unit_of_work
from app.jobs.sync import engine_ports
from app.models import EasyCarsStockData, ExternalLink, SyncItem, SyncRun, Vehicle
from app.parts import parts
from app.services import credentials, manual_sync
from app.services.audit import Actor
from app.services.credential_input import CredentialInput
from app.services.sync import engine, opening, runs
from app.services.sync.opening import Starter
from app.simulator import SCENARIOS, RunningSimulator, running_simulator
from tests import factories
from tests.services.sync.memory import NoQueue

pytestmark = pytest.mark.simulator
VEHICLES = 60
TABLES = [model.__table__ for model in (Vehicle, ExternalLink, EasyCarsStockData)]
BOOKKEEPING = {"changed_run_id", "run_id", "received_at", "changed_at", "updated_at"}
ELSEWHERE = {"Normal", "Photos", "Leads"}


@dataclass(frozen=True)
class Feed:
    """A scenario and how a run under it ends, when everything was right before."""

    scenario: str
    status: str
    says: str = ""
    code: str | None = None
    value: float | None = None
    counts: tuple[tuple[str, int], ...] = ()

    def __str__(self) -> str:
        return self.scenario


def broken(scenario: str, code: str, says: str, **rest: Any) -> Feed:
    return Feed(scenario, "failed", says, code, **rest)


def harmless(scenario: str, value: float | None = None) -> Feed:
    return Feed(scenario, "success", "No changes", value=value, counts=(("unchanged", VEHICLES),))


def told(scenario: str, status: str, says: str, value: float | None = None, **counts: int) -> Feed:
    return Feed(scenario, status, says, value=value, counts=tuple(counts.items()))


BROKEN = [
    broken("refused-client", "AUTHENTICATION_FAIL", "Client ID"),
    broken("refused-account", "AUTHENTICATION_FAIL", "Account"),
    broken("expired-token", "AUTHENTICATION_FAIL", "Account"),
    broken("never-answers", "provider_unavailable", "EasyCars"),
    broken("http-500", "provider_unavailable", "EasyCars"),
    broken("http-503", "provider_unavailable", "EasyCars", value=0.1),
    broken("http-429", "provider_rate_limited", "EasyCars", value=0.1),
    broken("html-error", "provider_contract_broken", "EasyCars"),
    broken("connection-reset", "provider_unavailable", "EasyCars"),
    broken("reset-after-processing", "provider_unavailable", "EasyCars"),
    broken("timeout-after-processing", "provider_unavailable", "EasyCars"),
    broken("http-500-after-processing", "provider_unavailable", "EasyCars"),
    broken("code-5-empty", "provider_refused", "EasyCars"),
    broken("code-7", "provider_refused", "EasyCars"),
    broken("code-9", "provider_unavailable", "EasyCars"),
    broken("code-9-after-processing", "provider_unavailable", "EasyCars"),
    broken("code-42", "provider_contract_broken", "EasyCars"),
    broken("malformed-json", "provider_contract_broken", "EasyCars"),
    broken("truncated", "provider_unavailable", "EasyCars"),
    broken("truncated-before-processing", "provider_unavailable", "EasyCars"),
    broken("truncated-json", "provider_contract_broken", "EasyCars"),
    broken("empty-body", "provider_contract_broken", "EasyCars"),
    broken("wrong-envelope", "provider_contract_broken", "EasyCars"),
]
HARMLESS = [
    harmless("slow", 0.2),
    harmless("token-expires-early", 0.1),
    harmless("wrong-envelope-return-code"),
    harmless("wrong-envelope-other-list"),
    harmless("spelling-only"),
]
TOLD = [
    told("code-5", "warning", "EasyCars says: Some items are being updated."),
    told("empty-list", "held", "nothing was removed", held=VEHICLES),
    told("shrinking-feed", "warning", "nothing was removed", held=24, unchanged=36),
    told("other-yard", "held", "yard that was not asked for", held=2 * VEHICLES, created=0),
    told("changed-prices", "success", "6 updated", updated=6),
    told("price-zero", "warning", "held because a value looks wrong", held=3),
    told("price-drop", "warning", "held because a value looks wrong", held=3),
    told("odometer-falling", "warning", "held because a value looks wrong", held=2),
    told("sold-cars", "success", "3 no longer in the feed", missing=3, updated=3),
    told("dirty-rows", "warning", "could not be used", missing=0),
    told("bad-rows", "warning", "3 rows could not be used", failed=3, missing=0),
    told("unknown-fields", "success", ""),
    told("missing-fields", "success", ""),
]


@pytest.fixture(scope="module")
def started() -> Iterator[RunningSimulator]:
    with running_simulator(vehicles=VEHICLES) as running:
        yield running


@pytest.fixture
def simulator(started: RunningSimulator) -> RunningSimulator:
    started.reset(vehicles=VEHICLES)
    return started


@pytest.fixture
def settings(settings: Settings, simulator: RunningSimulator) -> Settings:
    return replace(
        settings,
        easycars_test_base_url=simulator.test_base_url,
        easycars_timeout=0.6,
        easycars_stock_timeout=0.6,
    )


@pytest.fixture
def lot(app: Flask) -> Iterator[Lot]:
    with app.app_context():
        yield Lot()


class Lot:
    """A dealership that is connected to the simulator; `sync()` runs the engine here and now."""

    def __init__(self) -> None:
        self.id = factories.dealership().id
        made = parts()
        keys = {
            "client_id": double.DEMO_CLIENT_ID,
            "client_secret": double.DEMO_CLIENT_SECRET,
            "account_number": double.DEMO_ACCOUNT_NUMBER,
            "account_secret": double.DEMO_ACCOUNT_SECRET,
            "environment": "Test",
        }
        entered = CredentialInput.of(keys, replaces=True)
        with unit_of_work(self.id) as db:
            credentials.save(db, self.id, entered, made.crypto, Actor(None, "test"), made.clock)

    def sync(self) -> SyncRun:
        run_id = self._open()
        engine.execute(run_id, "test", engine_ports(parts()))
        with reading(self.id) as db:
            return runs.get(db, run_id)

    def _open(self) -> int:
        with unit_of_work(self.id) as db:
            return opening.open_run(
                db,
                dealership_id=self.id,
                provider="easycars",
                stream="stock",
                starter=Starter("test", "schedule"),
                queue=NoQueue(),
                clock=parts().clock,
            ).id

    def approve(self, held: SyncRun) -> SyncRun:
        """A person says yes to what a run held."""
        with unit_of_work(self.id) as db:
            means = manual_sync.Means(NoQueue(), parts().clock, hourly_limit=1)
            run_id = manual_sync.approve(db, held.id, actor=factories.ACTOR, means=means).id
        engine.execute(run_id, "test", engine_ports(parts()))
        with reading(self.id) as db:
            return runs.get(db, run_id)

    def items(self, run: SyncRun) -> list[SyncItem]:
        with reading(self.id) as db:
            return list(db.scalars(select(SyncItem).where(SyncItem.run_id == run.id)))

    def vehicles(self) -> dict[str, Vehicle]:
        with reading(self.id) as db:
            return {str(car.stock_number): car for car in db.scalars(select(Vehicle))}

    def rows(self) -> dict[str, list[Any]]:
        """All that is kept of vehicles, but for when and by which run it was written."""
        with reading(self.id) as db:
            return {table.name: db.execute(self._content(table)).all() for table in TABLES}

    def _content(self, table: Table) -> Any:
        columns = [column for column in table.c if column.name not in BOOKKEEPING]
        key = next(iter(table.primary_key))
        return select(*columns).where(table.c.dealership_id == self.id).order_by(key)

    def whole(self) -> bool:
        """No vehicle without its link and archive row, no link without its vehicle."""
        counts = {name: len(rows) for name, rows in self.rows().items()}
        links, archive, vehicles = (table.c for table in (TABLES[1], TABLES[2], TABLES[0]))
        query = (
            select(func.count())
            .select_from(TABLES[1])
            .join(TABLES[0], links.entity_id == vehicles.id)
            .join(TABLES[2], archive.link_id == links.id)
            .where(
                links.dealership_id == self.id,
                vehicles.dealership_id == self.id,
                archive.dealership_id == self.id,
                archive.vehicle_id == vehicles.id,
            )
        )
        with reading(self.id) as db:
            return {db.scalar(query)} == set(counts.values())


def test_the_table_knows_every_scenario() -> None:
    listed = {feed.scenario for feed in (*BROKEN, *HARMLESS, *TOLD)}
    there = {name for name, one in SCENARIOS.items() if one.group not in ELSEWHERE}
    assert listed == there


@pytest.mark.parametrize("feed", BROKEN, ids=str)
def test_a_broken_answer_changes_nothing_and_says_why(
    lot: Lot, simulator: RunningSimulator, feed: Feed
) -> None:
    lot.sync()
    before = lot.rows()
    forget_connection()
    simulator.scenario(feed.scenario, value=feed.value)
    run = lot.sync()
    assert (run.status, run.error_code) == ("failed", feed.code), run.message
    assert feed.says in run.message
    assert "No vehicle was removed" in run.message
    assert (lot.rows(), lot.items(run)) == (before, [])
    simulator.normal()
    forget_connection()
    assert lot.sync().message == f"No changes: all {VEHICLES} vehicles are as they were."


def forget_connection() -> None:
    """Half an hour later: no token is kept any more, and the breaker is closed."""
    outside = parts().outside
    outside.tokens, outside.circuits = MemoryTokenStore(), MemoryCircuitStore()


@pytest.mark.parametrize(
    "scenario", ["truncated", "truncated-json", "malformed-json", "empty-body", "wrong-envelope"]
)
def test_a_broken_first_answer_leaves_no_half_of_it(
    lot: Lot, simulator: RunningSimulator, scenario: str
) -> None:
    simulator.scenario(scenario)
    assert lot.sync().status == "failed"
    assert set(map(len, lot.rows().values())) == {0}


@pytest.mark.parametrize("feed", HARMLESS, ids=str)
def test_an_odd_answer_with_the_same_content_changes_nothing(
    lot: Lot, simulator: RunningSimulator, feed: Feed
) -> None:
    lot.sync()
    before = lot.vehicles().keys()
    simulator.scenario(feed.scenario, value=feed.value)
    run = lot.sync()
    assert outcome(run, feed) == expected(feed), run.message
    assert lot.items(run) == []
    assert lot.vehicles().keys() == before


def outcome(run: SyncRun, feed: Feed) -> tuple[Any, ...]:
    return (run.status, *((name, getattr(run, name)) for name, _ in feed.counts))


def expected(feed: Feed) -> tuple[Any, ...]:
    return (feed.status, *feed.counts)


@pytest.mark.parametrize("feed", TOLD, ids=str)
def test_doubtful_content_is_told_and_loses_no_vehicle(
    lot: Lot, simulator: RunningSimulator, feed: Feed
) -> None:
    lot.sync()
    before = lot.vehicles()
    simulator.scenario(feed.scenario, value=feed.value)
    run = lot.sync()
    assert outcome(run, feed) == expected(feed), run.message
    assert feed.says in run.message
    assert before.keys() <= lot.vehicles().keys()
    assert lot.whole()
    assert run.done == run.total


@pytest.mark.parametrize(
    ("scenario", "value", "removals", "new"),
    [("shrinking-feed", 60, 24, 0), ("empty-list", None, 60, 0), ("other-yard", None, 60, 60)],
)
def test_shrunken_feed_removes_nothing_until_exactly_that_is_approved(
    lot: Lot,
    simulator: RunningSimulator,
    scenario: str,
    value: float | None,
    removals: int,
    new: int,
) -> None:
    lot.sync()
    simulator.scenario(scenario, value=value)
    held = [lot.sync() for _ in range(3)][-1]
    assert (held.missing, held.created, held.held) == (0, 0, removals + new)
    assert {car.lifecycle for car in lot.vehicles().values()} == {"listed"}
    shown = {item.external_id for item in lot.items(held) if item.entity_id}
    assert len(shown) == removals
    run = lot.approve(held)
    assert (run.missing, run.created, run.held) == (removals, new, 0), run.message
    gone = {number for number, car in lot.vehicles().items() if car.lifecycle == "missing"}
    assert gone == shown
    words = {car.lifecycle_reason for car in lot.vehicles().values() if car.lifecycle == "missing"}
    assert len(words) == 1
    assert words.pop().endswith(f"(run {run.id})")
    simulator.reset()
    lot.sync()
    assert {lot.vehicles()[number].lifecycle for number in shown} == {"listed"}


def test_feed_without_a_third_of_its_fields_loses_no_value(
    lot: Lot, simulator: RunningSimulator
) -> None:
    lot.sync()
    before = lot.rows()["vehicle"]
    simulator.scenario("missing-fields")
    run = lot.sync()
    assert (run.status, run.total, run.updated, run.missing) == ("success", VEHICLES, 0, 0)
    assert lot.rows()["vehicle"] == before
