"""What the control can do to stock, leads and settings. Options come from JSON or from a form."""

# ruff: noqa: ARG001 - every lever has the same signature

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from app.simulator.easycars.accounts import DEMO_ACCOUNT_NUMBER
from app.simulator.easycars.leads import CUSTOMER_FIELDS
from app.simulator.easycars.list_views import every
from app.simulator.easycars.stock_book import StockBook
from app.simulator.easycars.wire import money, parse
from app.simulator.scenarios import EVERYONE
from app.simulator.showroom.photos import MODES
from app.simulator.world import World

Options = Mapping[str, Any]
ANOTHER_CLIENT = "another-client"


class BadOption(ValueError):
    """An option is missing or makes no sense; the text says which."""


def number(options: Options, name: str, default: float | None = None) -> float:
    value = options.get(name)
    if value in (None, ""):
        value = default
    try:
        return float(value)  # type: ignore[arg-type]  # None is caught below
    except (TypeError, ValueError):
        raise BadOption(f"{name} must be a number.") from None


def text(options: Options, name: str, default: str | None = None) -> str:
    value = options.get(name) or default
    if not value:
        raise BadOption(f"{name} is missing.")
    return str(value)


def account_of(options: Options) -> str:
    account = text(options, "account", DEMO_ACCOUNT_NUMBER)
    return DEMO_ACCOUNT_NUMBER if account == EVERYONE else account


# stock


def change_prices(world: World, book: StockBook, options: Options) -> dict[str, Any]:
    """percent: share of the priced vehicles; by: change in percent (default -3)."""
    factor = money(1) + money(int(number(options, "by", -3) * 100)) / 10_000
    with book.lock:
        priced = [n for n, row in book.rows.items() if b'"Price":null' not in row]
        changed = [priced[at] for at in _drawn(world, len(priced), number(options, "percent", 1))]
        for stock_number in changed:
            book.set_fields(
                stock_number, {"Price": _new_price(parse(book.rows[stock_number])["Price"], factor)}
            )
    return {"changed": changed}


def _new_price(old: Any, factor: Any) -> Any:
    new = money(int(old * factor / 10) * 10)
    return new if new != old else money(old + 10)


def _drawn(world: World, size: int, percent: float) -> list[int]:
    """An evenly spread share of positions that moves on with each operation."""
    chosen = every([b""] * size, percent)
    shift = world.dice().randrange(max(1, chosen.step))
    return [(at + shift) % size for at in chosen]


def sell(world: World, book: StockBook, options: Options) -> dict[str, Any]:
    """stock_number (default: the first): the vehicle leaves the list, as sold ones do."""
    chosen = text(options, "stock_number", next(iter(book.rows), None))
    book.item(chosen)
    return {"removed": book.remove([chosen])}


def remove(world: World, book: StockBook, options: Options) -> dict[str, Any]:
    """stock_numbers, or count: the last so many."""
    named = options.get("stock_numbers")
    count = int(number(options, "count", 1))
    return {"removed": book.remove(named or list(book.rows)[-count:] if named or count else [])}


def shrink(world: World, book: StockBook, options: Options) -> dict[str, Any]:
    """to_percent: how much of the stock stays."""
    keep = round(len(book) * number(options, "to_percent", 60) / 100)
    return {"removed": book.remove(list(book.rows)[keep:])}


def add(world: World, book: StockBook, options: Options) -> dict[str, Any]:
    """count: so many new vehicles at the end of the list."""
    return {"added": book.add(int(number(options, "count", 1)))}


def set_fields(world: World, book: StockBook, options: Options) -> dict[str, Any]:
    """stock_number, fields: written as given, also when they make no sense."""
    fields = options.get("fields")
    if not isinstance(fields, dict):
        raise BadOption("fields must be an object of stock fields.")
    chosen = text(options, "stock_number")
    book.set_fields(chosen, parse(json.dumps(fields)))
    return {"changed": [chosen]}


def set_vehicles(world: World, book: StockBook, options: Options) -> dict[str, Any]:
    """count: size of this account's stock, or of every account's when account is "*"."""
    count = int(number(options, "count"))
    if options.get("account") == EVERYONE:
        world.set_vehicles(count)
    else:
        book.resize(count)
    return {"vehicles": count}


