"""A lead's whole way in a real Chromium: new, sent, changed there, seen here, conflict, settled."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from app.models import Lead, SyncRun, Vehicle
from app.models.sync_runs import ACTIVE
from app.ops.ports import wait_until
from tests.browsers import expect
from tests.e2e.browsing import admin_of, at, press
from tests.e2e.people import Place
from tests.e2e.stack import Stack

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.e2e, pytest.mark.browser]
PATIENCE_MS = 30_000
LEAD = Lead.__table__.c
CAR = Vehicle.__table__.c
RUN = SyncRun.__table__.c


def test_new_sent_changed_there_seen_here_conflict_settled(
    product: Stack, account: str, dealer: Place, browser: Browser
) -> None:
    product.forecourt("sync", "stock", "--dealership", dealer.slug, "--wait")
    product.simulator.scenario("status-readable", account=account)
    with admin_of(dealer, browser, product) as page:
        number = a_new_lead_is_sent(page, product, dealer)
        a_change_there_is_seen_here(page, product, account, dealer, number)
        both_change_and_a_person_decides(page, product, account, dealer, number)


def a_new_lead_is_sent(page: Page, product: Stack, dealer: Place) -> str:
    page.goto(at(dealer, "leads/new"))
    page.get_by_label("Name", exact=True).fill("Zoë Đorđević")
    page.get_by_label("Email").fill("zoe@example.com")
    page.get_by_label("Message").fill("Saturday at ten?")
    page.get_by_label("Interest").select_option("test_drive")
    page.get_by_label("Stock number").fill(car_of(product, dealer))
    press(page, page.get_by_test_id("save-lead"))
    expect(page.locator("h1")).to_have_text("Zoë Đorđević")
    card = page.get_by_test_id("lead-easycars")
    expect(card).to_have_attribute("data-state", "sent", timeout=PATIENCE_MS)
    number = str(newest(product, dealer).lead_number)
    expect(card).to_contain_text(number)
    return number


def a_change_there_is_seen_here(
    page: Page, product: Stack, account: str, dealer: Place, number: str
) -> None:
    product.simulator.leads(
        "update", account=account, lead_number=number, fields={"LeadStatus": 30, "Rating": 3}
    )
    page.goto(at(dealer, "sync/leads"))
    page.get_by_test_id("sync-now").click()
    assert wait_until(lambda: newest(product, dealer).status == "in_progress", 30.0)
    assert wait_until(lambda: not active(product, dealer), 30.0)
    page.goto(at(dealer, f"leads/{newest(product, dealer).id}"))
    expect(page.locator(".fc-sub")).to_contain_text("In progress")
    expect(page.locator("#request")).to_contain_text("Hot")


def both_change_and_a_person_decides(
    page: Page, product: Stack, account: str, dealer: Place, number: str
) -> None:
    """Won there, lost here, and nobody knows of the other: neither is overwritten."""
    product.simulator.leads(
        "update", account=account, lead_number=number, fields={"LeadStatus": 50}
    )
    lead = newest(product, dealer)
    page.locator("#f-status").select_option("lost")
    press(page, page.get_by_test_id("set-status"))
    notice = page.locator("#lead-conflicts")
    assert wait_until(lambda: shown_after_reload(page, notice), 30.0)
    assert there(product, account, number)["LeadStatus"] == 50
    press(page, notice.get_by_role("link", name="Decide"))
    page.get_by_label(re.compile("Use EasyCars")).check()
    press(page, page.get_by_test_id("apply"))
    page.goto(at(dealer, f"leads/{lead.id}"))
    expect(page.locator(".fc-sub")).to_contain_text("Won")
    expect(notice).to_have_count(0)
    page.get_by_role("link", name="Timeline").click()
    story = page.locator("main")
    for told in ("Lead created", "Sent to EasyCars", "taken over", "Conflict settled"):
        expect(story).to_contain_text(told)
    assert there(product, account, number)["LeadStatus"] == 50


def shown_after_reload(page: Page, notice: Any) -> bool:
    page.reload()
    return bool(notice.count())


def there(product: Stack, account: str, number: str) -> dict[str, Any]:
    leads = product.simulator.leads(account=account)["leads"]
    return next(lead for lead in leads if lead["LeadNumber"] == number)


def car_of(product: Stack, dealer: Place) -> str:
    query = select(CAR.stock_number).where(CAR.dealership_id == dealer.id, CAR.year.is_not(None))
    return str(product.rows(query.order_by(CAR.id))[0][0])


def newest(product: Stack, dealer: Place) -> Any:
    query = select(Lead.__table__).where(LEAD.dealership_id == dealer.id).order_by(LEAD.id.desc())
    return product.rows(query)[0]


def active(product: Stack, dealer: Place) -> bool:
    query = select(RUN.id).where(RUN.dealership_id == dealer.id, RUN.status.in_(ACTIVE))
    return bool(product.rows(query))
