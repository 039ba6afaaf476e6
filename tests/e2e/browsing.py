"""What the browser tests do again and again: contexts, signing in, looking at a page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.e2e.people import Place
from tests.e2e.stack import Stack

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Locator, Page

# A busy machine may take its time; a click that never works shall still end a test early.
PATIENCE_MS = 30_000
ACTIVE = '[data-testid="run-card"][data-status="InProgress"], [data-status="Queued"]'
ENDED = '[data-testid="run-card"]:not([data-status="InProgress"]):not([data-status="Queued"])'


@contextmanager
def visitor(browser: Browser, stack: Stack, **options: Any) -> Iterator[BrowserContext]:
    """Somebody with a browser of their own, not signed in."""
    with browser.new_context(base_url=stack.url, **options) as context:
        context.set_default_timeout(PATIENCE_MS)
        yield context


@contextmanager
def admin_of(place: Place, browser: Browser, stack: Stack, **options: Any) -> Iterator[Page]:
    """The dealership's administrator, signed in; the page shows the dashboard."""
    with visitor(browser, stack, **options) as context:
        page = context.new_page()
        page.goto("/login")
        sign_in(page, place)
        yield page


def sign_in(page: Page, place: Place) -> None:
    """Fills the sign-in form that is open and sends it."""
    page.get_by_label("Email address").fill(place.email)
    page.get_by_label("Password").fill(place.password)
    page.get_by_test_id("sign-in").click()
    page.wait_for_url(lambda address: "/login" not in address)


def at(place: Place, path: str = "") -> str:
    return f"/d/{place.slug}/{path}"


def press(page: Page, button: Locator) -> None:
    """Presses and waits for the page that answers: only then is it written."""
    with page.expect_navigation():
        button.click()


def overflow(page: Page) -> int:
    """By how many pixels the page can be scrolled sideways."""
    return page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