def remove_photos(world: World, book: StockBook, options: Options) -> dict[str, Any]:
    """count of vehicles, or stock_number: they lose all their photos."""
    return {
        "changed": _each(
            book, options, lambda n: book.set_fields(n, {"ImageCount": 0, "ImageURLs": ""})
        )
    }


def renew_photos(world: World, book: StockBook, options: Options) -> dict[str, Any]:
    """count of vehicles, or stock_number: new pictures under new addresses."""
    return {"changed": _each(book, options, book.renew_photos)}


def reorder_photos(world: World, book: StockBook, options: Options) -> dict[str, Any]:
    """count of vehicles, or stock_number: the same photos, last one first."""

    def reverse(chosen: str) -> None:
        urls = book.item(chosen)["ImageURLs"].split(",")
        book.set_fields(chosen, {"ImageURLs": ",".join(reversed(urls))})

    return {"changed": _each(book, options, reverse)}


def _each(book: StockBook, options: Options, change: Callable[[str], None]) -> list[str]:
    named = options.get("stock_number")
    chosen = [str(named)] if named else list(book.rows)[: int(number(options, "count", 1))]
    with book.lock:
        for stock_number in chosen:
            change(stock_number)
    return chosen


STOCK_OPERATIONS: dict[str, Callable[[World, StockBook, Options], dict[str, Any]]] = {
    "change_prices": change_prices,
    "sell": sell,
    "remove": remove,
    "shrink": shrink,
    "add": add,
    "set": set_fields,
    "set_vehicles": set_vehicles,
    "remove_photos": remove_photos,
    "renew_photos": renew_photos,
    "reorder_photos": reorder_photos,
}


# leads


def new_leads(world: World, options: Options) -> dict[str, Any]:
    """count, fields, client_id: leads that come in at the vendor."""
    desk = world.dealer(account_of(options)).desk
    client = {"client_id": options["client_id"]} if options.get("client_id") else {}
    made = desk.walk_in(int(number(options, "count", 1)), **client, **(options.get("fields") or {}))
    return {"created": [lead.number for lead in made]}


def change_lead(world: World, options: Options) -> dict[str, Any]:
    """lead_number, fields: of the lead, LeadStatus, the customer's as CustomerName and so on."""
    desk = world.dealer(account_of(options)).desk
    lead = desk.leads.get(text(options, "lead_number"))
    if lead is None:
        raise BadOption(f"There is no lead {options['lead_number']}.")
    fields = dict(options.get("fields") or {})
    with desk.lock:
        lead.status = int(fields.pop("LeadStatus", lead.status))
        customer = {
            n: fields.pop(f"Customer{n}") for n in CUSTOMER_FIELDS if f"Customer{n}" in fields
        }
        desk.customers[lead.customer_no] |= customer
        lead.fields |= fields
    return {"changed": [lead.number]}


def hide_lead(world: World, options: Options) -> dict[str, Any]:
    """lead_number: belongs to another connection from now on, so that this one cannot read it."""
    desk = world.dealer(account_of(options)).desk
    lead = desk.leads.get(text(options, "lead_number"))
    if lead is None:
        raise BadOption(f"There is no lead {options['lead_number']}.")
    lead.client_id = ANOTHER_CLIENT
    return {"changed": [lead.number]}


LEAD_OPERATIONS: dict[str, Callable[[World, Options], dict[str, Any]]] = {
    "create": new_leads,
    "update": change_lead,
    "hide": hide_lead,
}


# settings


def change_settings(world: World, options: Options) -> dict[str, Any]:
    """token_lifetime in seconds, photos "drawn" or "fast", clock as ISO time or null (runs)."""
    if options.get("token_lifetime"):
        world.tokens.lifetime = int(number(options, "token_lifetime"))
    if options.get("photos"):
        if options["photos"] not in MODES:
            raise BadOption(f"photos is {' or '.join(MODES)}.")
        world.photos_mode = world.lab.mode = str(options["photos"])
    if "clock" in options:
        world.freeze_clock(_moment(options["clock"]))
    return {
        "token_lifetime": world.tokens.lifetime,
        "photos": world.photos_mode,
        "clock": world.now().isoformat(),
    }


def _moment(value: Any) -> datetime | None:
    if not value:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise BadOption("clock must be an ISO time.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
