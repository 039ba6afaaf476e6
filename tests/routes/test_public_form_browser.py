"""The public form in a real browser: every width, light and dark, without script, in a frame."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.db import reading
from app.models import Dealership, Lead, LeadPolicy
from tests import factories, factories_vehicles
from tests.browsers import axe

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
KEY = "a-key-that-nobody-guesses"


@pytest.fixture
def place(app: Flask) -> Dealership:
    with app.app_context():
        place = factories.dealership("Harbour Cars and Commercial Vehicles of the Northern Beaches")
        factories._saved(LeadPolicy(dealership_id=place.id, form_key=KEY))
        factories_vehicles.vehicle(place, stock_number="S1", title="2021 Mazda CX-5 Touring")
    return place


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390, 320])
def test_every_state_fits_and_is_readable(
    browser: Browser, live_server: str, place: Dealership, scheme: Any, width: int
) -> None:
    size = {"width": width, "height": 800}
    with browser.new_context(color_scheme=scheme, java_script_enabled=True, viewport=size) as where:
        page = where.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        for state in (f"{KEY}?stock=S1", f"{KEY}/thanks", "refused", "unknown-key"):
            if state == "refused":
                refuse(page, live_server)
            else:
                page.goto(f"{live_server}/forms/{state}")
            found = axe().run(page).response["violations"]
            assert [one["id"] for one in found] == [], state
            assert page.evaluate("document.documentElement.scrollWidth") <= width, state
            assert page.locator("h1").count() == 1, state
        assert [line for line in said if "422" not in line and "404" not in line] == []


def refuse(page: Page, live_server: str) -> None:
    """Words at two fields; without its stamp the page cannot have been too quick."""
    page.goto(f"{live_server}/forms/{KEY}")
    page.get_by_label("Your name").fill("Robin https://example.com")
    page.locator("[name=stamp]").evaluate("stamp => stamp.value = ''")
    page.get_by_role("button", name="Send").click()
    page.locator("#f-name-error").wait_for()
    assert page.locator("#error-summary li").count() == 2


@pytest.fixture
def website(live_server: str) -> Iterator[str]:
    """The dealership's own site, at another origin, with the form in a frame."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            source = f"{live_server}/forms/{KEY}?stock=S1"
            self.wfile.write(f'<iframe src="{source}" width=360 height=780>'.encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


def test_a_customer_without_script_in_a_frame_of_the_dealership_s_site(
    app: Flask, browser: Browser, website: str, place: Dealership
) -> None:
    """By keyboard, past the trap; who was too quick reads why and sends again."""
    size = {"width": 390, "height": 800}
    with browser.new_context(java_script_enabled=False, viewport=size) as where:
        page = where.new_page()
        page.set_default_timeout(8_000)
        page.goto(website)
        frame = page.frame_locator("iframe")
        assert "2021 Mazda CX-5 Touring" in frame.get_by_test_id("vehicle").inner_text()
        frame.get_by_label("Your name").fill("Robin Walker")
        for text in ("robin@example.com", "0400 000 001"):
            page.keyboard.press("Tab")
            page.keyboard.type(text)
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.type("Is it still available?")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        frame.locator("h1", has_text="Thank you").or_(frame.locator("#error-summary")).wait_for()
        if frame.locator("#error-summary").count():
            page.wait_for_timeout(3000)
            frame.get_by_role("button", name="Send").click()
        frame.get_by_role("heading", name="Thank you").wait_for()
        assert where.cookies() == []
    with app.app_context(), reading(place.id) as db:
        lead = db.scalars(select(Lead)).one()
    assert (lead.message, lead.stock_number) == ("Is it still available?", "S1")
    assert lead.page_url == website
