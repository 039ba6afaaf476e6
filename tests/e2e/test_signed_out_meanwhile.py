"""The sign-in ends while somebody types: by a poll with script, by Save without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browsers import expect
from tests.e2e.browsing import ACTIVE, admin_of, at, press, sign_in
from tests.e2e.people import Place
from tests.e2e.stack import Stack

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.e2e, pytest.mark.browser]
STOCK_LIST = "GetAdvertisementStocks"
SLOW_S = 25


def test_a_poll_takes_the_page_and_keeps_what_is_half_typed(
    product: Stack, dealer: Place, account: str, browser: Browser
) -> None:
    with admin_of(dealer, browser, product) as page:
        product.simulator.stock("remove_photos", account=account, count=1000)
        product.simulator.scenario("slow", account=account, endpoint=STOCK_LIST, value=SLOW_S)
        page.goto(at(dealer, "sync/stock"))
        page.get_by_test_id("sync-now").click()
        expect(page.locator(ACTIVE)).to_be_visible()
        page.goto(at(dealer, "vehicles/new"))
        expect(page.locator("[data-poll]").first).to_be_attached()
        half_typed(page)
        page.context.clear_cookies(name="forecourt")
        page.wait_for_url("**/login?**")
        come_back(page, dealer, product)
        press(page, page.get_by_test_id("save-vehicle"))
        expect(page.locator("h1")).to_contain_text("Mazda")


def test_save_without_script_keeps_it_too(product: Stack, dealer: Place, browser: Browser) -> None:
    with admin_of(dealer, browser, product, java_script_enabled=False) as page:
        page.goto(at(dealer, "vehicles/new"))
        half_typed(page)
        page.context.clear_cookies(name="forecourt")
        press(page, page.get_by_test_id("save-vehicle"))
        come_back(page, dealer, product)


def half_typed(page: Page) -> None:
    page.locator('[name="make"]').fill("Mazda")
    page.locator('[name="model"]').fill("CX-5 “Akera”")


def come_back(page: Page, dealer: Place, product: Stack) -> None:
    """A full sign-in page; behind it the same place, with the words that were typed."""
    expect(page.locator("h1")).to_have_text("Sign in")
    expect(page.get_by_text("What you typed is not saved yet")).to_be_visible()
    sign_in(page, dealer)
    assert page.url.startswith(product.url + at(dealer, "vehicles/new?kept="))
    expect(page.get_by_text("Not saved yet", exact=True)).to_be_visible()
    expect(page.locator('[name="make"]')).to_have_value("Mazda")
    expect(page.locator('[name="model"]')).to_have_value("CX-5 “Akera”")
