"""Makes the pictures in docs/screenshots, and docs/pages.md, from a running `./dev run`.

    ./dev run                                    (in one shell, with a fresh instance folder)
    .venv/bin/python -m scripts.screenshots      (in another)

Steps: play a day at a dealership (screenshot_story.py), take the guides' pictures, then each page
at four widths, light and dark (page_sheets.py). Nothing is drawn or retouched: pictures only get
fewer colours. Pictures that are not in the lists any more are deleted. Needs Chromium, as the
browser tests do (`./dev browser` fetches one).
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from app.services.demo_dealership import EMAIL
from scripts import page_sheets, screenshot_story
from scripts.screenshot_story import Found, Place
from tests import browsers

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "pages.md"
TARGET = ROOT / "docs" / "screenshots"
SHEETS = TARGET / "sheets"
OWNER = "owner@harbourcity.example"
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
            session = _sign_in(page, place, EMAIL, place.password)
            _keep_sign_in(browser, place)
            _tested_connection(page, place)
            found = screenshot_story.play(page, place)
        made = {*ON_THE_WAY, *_for_the_guides(browser, place, session, found)}
        _sheets(browser, place, session, found)
    for old in TARGET.glob("*.png"):
        if old.stem not in made:
            old.unlink()


def _for_the_guides(browser: Browser, place: Place, session: Any, found: Found) -> Iterator[str]:
    for size, look in product(SIZES, LOOKS):
        wanted = [shot for shot in shots_of(found) if f"{size}-{look}" in shot.looks]
        if wanted:
            with _page(browser, size, look, session) as page:
                yield from [_take(page, place, shot, f"{size}-{look}") for shot in wanted]


def _sheets(browser: Browser, place: Place, session: Any, found: Found) -> None:
    """Every page in eight looks, and the document that shows them."""
    SHEETS.mkdir(exist_ok=True)
    owner = _owner(browser, place)
    pictures: dict[str, list[bytes]] = defaultdict(list)
    for look, size in product(LOOKS, SIZES):
        for who, below in ((session, True), (owner, False)):
            with _page(browser, size, look, who) as page:
                for sheet in page_sheets.SHEETS:
                    if sheet.is_below is below:
                        pictures[sheet.name].append(_look(page, place, sheet.at(found)))
    for name, looks in pictures.items():
        half = len(looks) // 2
        (SHEETS / f"{name}.webp").write_bytes(page_sheets.composed(looks[:half], looks[half:]))
    for old in SHEETS.glob("*.webp"):
        if old.stem not in pictures:
            old.unlink()
    DOCUMENT.write_text(page_sheets.document(), encoding="utf-8")


def _look(page: Page, place: Place, address: str) -> bytes:
    page.goto(place.url + address if address.startswith("/") else place.at(address))
    page.get_by_test_id("chart-loading").wait_for(state="detached")
    page.evaluate(DECODED)
    return page.screenshot(animations="disabled")


def _owner(browser: Browser, place: Place) -> Any:
    """A system administrator of the installation, which has a second dealership; signed in."""
    _forecourt(place, "dealership", "create", "Northside Caravans", "--timezone=Australia/Brisbane")
    password = _forecourt(place, "user", "create", OWNER, "--role=system")
    with _page(browser, "1440", "light") as page:
        return _sign_in(page, place, OWNER, password)


def _forecourt(place: Place, *words: str) -> str:
    """What the command line answers, run on the same instance."""
    surroundings = {"FORECOURT_INSTANCE": str(place.instance)}
    program = [str(Path(sys.executable).with_name("forecourt")), *words]
    answer = subprocess.run(  # noqa: S603 - our own program
        program, env=surroundings, capture_output=True, text=True, check=True
    )
    return answer.stdout.strip()


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
    return Place(url, simulator, slug, password, instance.absolute())


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


def _sign_in(page: Page, place: Place, email: str, password: str) -> Any:
    """The session, which serves all pictures of that person."""
    page.goto(f"{place.url}/login")
    page.fill("[name=email]", email)
    page.fill("[name=password]", password)
    page.click("main button[type=submit]")
    page.wait_for_url(lambda url: "/login" not in url)
    return page.context.storage_state()


def _keep_sign_in(browser: Browser, place: Place) -> None:
    with _page(browser, "1440", "light") as page:
        page.goto(f"{place.url}/login")
        _keep(page, ON_THE_WAY[0])


def shots_of(found: Found) -> list[Shot]:
    """Every page that is shown, but for those on the way: sign-in and connection test."""
    both = ("1440-light", "390-light")
    row = "[data-testid=run-rows] summary"
    return [
        Shot("dashboard", "", EVERY),
        Shot("stock-sync", "sync/stock", EVERY),
        Shot("run", f"{found.run}?tab=updated", EVERY, opens=row),
        Shot("vehicles", "vehicles?sort=stock", EVERY),
        Shot("vehicle", found.vehicle, EVERY),
        Shot("easycars-settings", "settings/easycars", EVERY),
        Shot("run-failed-rows", f"{found.run}?tab=failed", opens=row),
        Shot("preview", f"{found.preview}?tab=updated", ("1440-light", "390-dark"), row, "main"),
        Shot("undo", f"{found.run}/undo"),
        Shot("review", "review", ("1440-light", "1440-dark", "390-light")),
        Shot("held", "review/held"),
        Shot("conflict", found.conflict, both),
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
        Shot("history", "history"),
        Shot("problems", "alerts"),
        Shot("reconciliation", "reconciliation"),
        Shot("difference", found.difference, both),
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
