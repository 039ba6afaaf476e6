"""A dealership connected to a running simulator, with a clock that tests move."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from flask import Flask
from sqlalchemy import select

from app.adapters.memory_state import MemoryCircuitStore, MemoryTokenStore
from app.db import reading, unit_of_work
from app.jobs import leads as lead_job
from app.jobs.sync import engine_ports
from app.models import (
    Customer,
    Dealership,
    Lead,
    LeadEvent,
    OutboxMessage,
    SyncItem,
    SyncRun,
    Vehicle,
)
from app.parts import parts
from app.services import credentials
from app.services.credential_input import CredentialInput
from app.services.http import Outside, Retries
from app.services.leads import delivery, saving
from app.services.leads.sending import Means
from app.services.sync import engine, opening, runs
from app.services.sync.opening import Starter
from app.simulator import (
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    RunningSimulator,
    account_secret,
)
from tests.factories import ACTOR, dealership
from tests.factories_vehicles import vehicle

START = datetime(2026, 11, 18, 1, tzinfo=UTC)
_accounts = count(120_001)
PERSON = {"name": "Robin Walker", "email": "robin@example.com", "mobile": "0400 000 123"}
CAR = {
    "stock_number": "S1",
    "make": "Mazda",
    "model": "CX-5",
    "year": 2021,
    "kind": "car",
    "condition": "used",
    "price_cents": 3_199_000,
}
QUICK = Retries(first_wait=0.0, longest_wait=0.0, jitter=0.0)


@dataclass
class MovableClock:
    moment: datetime = START

    def now(self) -> datetime:
        return self.moment

    def pass_(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)

    def monotonic(self) -> float:
        return (self.moment - START).total_seconds()


@dataclass
class SilentQueue:
    """Remembers whose leads were to be sent; the test sends them."""

    woken: list[int] = field(default_factory=list)

    def leads(self, dealership_id: int, token: str) -> str:
        self.woken.append(dealership_id)
        return token

    def sync(self, run_id: int, attempt: int) -> str:
        return f"sync-{run_id}-{attempt}"

    def photos(self, run_id: int, attempt: int) -> str:
        return f"photos-{run_id}-{attempt}"

    def waiting(self, job_ids: Any) -> set[str]:
        return set()


@dataclass
class Desk:
    """One dealership and what its leads need; use it inside `app.app_context()`."""

    app: Flask
    place: Dealership
    clock: MovableClock
    simulator: RunningSimulator
    account: str

    @property
    def means(self) -> Means:
        return Means(parts().queue, self.clock)

    # -- acting -----------------------------------------------------------------------------

    def car(self, **values: Any) -> Vehicle:
        return vehicle(self.place, **(CAR | values))

    def save(self, source: str = "Web", **values: Any) -> Lead:
        """A lead as a form or program saves it; about the car S1 unless told otherwise."""
        given = PERSON | {"interest": "buy", "message": "Still there?", "stock_number": "S1"}
        with unit_of_work(self.place.id) as db:
            return saving.create(
                db, self.place.id, given | values, source=source, actor=ACTOR, means=self.means
            )

    def change(self, lead: Lead, **values: Any) -> None:
        with unit_of_work(self.place.id) as db:
            saving.change(db, lead.id, values, actor=ACTOR, means=self.means)

    def send(self) -> delivery.Delivered:
        """What a woken worker does."""
        return lead_job.deliver(self.place.id)

    def read(self, **scope: Any) -> SyncRun:
        """One run of the stream "leads", to its end."""
        with unit_of_work(self.place.id) as db:
            run = opening.open_run(
                db, dealership_id=self.place.id, provider="easycars", stream="leads",
                starter=Starter("clock", "schedule"), queue=parts().queue, clock=self.clock,
                scope=scope,
            )  # fmt: skip
        engine.execute(run.id, "a worker", engine_ports(parts()))
        with reading(self.place.id) as db:
            return runs.get(db, run.id)

    # -- looking ----------------------------------------------------------------------------

    def there(self) -> list[dict[str, Any]]:
        """The account's leads at EasyCars."""
        return self.simulator.leads(account=self.account)["leads"]

    def at_easycars(self, number: str, **fields: Any) -> None:
        """Somebody changes a lead there."""
        self.simulator.leads("update", account=self.account, lead_number=number, fields=fields)

    def get(self, lead: Lead) -> Lead:
        with reading(self.place.id) as db:
            return saving.get(db, lead.id)

    def customer(self, lead: Lead) -> Customer:
        with reading(self.place.id) as db:
            return db.get_one(Customer, self.get(lead).customer_id)

    def rows(self, model: Any, by: Any = None) -> list[Any]:
        with reading(self.place.id) as db:
            return list(db.scalars(select(model).order_by(model.id if by is None else by)).unique())

    def waits(self) -> bool:
        """Whether anything is still to be sent."""
        query = select(OutboxMessage.id).where(
            OutboxMessage.kind == "lead", OutboxMessage.state == "waiting"
        )
        with reading(self.place.id) as db:
            return db.scalar(query.limit(1)) is not None

    def story(self, lead: Lead) -> list[str]:
        """The kinds of a lead's events, oldest first."""
        return [event.kind for event in self.rows(LeadEvent) if event.lead_id == lead.id]

    def items(self, run: SyncRun) -> list[SyncItem]:
        return [item for item in self.rows(SyncItem) if item.run_id == run.id]


def connect(place: Dealership, account: str) -> None:
    """Saves working credentials of an account of its own."""
    keys = CredentialInput.of(
        {
            "account_number": account,
            "account_secret": account_secret(account),
            "client_id": DEMO_CLIENT_ID,
            "client_secret": DEMO_CLIENT_SECRET,
            "environment": "Test",
        }
    )
    made = parts()
    with unit_of_work(place.id) as db:
        credentials.save(db, place.id, keys, made.crypto, ACTOR, made.clock)


@contextmanager
def open_desk(app: Flask, simulator: RunningSimulator, clock: MovableClock) -> Iterator[Desk]:
    with app.app_context():
        made = parts()
        made.outside = Outside(
            made.settings,
            tokens=MemoryTokenStore(),
            circuits=MemoryCircuitStore(clock.monotonic),
            retries=QUICK,
        )
        place, account = dealership(), f"EC{next(_accounts)}"
        connect(place, account)
        desk = Desk(app, place, clock, simulator, account)
        desk.car()
        yield desk
