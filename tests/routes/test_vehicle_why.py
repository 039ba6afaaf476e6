"""The page and the fragment that say why a value is so; the fields of the vehicle's page (U7)."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.models import Dealership, Vehicle, VehicleEdit
from tests import factories
from tests.factories import _saved
from tests.factories_vehicles import NOON, archive, item, link, run, vehicle
from tests.routes.test_vehicles import SeparateClient, page, words

pytestmark = pytest.mark.usefixtures("any_database")


@pytest.fixture
def in_app(app: Flask) -> Iterator[Flask]:
    app.test_client_class = SeparateClient
    with app.app_context():
        yield app


@pytest.fixture
def place(in_app: Flask) -> Dealership:
    return factories.dealership(slug="harbour")


@pytest.fixture
def client(place: Dealership, in_app: Flask) -> FlaskClient:
    return factories.sign_in(in_app.test_client(), factories.member(place, "operator"))


@pytest.fixture
def car(place: Dealership) -> Vehicle:
    """EasyCars says $410, a person $390 and a padlock; the description has a tag in it."""
    made = vehicle(
        place, price_cents=39_000, locked_fields=["price_cents"], description="<b>Fine</b>"
    )
    agreed = {"price_cents": 41_000, "description": "<b>Other</b>", "make": "Toyota"}
    archive(link(made, agreed=agreed), json.dumps({"StockNumber": "S1", "Price": 410.0}))
    item(run(place), made, "create", after=agreed, created_at=NOON)
    _saved(
        VehicleEdit(
            dealership_id=place.id, vehicle_id=made.id, kind="edit", actor="pat@example.com",
            before={"price_cents": 41_000, "locked_fields": []},
            after={"price_cents": 39_000, "locked_fields": ["price_cents"]},
        )
    )  # fmt: skip
    return made


def test_the_page_answers_with_history(client: FlaskClient, car: Vehicle) -> None:
    text = words(page(client, f"/d/harbour/vehicles/{car.id}/why/price_cents"))
    for expected in (
        "Why is Price so?",
        "pat@example.com entered it here.",
        "Before $410",
        "EasyCars would set $410",
        "EasyCars field Price 410.0",
        "Edited by pat@example.com $410 $390",
        "First sync",
    ):
        assert expected in text


def test_htmx_gets_the_answer_alone(client: FlaskClient, car: Vehicle) -> None:
    answer = client.get(
        f"/d/harbour/vehicles/{car.id}/why/price_cents", headers={"HX-Request": "true"}
    )
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert "pat@example.com entered it here." in answer.text
    assert "History of Price" in words(answer.text)


def test_a_field_that_is_none_is_not_found(client: FlaskClient, car: Vehicle) -> None:
    assert client.get(f"/d/harbour/vehicles/{car.id}/why/password").status_code == 404


def test_each_field_of_the_vehicle_asks_why_and_shows_what_easycars_has(
    client: FlaskClient, car: Vehicle, place: Dealership, in_app: Flask
) -> None:
    html = page(client, f"/d/harbour/vehicles/{car.id}")
    text = words(html)
    for name in ("price_cents", "make", "description", "lifecycle"):
        assert f'href="/d/harbour/vehicles/{car.id}/why/{name}"' in html
    assert "EasyCars would set: $410" in text
    assert "EasyCars says: &lt;b&gt;Other&lt;/b&gt;" in html
    assert "<b>Other" not in html
    assert 'form="lock-form"' in html
    assert f"/d/harbour/vehicles/{car.id}/unlock?field=price_cents" in html
    viewer = factories.sign_in(in_app.test_client(), factories.member(place, "viewer"))
    seen = page(viewer, f"/d/harbour/vehicles/{car.id}")
    assert "lock-form" not in seen
    assert "/why/price_cents" in seen


def test_every_field_can_be_asked(client: FlaskClient, car: Vehicle) -> None:
    from app.services.vehicle_fields import FIELDS

    for name in (*FIELDS, "lifecycle"):
        page(client, f"/d/harbour/vehicles/{car.id}/why/{name}")
