"""Live parts: they end by themselves, survive a lost sign-in, and need no mouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browsers import expect
from tests.e2e.browsing import ACTIVE, ENDED, admin_of, at, sign_in
from tests.e2e.people import Place
from tests.e2e.stack import Stack

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.e2e, pytest.mark.browser]
STOCK_LIST = "GetAdvertisementStocks"
# Longer than any card waits between two questions.
QUIET_MS = 6_500


def start_slowly(product: Stack, account: str, page: Page, seconds: float) -> None:
    product.simulator.stock("remove_photos", account=account, count=1000)
    product.simulator.scenario("slow", account=account, endpoint=STOCK_LIST, value=seconds)
    page.get_by_test_id("sync-now").click()
    expect(page.locator(ACTIVE)).to_be_visible()


def lose_sign_in(page: Page) -> None:
    """Until the page noticed: an answer that was on its way brings the cookie back."""
    for _ in range(60):
        page.context.clear_cookies()
        page.wait_for_timeout(500)
        if "/login?" in page.url:
            return
    raise AssertionError("The page never asked for a new sign-in.")


def test_a_card_asks_no_more_after_the_end(
    product: Stack, dealer: Place, account: str, browser: Browser
) -> None:
    with admin_of(dealer, browser, product) as page:
        page.goto(at(dealer, "sync/stock"))
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        start_slowly(product, account, page, 5)
        expect(page.locator(ENDED)).to_be_visible(timeout=60_000)
        polls = [url for url in asked if "/card" in url]
        assert polls
        page.wait_for_timeout(500)  # the part around the card follows once
        asked.clear()
        page.wait_for_timeout(QUIET_MS)
        assert [url for url in asked if "/card" in url or "/running" in url] == []


def test_a_lost_sign_in_leads_to_the_sign_in_page_and_back(
    product: Stack, dealer: Place, account: str, browser: Browser
) -> None:
    with admin_of(dealer, browser, product) as page:
        page.goto(at(dealer, "sync/stock"))
        start_slowly(product, account, page, 10)
        lose_sign_in(page)
        expect(page.locator("h1")).to_have_text("Sign in")
        expect(page.get_by_text("You were signed out")).to_be_visible()
        sign_in(page, dealer)
        assert page.url == product.url + at(dealer, "sync/stock")
        expect(page.get_by_test_id("run-card")).to_be_visible()


def test_a_sync_is_started_with_the_keyboard_alone(
    product: Stack, dealer: Place, browser: Browser
) -> None:
    with admin_of(dealer, browser, product) as page:
        page.goto(at(dealer, "sync/stock"))
        page.keyboard.press("Tab")
        assert focused(page) == "Skip to content"
        page.keyboard.press("Enter")
        for _ in range(30):
            page.keyboard.press("Tab")
            if focused(page) == "Sync Now":
                break
        assert focused(page) == "Sync Now"
        page.keyboard.press("Enter")
        expect(page.locator(ENDED)).to_be_visible(timeout=60_000)


def focused(page: Page) -> str:
    return page.evaluate("document.activeElement.innerText.trim()")
