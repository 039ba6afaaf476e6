"""What happens in the demonstration before its pictures are taken, through the product's own pages.

A day at a dealership: prices edited here, with a padlock and without; a car typed in that EasyCars
has too; then news from EasyCars, good and odd, a sync that takes them in, and a look ahead.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from PIL import Image
from playwright.sync_api import Page

KIM = "tr:has-text('Kim') a[href$='/remove']"
CARD = "[data-testid=run-card]"
LOCKED, BOTH_CHANGED, TWIN = 20, 21, 22
# Cars whose values EasyCars gets wrong, or spells in a way that nobody explained yet.
ODD = (
    (30, {"Price": 4900}),
    (31, {"Odometer": 120}),
    (32, {"Colour": "WHTE"}),
    (33, {"Colour": "WHTE"}),
    (34, {"Price": 0}),
)
NEWS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("stock", {"operation": "change_prices", "percent": 6}),
    ("stock", {"operation": "remove", "count": 2}),
    ("stock", {"operation": "add", "count": 3}),
    ("scenario", {"name": "bad-rows", "count": 1}),
)
ENQUIRIES = (
    ("Grace Papadopoulos", "grace@example.com", "Is it still there? I can come on Saturday.", 3),
    (
        "Liam Nguyen",
        "liam@example.com",
        "What is your best price with a trade-in?",
        8,
    ),
    ("Aroha Walker", "aroha@example.com", "A test drive after work, please.", 12),
    ("Omar Rossi", "omar@example.com", "Do you also buy cars?", None),
)


@dataclass(frozen=True)
class Place:
    """A running instance: where its pages are, its simulator, who signs in."""

    url: str
    simulator: str
    slug: str
    password: str
    instance: Path

    def at(self, address: str) -> str:
        return f"{self.url}/d/{self.slug}/{address}"

    def below(self, url: str) -> str:
        """A page's address below the dealership, as `at` takes it."""
        return url.partition(f"/d/{self.slug}/")[2].partition("?")[0]


@dataclass(frozen=True)
class Found:
    """Addresses of what the day left behind."""

    run: str
    preview: str
    vehicle: str
    locked: str
    conflict: str
    pair: str
    lead: str
    difference: str
    problem: str
    photo: str
    item: str
    customer: str
    person: str


def play(page: Page, place: Place) -> Found:
    """Makes the news, syncs, previews. The order is fixed, so that pictures can be made again."""
    cars = _cars(page, place)
    locked, both, twin = (cars[number] for number in (LOCKED, BOTH_CHANGED, TWIN))
    for address, keep in ((locked, True), (both, False)):
        _raise_price(page, place, address, keep=keep)
    _type_in(page, place, twin)
    for address in (locked, both):
        _tell(place, "stock", _set(page, place, address, {"Price": 61990}))
    for number, fields in ODD:
        _tell(place, "stock", _set(page, place, cars[number], fields))
    for lever, options in NEWS:
        _tell(place, lever, options)
    leads = [_enquire(page, place, *who, cars) for who in ENQUIRIES]
    run = _sync(page, place)
    _tell(place, "normal", {})
    updated = _first(
        page, place, f"{run}?tab=updated", "[data-testid=run-rows] a[href*='/vehicles/']"
    )
    _raise_price(page, place, updated, keep=True)
    _tell(place, "stock", {"operation": "change_prices", "percent": 4})
    preview = _preview(page, place)
    _reconcile(page, place)
    _note_for_easycars(page, place)
    _colleague(page, place)
    _own_photo(page, place, locked)
    return Found(
        run, preview, _with_photo(page, place), locked,
        conflict=_first(page, place, "review/conflicts", "#conflict-list th a"),
        pair=_first(page, place, "duplicates", "a:has-text('Compare')"),
        lead=leads[0],
        difference=_first(page, place, "reconciliation?kind=differing", "#differences-table th a"),
        problem=_first(page, place, "alerts", "main a[href*='/alerts/']"),
        photo=_first(page, place, f"{locked}/photos", "main a[href$='/remove']"),
        item=_first(page, place, f"{run}?tab=updated", "[data-testid=undo-item]"),
        customer=_first(page, place, "customers", "main th a[href*='/customers/']"),
        person=_first(page, place, "settings/people", KIM).removesuffix("/remove"),
    )  # fmt: skip


def _cars(page: Page, place: Place) -> list[str]:
    """Addresses of listed cars with price, odometer and VIN, in the order of their numbers."""
    links: list[str] = []
    for number in (1, 2, 3):
        page.goto(place.at(f"vehicles?lifecycle=listed&kind=car&sort=stock&page={number}"))
        found = page.locator("#vehicles th a[href*='/vehicles/']")
        links += [place.below(link.get_attribute("href") or "") for link in found.all()]
    return links


