"""The way of a dealer on the first day, in a real Chromium: connect, look, apply, see the cars."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import ColumnElement, func, select

from app import simulator as double
from app.models import SyncRun, Vehicle
from tests.browsers import expect
from tests.e2e import kills
from tests.e2e.browsing import ACTIVE, ENDED, admin_of, at
from tests.e2e.people import Place, place
from tests.e2e.stack import Stack

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.e2e, pytest.mark.browser]
SHOWN = "[...document.querySelectorAll('main img')].some((image) => image.naturalWidth > 0)"


def enter(page: Page, account: str, **wrong: str) -> None:
    """Fills the credentials form; `wrong` replaces a value."""
    values = {
        "account_number": account,
        "account_secret": double.account_secret(account),
        "client_id": double.DEMO_CLIENT_ID,
        "client_secret": double.DEMO_CLIENT_SECRET,
    } | wrong
    for name, value in values.items():
        page.locator(f'[name="{name}"]').fill(value)


def outcome_of_test(page: Page) -> dict[str, str | None]:
    """Presses Test Connection; which step ended how."""
    page.get_by_test_id("test-connection").click()
    result = page.get_by_test_id("test-outcome")
    expect(result).to_be_visible()
    steps = {name: result.locator(f'[data-step="{name}"]') for name in ("access", "account")}
    return {name: step.get_attribute("data-state") for name, step in steps.items()}


def test_a_dealer_connects_syncs_and_sees_the_cars(
    product: Stack, account: str, browser: Browser
) -> None:
    dealer = place(product, "journey", account=None)
    prepare_stock(product, account)
    with admin_of(dealer, browser, product) as page:
        connect(page, at(dealer, "settings/easycars"), account)
        look_first(page, dealer, product)
        apply(page, dealer, product)
        look_at_a_row_and_its_vehicle(page)


def prepare_stock(product: Stack, account: str) -> None:
    """Enough rows to see the progress move; photos for the last five only."""
    product.simulator.stock("set_vehicles", account=account, count=3000)
    product.simulator.stock("remove_photos", account=account, count=2995)


def connect(page: Page, address: str, account: str) -> None:
    page.goto(address)
    page.locator("#advanced > summary").click()
    save = page.get_by_test_id("save-credentials")
    expect(save).to_be_disabled()

    enter(page, account, client_secret="not-the-secret-of-the-client")
    assert outcome_of_test(page)["access"] == "refused"
    outcome = page.get_by_test_id("test-outcome")
    expect(outcome.locator('[data-step="access"]')).to_contain_text("Client Secret")
    expect(save).to_be_disabled()

    enter(page, account, account_secret="not-the-secret-of-the-dealer")
    page.get_by_test_id("test-result").get_by_text("changed since the test").wait_for()
    assert outcome_of_test(page) == {"access": "passed", "account": "refused"}
    expect(outcome.locator('[data-step="account"]')).to_contain_text("Account")
    expect(save).to_be_disabled()

    enter(page, account)
    page.get_by_test_id("test-result").get_by_text("changed since the test").wait_for()
    assert outcome_of_test(page) == {"access": "passed", "account": "passed"}
    expect(save).to_be_enabled()
    save.click()
    expect(page.locator("#done")).to_contain_text("The credentials were saved")
    expect(page.locator("#connection-state")).to_have_attribute("data-state", "configured")


def look_first(page: Page, dealer: Place, product: Stack) -> None:
    """A first import is a preview: it tells all that would come in, and nothing is there yet."""
    page.goto(at(dealer, "sync/stock"))
    expect(page.locator("#sync-now-means")).to_contain_text("First import: you look first.")
    page.get_by_test_id("sync-now").click()
    expect(page.get_by_test_id("sync-now")).to_be_disabled()
    expect(page.locator(ENDED)).to_be_visible(timeout=90_000)
    expect(page.get_by_test_id("run-message")).to_contain_text("applying would create 3000")
    assert product.rows(select(Vehicle.__table__.c.id).where(of_dealer(dealer, Vehicle))) == []


def apply(page: Page, dealer: Place, product: Stack) -> None:
    """The progress moves: it is 0, then the part that is done, then the run has ended."""
    page.get_by_test_id("open-preview").click()
    expect(page.get_by_test_id("preview-standing")).to_have_attribute("data-state", "open")
    page.get_by_test_id("apply-preview").click()
    run_id = newest_run(product, dealer)
    page.goto(at(dealer, "sync/stock"))
    card = page.locator(ACTIVE)
    kills.wait_for(product, run_id, lambda run: run.created > 0)
    with product.held_still():
        expect(card).to_have_attribute("data-progress", re.compile(r"^[1-9]\d?$"))
        expect(card.get_by_role("progressbar")).to_be_visible()
    expect(page.locator(ENDED)).to_be_visible(timeout=90_000)
    expect(page.get_by_test_id("run-message")).to_contain_text("3000 created")


def newest_run(product: Stack, dealer: Place) -> int:
    newest = select(func.max(SyncRun.__table__.c.id)).where(of_dealer(dealer))
    return int(product.rows(newest)[0][0])


def of_dealer(dealer: Place, model: Any = SyncRun) -> ColumnElement[bool]:
    return model.__table__.c.dealership_id == dealer.id


def look_at_a_row_and_its_vehicle(page: Page) -> None:
    page.get_by_role("link", name="View Details", exact=True).first.click()
    expect(page.locator("h1")).to_contain_text("Stock sync")
    expect(page.get_by_test_id("photos-line")).to_contain_text("new", timeout=60_000)
    slug = page.url.split("/d/")[1].split("/")[0]
    row = page.get_by_test_id("run-rows").locator("details").first
    row.locator("summary").click()
    expect(row.get_by_role("table")).to_contain_text("Make")
    row.get_by_role("link", name="Open the vehicle").click()
    expect(page.locator("h1")).not_to_be_empty()

    page.goto(f"/d/{slug}/vehicles?q={with_photos(page)}")
    page.get_by_role("table").get_by_role("link").first.click()
    photos = page.locator("main img")
    expect(photos.first).to_be_visible()
    page.wait_for_function(SHOWN)


def with_photos(page: Page) -> str:
    """The stock number of a vehicle that the photo job gave photos."""
    slug = page.url.split("/d/")[1].split("/")[0]
    found = page.request.get(f"/api/admin/easycars/vehicles?dealership={slug}&pageSize=100")
    vehicles = found.json()["vehicles"]
    return next(one["stockNumber"] for one in vehicles if one["photos"])


def test_the_same_way_without_script(product: Stack, account: str, browser: Browser) -> None:
    dealer = place(product, "plain", account=None)
    with admin_of(dealer, browser, product, java_script_enabled=False) as page:
        page.goto(at(dealer, "settings/easycars"))
        page.locator("#advanced > summary").click()
        enter(page, account)
        page.get_by_test_id("test-connection").click()
        outcome = page.get_by_test_id("test-outcome")
        expect(outcome).to_have_attribute("data-outcome", "passed")
        page.locator("#advanced > summary").click()
        enter(page, account)  # secrets are not sent back
        page.get_by_test_id("save-credentials").click()
        expect(page.locator("#done")).to_contain_text("The credentials were saved")

        page.goto(at(dealer, "sync/stock"))
        page.get_by_test_id("sync-now").click()
        expect(page.get_by_test_id("sync-now")).to_be_disabled()
        reload_until_ended(page)
        expect(page.get_by_test_id("run-message")).to_contain_text("applying would create 12")
        page.get_by_test_id("open-preview").click()
        expect(page.get_by_test_id("run-rows").locator("> li")).to_have_count(12)
        page.get_by_test_id("apply-preview").click()
        expect(page.locator("h1")).to_contain_text("Stock sync")
        reload_until_ended(page)
        expect(page.get_by_test_id("run-message")).to_contain_text("12 created")
        expect(page.get_by_test_id("run-rows").locator("> li")).to_have_count(12)


def reload_until_ended(page: Page) -> None:
    for _ in range(60):
        if page.locator(ENDED).count():
            return
        page.wait_for_timeout(500)
        page.reload()
