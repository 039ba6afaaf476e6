"""A real Chromium for the browser tests: where it may be, and how it is started."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests import chromium_pack

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[1]
PACK = ROOT / "build" / "chromium"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-dev-shm-usage",
)
MISSING = (
    "no Chromium here, so NO BROWSER TEST RAN. Install chromium, set APP_BROWSER to one, "
    "or let `./dev browser` fetch one."
)


@dataclass(frozen=True)
class Chromium:
    """A program and what it needs in its environment."""

    program: str
    environment: dict[str, str] = field(default_factory=dict)


def find() -> Chromium | None:
    """$APP_BROWSER, else one on PATH, else the one that `./dev browser` unpacked."""
    if given := os.environ.get("APP_BROWSER"):
        return Chromium(given)
    for name in NAMES:
        if found := shutil.which(name):
            return Chromium(found)
    packed = PACK / "chromium"
    return Chromium(str(packed), chromium_pack.environment(PACK)) if packed.is_file() else None


def is_required() -> bool:
    """CI sets REQUIRE_BROWSER=1: there a missing browser is a failure, not a skip."""
    return os.environ.get("REQUIRE_BROWSER") == "1"


@contextmanager
def launched(chromium: Chromium) -> Iterator[Browser]:
    """The browser, headless, until the block ends."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.program,
            args=list(FLAGS),
            env=os.environ | chromium.environment,
        )
        try:
            yield browser
        finally:
            browser.close()


def expect(*args: Any) -> Any:
    """Playwright's own, imported late: where no browser is found, playwright is absent too."""
    from playwright.sync_api import expect as waiting

    return waiting(*args)


def axe() -> Any:
    """The accessibility checker, imported late for the same reason."""
    from axe_playwright_python.sync_playwright import Axe

    return Axe()
