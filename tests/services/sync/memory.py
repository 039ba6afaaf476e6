"""An in-memory stream for engine tests: a feed is a list of JSON records that a test changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import reading, unit_of_work
from app.models import SyncItem, SyncRun, Vehicle
from app.parts import SystemClock
from app.services import manual_sync
from app.services.errors import RecordRefused
from app.services.sync import engine, opening, runs, work
from app.services.sync.connection import Connection
from app.services.sync.opening import Starter
from app.services.sync.protocol import Ask, Draft, Page
from tests.factories import ACTOR, dealership


class NoQueue:
    """Remembers what would have been enqueued."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, int, int]] = []

    def sync(self, run_id: int, attempt: int) -> str:
        self.sent.append(("sync", run_id, attempt))
        return f"sync-{run_id}-{attempt}"

    def photos(self, run_id: int, attempt: int) -> str:
        self.sent.append(("photos", run_id, attempt))
        return f"photos-{run_id}-{attempt}"

    def leads(self, dealership_id: int, token: str) -> str:
        return f"leads-{dealership_id}-{token}"

    def waiting(self, job_ids: Any) -> set[str]:
        return set()


class MemoryStream:
    """Records are dicts: `no` is the number, `photos` a list, the rest vehicle fields."""

    key = "stock"
    entity = "vehicle"
    archive = None

    def __init__(self) -> None:
        self.feed: list[dict[str, Any] | bytes] = []
        self.before_page: Callable[[int], None] = lambda number: None
        self.warning: str | None = None

    def pages(self, api: Any, ask: Ask) -> Iterator[Page]:
        rows = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in self.feed]
        for start in range(0, max(len(rows), 1), 100):
            self.before_page(start)
            last = start + 100 >= len(rows)
            yield Page(rows[start : start + 100], warning=self.warning if last else None)

    def external_id(self, raw: bytes) -> str | None:
        try:
            return json.loads(raw).get("no")
        except ValueError:
            return None

    def draft(self, raw: bytes) -> Draft:
        try:
            record = json.loads(raw)
        except ValueError as exc:
            raise RecordRefused("This row is not readable.") from exc
        number = record.pop("no", None)
        if not number:
            raise RecordRefused("This row has no stock number.")
        photos = tuple(record.pop("photos", ()))
        values = {"stock_number": number, "title": f"Car {number}"} | record
        given = {name: value for name, value in values.items() if value is not None}
        return Draft(number, f"Car {number}", given, photo_urls=photos)

    def same_content(self, old: bytes, new: bytes) -> bool:
        return json.loads(old) == json.loads(new)


class Yard:
    """A dealership with a memory feed; `sync()` runs the engine here and now."""

    def __init__(self, batch_size: int = 50) -> None:
        self.stream = MemoryStream()
        self.queue = NoQueue()
        self.clock = SystemClock()
        self.dealership = dealership()
        self.batch_size = batch_size
        self.scope = {"environment": "Test", "yard": "", "account": "a"}
        self.after_sync: Callable[[int], None] = lambda run_id: None

    @property
    def ports(self) -> work.Ports:
        return work.Ports(
            clock=self.clock,
            queue=self.queue,
            connect=self._connect,
            open_connection=self._open,
            after_sync=self._after_sync,
            batch_size=self.batch_size,
        )

    @contextmanager
    def _connect(self, connection: Connection) -> Iterator[None]:
        yield None

    def _open(self, db: Session, run: SyncRun) -> Connection:
        return Connection(None, self.stream, {}, Ask("Test"), self.scope)

    def _after_sync(self, db: Session, dealership_id: int, run_id: int) -> dict[str, Any]:
        self.after_sync(run_id)
        return {}

    def open(self, mode: str = "sync", **facts: Any) -> int:
        with unit_of_work(self.dealership.id) as db:
            return opening.open_run(
                db,
                dealership_id=self.dealership.id,
                provider="demo",
                stream="stock",
                starter=Starter("test", "person"),
                queue=self.queue,
                clock=self.clock,
                mode=mode,
                **facts,
            ).id

    def sync(self) -> SyncRun:
        return self.execute(self.open())

    def preview(self) -> SyncRun:
        return self.execute(self.open("preview"))

    def apply(self, preview: SyncRun) -> SyncRun:
        """Applies a preview as a person would."""
        with unit_of_work(self.dealership.id) as db:
            means = manual_sync.Means(self.queue, self.clock, hourly_limit=0)
            run_id = manual_sync.apply(db, preview.id, actor=ACTOR, means=means).id
        return self.execute(run_id)

    def execute(self, run_id: int) -> SyncRun:
        engine.execute(run_id, "test", self.ports)
        return self.run(run_id)

    def run(self, run_id: int) -> SyncRun:
        with reading(self.dealership.id) as db:
            return runs.get(db, run_id)

    def vehicles(self) -> dict[str, Vehicle]:
        with reading(self.dealership.id) as db:
            found = db.scalars(select(Vehicle).order_by(Vehicle.id)).all()
        return {vehicle.stock_number or str(vehicle.id): vehicle for vehicle in found}

    def items(self, run: SyncRun) -> list[SyncItem]:
        with reading(self.dealership.id) as db:
            query = select(SyncItem).where(SyncItem.run_id == run.id).order_by(SyncItem.id)
            return list(db.scalars(query))
