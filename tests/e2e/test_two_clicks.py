"""Two starts at once are one run; six within an hour are five (rows 95, 99, 316)."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.browsers import expect
from tests.e2e import kills
from tests.e2e.browsing import ACTIVE, ENDED, admin_of, at
from tests.e2e.kills import wait_for
from tests.e2e.people import Place
from tests.e2e.stack import Stack

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.e2e
START = "/api/admin/easycars/sync/stock"
STOCK_LIST = "GetAdvertisementStocks"


def has_ended(run: object) -> bool:
    return run.status in kills.ENDED


def test_starts_at_once_are_one_run_and_the_others_get_its_id(
    product: Stack, dealer: Place
) -> None:
    at_once = threading.Barrier(4)

    def press(_number: int) -> httpx.Response:
        with product.client(dealer.token) as client:
            client.get("/api/admin/easycars/sync/status")  # the connection stands
            at_once.wait()
            return client.post(START)

    with ThreadPoolExecutor(4) as pressing:
        answers = list(pressing.map(press, range(4)))
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409]
    (started,) = (one.json()["runId"] for one in answers if one.status_code == 202)
    others = [one.json() for one in answers if one.status_code == 409]
    assert {other["existingRunId"] for other in others} == {started}
    assert {other["errorCode"] for other in others} == {"already_running"}
    assert wait_for(product, started, has_ended).status == "success"


@pytest.mark.browser
def test_two_browsers_see_one_run_and_a_disabled_button(
    product: Stack, dealer: Place, account: str, browser: Browser
) -> None:
    product.simulator.scenario("slow", account=account, endpoint=STOCK_LIST, value=8)
    with (
        admin_of(dealer, browser, product) as first,
        admin_of(dealer, browser, product) as second,
    ):
        for page in (first, second):
            page.goto(at(dealer, "sync/stock"))
            expect(page.get_by_test_id("sync-now")).to_be_enabled()
        for page in (first, second):
            page.get_by_test_id("sync-now").click(no_wait_after=True)
        cards = [page.locator(ACTIVE) for page in (first, second)]
        for page, card in zip((first, second), cards, strict=True):
            expect(card).to_be_visible()
            expect(page.get_by_test_id("sync-now")).to_be_disabled()
        assert cards[0].get_attribute("id") == cards[1].get_attribute("id")
        for page in (first, second):
            expect(page.locator(ENDED)).to_be_visible(timeout=60_000)
            expect(page.get_by_test_id("sync-now")).to_be_enabled()
    with product.client(dealer.token) as client:
        assert client.get("/api/admin/easycars/sync/logs").json()["pagination"]["totalRecords"] == 1


@pytest.mark.browser
def test_the_sixth_start_within_the_hour_is_refused_with_a_time(
    product: Stack, dealer: Place, browser: Browser
) -> None:
    with admin_of(dealer, browser, product) as page:
        page.goto(at(dealer, "sync/stock"))
        with product.client(dealer.token) as client:
            for _ in range(5):
                wait_for(product, kills.start(product, dealer), has_ended)
            sixth = client.post(START)
        assert (sixth.status_code, sixth.json()["errorCode"]) == (429, "too_many_requests")
        assert 3000 < int(sixth.headers["Retry-After"]) <= 3600
        assert re.search(r"The next one can start in \d+ min", sixth.json()["message"])

        page.get_by_test_id("sync-now").click()  # the page is older than those five
        expect(page.locator("#alerts")).to_contain_text("The next one can start in")
        page.reload()
        expect(page.get_by_test_id("sync-now")).to_be_disabled()
        expect(page.get_by_test_id("allowance")).to_contain_text(
            re.compile(r"0 of 5 left this hour, next at \d")
        )


@pytest.mark.browser
def test_three_bad_rows_of_200_are_a_warning_and_each_is_readable(
    product: Stack, dealer: Place, account: str, browser: Browser
) -> None:
    product.simulator.stock("set_vehicles", account=account, count=200)
    product.simulator.stock("remove_photos", account=account, count=200)
    product.simulator.scenario("bad-rows", account=account, value=3)
    run = wait_for(product, kills.start(product, dealer), has_ended)
    assert (run.status, run.total, run.created, run.failed) == ("warning", 200, 197, 3)
    with admin_of(dealer, browser, product) as page:
        page.goto(at(dealer, f"runs/{run.id}"))
        expect(page.get_by_test_id("run-card")).to_have_attribute("data-status", "Warning")
        expect(page.get_by_test_id("run-message")).to_contain_text("3 rows could not be used")
        rows = page.get_by_test_id("run-rows").locator("> li")
        expect(rows).to_have_count(3)
        for row, reason in zip(rows.all(), REASONS, strict=True):
            expect(row.get_by_text(reason).locator("visible=true")).to_have_count(1)


REASONS = (
    "has no stock number",
    "has no stock number",
    "The list holds something that is not a vehicle",
)
