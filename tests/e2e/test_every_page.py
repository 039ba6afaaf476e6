"""Every page there is: fits every screen, is readable for everybody, and complains of nothing.

The list comes from the route table, so that a new page is looked at without a word here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e import pages
from tests.e2e.browsing import admin_of, overflow, visitor
from tests.e2e.pages import Showroom
from tests.e2e.stack import Stack

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.e2e, pytest.mark.browser]
WIDTHS = (1440, 820, 390, 320)
SERIOUS = {"serious", "critical"}
# What nobody can reach with the keyboard, though it is there to be pressed or filled.
OUT_OF_REACH = """() => [...document.querySelectorAll('a[href], button, input, select, summary')]
  .filter((part) => !part.disabled && part.type !== "hidden" && part.checkVisibility())
  .filter((part) => part.tabIndex < 0 && part.ariaHidden !== "true")
  .map((part) => part.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
def room(product: Stack) -> Showroom:
    return pages.showroom(product)


@pytest.fixture(scope="module")
def all_pages(product: Stack, room: Showroom, browser: Browser) -> list[str]:
    with admin_of(room.full, browser, product) as page:
        found = pages.whole_pages(page, pages.addresses(product, room))
    assert pages.never_missing(product, found) == set()
    return found


@pytest.fixture
def page(product: Stack, room: Showroom, browser: Browser) -> Iterator[Page]:
    """The person with every right, signed in."""
    with admin_of(room.full, browser, product) as page:
        yield page


def test_no_page_scrolls_sideways(page: Page, all_pages: list[str]) -> None:
    too_wide = {}
    for address in all_pages:
        page.goto(address)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            if (pixels := overflow(page)) > 0:
                too_wide[address, width] = f"{pixels} px: {widest(page)}"
    assert too_wide == {}, told(too_wide)


def told(faults: dict[Any, Any]) -> str:
    """One page a line, uncut."""
    return "\n".join(f"{address}: {fault}" for address, fault in faults.items())


def widest(page: Page) -> list[str]:
    """What sticks out, to find it quickly."""
    return page.evaluate(
        """() => [...document.querySelectorAll('body *')]
            .filter((part) => part.getBoundingClientRect().right > innerWidth + 1)
            .slice(-3).map((part) => part.outerHTML.slice(0, 100))"""
    )


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_axe_finds_nothing_serious(
    page: Page, all_pages: list[str], scheme: str, width: int
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    axe, faults = Axe(), {}
    for address in all_pages:
        page.goto(address)
        if found := serious(axe.run(page).response):
            faults[address] = found
    assert faults == {}, told(faults)


def serious(response: dict[str, Any]) -> list[str]:
    """One line per violation that counts: what it is, and where first."""
    return [
        f"{one['id']} ({len(one['nodes'])}): {one['nodes'][0]['html'][:160]}"
        for one in response["violations"]
        if one["impact"] in SERIOUS
    ]


def test_every_page_has_one_heading_and_a_silent_console(page: Page, all_pages: list[str]) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if is_fault(message) else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    faults = {}
    for address in all_pages:
        said.clear()
        page.goto(address, wait_until="load")
        seen = {
            "headings": page.locator("h1").count(),
            "title": page.title().endswith("Forecourt"),
            "console": list(said),
            "out of reach": page.evaluate(OUT_OF_REACH),
        }
        if seen != {"headings": 1, "title": True, "console": [], "out of reach": []}:
            faults[address] = seen
    assert faults == {}, told(faults)


def is_fault(message: Any) -> bool:
    return message.type in ("error", "warning")


@pytest.mark.parametrize("address", ["/login", "/d/showroom/vehicles/999999999", "/api/docs"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_for_everybody_and_pages_that_are_not_there(
    product: Stack, room: Showroom, browser: Browser, address: str, scheme: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    signed_out = visitor(browser, product, color_scheme=scheme)
    signed_in = admin_of(room.full, browser, product, color_scheme=scheme)
    with signed_in if address.startswith("/d/") else signed_out as where:
        page = where if address.startswith("/d/") else where.new_page()
        page.goto(address)
        assert page.locator("h1").count() == 1
        assert serious(Axe().run(page).response) == []
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert overflow(page) == 0, width
