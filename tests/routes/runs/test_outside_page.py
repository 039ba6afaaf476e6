"""Vehicles outside of a changed connection: asked, decided, taken back (T15)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import ExternalLink, StreamState, Vehicle, VehicleEdit
from app.parts import parts
from app.services import credentials
from app.services.credential_input import CredentialInput
from app.services.sync.connection import scope_of
from tests import factories
from tests.factories_vehicles import item, link, run, vehicle
from tests.reading import words
from tests.routes.runs.conftest import World

pytestmark = pytest.mark.usefixtures("any_database")
KEYS = {
    "account_number": "EC100001",
    "account_secret": "one",
    "client_id": "two",
    "client_secret": "three",
    "environment": "Test",
    "yard_code": "100",
}


def connect(world: World, **changes: str) -> dict[str, str]:
    """Saves the connection; returns whose stock it asks for."""
    with world.app.app_context(), unit_of_work(world.place.id) as db:
        entered = CredentialInput.of(KEYS | changes)
        made = parts()
        saved = credentials.save(
            db, world.place.id, entered, made.crypto, factories.ACTOR, made.clock
        )
        return scope_of(saved, credentials.open_keys(saved, made.crypto))


@pytest.fixture
def stock(bare: World) -> World:
    """Yard 100 of the Test account was synced as a whole: two vehicles there, one in yard 200."""
    scope = connect(bare)
    with bare.app.app_context():
        for number, yard in (("A1", "100"), ("A2", "100"), ("B1", "200")):
            link(vehicle(bare.place, stock_number=number, yard_code=yard))
        vehicle(bare.place, stock_number="M1", yard_code="100", source="Manual")
        with unit_of_work(bare.place.id) as db:
            db.add(
                StreamState(
                    dealership_id=bare.place.id,
                    provider="easycars",
                    stream="stock",
                    environment="Test",
                    scope=scope,
                )
            )
    return bare


def rows(world: World, model: Any) -> list[Any]:
    with world.app.app_context(), reading(world.place.id) as db:
        return list(db.scalars(select(model).order_by(model.id)))


def lives(world: World) -> dict[str, str]:
    return {one.stock_number: one.lifecycle for one in rows(world, Vehicle)}


def decide(world: World, choice: str, expected: int, part: str = "undecided") -> Any:
    form = {"choice": choice, "expected": str(expected), "part": part}
    return world.client(world.operator).post(world.url("sync/outside"), data=form)


def test_without_a_change_nothing_is_asked(stock: World) -> None:
    client = stock.client(stock.admin)
    assert "Nothing to decide" in client.get(stock.url("sync/outside")).text
    for path in ("sync/stock", "settings/easycars", "settings/sync"):
        assert "outside-notice" not in client.get(stock.url(path)).text


def test_a_new_yard_asks_about_the_vehicles_of_the_old_one_everywhere(stock: World) -> None:
    connect(stock, yard_code="200")
    client = stock.client(stock.admin)
    page = words(client.get(stock.url("sync/outside")).text)
    assert "The yard was 100 at the last whole sync, now it is 200." in page
    assert "What shall happen to 2 vehicles?" in page
    assert "A1" in page
    assert "B1" not in page
    assert "M1" not in page
    for path in ("sync/stock", "settings/easycars", "settings/sync"):
        assert "2 vehicles outside of it stay as they are" in client.get(stock.url(path)).text


def test_kept_vehicles_stay_listed_and_can_be_taken_off_later(stock: World) -> None:
    connect(stock, yard_code="200")
    assert decide(stock, "keep", 2).status_code == 303
    assert set(lives(stock).values()) == {"listed"}
    assert [one.kept_outside for one in rows(stock, ExternalLink)] == [True, True, False]
    assert "kept listed by" in rows(stock, Vehicle)[0].lifecycle_reason
    assert decide(stock, "take", 2, "kept").status_code == 303
    assert lives(stock) == {"A1": "off_market", "A2": "off_market", "B1": "listed", "M1": "listed"}
    assert [one.kept_outside for one in rows(stock, ExternalLink)] == [False, False, False]


def test_taken_vehicles_tell_why_and_can_be_put_back(stock: World) -> None:
    connect(stock, yard_code="200")
    decide(stock, "take", 2)
    (first, *_) = rows(stock, Vehicle)
    assert first.lifecycle_reason.startswith("Outside the EasyCars connection, taken off")
    assert [edit.kind for edit in rows(stock, VehicleEdit)] == ["lifecycle", "lifecycle"]
    client = stock.client(stock.viewer)
    assert "Nothing to decide" in client.get(stock.url("sync/outside?show=undecided")).text
    assert "outside-notice" not in client.get(stock.url("sync/stock")).text
    decide(stock, "keep", 2, "taken")
    assert set(lives(stock).values()) == {"listed"}


def test_deciding_later_changes_nothing(stock: World) -> None:
    connect(stock, yard_code="200")
    assert decide(stock, "later", 2).headers["Location"] == stock.url("sync/stock")
    assert rows(stock, VehicleEdit) == []
    assert "outside-notice" in stock.client(stock.viewer).get(stock.url("sync/stock")).text


@pytest.mark.parametrize(
    ("choice", "expected", "said"),
    [
        ("take", 3, "3 vehicles were shown, now there are 2"),
        ("sell", 2, "Choose one of the answers."),
    ],
)
def test_only_what_was_shown_is_changed(
    stock: World, choice: str, expected: int, said: str
) -> None:
    connect(stock, yard_code="200")
    answer = decide(stock, choice, expected)
    assert answer.status_code == 422
    assert said in answer.text
    assert set(lives(stock).values()) == {"listed"}


def test_a_viewer_looks_and_does_not_decide(stock: World) -> None:
    connect(stock, yard_code="200")
    client = stock.client(stock.viewer)
    assert "Your role may look" in client.get(stock.url("sync/outside")).text
    assert client.post(stock.url("sync/outside"), data={"choice": "take"}).status_code == 403


def test_vehicles_of_another_environment_are_found(stock: World) -> None:
    connect(stock, environment="Production", yard_code="")
    page = stock.client(stock.operator).get(stock.url("sync/outside")).text
    assert "reads Production now; some vehicles came from Test." in page
    assert "What shall happen to 3 vehicles?" in page
    decide(stock, "take", 3)
    assert lives(stock) == dict.fromkeys(("A1", "A2", "B1"), "off_market") | {"M1": "listed"}


def test_a_vehicle_that_both_environments_have_is_inside(stock: World) -> None:
    connect(stock, environment="Production", yard_code="")
    with stock.app.app_context():
        link(rows_first(stock), environment="Production")
    page = stock.client(stock.operator).get(stock.url("sync/outside")).text
    assert "What shall happen to 2 vehicles?" in page


def rows_first(world: World) -> Vehicle:
    with reading(world.place.id) as db:
        return db.scalars(select(Vehicle).order_by(Vehicle.id)).first()


def test_another_account_is_known_only_after_a_sync(stock: World) -> None:
    scope = connect(stock, account_number="EC200002")
    client = stock.client(stock.operator)
    page = client.get(stock.url("sync/outside")).text
    assert "Another EasyCars account" in page
    assert "lists those that are outside" in page
    assert "What shall happen" not in page
    with stock.app.app_context():
        held = run(stock.place, scope={"asked": scope})
        car = rows_first(stock)
        item(held, car, "hold", after={"lifecycle": "missing"})
        with unit_of_work(stock.place.id) as db:
            db.scalars(select(StreamState)).one().last_run_id = held.id
    page = client.get(stock.url("sync/outside")).text
    assert "What shall happen to 1 vehicle?" in page
    assert "A1" in page
    decide(stock, "keep", 1)
    assert "Nothing to decide" in client.get(stock.url("sync/outside?show=undecided")).text


def test_excluded_and_sold_vehicles_are_not_asked_about(stock: World) -> None:
    connect(stock, yard_code="200")
    with stock.app.app_context(), unit_of_work(stock.place.id) as db:
        one, two, *_ = db.scalars(select(Vehicle).order_by(Vehicle.id))
        one.is_excluded, two.lifecycle = True, "sold"
    assert "Nothing to decide" in stock.client(stock.viewer).get(stock.url("sync/outside")).text


def test_without_a_connection_there_is_no_question(bare: World) -> None:
    client = bare.client(bare.operator)
    assert "EasyCars is not connected" in client.get(bare.url("sync/outside")).text
    assert client.post(bare.url("sync/outside"), data={"choice": "take"}).status_code == 400
