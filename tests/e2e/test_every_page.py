"""Every page there is: fits every screen, is readable for everybody, and complains of nothing.

The list comes from the route table, so that a new page is looked at without a word here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.e2e import pages
from tests.e2e.browsing import admin_of, visitor
from tests.e2e.looking import faults
from tests.e2e.pages import Showroom
from tests.e2e.stack import Stack

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.e2e, pytest.mark.browser]
# Each share is a test of its own, so that none takes minutes on a slow machine.
SHARES = 6


@pytest.fixture(scope="module")
def room(product: Stack) -> Showroom:
    return pages.showroom(product)


@pytest.fixture(scope="module")
def all_pages(product: Stack, room: Showroom, browser: Browser) -> list[str]:
    with admin_of(room.full, browser, product) as page:
        found = pages.whole_pages(page, pages.addresses(product, room))
    assert pages.never_missing(product, found) == set()
    return found


@pytest.fixture(scope="module")
def reader(product: Stack, room: Showroom, browser: Browser) -> Iterator[Page]:
    """The person with every right, signed in."""
    with admin_of(room.full, browser, product) as page:
        yield page


@pytest.mark.parametrize("share", range(SHARES))
def test_every_page_is_fit_to_be_seen(reader: Page, all_pages: list[str], share: int) -> None:
    found = []
    for address in all_pages[share::SHARES]:
        page = reader.context.new_page()
        found += faults(page, address)
        page.close()
    assert found == [], "\n".join(found)


@pytest.mark.parametrize("address", ["/login", "/d/showroom/vehicles/999999999", "/api/docs"])
def test_pages_for_everybody_and_pages_that_are_not_there(
    product: Stack, reader: Page, browser: Browser, address: str
) -> None:
    with visitor(browser, product) as stranger:
        page = reader if address.startswith("/d/") else stranger.new_page()
        # A page that is not there is meant to be answered with 404, which the console repeats.
        found = [one for one in faults(page, address) if "status of 404" not in one]
    assert found == []
