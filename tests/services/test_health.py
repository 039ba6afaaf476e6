"""What waits in the outbox, as the health page and the doctor tell it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from app.db import reading, unit_of_work
from app.models import Dealership, OutboxMessage
from app.services import health
from app.services.health import Part
from tests import factories, run_rows

NOW = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)


@pytest.fixture
def place(app: Flask, context: None) -> Dealership:
    return factories.dealership()


def waits(place: Dealership, kind: str, minutes: int, **values: Any) -> None:
    since = NOW - timedelta(minutes=minutes)
    with unit_of_work(place.id) as db:
        db.add(
            OutboxMessage(
                dealership_id=place.id, kind=kind, key=f"{kind}:{minutes}", recipient="x",
                created_at=since, next_try_at=NOW, **values,
            )
        )  # fmt: skip


def outgoing(place: Dealership) -> Part:
    with reading(place.id) as db:
        return health.outgoing(db, NOW)


@pytest.mark.parametrize(
    ("kind", "minutes", "state", "words"),
    [
        ("lead", 59, "ok", "No mail waits. 1 lead waits for EasyCars."),
        ("lead", 61, "degraded", "1 lead waits for EasyCars, the oldest for 1 hour."),
        ("quotation", 200, "degraded", "1 lead waits for EasyCars, the oldest for 3 hours."),
        ("mail", 14, "ok", "1 mails wait. No lead waits."),
        ("mail", 16, "degraded", "1 mails wait, the oldest for 16 minutes."),
    ],
)
def test_how_long_something_may_wait(
    place: Dealership, kind: str, minutes: int, state: str, words: str
) -> None:
    waits(place, kind, minutes)
    found = outgoing(place)
    assert (found.state, found.words) == (state, words)
    assert bool(found.cure) is (state == "degraded")


def test_both_are_told_and_counted_apart(place: Dealership) -> None:
    waits(place, "lead", 130)
    waits(place, "lead", 10)
    waits(place, "mail", 30)
    found = outgoing(place)
    assert "1 mails wait, the oldest for 30 minutes. 2 leads wait" in found.words
    assert "Lead Sync" in found.cure
    assert found.details == {"waiting": 1, "givenUpWithin24h": 0, "leadsWaiting": 2}


def test_leads_kept_without_a_connection_are_no_lost_mails(place: Dealership) -> None:
    waits(place, "lead", 130, state="dead")
    assert outgoing(place).state == "ok"


def test_a_good_delivery_does_not_hide_a_failed_sync(place: Dealership) -> None:
    run_rows.run(place, "failed", stream="leads")
    run_rows.run(place, "success", stream="leads", direction="outbound")
    with reading(place.id) as db:
        found = health.last_runs(db, NOW)
    assert (found.state, found.words) == ("degraded", "The last sync of leads failed.")
