"""Rows 36, 37, 42, 44: EasyCars Settings in a real Chromium, against the simulator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from flask import Flask

from app.config import Settings
from app.simulator import (
    DEMO_ACCOUNT_NUMBER,
    DEMO_ACCOUNT_SECRET,
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    RunningSimulator,
    running_simulator,
)
from tests import factories
from tests.browsers import axe
from tests.conftest import invented_settings

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.simulator]


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    with running_simulator(vehicles=5, photos="fast") as simulator:
        yield simulator


@pytest.fixture
def settings(
    tmp_path: Path, database_url: str, redis_url: str, simulator: RunningSimulator
) -> Settings:
    return replace(
        invented_settings(tmp_path, database_url, redis_url),
        easycars_test_base_url=simulator.test_base_url,
    )


@pytest.fixture
def settings_page(app: Flask, live_server: str, page: Page) -> Page:
    """Signed in as administrator, on the page, with an account number and the client pair."""
    with app.app_context():
        place = factories.dealership("Harbour Cars", "harbour")
        person = factories.member(place, "admin")
    page.goto(f"{live_server}/login?next=/d/harbour/settings/easycars")
    page.get_by_label("Email").fill(person.email)
    page.locator("input[name=password]").fill(factories.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.locator("#advanced summary").click()
    page.get_by_label("Account Number/PublicID").fill(DEMO_ACCOUNT_NUMBER)
    page.get_by_label("Client ID").fill(DEMO_CLIENT_ID)
    page.get_by_label("Client Secret").fill(DEMO_CLIENT_SECRET)
    return page


def test_wrong_secret_then_right_one_then_saved(
    settings_page: Page, simulator: RunningSimulator
) -> None:
    page = settings_page
    save = page.locator("#save-credentials")
    test = page.get_by_test_id("test-connection")
    secret = page.get_by_label("Account Secret/SecretKey")
    assert save.is_disabled()
    secret.fill("wrong")
    test.click()
    page.wait_for_selector("[data-step=account][data-state=refused]")
    assert page.locator("[data-step=access]").get_attribute("data-state") == "passed"
    assert save.is_disabled()

    simulator.scenario("slow", value=1)
    secret.fill(DEMO_ACCOUNT_SECRET)
    assert "changed since the test" in page.locator("#test-result").inner_text()
    test.click()
    page.wait_for_function(
        "document.querySelector('#test-connection').innerText.includes('Testing')"
    )
    page.wait_for_selector("[data-outcome=passed]")
    assert secret.input_value() == DEMO_ACCOUNT_SECRET
    assert save.is_enabled()

    secret.fill("changed after the test")
    assert save.is_disabled()
    page.get_by_label("Save without a passed test").check()
    assert save.is_enabled()
    page.get_by_label("Save without a passed test").uncheck()
    simulator.normal()
    secret.fill(DEMO_ACCOUNT_SECRET)
    test.click()
    page.wait_for_selector("[data-outcome=passed]")
    save.click()
    page.wait_for_selector("#done")
    assert page.locator("#connection-state").get_attribute("data-state") == "configured"
    assert DEMO_ACCOUNT_SECRET not in page.content()


def test_the_page_fits_every_screen_and_reader(settings_page: Page) -> None:
    for width in (1280, 768, 375, 320):
        settings_page.set_viewport_size({"width": width, "height": 800})
        assert settings_page.evaluate("document.documentElement.scrollWidth") <= width
    for scheme in ("light", "dark"):
        settings_page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        violations = axe().run(settings_page).response["violations"]
        serious = [v for v in violations if v["impact"] in {"serious", "critical"}]
        assert [(v["id"], [node["html"] for node in v["nodes"]]) for v in serious] == [], scheme
