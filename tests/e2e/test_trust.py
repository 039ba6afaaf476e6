"""What makes a dealer trust it, in a real Chromium: look, approve, keep, undo, merge, unmerge."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select

from app.models import SyncRun, Vehicle
from app.models.sync_runs import ACTIVE
from app.ops.ports import wait_until
from tests.browsers import expect
from tests.e2e import kills
from tests.e2e.browsing import admin_of, at, press
from tests.e2e.people import Place
from tests.e2e.stack import Stack

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.e2e, pytest.mark.browser]
STOCK = 15
PATIENCE_S = 30.0
CAR = Vehicle.__table__.c
RUN = SyncRun.__table__.c


@pytest.fixture
def account() -> str:
    """One whose first fifteen vehicles have a price, and none of which is sold."""
    return "EC119005"


@pytest.fixture
def stocked(product: Stack, account: str, dealer: Place) -> Place:
    """A dealer with fifteen vehicles at EasyCars, none here, no photos to wait for."""
    product.simulator.stock("set_vehicles", account=account, count=STOCK)
    product.simulator.stock("remove_photos", account=account, count=STOCK)
    return dealer


def test_look_approve_keep_undo_and_merge(
    product: Stack, account: str, stocked: Place, browser: Browser
) -> None:
    with admin_of(stocked, browser, product) as page:
        preview_and_apply(page, product, stocked)
        keep_a_price(page, product, account, stocked)
        undo_the_last_run(page, product, account, stocked)
        merge_and_unmerge(page, product, stocked)
        hold_and_approve(page, product, account, stocked)


def preview_and_apply(page: Page, product: Stack, dealer: Place) -> None:
    start(page, product, dealer)
    expect(page.get_by_test_id("preview-standing")).to_have_attribute("data-state", "open")
    assert cars(product, dealer) == []
    last = newest(product, dealer)
    page.get_by_test_id("apply-preview").click()
    ended(page, product, dealer, after=last)
    expect(page.get_by_test_id("run-message")).to_contain_text(f"{STOCK} created")
    assert len(cars(product, dealer)) == STOCK


def keep_a_price(page: Page, product: Stack, account: str, dealer: Place) -> None:
    """Edited and locked: the next sync keeps it and says what EasyCars wants; unlocked: taken."""
    car = priced(product, dealer)
    ours, theirs = car.price_cents // 100 + 500, car.price_cents // 100 + 900
    page.goto(at(dealer, f"vehicles/{car.id}/edit"))
    price = page.locator('[name="price_cents"]')
    price.fill(str(ours))
    expect(page.locator("#keep-price_cents")).to_be_checked()
    press(page, page.get_by_test_id("save-vehicle"))
    expect(page.locator("main")).to_contain_text(f"{ours:,}")

    product.simulator.stock(
        "set", account=account, stock_number=car.stock_number, fields={"Price": theirs}
    )
    start(page, product, dealer)
    page.goto(at(dealer, f"vehicles/{car.id}"))
    main = page.locator("main")
    expect(main).to_contain_text(f"{ours:,}")
    expect(main).to_contain_text(f"{theirs:,}")

    page.get_by_role("link", name="Unlock Price", exact=True).click()
    press(page, page.get_by_test_id("unlock-take"))
    expect(main).to_contain_text(f"{theirs:,}")
    expect(main).not_to_contain_text(f"{ours:,}")


def undo_the_last_run(page: Page, product: Stack, account: str, dealer: Place) -> None:
    before = {row.id: row.price_cents for row in cars(product, dealer)}
    product.simulator.stock("change_prices", account=account, percent=100)
    start(page, product, dealer)
    assert {row.id: row.price_cents for row in cars(product, dealer)} != before
    page.get_by_test_id("undo-run").click()
    expect(page.get_by_label("Pause scheduled syncs for 24 hours")).to_be_checked()
    last = newest(product, dealer)
    page.get_by_role("button", name=re.compile(r"^Undo run \d+$")).click()
    ended(page, product, dealer, after=last)
    assert {row.id: row.price_cents for row in cars(product, dealer)} == before


def merge_and_unmerge(page: Page, product: Stack, dealer: Place) -> None:
    """A car typed in by hand turns out to be one of the feed's."""
    twin = next(row for row in cars(product, dealer) if row.vin and row.price_cents)
    page.goto(at(dealer, "vehicles/new"))
    for name in ("make", "model", "vin"):
        page.locator(f'[name="{name}"]').fill(str(getattr(twin, name)))
    page.locator('[name="colour"]').fill("Sunset orange")
    press(page, page.get_by_test_id("save-vehicle"))
    expect(page.locator("h1")).to_contain_text(twin.make)
    assert len(listed(product, dealer)) == STOCK + 1

    page.goto(at(dealer, "duplicates"))
    look = page.get_by_role("button", name="Look again")
    if look.count():
        press(page, look.first)
    page.get_by_role("link", name="Compare").first.click()
    page.locator('[data-field="colour"]').get_by_text("Sunset orange").click()
    press(page, page.get_by_role("button", name="Preview the result"))
    press(page, page.get_by_role("button", name="Merge the two vehicles"))
    assert {row.colour for row in listed(product, dealer) if row.vin == twin.vin} == {
        "Sunset orange"
    }
    assert len(listed(product, dealer)) == STOCK

    page.goto(at(dealer, "duplicates?tab=merged"))
    page.get_by_role("link", name="Unmerge").first.click()
    press(page, page.get_by_role("button", name="Unmerge", exact=True))
    assert len(listed(product, dealer)) == STOCK + 1
    assert twin.colour in {row.colour for row in listed(product, dealer) if row.id == twin.id}


