"""Forms and lists of vehicles in a real Chromium: they fit, can be read, and the script helps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from flask import Flask

from app.models import Dealership, Vehicle
from tests import factories
from tests.browsers import axe
from tests.factories_vehicles import link, vehicle
from tests.routes.vehicles_by_hand.conftest import edits, stored

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
WIDTHS = (1280, 390, 320)


@pytest.fixture
def place(app: Flask) -> Dealership:
    with app.app_context():
        return factories.dealership("Harbour Cars", "harbour")


@pytest.fixture
def car(app: Flask, place: Dealership) -> Vehicle:
    with app.app_context():
        made = vehicle(place, title="Toyota Hilux 2019", locked_fields=["colour"], colour="Red")
        link(made, agreed={"colour": "Blue", "price_cents": 3_899_000})
        for _ in range(2):
            vehicle(place)
        return made


@pytest.fixture
def at_work(app: Flask, place: Dealership, car: Vehicle, live_server: str, page: Page) -> Page:
    """Signed in as operator."""
    with app.app_context():
        person = factories.member(place, "operator")
    page.goto(f"{live_server}/login?next=/d/harbour/vehicles")
    page.get_by_label("Email").fill(person.email)
    page.locator("input[name=password]").fill(factories.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/vehicles")
    return page


def serious(page: Page) -> list[tuple[str, list[str]]]:
    """What the accessibility checker calls serious or worse."""
    found = axe().run(page).response["violations"]
    return [
        (one["id"], [node["html"] for node in one["nodes"]])
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]


def test_every_page_fits_and_can_be_read(at_work: Page, live_server: str, car: Vehicle) -> None:
    root = f"{live_server}/d/harbour/vehicles"
    ids = f"select=ticked&id={car.id}"
    for path in (
        "", "/new", f"/{car.id}", f"/{car.id}/edit", f"/{car.id}/unlock", f"/{car.id}/lifecycle",
        f"/bulk?{ids}&action=exclude", f"/bulk?{ids}&action=lifecycle", "/bulk",
        f"/bulk?{ids}&action=unlock",
    ):  # fmt: skip
        at_work.goto(f"{root}{path}")
        for summary in at_work.locator("#bulk > summary").all():
            summary.click()
        for width in WIDTHS:
            at_work.set_viewport_size({"width": width, "height": 900})
            wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert at_work.evaluate(wide) <= 0, (path, width)
        for scheme in ("light", "dark"):
            at_work.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            assert serious(at_work) == [], (path, scheme)


def test_an_edit_offers_the_padlock_and_a_switch_its_way_back(
    at_work: Page, live_server: str, app: Flask, place: Dealership, car: Vehicle
) -> None:
    at_work.goto(f"{live_server}/d/harbour/vehicles/{car.id}/edit")
    keep = at_work.locator("#keep-price_cents")
    assert not keep.is_visible(), "nothing to keep yet"
    at_work.get_by_label("Price", exact=True).fill("37,500")
    assert keep.is_visible()
    assert keep.is_checked()
    at_work.get_by_test_id("save-vehicle").click()
    at_work.wait_for_url(f"**/vehicles/{car.id}")
    at_work.get_by_role("button", name="Exclude from sync").click()
    at_work.get_by_role("button", name="Undo").click()
    at_work.get_by_role("button", name="Exclude from sync").wait_for()
    with app.app_context():
        assert stored(place, car.id).locked_fields == ["colour", "price_cents"]
        assert [edit.kind for edit in edits(place, car.id)] == ["edit", "exclude", "include"]


def test_ticks_are_counted(at_work: Page) -> None:
    at_work.locator("#bulk > summary").click()
    word = at_work.locator("[data-ticked]")
    at_work.locator("#vehicles input[name=id]").first.check()
    assert word.inner_text() == " (1)"
    at_work.get_by_label("This page (3)").check()
    assert word.inner_text() == " (3)"
    at_work.locator("#vehicles input[name=id]").first.uncheck()
    assert at_work.locator("#select-ticked").is_checked()
    at_work.get_by_label("What to do").select_option("publish")
    at_work.get_by_test_id("bulk-continue").click()
    at_work.get_by_role("heading", name="Publish 2 vehicles").wait_for()
