"""The search box of the top bar: one hit opens, several are listed, none says so (C33)."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.models import Dealership, Vehicle
from tests import factories, factories_leads, factories_vehicles
from tests.reading import words


@pytest.fixture
def place(app: Flask) -> Dealership:
    with app.app_context():
        return factories.dealership("Ours", "ours")


@pytest.fixture
def car(app: Flask, place: Dealership) -> Vehicle:
    with app.app_context():
        return factories_vehicles.vehicle(place, stock_number="A17", title="2021 Mazda CX-5 <b>")


@pytest.fixture
def viewer(app: Flask, place: Dealership, car: Vehicle) -> FlaskClient:
    with app.app_context():
        factories_leads.lead(
            place,
            customer=factories_leads.customer(place, name="Mia Mazda", email="mia@example.com"),
        )
        return factories.sign_in(app.test_client(), factories.member(place, "viewer"))


def test_a_number_opens_its_record_and_can_still_be_listed(
    viewer: FlaskClient, car: Vehicle
) -> None:
    opened = viewer.get("/d/ours/search?q=a17")
    assert (opened.status_code, opened.location) == (303, f"/d/ours/vehicles/{car.id}")
    listed = viewer.get("/d/ours/search?q=a17&all=1").text
    assert "Exact match" in listed


def test_words_are_listed_by_kind_each_with_a_link(viewer: FlaskClient, car: Vehicle) -> None:
    page = viewer.get("/d/ours/search?q=mazda").text
    told = words(page)
    for heading in ("Vehicles (1)", "Leads (1)", "Customers (1)", "3 matches for “mazda”"):
        assert heading in told
    assert f'href="/d/ours/vehicles/{car.id}"' in page
    assert "2021 Mazda CX-5 &lt;b&gt;" in page


def test_more_than_are_shown_lead_to_the_list_of_all(
    app: Flask, viewer: FlaskClient, place: Dealership
) -> None:
    with app.app_context():
        for number in range(6):
            factories_vehicles.vehicle(place, title=f"2020 Kia Rio {number}")
    page = viewer.get("/d/ours/search?q=kia+rio").text
    assert 'href="/d/ours/vehicles?q=kia+rio"' in page
    assert "See all 6 vehicles" in words(page)
    assert "6 vehicles match" in words(viewer.get("/d/ours/vehicles?q=kia+rio").text)


def test_nothing_found_and_nothing_asked_say_what_to_do(viewer: FlaskClient) -> None:
    none = viewer.get("/d/ours/search?q=%3Cscript%3E").text
    assert "Nothing matches “&lt;script&gt;”" in none
    assert 'href="/d/ours/history?q=%3Cscript%3E"' in none
    blank = viewer.get("/d/ours/search").text
    assert "Finds vehicles by stock number" in blank
    assert "Nothing matches" not in blank


def test_every_page_of_a_dealership_has_the_box(viewer: FlaskClient) -> None:
    page = viewer.get("/d/ours/vehicles").text
    assert 'action="/d/ours/search"' in page
    assert 'class="fc-search-link fc-menu-button" href="/d/ours/search"' in page
    assert 'action="/d/ours/search"' not in viewer.get("/account").text