def hold_and_approve(page: Page, product: Stack, account: str, dealer: Place) -> None:
    """An empty feed removes nothing until a person types the word; then exactly what was shown."""
    product.simulator.stock("shrink", account=account, to_percent=0)
    start(page, product, dealer)
    states = [row.lifecycle for row in cars(product, dealer) if row.source == "EasyCars"]
    assert states == ["listed"] * STOCK
    page.goto(at(dealer, "review/held"))
    expect(page.get_by_test_id("held-rows").locator("> li")).to_have_count(STOCK)
    page.get_by_test_id("approve-all").click()
    page.locator('[name="confirm_word"]').fill("remove")
    last = newest(product, dealer)
    page.get_by_role("button", name=re.compile("^Remove 15 vehicles$")).click()
    ended(page, product, dealer, after=last)
    gone = [row.lifecycle for row in cars(product, dealer) if row.source == "EasyCars"]
    assert gone == ["missing"] * STOCK
    by_hand = [row.lifecycle for row in cars(product, dealer) if row.source == "Manual"]
    assert by_hand == ["listed"]


def start(page: Page, product: Stack, dealer: Place) -> None:
    """Presses Sync Now and waits for the end of the run that it started."""
    page.goto(at(dealer, "sync/stock"))
    last = newest(product, dealer)
    page.get_by_test_id("sync-now").click()
    ended(page, product, dealer, after=last)


def ended(page: Page, product: Stack, dealer: Place, *, after: int) -> None:
    """The run that came after that one has ended; its page is shown."""
    assert wait_until(lambda: newest(product, dealer) > after, PATIENCE_S)
    run_id = newest(product, dealer)
    kills.wait_for(product, run_id, lambda run: run.status not in ACTIVE)
    page.goto(at(dealer, f"runs/{run_id}"))


def newest(product: Stack, dealer: Place) -> int:
    query = select(func.coalesce(func.max(RUN.id), 0)).where(RUN.dealership_id == dealer.id)
    return int(product.rows(query)[0][0])


def cars(product: Stack, dealer: Place) -> list[Any]:
    query = select(Vehicle.__table__).where(CAR.dealership_id == dealer.id).order_by(CAR.id)
    return product.rows(query)


def listed(product: Stack, dealer: Place) -> list[Any]:
    return [row for row in cars(product, dealer) if row.merged_into_id is None]


def priced(product: Stack, dealer: Place) -> Any:
    return next(row for row in cars(product, dealer) if row.price_cents)
