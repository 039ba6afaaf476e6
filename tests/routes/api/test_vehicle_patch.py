"""PATCH of a vehicle: what is sent, all or nothing, every problem at its member (contract §4)."""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import Context
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.db import reading
from app.models import AuditEvent, Dealership, ExternalLink, User, Vehicle, VehicleEdit
from tests import factories
from tests.factories_vehicles import NOON, link, vehicle

pytestmark = pytest.mark.usefixtures("any_database")
API = "/api/admin/easycars/vehicles"


class SeparateClient(FlaskClient):
    """Each request has a context of its own, although the test around it holds one for its rows."""

    def open(self, *args: Any, **rest: Any) -> Any:
        return Context().run(super().open, *args, **{"buffered": True, **rest})


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
    return factories.member(place, "operator")


class Program:
    """A program with a token."""

    def __init__(self, client: FlaskClient, headers: dict[str, str]) -> None:
        self.client, self.headers = client, headers

    def get(self, address: str) -> Any:
        return self.client.get(f"{API}{address}", headers=self.headers)

    def patch(self, car: Vehicle, body: Any, **headers: str) -> Any:
        sent = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.patch(f"{API}/{car.id}", json=body, headers=sent)


@pytest.fixture
def program(in_app: Flask, operator: User, place: Dealership) -> Program:
    headers = factories.bearer(operator, place, ["stock:read", "stock:write"])
    return Program(in_app.test_client(), headers)


def edits(place: Dealership) -> list[VehicleEdit]:
    with reading(place.id) as session:
        return list(session.scalars(select(VehicleEdit).order_by(VehicleEdit.id)))


