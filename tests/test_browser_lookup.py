"""Where a Chromium is looked for, and that the one found really draws a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import browsers

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.delenv("APP_BROWSER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(browsers, "PACK", tmp_path / "pack")
    return tmp_path


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_nothing_is_found_where_nothing_is(nothing_installed: Path) -> None:
    assert browsers.find() is None


def test_the_unpacked_one_brings_its_own_libraries(nothing_installed: Path) -> None:
    packed = program(nothing_installed / "pack" / "chromium")
    found = browsers.find()
    assert found
    assert found.program == str(packed)
    assert found.environment["LD_LIBRARY_PATH"] == str(packed.parent / "lib")


def test_one_on_path_goes_before_the_unpacked_one(nothing_installed: Path) -> None:
    program(nothing_installed / "pack" / "chromium")
    installed = program(nothing_installed / "bin" / "google-chrome")
    assert browsers.find() == browsers.Chromium(str(installed))


def test_the_one_that_was_asked_for_goes_first(
    nothing_installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(nothing_installed / "bin" / "chromium")
    monkeypatch.setenv("APP_BROWSER", "/opt/mine")
    assert browsers.find() == browsers.Chromium("/opt/mine")


@pytest.mark.parametrize(("value", "required"), [("1", True), ("0", False), ("", False)])
def test_ci_can_require_one(value: str, required: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUIRE_BROWSER", value)
    assert browsers.is_required() is required


@pytest.mark.browser
def test_the_sign_in_page_is_drawn(page: Page, live_server: str) -> None:
    page.goto(f"{live_server}/login")
    assert page.locator("h1").count() == 1
