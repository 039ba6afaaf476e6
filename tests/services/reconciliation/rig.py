"""Reconciling one dealership: what tests do at EasyCars, here, and with the differences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from app.db import reading, unit_of_work
from app.jobs.sync import engine_ports
from app.models import Difference, ExternalLink, SyncRun, Vehicle
from app.parts import parts
from app.services import manual_sync, vehicle_editing
from app.services.reconciliation import acts, starting
from app.services.reconciliation.acts import Done, Selection
from app.services.sync import engine, runs
from app.services.vehicle_editing import locked_row
from tests.factories import ACTOR
from tests.services.leads.rig import Desk


@dataclass
class Place:
    desk: Desk

    @property
    def id(self) -> int:
        return self.desk.place.id

    @property
    def run_means(self) -> manual_sync.Means:
        return manual_sync.Means(parts().queue, self.desk.clock, None)

    # -- at EasyCars ------------------------------------------------------------------------

    def stock(self, operation: str, **options: Any) -> dict[str, Any]:
        return self.desk.simulator.stock(operation, account=self.desk.account, **options)

    def at_easycars(self, number: str, **fields: Any) -> None:
        self.stock("set", stock_number=number, fields=fields)

    def in_stock(self, number: str) -> None:
        """The simulator lists a few of its vehicles as sold, and some in a second yard."""
        self.at_easycars(number, StockStatus="In Stock", YardCode="100")

    # -- here -------------------------------------------------------------------------------

    def sync(self) -> SyncRun:
        with unit_of_work(self.id) as db:
            run = manual_sync.start(
                db, dealership_id=self.id, stream="stock", actor=ACTOR, trigger="person",
                means=self.run_means,
            )  # fmt: skip
        return self.execute(run.id)

    def reconcile(self, stream: str = "stock") -> SyncRun:
        with unit_of_work(self.id) as db:
            run = starting.start(db, self.id, stream, actor=ACTOR, means=self.run_means)
        return self.execute(run.id)

    def execute(self, run_id: int) -> SyncRun:
        engine.execute(run_id, "a worker", engine_ports(parts()))
        with reading(self.id) as db:
            return runs.get(db, run_id)

    def edit(self, number: str, keep: tuple[str, ...] = (), **values: Any) -> None:
        now = self.desk.clock.now()
        with unit_of_work(self.id) as db:
            row = locked_row(db, self.vehicle(number).id)
            vehicle_editing.write(db, row, values, keep=keep, sure=None, actor=ACTOR, now=now)

    def vehicle(self, number: str) -> Vehicle:
        (found,) = [car for car in self.desk.rows(Vehicle) if car.stock_number == number]
        return found

    def settle(self) -> list[str]:
        """Stock that both sides have alike, on the market and priced; its numbers in the order of
        the feed. The simulator draws some without a price."""
        self.sync()
        links = [link for link in self.desk.rows(ExternalLink) if link.stream == "stock"]
        numbers = [link.external_id for link in sorted(links, key=lambda link: link.id)]
        for number in numbers:
            self.in_stock(number)
            if not self.vehicle(number).price_cents:
                self.at_easycars(number, Price=31_990)
        self.sync()
        return numbers

    # -- differences ------------------------------------------------------------------------

    def standing(self) -> list[Difference]:
        return [row for row in self.desk.rows(Difference) if row.status != "resolved"]

    def of(self, key: str) -> Difference:
        """The newest difference of a record."""
        with reading(self.id) as db:
            query = select(Difference).where(Difference.record_key == key)
            return db.scalars(query.order_by(Difference.id.desc())).first()

    def take(self, *keys: str) -> Done:
        """Takes and, where that needs a run, runs it."""
        with unit_of_work(self.id) as db:
            done = acts.take(db, self.id, self.chosen(*keys), actor=ACTOR, means=self.desk.means)
        if done.run_id is not None:
            self.execute(done.run_id)
        return done

    def push(self, *keys: str) -> Done:
        with unit_of_work(self.id) as db:
            return acts.push(db, self.id, self.chosen(*keys), actor=ACTOR, means=self.desk.means)

    def ignore(self, *keys: str) -> Done:
        now = self.desk.clock.now()
        with unit_of_work(self.id) as db:
            chosen = self.chosen(*keys)
            return acts.ignore(db, self.id, chosen, reason="Known", actor=ACTOR, now=now)

    def chosen(self, *keys: str) -> Selection:
        return Selection(len(keys), tuple(self.of(key).id for key in keys))
