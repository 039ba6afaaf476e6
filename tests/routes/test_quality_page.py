"""The data quality page: worst first, filtered, one click to where an issue is mended (C44)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.models import Dealership
from tests import factories
from tests.factories_vehicles import photo, vehicle
from tests.routes.test_vehicles import SeparateClient, counted, page, words

pytestmark = pytest.mark.usefixtures("any_database")
PATH = "/d/harbour/quality"


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


def test_each_issue_leads_to_its_field(client: FlaskClient, place: Dealership) -> None:
    car = vehicle(place, price_cents=None, stock_number="S77")
    html = page(client, PATH)
    assert f'href="/d/harbour/vehicles/{car.id}/edit#f-price_cents"' in html
    assert f'href="/d/harbour/vehicles/{car.id}/photos#upload"' in html
    assert "0 of 1 listed vehicle have nothing to mend" in words(html)
    assert 'href="/d/harbour/quality"' in page(client, "/d/harbour/vehicles")
    form = page(client, f"/d/harbour/vehicles/{car.id}/edit")
    for anchor in set(re.findall(r"/edit#(f-\w+)", html)):
        assert f'id="{anchor}"' in form


def test_viewers_are_led_to_the_vehicle(place: Dealership, in_app: Flask) -> None:
    viewer = factories.sign_in(in_app.test_client(), factories.member(place, "viewer"))
    car = vehicle(place, price_cents=None)
    html = page(viewer, PATH)
    assert "/edit#" not in html
    assert f'href="/d/harbour/vehicles/{car.id}"' in html


def test_the_filter_is_in_the_address_and_in_the_file(
    client: FlaskClient, place: Dealership
) -> None:
    vehicle(place, title="No price here", price_cents=None)
    vehicle(place, title="Priced")
    html = page(client, f"{PATH}?issue=no-price")
    assert "No price here" in html
    assert "Priced" not in html
    assert "No price, 1" in words(html)
    exported = client.get(f"{PATH}.csv?issue=no-price")
    assert exported.headers["Content-Disposition"].startswith(
        'attachment; filename="data-quality-harbour-'
    )
    assert "No price here" in exported.text
    assert "Priced" not in exported.text


@pytest.mark.parametrize(
    ("made", "query", "kind"),
    [(0, "", "nothing-yet"), (1, "?issue=no-price", "all-done"), (1, "?issue=nonsense", None)],
)
def test_empty_states(
    client: FlaskClient, place: Dealership, made: int, query: str, kind: str | None
) -> None:
    for _ in range(made):
        vehicle(place)
    html = page(client, PATH + query)
    assert ("data-empty" not in html) if kind is None else (f'data-empty="{kind}"' in html)


def test_pages_and_their_queries(client: FlaskClient, place: Dealership) -> None:
    for _ in range(3):
        photo(vehicle(place))
    with counted() as few:
        page(client, PATH)
    for _ in range(50):
        photo(vehicle(place))
    with counted() as many:
        html = page(client, PATH)
    assert len(few) == len(many)
    assert "1 to 50 of 53 vehicles" in words(html)
    assert "51 to 53 of 53" in words(page(client, f"{PATH}?page=2"))
    assert client.get(f"{PATH}?page=9").status_code == 302
