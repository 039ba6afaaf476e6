"""From the dashboard to an applied conflict without a mouse, the focus always to be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from app.db import unit_of_work
from app.models import Conflict, Vehicle
from app.models.types import utc_now
from app.services import vehicle_editing
from app.services.vehicle_editing import Typed
from tests.browsers import expect
from tests.e2e import kills
from tests.e2e.browsing import admin_of, at, overflow
from tests.e2e.kills import ENDED
from tests.e2e.people import ACTOR, Place
from tests.e2e.stack import Stack

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.e2e, pytest.mark.browser]
STEPS = 80
# Where the focus is, how it is drawn, and whether something lies over it.
SEEN = """async () => {
  for (const _ of [1, 2]) await new Promise(requestAnimationFrame);
  const focused = document.activeElement;
  const style = getComputedStyle(focused);
  const box = focused.getClientRects()[0] || focused.getBoundingClientRect();
  const middle = [box.x + box.width / 2, box.y + Math.min(box.height / 2, 12)];
  const over = document.elementFromPoint(...middle);
  return {
    name: focused.outerHTML.slice(0, 120),
    drawn: (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2)
      || style.boxShadow !== "none",
    there: box.width > 0 && box.bottom > 0 && box.top < innerHeight,
    bare: Boolean(over) && (focused.contains(over) || over.contains(focused)),
  };
}"""


@pytest.fixture
def car_id(product: Stack, account: str, dealer: Place) -> int:
    """A vehicle whose price and colour changed here and in EasyCars."""
    product.simulator.stock("remove_photos", account=account, count=1000)
    synced(product, dealer)
    with product.app.app_context(), unit_of_work(dealer.id) as db:
        car = db.scalars(
            select(Vehicle).where(Vehicle.price_cents > 0).order_by(Vehicle.id)
        ).first()
        price, number, car_id = (car.price_cents or 0) // 100, car.stock_number, car.id
        typed = Typed({"price_cents": str(price + 250), "colour": "Sunset orange"})
        vehicle_editing.change(db, car.id, typed, ACTOR, utc_now())
    product.simulator.stock(
        "set", account=account, stock_number=number,
        fields={"Price": price + 900, "Colour": "Zanzibar whimsy"},
    )  # fmt: skip
    synced(product, dealer)
    return car_id


def synced(product: Stack, dealer: Place) -> None:
    run_id = kills.start(product, dealer)
    kills.wait_for(product, run_id, lambda run: run.status in ENDED)


@pytest.mark.parametrize("width", [1280, 375])
def test_from_the_dashboard_to_applied(
    product: Stack, dealer: Place, car_id: int, browser: Browser, width: int
) -> None:
    # Without motion, so that a place is looked at when the page has come to rest.
    seen: Any = {"viewport": {"width": width, "height": 800}, "reduced_motion": "reduce"}
    with admin_of(dealer, browser, product, **seen) as page:
        page.goto(at(dealer))
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.innerText") == "Skip to content"
        if width < 600:
            press_on(page, "summary:has(.fc-hidden-text)")
        press_on(page, f'nav a[href="{at(dealer, "review")}"]')
        expect(page.locator("h1")).to_have_text("Review")
        press_on(page, "#conflicts li a")
        expect(page.locator("h2").first).to_have_text("Merge (select fields)")
        choose(page, "price_cents", "easycars")
        choose(page, "colour", "local")
        press_on(page, "button[value=preview]")
        expect(page.locator("#result")).to_contain_text("Sunset orange")
        press_on(page, "[data-testid=apply-result]")
        expect(page.get_by_test_id("toasts")).to_contain_text("Settled 2 fields")
        press_on(page, "#settled button")
        expect(page.get_by_test_id("toasts")).to_contain_text("2 fields wait for a decision again")
        search_box(page, product, dealer, car_id, width)
    assert states(product, dealer, car_id) == ["open", "open"]


def search_box(page: Page, product: Stack, dealer: Place, car_id: int, width: int) -> None:
    """The slash leads to the box, on the phone to the page that has it; a number opens its car."""
    page.keyboard.press("/")
    box = "#top-search" if width >= 600 else "#page-search"
    expect(page.locator(box)).to_be_focused()
    assert overflow(page) == 0
    cars = Vehicle.__table__.c
    number = product.rows(select(cars.stock_number).where(cars.id == car_id))[0][0]
    page.keyboard.type(number)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{at(dealer, f'vehicles/{car_id}')}")


def press_on(page: Page, selector: str, key: str = "Enter") -> None:
    """Goes there with Tab and presses a key."""
    tab_to(page, selector)
    page.keyboard.press(key)
    page.wait_for_load_state()


def choose(page: Page, field: str, side: str) -> None:
    """Into the field's group with Tab, to its side with the arrows."""
    tab_to(page, f'[name="take-{field}"]')
    for _ in range(4):
        if page.locator(f"#{side}-{field}").is_checked():
            return
        page.keyboard.press("ArrowDown")
    assert page.locator(f"#{side}-{field}").is_checked()


def tab_to(page: Page, selector: str) -> None:
    """Presses Tab until the focus is there; on the way it can always be seen."""
    for _ in range(STEPS):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
        seen = page.evaluate(SEEN)
        assert seen["drawn"], seen
        assert seen["there"], seen
        assert seen["bare"], seen
    pytest.fail(f"no Tab leads to {selector}")


def states(product: Stack, dealer: Place, car_id: int) -> list[str]:
    rows = Conflict.__table__.c
    query = select(rows.state).where(rows.dealership_id == dealer.id, rows.entity_id == car_id)
    return [row[0] for row in product.rows(query)]