def _raise_price(page: Page, place: Place, address: str, *, keep: bool) -> None:
    page.goto(place.at(f"{address}/edit"))
    price = page.locator("[name=price_cents]")
    price.fill(str(int(float(price.input_value().replace(",", "") or 30000)) + 1500))
    page.locator("#keep-price_cents").set_checked(keep)
    page.locator("[data-testid=save-vehicle]").click()
    page.wait_for_url(place.at(address) + "**")


def _type_in(page: Page, place: Place, twin: str) -> None:
    """The car of EasyCars once more, by hand and with fewer values."""
    page.goto(place.at(f"{twin}/edit"))
    values = {
        n: page.locator(f"[name={n}]").input_value() for n in ("make", "model", "vin", "year")
    }
    page.goto(place.at("vehicles/new"))
    for name, value in {**values, "colour": "Sunset orange", "price_cents": "38990"}.items():
        page.locator(f"[name={name}]").fill(value)
    page.locator("[data-testid=save-vehicle]").click()
    page.wait_for_url(lambda url: not url.endswith("/new"))


def _enquire(
    page: Page, place: Place, name: str, email: str, message: str, car: int | None, cars: list[str]
) -> str:
    """An enquiry that staff type in; returns the lead's address."""
    about = f"?vehicle={cars[car].rpartition('/')[2]}" if car is not None else ""
    page.goto(place.at(f"leads/new{about}"))
    for field, text in (("name", name), ("email", email), ("message", message)):
        page.locator(f"[name={field}]").fill(text)
    page.locator("[name=interest]").select_option("buy")
    page.locator("[data-testid=save-lead]").click()
    page.wait_for_url(lambda url: "/leads/new" not in url)
    return place.below(page.url)


def _set(page: Page, place: Place, address: str, fields: dict[str, Any]) -> dict[str, Any]:
    page.goto(place.at(f"{address}/edit"))
    number = page.locator("[name=stock_number]").input_value()
    return {"operation": "set", "stock_number": number, "fields": fields}


def _tell(place: Place, lever: str, options: dict[str, Any]) -> None:
    request = Request(  # noqa: S310 - the simulator of this machine
        f"{place.simulator}/control/{lever}",
        data=json.dumps(options).encode(),
        headers={"Content-Type": "application/json"},
    )
    urlopen(request, timeout=30).close()  # noqa: S310


def _sync(page: Page, place: Place) -> str:
    """By the button, to its end, photos included."""
    address = _start(page, place, "#sync-now", "Warning")
    page.wait_for_selector("[data-testid=photos-line]:has-text(' new, ')")
    return address


def _reconcile(page: Page, place: Place) -> None:
    """By the button, to the end of both comparisons."""
    page.goto(place.at("reconciliation"))
    page.click("#reconcile-now")
    page.wait_for_selector("#list-old")
    page.wait_for_selector("#reconciliation-live[hx-trigger^='every 30s']")


def _note_for_easycars(page: Page, place: Place) -> None:
    """A vehicle that staff are to enter in EasyCars."""
    only_here = "reconciliation?stream=stock&kind=here_only"
    page.goto(place.at(_first(page, place, only_here, "#differences-table th a")))
    page.click("main button[id^='list-']")
    page.wait_for_load_state()


def _colleague(page: Page, place: Place) -> None:
    page.goto(place.at("settings/people"))
    page.locator("[name=email]").fill("kim@harbourcity.example")
    page.locator("[name=name]").fill("Kim Whittaker")
    page.click("[data-testid=add-person]")
    page.wait_for_load_state()


def _own_photo(page: Page, place: Place, car: str) -> None:
    page.goto(place.at(f"{car}/photos"))
    kept = io.BytesIO()
    Image.linear_gradient("L").resize((800, 600)).save(kept, "JPEG")
    page.set_input_files(
        "#f-photos", {"name": "own.jpg", "mimeType": "image/jpeg", "buffer": kept.getvalue()}
    )
    page.locator("#upload button[type=submit]").click()
    page.wait_for_selector("main a[href$='/remove']")


def _preview(page: Page, place: Place) -> str:
    return _start(page, place, "#preview-now", "Success")


def _start(page: Page, place: Place, button: str, outcome: str) -> str:
    page.goto(place.at("sync/stock"))
    last = page.locator(CARD).first.get_attribute("id")
    page.click(button)
    page.wait_for_selector(
        f"{CARD}:not(#{last}):is([data-status={outcome}], [data-status=Warning])"
    )
    page.click(f"{CARD} a[href*='/runs/']")
    page.wait_for_url("**/runs/*")
    return place.below(page.url)


def _with_photo(page: Page, place: Place) -> str:
    """The first listed vehicle that has a photo."""
    return _first(page, place, "vehicles?lifecycle=listed", "tr:has(img) a[href*='/vehicles/']")


def _first(page: Page, place: Place, address: str, selector: str) -> str:
    page.goto(place.at(address))
    return place.below(page.locator(selector).first.get_attribute("href") or "")
