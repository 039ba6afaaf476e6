"""What the pages of problems have to show: one with more records than are named, one put aside,
one that is over. The others come from the showroom's runs and leads."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from app.db import unit_of_work
from app.models import Problem
from app.models.types import utc_now
from app.services.problems import book
from app.services.problems.finding import Finding, record
from tests.e2e.people import Place
from tests.e2e.stack import Stack

CAUSE = "shown"
LONG = "EasyCars sent the stock sync of the Wollongong and Shoalhaven yard something unreadable"


def problems(stack: Stack, place: Place) -> None:
    with stack.app.app_context(), unit_of_work(place.id) as db:
        now = utc_now()
        shown = [record(f"2019 Toyota Hilux {number}", "vehicles") for number in range(20)]
        book.observe(db, _finding(CAUSE, affected=1234, records=shown), now)
        put_aside = book.observe(db, _finding(f"{CAUSE}-later", records=[record("A mail")]), now)
        put_aside.snoozed_until, put_aside.snoozed_by = now + timedelta(days=300), place.email
        book.observe(db, _finding(f"{CAUSE}-before"), now)
        book.settle(db, [f"{CAUSE}-before"], now, "Stock sync 14 ended well.")


def _finding(cause: str, **values: Any) -> Finding:
    step = "Sync again once. If it fails again, give support the reference number."
    return Finding(cause, LONG, "Nothing was changed.", step, "sync/stock", "Open it", **values)


def ids(place: Place) -> dict[str, Any]:
    """Which rows the pages show, as `select` of one id."""
    problem = Problem.__table__.c
    return {
        "problem_id": select(problem.id).where(
            problem.dealership_id == place.id, problem.cause == CAUSE
        )
    }
