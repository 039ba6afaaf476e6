"""Looks at one page with every eye that the browser tests have, on one visit.

A visit is dear, and so is what axe tells of a page without faults: each page is opened once, and
the checkers answer with their findings alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.e2e.browsing import overflow

if TYPE_CHECKING:
    from playwright.sync_api import Page

# The widest last: there axe looks in light, after the narrow ones where it looks in dark.
WIDTHS = (320, 820, 390, 1440)
LOOKS = {390: "dark", 1440: "light"}
# What nobody can reach with the keyboard, though it is there to be pressed or filled.
OUT_OF_REACH = """() => [...document.querySelectorAll('a[href], button, input, select, summary')]
  .filter((part) => !part.disabled && part.type !== "hidden" && part.checkVisibility())
  .filter((part) => part.tabIndex < 0 && part.ariaHidden !== "true")
  .map((part) => part.outerHTML.slice(0, 120))"""
STICKING_OUT = """() => [...document.querySelectorAll('body *')]
  .filter((part) => part.getBoundingClientRect().right > innerWidth + 1)
  .slice(-3).map((part) => part.outerHTML.slice(0, 100))"""
VIOLATIONS = """() => axe.run({resultTypes: ["violations"]}).then((found) => found.violations
  .filter((one) => ["serious", "critical"].includes(one.impact))
  .map((one) => `${one.id} (${one.nodes.length}): ${one.nodes[0].html.slice(0, 160)}`))"""


def faults(page: Page, address: str) -> list[str]:
    """Opens the page and says what is wrong with it: console, headings, keyboard, width, axe."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if _is_fault(message) else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(address, wait_until="load")
    return [f"{address}: {fault}" for fault in (*_on_the_page(page), *_at_widths(page), *said)]


def _is_fault(message: Any) -> bool:
    return message.type in ("error", "warning")


def _on_the_page(page: Page) -> list[str]:
    headings, title = page.locator("h1").count(), page.title()
    found = [f"out of reach: {part}" for part in page.evaluate(OUT_OF_REACH)]
    if headings != 1:
        found.append(f"{headings} headings of the first order")
    return found if title.endswith("Forecourt") else [*found, f"the title is {title!r}"]


def _at_widths(page: Page) -> list[str]:
    from axe_playwright_python.base import AXE_SCRIPT

    found = []
    page.evaluate(AXE_SCRIPT)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        if (pixels := overflow(page)) > 0:
            found.append(f"{pixels} px too wide at {width}: {page.evaluate(STICKING_OUT)}")
        if scheme := LOOKS.get(width):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found += [f"axe in {scheme} at {width}: {one}" for one in page.evaluate(VIOLATIONS)]
    return found
