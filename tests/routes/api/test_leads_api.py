"""Leads for programs: list, one, new, changed (contract §4, issue 4.6)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.db import reading
from app.models import Customer, Dealership, EasyCarsCredential, Lead, OutboxMessage, User
from app.models.types import utc_now
from tests import factories
from tests.factories import _saved
from tests.factories_leads import customer, lead, sent_lead
from tests.factories_vehicles import NOON, vehicle
from tests.routes.vehicles_by_hand.conftest import SeparateClient

pytestmark = pytest.mark.usefixtures("any_database")
API = "/api/admin/easycars/leads"
ENQUIRY = {
    "name": "Anna Example",
    "email": "anna@example.com",
    "phone": "0412 345 678",
    "message": "Test drive on Saturday?",
    "interest": "test_drive",
    "financeStatus": "maybe",
    "rating": "warm",
}
CONTRACT = {
    "id", "name", "email", "phone", "message", "stockNumber", "vehicleId", "status", "rating",
    "source", "leadNumber", "customerNo", "syncState", "createdAt", "lastSyncedAt",
}  # fmt: skip


@pytest.fixture
def in_app(app: Flask) -> Iterator[Flask]:
    app.test_client_class = SeparateClient
    with app.app_context():
        yield app


@pytest.fixture
def place(in_app: Flask) -> Dealership:
    return factories.dealership(slug="harbour")


@pytest.fixture
def operator(place: Dealership) -> User:
    return factories.member(place, "operator", "olga@example.com")


class Program:
    """A program with a token."""

    def __init__(self, client: FlaskClient, headers: dict[str, str]) -> None:
        self.client, self.headers = client, headers

    def __call__(self, method: str, path: str = "", body: Any = None) -> Any:
        return self.client.open(API + path, method=method, json=body, headers=self.headers)


@pytest.fixture
def program(in_app: Flask, operator: User, place: Dealership) -> Program:
    headers = factories.bearer(operator, place, ["sync:read", "sync:write"])
    return Program(in_app.test_client(), headers)


def all_of(place: Dealership, model: Any) -> list[Any]:
    with reading(place.id) as session:
        return list(session.scalars(select(model).order_by(model.id)))


def test_a_new_lead_is_answered_whole_and_is_in_the_outbox(
    program: Program, place: Dealership
) -> None:
    _saved(
        EasyCarsCredential(
            dealership_id=place.id,
            account_number_encrypted="x",
            account_secret_encrypted="x",
            environment="Test",
        )
    )
    car = vehicle(place, stock_number="S7", make="Mazda", price_cents=3_199_050)
    answer = program("POST", "", ENQUIRY | {"stockNumber": "S7", "status": "won", "wheels": 4})
    assert answer.status_code == 201
    body = answer.json
    assert answer.location == f"{API}/{body['id']}"
    assert set(body) >= CONTRACT
    assert {name: body[name] for name in ENQUIRY} == ENQUIRY
    assert (body["vehicleId"], body["vehicleMake"], body["vehiclePrice"]) == (
        car.id,
        "Mazda",
        31990.5,
    )
    assert (body["source"], body["status"], body["syncState"]) == ("API", "new", "waiting")
    assert (body["leadNumber"], body["lastSyncedAt"], body["isOverdue"]) == (None, None, False)
    waiting = [one.payload for one in all_of(place, OutboxMessage) if one.kind == "lead"]
    assert waiting == [{"lead": body["id"], "revision": 1}]
    assert program("GET", f"/{body['id']}").json == body


def test_a_vehicle_is_named_by_its_id_and_a_customer_is_found_again(
    program: Program, place: Dealership
) -> None:
    anna = customer(place, name="Anna", email="anna@example.com", mobile=None)
    car = vehicle(place)
    body = program("POST", "", ENQUIRY | {"vehicleId": car.id}).json
    assert (body["vehicleId"], body["customerId"]) == (car.id, anna.id)
    assert (body["name"], body["phone"]) == ("Anna", "0412 345 678")
    assert body["syncState"] == "not_configured"
    assert len(all_of(place, Customer)) == 1


@pytest.mark.parametrize(
    ("changed", "members"),
    [
        ({"name": None}, {"name"}),
        ({"email": None, "phone": ""}, {"email"}),
        ({"email": "anna", "rating": "boiling", "interest": 4}, {"email", "rating", "interest"}),
        ({"vehiclePrice": "dear", "vehicleYear": 19}, {"vehiclePrice", "vehicleYear"}),
        ({"isVehicleNew": "perhaps"}, {"isVehicleNew"}),
        ({"vehicleId": "S7"}, {"vehicleId"}),
        ({"vehicleId": 999}, {"vehicleId"}),
        ({"vehicleId": 2**40}, {"vehicleId"}),
        ({"vehicleId": True}, {"vehicleId"}),
        ({"message": ["hello"]}, {"message"}),
        ({"name": "x" * 201}, {"name"}),
    ],
)
def test_what_cannot_be_accepted_is_told_by_member_and_nothing_is_saved(
    program: Program, place: Dealership, changed: dict[str, Any], members: set[str]
) -> None:
    answer = program("POST", "", ENQUIRY | changed)
    assert answer.status_code == 400
    assert answer.json["errorCode"] == "invalid_input"
    assert set(answer.json["errors"]) == members
    assert all_of(place, Lead) + all_of(place, Customer) == []


def test_another_dealerships_vehicle_is_no_vehicle(program: Program) -> None:
    theirs = vehicle(factories.dealership())
    answer = program("POST", "", ENQUIRY | {"vehicleId": theirs.id})
    assert answer.json["errors"] == {"vehicleId": "There is no such vehicle."}


def test_the_list_is_paged_newest_first_with_the_contracts_block(
    program: Program, place: Dealership
) -> None:
    ids = [lead(place).id for _ in range(3)]
    body = program("GET", "?pageSize=2").json
    assert [one["id"] for one in body["leads"]] == ids[:0:-1]
    assert body["pagination"] == {
        "currentPage": 1, "pageSize": 2, "totalRecords": 3, "totalPages": 2
    }  # fmt: skip
    assert program("GET", "?pageSize=101").status_code == 400


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=anna", {"anna"}),
        ("q=000231", {"anna"}),
        ("status=won", {"anna"}),
        ("source=EasyCars", {"anna"}),
        ("syncState=sent", {"anna"}),
        ("syncState=waiting", {"late", "fresh"}),
        ("stockNumber=S7", {"anna"}),
        ("overdue=true", {"late"}),
        ("overdue=false", {"anna", "fresh"}),
        ("", {"anna", "late", "fresh"}),
    ],
)
def test_filters(program: Program, place: Dealership, query: str, expected: set[str]) -> None:
    sent_lead(
        place, customer=customer(place, name="anna"), status="won", source="EasyCars",
        stock_number="S7", lead_number="000231",
    )  # fmt: skip
    late = {"created_at": utc_now() - timedelta(hours=3)}
    lead(place, customer=customer(place, name="late"), **late)
    lead(place, customer=customer(place, name="fresh"), created_at=utc_now())
    body = program("GET", f"?{query}").json
    assert {one["name"] for one in body["leads"]} == expected
    assert body["pagination"]["totalRecords"] == len(expected)


@pytest.mark.parametrize(
    "query", ["status=sold", "source=Phone", "syncState=lost", "overdue=often"]
)
def test_an_unknown_filter_value_is_refused(program: Program, query: str) -> None:
    assert program("GET", f"?{query}").status_code == 400


def test_a_change_writes_what_is_sent_and_leaves_the_rest(
    program: Program, place: Dealership
) -> None:
    made = sent_lead(place, rating="cold", vehicle_price_cents=100_00, read_at=NOON)
    answer = program("PATCH", f"/{made.id}", {
        "status": "in_progress", "rating": None, "vehiclePrice": 99.5, "city": "Perth",
    })  # fmt: skip
    assert answer.status_code == 200
    body = answer.json
    assert (body["status"], body["rating"], body["vehiclePrice"]) == ("in_progress", None, 99.5)
    assert (body["city"], body["message"]) == ("Perth", made.message)
    assert body["lastSyncedAt"] == "2026-11-18T01:00:00Z"
    assert body["respondedAt"] is not None
    assert program("GET", f"/{made.id}").json == body
    revision = all_of(place, Lead)[0].revision
    assert program("PATCH", f"/{made.id}", body).json["updatedAt"] == body["updatedAt"]
    assert all_of(place, Lead)[0].revision == revision


@pytest.mark.parametrize(
    ("body", "members"),
    [
        ({"status": "sold"}, {"status"}),
        ({"status": None}, {"status"}),
        ({"name": None}, {"name"}),
        ({"vehicleId": 5}, {"vehicleId"}),
        ({"rating": "hot", "email": "nobody"}, {"email"}),
    ],
)
def test_a_wrong_change_changes_nothing(
    program: Program, place: Dealership, body: dict[str, Any], members: set[str]
) -> None:
    made = lead(place)
    answer = program("PATCH", f"/{made.id}", body)
    assert answer.status_code == 400
    assert set(answer.json["errors"]) == members
    assert all_of(place, Lead)[0].rating is None


def test_a_deleted_lead_stays_deleted(program: Program, place: Dealership) -> None:
    made = lead(place, status="deleted")
    answer = program("PATCH", f"/{made.id}", {"status": "new"})
    assert (answer.status_code, answer.json["errorCode"]) == (409, "not_possible")


@pytest.mark.parametrize(
    ("role", "scopes", "expected"),
    [
        ("operator", ["sync:read"], (200, 403, 403)),
        ("viewer", ["sync:read", "sync:write"], (200, 403, 403)),
        ("operator", ["sync:write"], (403, 201, 200)),
        ("operator", ["stock:read", "stock:write"], (403, 403, 403)),
        ("admin", ["admin"], (200, 201, 200)),
    ],
)
def test_scope_and_role_are_both_needed(
    in_app: Flask, place: Dealership, role: str, scopes: list[str], expected: tuple[int, ...]
) -> None:
    made = lead(place)
    headers = factories.bearer(factories.member(place, role), place, scopes)
    program = Program(in_app.test_client(), headers)
    asked = (("GET", "", None), ("POST", "", ENQUIRY), ("PATCH", f"/{made.id}", {"city": "Perth"}))
    assert tuple(program(*one).status_code for one in asked) == expected
