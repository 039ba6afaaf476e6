"""Runs and their rows for tests: each commits. They need an application context."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from app.db import unit_of_work
from app.models import Dealership, EasyCarsCredential, StreamState, SyncItem, SyncRun

START = datetime(2026, 3, 10, 1, 0, tzinfo=UTC)


def run(place: Dealership, status: str = "success", **values: Any) -> SyncRun:
    """A run; one that ended took a minute."""
    given: dict[str, Any] = {
        "dealership_id": place.id,
        "provider": "easycars",
        "stream": "stock",
        "trigger": "person",
        "actor": "anna@example.com",
        "request_id": "ref-0123456789ab",
        "status": status,
        "created_at": START,
    } | values
    if status != "queued":
        given.setdefault("started_at", given["created_at"])
    if status not in ("queued", "running"):
        given.setdefault("completed_at", given["created_at"] + timedelta(seconds=60))
        given.setdefault("phase", "done")
    with unit_of_work(place.id) as session:
        row = SyncRun(**given)
        session.add(row)
    return row


def item(of: SyncRun, number: str, action: str = "update", **values: Any) -> SyncItem:
    given: dict[str, Any] = {"label": f"Vehicle {number}"} | values
    with unit_of_work(of.dealership_id) as session:
        row = SyncItem(
            run_id=of.id,
            dealership_id=of.dealership_id,
            external_id=number,
            action=action,
            **given,
        )
        session.add(row)
    return row


def credential(place: Dealership, **values: Any) -> EasyCarsCredential:
    """Credentials that exist; their ciphertexts cannot be opened."""
    given: dict[str, Any] = {"environment": "Test", "is_active": True, "updated_at": START} | values
    with unit_of_work(place.id) as session:
        row = EasyCarsCredential(
            dealership_id=place.id,
            account_number_encrypted="v1.t1.none",
            account_secret_encrypted="v1.t1.none",
            **given,
        )
        session.add(row)
    return row


def last_good(place: Dealership, moment: datetime, stream: str = "stock") -> None:
    with unit_of_work(place.id) as session:
        session.add(
            StreamState(
                dealership_id=place.id,
                provider="easycars",
                stream=stream,
                environment="Test",
                last_success_at=moment,
            )
        )
