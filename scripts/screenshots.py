"""Makes the pictures in docs/screenshots from a running `./dev run` and its simulator.

    ./dev run                                    (in one shell, with a fresh instance folder)
    .venv/bin/python -m scripts.screenshots      (in another)

Steps: change a little stock in the simulator and let some rows be refused; start a sync by the
button; wait for its end; take each page at two widths, light and dark. Nothing is drawn or
retouched: pictures only get fewer colours. Needs Chromium, as the browser tests do
(`./dev browser` fetches one).
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from app.services.demo_dealership import EMAIL
from tests import browsers

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "screenshots"
SIZES = {"1440": (1440, 1000), "390": (390, 844)}
LOOKS = ("light", "dark")
LIMIT_BYTES = 300_000
COLOURS = (256, 128, 64)
PATIENCE_MS = 60_000
CARD = "[data-testid=run-card]"
# Pictures below the edge are lazy: they would never come.
DECODED = """Promise.all([...document.images]
    .filter((image) => image.getBoundingClientRect().top < innerHeight)
    .map((image) => image.decode().catch(() => 0)))"""
CHANGES = (
    ("stock", {"operation": "change_prices", "percent": 6}),
    ("stock", {"operation": "remove", "count": 2}),
    ("stock", {"operation": "add", "count": 3}),
    ("scenario", {"name": "bad-rows", "count": 1}),
)


@dataclass(frozen=True)
class Shot:
    """A page: its picture's name, its address below the dealership, its widths and looks."""

    name: str
    address: str
    sizes: tuple[str, ...] = ("1440", "390")
    looks: tuple[str, ...] = LOOKS


@dataclass(frozen=True)
class Place:
    """A running instance: where its pages are, who signs in."""

    url: str
    slug: str
    password: str

    def at(self, address: str) -> str:
        return f"{self.url}/d/{self.slug}/{address}"


def main() -> None:
    asked = _arguments()
    instance: Path = asked.instance
    place = Place(_published(instance, "web.url"), asked.dealership, _password(instance))
    TARGET.mkdir(parents=True, exist_ok=True)
    with _chromium() as browser:
        with _page(browser, "1440", "light") as page:
            session = _sign_in(page, place)
            run = _make_news(page, place, _published(instance, "simulator.url"))
            shots = _shots(run, _vehicle(page, place))
            _tested_connection(page, place)
        for size, look in product(SIZES, LOOKS):
            with _page(browser, size, look, session) as page:
                for shot in shots:
                    _take(page, place, shot, size, look)


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


def _password(instance: Path) -> str:
    return _published(instance, "demo-sign-in")


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
    _keep(page, "sign-in-1440-light")
    page.fill("[name=email]", EMAIL)
    page.fill("[name=password]", place.password)
    page.click("main button[type=submit]")
    page.wait_for_url(f"**/d/{place.slug}/**")
    return page.context.storage_state()


def _make_news(page: Page, place: Place, simulator: str) -> str:
    """Something to see: changed prices, three new vehicles, two gone, refused rows. Returns the
    address of the run that found it."""
    for lever, options in CHANGES:
        _pull(simulator, lever, options)
    page.goto(place.at("sync/stock"))
    last = page.locator(CARD).first.get_attribute("id")
    page.click("#sync-now")
    page.wait_for_selector(f"{CARD}[data-status=Warning]:not(#{last})")
    _pull(simulator, "normal", {})
    page.click(f"{CARD} a:has-text('View Details')")
    page.wait_for_selector("[data-testid=photos-line]:has-text(' new, ')")
    return page.url.partition(f"/d/{place.slug}/")[2].partition("?")[0]


def _pull(simulator: str, lever: str, options: dict[str, Any]) -> None:
    request = Request(  # noqa: S310 - the simulator of this machine
        f"{simulator}/control/{lever}",
        data=json.dumps(options).encode(),
        headers={"Content-Type": "application/json"},
    )
    urlopen(request, timeout=30).close()  # noqa: S310


def _vehicle(page: Page, place: Place) -> str:
    """The first listed vehicle that has a photo."""
    page.goto(place.at("vehicles?lifecycle=listed"))
    link = page.locator("tr:has(img) a[href*='/vehicles/']").first
    return (link.get_attribute("href") or "").partition(f"/d/{place.slug}/")[2]


def _shots(run: str, vehicle: str) -> list[Shot]:
    wide_only = {"sizes": ("1440",), "looks": ("light",)}
    return [
        Shot("dashboard", ""),
        Shot("stock-sync", "sync/stock"),
        Shot("run", f"{run}?tab=updated"),
        Shot("vehicles", "vehicles"),
        Shot("vehicle", vehicle),
        Shot("easycars-settings", "settings/easycars"),
        Shot("run-failed-rows", f"{run}?tab=failed", **wide_only),
        Shot("history", "history", **wide_only),
        Shot("sync-settings", "settings/sync", **wide_only),
        Shot("people", "settings/people", **wide_only),
    ]


def _take(page: Page, place: Place, shot: Shot, size: str, look: str) -> None:
    if size not in shot.sizes or look not in shot.looks:
        return
    page.goto(place.at(shot.address))
    if shot.name.startswith("run"):
        page.locator("[data-testid=run-rows] summary").first.click()
    _keep(page, f"{shot.name}-{size}-{look}")


def _tested_connection(page: Page, place: Place) -> None:
    """Test Connection of what is stored, with its two lines."""
    page.goto(place.at("settings/easycars"))
    page.click("#test-connection")
    page.wait_for_selector("[data-testid=test-outcome]")
    page.locator("#credentials").scroll_into_view_if_needed()
    page.evaluate("document.querySelector('#credentials').scrollIntoView()")
    _keep(page, "connection-test-1440-light")


def _keep(page: Page, name: str) -> None:
    page.evaluate(DECODED)
    content = _small(page.screenshot(animations="disabled"))
    (TARGET / f"{name}.png").write_bytes(content)
    sys.stdout.write(f"{name}.png  {len(content) // 1024} KB\n")


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
