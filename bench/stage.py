"""Where lines are measured: the simulator as its own process, a database, the app on top."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import func, select

from app import create_app
from app.cli.demo import _simulator_keys
from app.db import db, reading, unit_of_work
from app.jobs.sync import engine_ports
from app.jobs.worker import settle
from app.models import Vehicle
from app.parts import parts
from app.services import demo_dealership
from app.services.sync import engine, opening, runs
from app.services.sync.opening import Starter
from app.services.sync.summary import summary
from app.simulator import RunningSimulator
from bench import floors
from tests import servers
from tests.conftest import close, invented_settings, migrate
from tests.services.sync.memory import NoQueue

DATABASES = ("postgresql", "sqlite")
DEALERSHIP = 1
# Children first.
TABLES = (
    "sync_before", "sync_payload", "conflict", "feed_question", "mapping_version",
    "vehicle_edit", "duplicate_pair", "outbox_message",
    "easycar_lead_data", "lead_event", "lead", "customer",
    "easycar_stock_data", "photo", "media_object", "sync_item", "external_link", "vehicle",
    "stream_state", "sync_run",
)  # fmt: skip


@dataclass(frozen=True)
class Stage:
    """One database with the demo dealership in it, and a place for the floor's own table."""

    kind: str
    database_url: str
    floor_url: str
    simulator: RunningSimulator
    feed: floors.Feed
    folder: Path

    def sync(self) -> dict[str, Any]:
        """One plain sync by the engine, here and now; returns its summary."""
        return self.run("sync")

    def run(self, mode: str, **facts: Any) -> dict[str, Any]:
        """One run of any mode; `facts` are more of the run, such as its scope."""
        run_id = self.open_run(mode, **facts)
        engine.execute(run_id, "bench", engine_ports(parts()))
        return self.summary(run_id)

    def vehicles(self) -> int:
        with reading(DEALERSHIP) as session:
            return session.scalar(select(func.count(Vehicle.id))) or 0

    def summary(self, run_id: int) -> dict[str, Any]:
        with reading(DEALERSHIP) as session:
            return summary(runs.get(session, run_id))

    def open_run(self, mode: str = "sync", **facts: Any) -> int:
        with unit_of_work(DEALERSHIP) as session:
            return opening.open_run(
                session,
                dealership_id=DEALERSHIP,
                provider="easycars",
                starter=Starter("bench", "person"),
                queue=parts().queue,
                clock=parts().clock,
                mode=mode,
                **{"stream": "stock"} | facts,
            ).id

    def empty(self) -> None:
        """No vehicles, links, runs or photos; the dealership and its credentials stay."""
        with db.engine.begin() as link:
            if self.kind == "postgresql":
                link.exec_driver_sql(f"TRUNCATE {', '.join(TABLES)} CASCADE")
            else:
                for table in TABLES:
                    link.exec_driver_sql(f"DELETE FROM {table}")
        if self.kind == "sqlite":
            with db.engine.connect().execution_options(readonly=True) as link:
                link.connection.execute("COMMIT") if link.in_transaction() else None
                link.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def empty_floor(self) -> None:
        if self.kind == "postgresql":
            floors.empty_postgresql(self.floor_url)
        else:
            floors.empty_sqlite(Path(self.floor_url))

    def load_floor(self) -> int:
        if self.kind == "postgresql":
            return floors.copy_and_merge(self.feed, self.floor_url)
        return floors.executemany(self.feed, Path(self.floor_url))


@contextmanager
def stages(
    kinds: tuple[str, ...], simulator: RunningSimulator, folder: Path
) -> Iterator[Iterator[Stage]]:
    """One stage after the other; PostgreSQL's server lives as long as the block."""
    with ExitStack() as stack:
        server = stack.enter_context(servers.postgres()) if "postgresql" in kinds else None
        yield (_open(stack, kind, server, simulator, folder / kind) for kind in kinds)


def _open(
    stack: ExitStack,
    kind: str,
    server: servers.Postgres | None,
    simulator: RunningSimulator,
    folder: Path,
) -> Stage:
    folder.mkdir(parents=True)
    url, floor_url = _addresses(kind, server, folder)
    migrate(url)
    stack.enter_context(application(url, simulator, folder))
    with unit_of_work() as session:
        demo_dealership.seed(
            session,
            _simulator_keys(),
            settings=parts().settings,
            crypto=parts().crypto,
            clock=parts().clock,
        )
    return Stage(kind, url, floor_url, simulator, floors.Feed.of(simulator.base_url), folder)


def _addresses(kind: str, server: servers.Postgres | None, folder: Path) -> tuple[str, str]:
    if server is None or kind == "sqlite":
        return f"sqlite:///{folder / 'product.db'}", str(folder / "floor.db")
    floor = server.create("bench_floor").replace("+psycopg", "")
    return server.create("bench_product"), floor


@contextmanager
def application(url: str, simulator: RunningSimulator, folder: Path) -> Iterator[Flask]:
    """The app as a worker has it, except that jobs are not sent anywhere."""
    settings = replace(
        invented_settings(folder, url, None),
        easycars_test_base_url=simulator.test_base_url,
        log_level="WARNING",
        testing=False,
    )
    app = create_app(settings)
    with app.app_context():
        parts().queue = NoQueue()
        settle()
        yield app
    close(app)