def test_fields_of_every_kind_are_changed(place: Dealership, program: Program) -> None:
    car = vehicle(place)
    link(car)
    answer = program.patch(
        car,
        {
            "price": 37500.5, "odometer": 84300, "isDriveAway": True, "features": ["Tow bar"],
            "regoExpiry": "2027-03-01", "description": "One\nTwo", "gvmKg": 3050.5, "badge": None,
            "lengthM": None, "kind": "truck", "unknownMember": 1, "id": 999, "photos": [],
        },
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    body = answer.json
    assert {name: body[name] for name in ("price", "odometer", "isDriveAway", "features")} == {
        "price": 37500.5, "odometer": 84300, "isDriveAway": True, "features": ["Tow bar"],
    }  # fmt: skip
    assert (body["regoExpiry"], body["gvmKg"], body["id"]) == ("2027-03-01", 3050.5, car.id)
    assert body["lockedFields"] == []
    assert body["editedAt"] == body["updatedAt"] > "2026-11-18T01:00:00Z"
    (edit,) = edits(place)
    assert edit.kind == "edit"
    assert "badge" not in edit.after, "it was not given before either"
    assert "(token " in edit.actor
    with reading(place.id) as session:
        assert session.scalars(select(AuditEvent.action)).all()[-1] == "vehicle.edit"


def test_an_answer_may_be_sent_back_with_one_value_replaced(
    place: Dealership, program: Program
) -> None:
    car = vehicle(place, locked_fields=["colour"], lifecycle="missing", kind="X", price_cents=0)
    link(car)
    body = program.get(f"/{car.id}").json
    assert program.patch(car, body).json == body
    assert edits(place) == []
    answer = program.patch(car, body | {"colour": "Red"})
    assert answer.status_code == 200, answer.text
    assert [edit.after for edit in edits(place)] == [{"colour": "Red"}]


def test_every_problem_is_told_at_once_under_its_member(
    place: Dealership, program: Program
) -> None:
    car = vehicle(place)
    link(car)
    answer = program.patch(
        car,
        {
            "price": "37500", "odometer": 1.5, "kind": "spaceship", "isExcluded": "yes",
            "lockedFields": ["price", "currency"], "lifecycle": "missing", "title": 7,
            "updatedAt": "yesterday", "colour": "Red", "lock": 1,
        },
    )  # fmt: skip
    assert answer.status_code == 400
    assert answer.content_type == "application/problem+json"
    assert set(answer.json["errors"]) == {
        "price", "odometer", "kind", "isExcluded", "lockedFields", "lifecycle", "title",
        "updatedAt", "lock",
    }  # fmt: skip
    assert "currency" in answer.json["errors"]["lockedFields"]
    assert answer.json["errorCode"] == "invalid_input"
    assert edits(place) == []


@pytest.mark.parametrize("body", [[], "x", 7])
def test_a_body_that_is_no_object_is_refused(
    place: Dealership, program: Program, body: Any
) -> None:
    assert program.patch(vehicle(place), body).status_code == 400


def test_a_value_that_looks_like_a_slip_must_be_confirmed(
    place: Dealership, program: Program
) -> None:
    car = vehicle(place)
    answer = program.patch(car, {"price": 1, "colour": "Red"})
    assert answer.status_code == 400
    assert answer.json["errorCode"] == "needs_confirmation"
    assert answer.json["errors"] == {"price": "The price would fall by 99 %."}
    assert edits(place) == []
    meant = program.patch(car, {"price": 1, "colour": "Red", "confirm": True})
    assert (meant.status_code, meant.json["price"]) == (200, 1)


def test_locks_come_with_a_change_or_by_themselves(place: Dealership, program: Program) -> None:
    car = vehicle(place)
    link(car)
    changed = program.patch(car, {"price": 37500, "currency": "NZD", "lock": True}).json
    assert changed["lockedFields"] == ["price"]
    both = program.patch(car, {"lockedFields": ["odometer", "regoNum"]}).json
    assert both["lockedFields"] == ["odometer", "regoNum"]
    assert both["price"] == 37500, "unlocking by a program takes nothing from EasyCars"
    assert program.patch(car, {"lockedFields": []}).json["lockedFields"] == []
    assert [edit.kind for edit in edits(place)] == ["edit", "lock", "unlock", "unlock"]
    by_hand = program.patch(vehicle(place, source="Manual"), {"lockedFields": ["price"]})
    assert "nothing can be locked" in by_hand.json["errors"]["lockedFields"]


def test_sync_publishing_and_market_state_are_set(place: Dealership, program: Program) -> None:
    car = vehicle(place)
    link(car, content_hash=b"7" * 16)
    answer = program.patch(
        car,
        {
            "isExcluded": True, "isPublished": False, "lifecycle": "sold",
            "lifecycleReason": "Sold at auction",
        },
    )  # fmt: skip
    body = answer.json
    assert (body["isExcluded"], body["isPublished"]) == (True, False)
    assert (body["lifecycle"], body["lifecycleReason"]) == ("sold", "Sold at auction")
    assert {edit.kind for edit in edits(place)} == {"exclude", "unpublish", "lifecycle"}
    program.patch(car, {"isExcluded": False})
    with reading(place.id) as session:
        assert session.scalars(select(ExternalLink.content_hash)).one() == bytes(16)
    reworded = program.patch(car, {"lifecycleReason": "Sold to a colleague"}).json
    assert (reworded["lifecycle"], reworded["lifecycleReason"]) == ("sold", "Sold to a colleague")


def test_a_vehicle_that_changed_since_is_not_overwritten(
    place: Dealership, program: Program
) -> None:
    car = vehicle(place)
    seen = program.get(f"/{car.id}").json["updatedAt"]
    first = program.patch(car, {"colour": "Red", "updatedAt": seen})
    assert first.status_code == 200
    late = program.patch(car, {"colour": "Blue", "updatedAt": seen})
    assert (late.status_code, late.json["errorCode"]) == (409, "changed_meanwhile")
    header = "Wed, 18 Nov 2026 01:00:00 GMT"
    conditional = program.patch(car, {"colour": "Blue"}, If_Unmodified_Since=header)
    assert conditional.status_code == 412
    assert program.get(f"/{car.id}").json["colour"] == "Red"
    assert datetime(2026, 11, 18, 1, tzinfo=UTC) == NOON
    other = vehicle(place)
    assert program.patch(other, {"colour": "Blue"}, If_Unmodified_Since=header).status_code == 200
    now = program.get(f"/{car.id}").json["updatedAt"]
    assert program.patch(car, {"colour": "Blue", "updatedAt": now}).status_code == 200


def test_a_merged_vehicle_is_read_but_not_changed(place: Dealership, program: Program) -> None:
    kept = vehicle(place)
    car = vehicle(place, merged_into_id=kept.id)
    assert program.get(f"/{car.id}").json["mergedIntoId"] == kept.id
    answer = program.patch(car, {"colour": "Red"})
    assert answer.status_code == 403
    assert str(kept.id) in answer.json["message"]
    assert program.get("").json["pagination"]["totalRecords"] == 1


def test_a_change_needs_scope_and_role(place: Dealership, operator: User, in_app: Flask) -> None:
    car = vehicle(place)
    reader = Program(in_app.test_client(), factories.bearer(operator, place, ["stock:read"]))
    assert reader.patch(car, {"colour": "Red"}).status_code == 403
    viewer = factories.member(place, "viewer")
    session = Program(factories.sign_in(in_app.test_client(), viewer), {})
    assert session.patch(car, {"colour": "Red"}).status_code == 403
    assert in_app.test_client().patch(f"{API}/{car.id}", json={}).status_code == 401
    assert edits(place) == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("isPublished=false", {"a"}),
        ("isExcluded=true", {"b"}),
        ("isLocked=true", {"c"}),
        ("isEdited=true&isPublished=true", {"d"}),
    ],
)
def test_lists_are_narrowed_to_what_was_done_here(
    place: Dealership, program: Program, query: str, expected: set[str]
) -> None:
    vehicle(place, title="a", is_published=False)
    vehicle(place, title="b", is_excluded=True)
    vehicle(place, title="c", locked_fields=["colour"])
    vehicle(place, title="d", edited_at=NOON)
    assert {row["title"] for row in program.get(f"?{query}").json["vehicles"]} == expected


def test_the_description_names_every_member(in_app: Flask, program: Program) -> None:
    schemas = in_app.test_client().get("/api/openapi.json").json["components"]["schemas"]
    members = set(schemas["VehiclePatch"]["properties"])
    assert {"price", "specialPrice", "gvmKg", "features", "lockedFields", "lock"} <= members
    assert "priceCents" not in members
    assert {"isExcluded", "lifecycleReason", "description"} <= set(
        schemas["WholeVehicle"]["properties"]
    )


def test_what_is_described_is_what_is_answered(
    place: Dealership, in_app: Flask, program: Program
) -> None:
    car = vehicle(place, description="x", details={"gvm_kg": 3050})
    schemas = in_app.test_client().get("/api/openapi.json").json["components"]["schemas"]
    assert set(program.get(f"/{car.id}").json) == set(schemas["WholeVehicle"]["properties"])
    (row,) = program.get("").json["vehicles"]
    assert set(row) == set(schemas["VehicleBody"]["properties"])
