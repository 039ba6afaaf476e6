"""One dealership with its people, and rows for what can be wrong at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import Dealership, OutboxMessage, Problem
from app.parts import parts
from app.services.problems import book, run_causes, sweep
from app.services.problems.finding import WHO_ACT, Finding
from tests import factories, run_rows

NOW = run_rows.START + timedelta(hours=1)


@dataclass
class Yard:
    """A dealership whose problems a test looks at. Needs an application context."""

    place: Dealership

    def open(self) -> dict[str, Problem]:
        return {cause: one for cause, one in self.every().items() if one.is_open}

    def every(self) -> dict[str, Problem]:
        with reading(self.place.id) as db:
            return {one.cause: one for one in db.scalars(select(Problem))}

    def ended(self, status: str, now: datetime = NOW, **values: Any) -> Any:
        """A run that ended so, and what its end says."""
        run = run_rows.run(self.place, status, **values)
        with unit_of_work(self.place.id) as db:
            run_causes.after_run(db, run.id, now)
        return run

    def notice(self, now: datetime = NOW, **values: Any) -> Problem:
        with unit_of_work(self.place.id) as db:
            return book.observe(db, finding(**values), now)

    def settle(self, *causes: str, now: datetime = NOW) -> int:
        with unit_of_work(self.place.id) as db:
            return book.settle(db, causes, now, "It was so.")

    def sweep(self, now: datetime = NOW) -> int:
        return sweep.sweep(parts().settings, now)

    def mails(self) -> Sequence[OutboxMessage]:
        with reading(self.place.id) as db:
            query = select(OutboxMessage).where(OutboxMessage.key.startswith("problem:"))
            return db.scalars(query.order_by(OutboxMessage.id)).all()


def finding(**values: Any) -> Finding:
    given: dict[str, Any] = {
        "cause": "stock-sync:provider_refused",
        "title": "EasyCars refused what the stock sync asked for",
        "detail": "No such yard.",
        "next_step": "Check the yard code.",
        "path": "settings/easycars",
        "link": "Open EasyCars settings",
        "told": WHO_ACT,
    }
    return Finding(**(given | values))


@pytest.fixture
def yard(app: Flask, context: None) -> Yard:
    place = factories.dealership("Harbour Motors", "harbour")
    for role in ("admin", "operator", "viewer"):
        factories.member(place, role, f"{role}@harbour.example")
    return Yard(place)
