"""Makes the pictures in docs/screenshots from a running `./dev run` and its simulator.

    ./dev run                                    (in one shell, with a fresh instance folder)
    .venv/bin/python -m scripts.screenshots      (in another)

Steps: play a day at a dealership (screenshot_story.py), then take each page at its widths, light
and dark. Nothing is drawn or retouched: pictures only get fewer colours. Pictures of pages that are
not in the list any more are deleted. Needs Chromium, as the browser tests do (`./dev browser`
fetches one).
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from app.services.demo_dealership import EMAIL
from scripts import screenshot_story
from scripts.screenshot_story import Found, Place
from tests import browsers

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "screenshots"
SIZES = {"1440": (1440, 1000), "820": (820, 1000), "390": (390, 844), "320": (320, 700)}
LOOKS = ("light", "dark")
LIMIT_BYTES = 300_000
COLOURS = (256, 128, 64)
PATIENCE_MS = 60_000
# Pictures below the edge are lazy: they would never come.
DECODED = """Promise.all([...document.images]
    .filter((image) => image.getBoundingClientRect().top < innerHeight)
    .map((image) => image.decode().catch(() => 0)))"""
IN_SIGHT = "(it) => scrollTo(0, it.getBoundingClientRect().top + scrollY - 90)"
EVERY = ("1440-light", "1440-dark", "390-light", "390-dark")
ALL_EIGHT = tuple(f"{size}-{look}" for size in SIZES for look in LOOKS)
WIDE = ("1440-light",)
ON_THE_WAY = ("sign-in-1440-light", "connection-test-1440-light")


@dataclass(frozen=True)
class Shot:
    """A page: its picture's name, its address below the dealership, and in which looks.

    `opens`: what to click first; `types`: a special price to type; `shows`: what to scroll to.
    """

    name: str
    address: str
    looks: tuple[str, ...] = WIDE
    opens: str | None = None
    shows: str | None = None
    types: str | None = None


def main() -> None:
    asked = _arguments()
    place = _place(asked.instance, asked.dealership)
    TARGET.mkdir(parents=True, exist_ok=True)
    with _chromium() as browser:
        with _page(browser, "1440", "light") as page:
            session = _sign_in(page, place)
            _tested_connection(page, place)
            made = set(ON_THE_WAY)
            shots = shots_of(screenshot_story.play(page, place))
        for size, look in product(SIZES, LOOKS):
            with _page(browser, size, look, session) as page:
                made |= {_take(page, place, shot, f"{size}-{look}") for shot in shots
                         if f"{size}-{look}" in shot.looks}  # fmt: skip
    for old in TARGET.glob("*.png"):
        if old.stem not in made:
            old.unlink()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--instance", type=Path, default=ROOT / "instance")
    parser.add_argument("--dealership", default="demo")
    return parser.parse_args()


def _published(instance: Path, name: str) -> str:
    path = instance / name
    if not path.exists():
        raise SystemExit(f"{path} is not there: start ./dev run first.")
    return path.read_text(encoding="utf-8").strip()


def _place(instance: Path, slug: str) -> Place:
    names = ("web.url", "simulator.url", "demo-sign-in")
    url, simulator, password = (_published(instance, name) for name in names)
    return Place(url, simulator, slug, password)


@contextmanager
def _chromium() -> Iterator[Browser]:
    found = browsers.find()
    if found is None:
        raise SystemExit("No Chromium here. `./dev browser` fetches one.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found.program,
            args=list(browsers.FLAGS),
            env=found.environment or None,  # type: ignore[arg-type]
        )
        yield browser
        browser.close()


@contextmanager
def _page(browser: Browser, size: str, look: str, session: Any = None) -> Iterator[Page]:
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if look == "dark" else "light",
        storage_state=session,
        reduced_motion="reduce",
        locale="en-AU",
        timezone_id="Australia/Sydney",
    )
    context.set_default_timeout(PATIENCE_MS)
    try:
        yield context.new_page()
    finally:
        context.close()


def _sign_in(page: Page, place: Place) -> Any:
    """Signs in once, with a picture of that page; the session serves all other pictures."""
    page.goto(f"{place.url}/login")
    _keep(page, ON_THE_WAY[0])
    page.fill("[name=email]", EMAIL)
    page.fill("[name=password]", place.password)
    page.click("main button[type=submit]")
    page.wait_for_url(f"**/d/{place.slug}/**")
    return page.context.storage_state()


def shots_of(found: Found) -> list[Shot]:
    """Every page that is shown, but for those on the way: sign-in and connection test."""
    both = ("1440-light", "390-light")
    row = "[data-testid=run-rows] summary"
    return [
        Shot("dashboard", "", ALL_EIGHT),
        Shot("stock-sync", "sync/stock", EVERY),
        Shot("run", f"{found.run}?tab=updated", ALL_EIGHT, opens=row),
        Shot("vehicles", "vehicles?sort=stock", EVERY),
        Shot("vehicle", found.vehicle, EVERY),
        Shot("easycars-settings", "settings/easycars", EVERY),
        Shot("run-failed-rows", f"{found.run}?tab=failed", opens=row),
        Shot("preview", f"{found.preview}?tab=updated", ("1440-light", "390-dark"), row, "main"),
        Shot("undo", f"{found.run}/undo"),
        Shot("review", "review", ("1440-light", "1440-dark", "390-light")),
        Shot("held", "review/held"),
        Shot("conflict", found.conflict, ALL_EIGHT),
        Shot("vehicle-padlock", found.locked, ("1440-light", "390-dark"), shows="#why-price_cents"),
        Shot("vehicle-edit", f"{found.locked}/edit", shows="#section-price", types="27990"),
        Shot("photos", f"{found.vehicle}/photos"),
        Shot("duplicates-compare", found.pair, both),
        Shot("mapping", "settings/mapping", shows="#map-colour"),
        Shot("questions", "settings/mapping/questions"),
        Shot("quality", "quality", both),
        Shot("go-live", "go-live", both),
        Shot("leads", "leads", EVERY),
        Shot("lead", found.lead, both),
        Shot("lead-sync", "sync/leads"),
        Shot("history", "history", ALL_EIGHT),
        Shot("problems", "alerts", ALL_EIGHT),
        Shot("problem", found.problem, ALL_EIGHT),
        Shot("conflicts", "review/conflicts", ALL_EIGHT),
        Shot("reconciliation", "reconciliation", ALL_EIGHT),
        Shot("difference", found.difference, ALL_EIGHT),
        Shot("search", "search?q=mazda", ALL_EIGHT),
        Shot("sync-settings", "settings/sync"),
        Shot("guards", "settings/sync", shows="#guards"),
        Shot("people", "settings/people"),
    ]


def _take(page: Page, place: Place, shot: Shot, look: str) -> str:
    page.goto(place.at(shot.address))
    page.get_by_test_id("chart-loading").wait_for(state="detached")
    if shot.opens:
        page.locator(shot.opens).first.click()
    if shot.types:
        page.locator("[name=special_price_cents]").fill(shot.types)
    if shot.shows:
        page.locator(shot.shows).first.evaluate(IN_SIGHT)
    return _keep(page, f"{shot.name}-{look}")


def _tested_connection(page: Page, place: Place) -> None:
    """Test Connection of what is stored, with its two lines."""
    page.goto(place.at("settings/easycars"))
    page.click("#test-connection")
    page.wait_for_selector("[data-testid=test-outcome]")
    page.locator("#credentials").evaluate(IN_SIGHT)
    _keep(page, ON_THE_WAY[1])


def _keep(page: Page, name: str) -> str:
    page.evaluate(DECODED)
    content = _small(page.screenshot(animations="disabled"))
    (TARGET / f"{name}.png").write_bytes(content)
    sys.stdout.write(f"{name}.png  {len(content) // 1024} KB\n")
    return name


def _small(picture: bytes) -> bytes:
    """A palette of 256 colours or fewer, until the file is below the limit."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    content = b""
    for colours in COLOURS:
        buffer = io.BytesIO()
        image.quantize(colours, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
        content = buffer.getvalue()
        if len(content) < LIMIT_BYTES:
            break
    return content


if __name__ == "__main__":
    main()
