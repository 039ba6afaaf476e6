"""`kill -9` of the worker while EasyCars has made the lead and not answered: one lead, linked."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.models import Lead, Vehicle
from app.ops.ports import wait_until
from tests.e2e import people, processes
from tests.e2e.people import Place
from tests.e2e.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
LEADS = Lead.__table__.c
PATIENCE_S = 120.0
ENQUIRY = {
    "name": "Robin Walker",
    "email": "robin@example.com",
    "message": "Is it still there?",
    "interest": "buy",
}


def saved(stack: Stack, place: Place, **fields: Any) -> int:
    stock_number = stack.rows(_car(place))[0][0]
    with stack.client(place.token) as client:
        body = ENQUIRY | {"stockNumber": stock_number} | fields
        answer = client.post("/api/admin/easycars/leads", json=body)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])


def _car(place: Place) -> Any:
    car = Vehicle.__table__.c
    return select(car.stock_number).where(
        car.dealership_id == place.id, car.year.is_not(None), car.kind.is_not(None)
    )


def row(stack: Stack, lead_id: int) -> Any:
    return stack.rows(select(Lead.__table__).where(LEADS.id == lead_id))[0]


def test_a_worker_killed_behind_the_create_makes_no_second_lead(product: Stack) -> None:
    account = "EC119001"
    place = people.place(product, "kill-of-leads", account=account)
    product.forecourt("sync", "stock", "--dealership", place.slug, "--wait")

    def there() -> list[dict[str, Any]]:
        leads: list[dict[str, Any]] = product.simulator.leads(account=account)["leads"]
        return leads

    product.simulator.scenario(
        "timeout-after-processing", account=account, endpoint="CreateLead", count=1
    )
    lead_id = saved(product, place)
    assert wait_until(lambda: len(there()) == 1, 20.0), product.log("worker-1")
    assert row(product, lead_id).began_at is not None
    processes.kill(*horses(product))
    product.simulator.normal()
    second = saved(product, place, name="Mei Khan", email="mei@example.com")
    assert wait_until(lambda: row(product, second).sync_state == "sent", PATIENCE_S)
    first = row(product, lead_id)
    refs = [lead["ExternalID"] for lead in there()]
    assert refs == [first.external_ref, row(product, second).external_ref]
    assert (first.sync_state, first.lead_number) == ("sent", there()[0]["LeadNumber"])


def horses(stack: Stack) -> list[int]:
    """The processes that the workers forked for their jobs."""
    workers = [pid for name, pid in stack.pids().items() if name.startswith("worker")]
    found = [pid for worker in workers for pid in processes.children_of(worker)]
    assert found, "no job is at work"
    return found
