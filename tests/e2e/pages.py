"""All pages of the product, found in its route table, with ids that lead to real rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from werkzeug.routing import Rule

from app.db import unit_of_work
from app.models import Dealership, SyncRun, User
from app.simulator import account_number
from tests import factories
from tests.e2e import (
    customer_rows,
    difference_rows,
    kills,
    lead_rows,
    people,
    problem_rows,
    trust_rows,
)
from tests.e2e.kills import ENDED
from tests.e2e.numbers import next_number
from tests.e2e.people import Place
from tests.e2e.stack import Stack

if TYPE_CHECKING:
    from playwright.sync_api import Page

# The public form is no page of the product: tests/routes/test_public_form_browser.py looks at it.
NOT_PAGES = {"static", "public_form.show", "public_form.thanks"}
COLLEAGUE = "a.colleague.with.a.rather.long.address@showroom.example"
# Tabs and filters whose content differs most from what the bare address shows.
VARIANTS = {
    "runs.show": ("?tab=created", "?tab=failed", "?tab=unchanged"),
    "history.index": ("?status=failed", "?type=stock", "?type=leads&direction=outbound"),
    "search.index": ("?q=nothing-is-called-so", "?q=a&all=1"),
    "vehicles.index": ("?q=nothing-is-called-so", "?lifecycle=listed"),
    "customers.index": ("?q=nothing-is-called-so",),
    "customer_merge.index": ("?tab=merged",),
    "conflicts.ask_conflicts": ("?all=1&take=local", "?all=1&take=easycars"),
    "review.ask_held": ("?run={run_id}&all=1&act=approve", "?run={run_id}&all=1&act=keep"),
    "vehicle_bulk.ask": (
        "?action=exclude&select=ticked&id={vehicle_id}",
        "?action=lock&select=ticked&id={vehicle_id}",
        "?action=exclude",
    ),
    "duplicates.index": ("?tab=merged", "?tab=dismissed"),
    "outside.index": ("?show=kept",),
    "undo.ask_item": ("?field=price_cents",),
    "leads.index": ("?tab=all", "?tab=unsent", "?q=nothing-is-called-so"),
    "leads.one": ("?tab=timeline", "?tab=source"),
    "lead_edit.new": ("?vehicle={vehicle_id}",),
    "reconciliation.index": ("?status=listed", "?status=resolved", "?stream=leads"),
    "differences.ask": (
        "?action=take&select=ticked&id={difference_id}",
        "?action=ignore&select=all&expected=4",
    ),
    "lead_edit.ask_to_send": ("?all=1",),
    "dashboard.index": ("?whole=1",),
    "problems.index": ("?tab=snoozed", "?tab=resolved"),
}
# Pages that answer with something else when their rows are missing: they must not slip through.
NEVER_MISSING = (
    "customer_merge.ask_unmerge",
    "customer_merge.index",
    "customer_merge.pair",
    "customer_merge.preview",
    "customers.edit",
    "customers.index",
    "customers.one",
    "differences.ask",
    "differences.change_list",
    "differences.one",
    "duplicates.ask_unmerge",
    "duplicates.pair",
    "duplicates.preview",
    "feed_questions.index",
    "go_live.index",
    "lead_edit.ask_to_delete",
    "lead_edit.ask_to_send",
    "lead_edit.edit",
    "leads.index",
    "leads.one",
    "mapping.index",
    "mapping.version",
    "outside.index",
    "problems.one",
    "quality.index",
    "reconciliation.index",
    "conflicts.ask_conflicts",
    "review.ask_held",
    "conflicts.conflict",
    "conflicts.conflict_list",
    "review.held_changes",
    "quotations.new",
    "quotations.one",
    "runs.ask_approval",
    "undo.ask",
    "undo.ask_item",
    "unlocking.ask",
    "vehicle_acts.ask_lifecycle",
    "vehicle_acts.ask_unlock",
    "vehicle_bulk.ask",
    "vehicle_edit.edit",
    "vehicle_origin.why",
    "vehicle_photos.ask_to_remove",
    "vehicle_photos.index",
)


@dataclass(frozen=True)
class Showroom:
    """A dealership with something on every page, and one with nothing at all."""

    full: Place
    empty: Place
    ids: dict[str, int]


def showroom(stack: Stack) -> Showroom:
    """A person with every right, in a dealership with good, doubtful and failed runs."""
    account = account_number(next_number())
    full = people.place(stack, "showroom", account=account)
    for scenario in ("normal", "bad-rows", "code-7"):
        stack.simulator.scenario(scenario, account=account)
        run_id = kills.start(stack, full)
        kills.wait_for(stack, run_id, lambda run: run.status in ENDED and not is_fetching(run))
        if scenario == "normal":
            stack.simulator.stock("change_prices", account=account, percent=100)
            trust_rows.trouble(stack, full, account)
    stack.simulator.scenario("normal", account=account)
    lead_rows.leads(stack, full)
    customer_rows.customers(stack, full)
    problem_rows.problems(stack, full)
    difference_rows.differences(stack, full)
    preview = trust_rows.afterwards(stack, full)
    empty = people.place(stack, "empty", account=None)
    with stack.app.app_context():
        with unit_of_work() as db:
            db.scalars(select(User).where(User.email == full.email)).one().is_system = True
            place = db.get_one(Dealership, full.id)
        factories.member(place, "viewer", COLLEAGUE)
    return Showroom(full, empty, _ids(stack, full) | {"preview_id": preview})


def is_fetching(run: Any) -> bool:
    """Whether photos are still on their way."""
    return run.photos_state in ("queued", "running")


def _ids(stack: Stack, place: Place) -> dict[str, int]:
    """An id for every kind that a route can ask for."""
    doubtful = (SyncRun.dealership_id == place.id) & (SyncRun.status == "warning")
    found = (
        trust_rows.ids(place)
        | lead_rows.ids(place)
        | customer_rows.ids(place)
        | problem_rows.ids(place)
        | difference_rows.ids(place)
        | {
            "run_id": select(SyncRun.__table__.c.id).where(doubtful, SyncRun.mode == "sync"),
            "user_id": select(User.__table__.c.id).where(User.email == COLLEAGUE),
        }
    )
    return {name: stack.rows(query.limit(1))[0][0] for name, query in found.items()}


def addresses(stack: Stack, room: Showroom) -> Iterator[str]:
    """Every address that a GET route of a page offers; an argument without a sample is an error."""
    for rule in stack.app.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and rule.endpoint not in NOT_PAGES and not _is_data(rule):
            yield from _addresses_of(stack, rule, room)


def never_missing(stack: Stack, found: list[str]) -> set[str]:
    """Those of NEVER_MISSING that no address leads to."""
    adapter = stack.app.url_map.bind("localhost")
    return set(NEVER_MISSING) - {adapter.match(one.partition("?")[0])[0] for one in found}


def _is_data(rule: Rule) -> bool:
    return rule.rule.startswith("/api/admin/") or "size" in rule.arguments


def _addresses_of(stack: Stack, rule: Rule, room: Showroom) -> Iterator[str]:
    samples: dict[str, int | str] = {**room.ids, "slug": room.full.slug, "field": "price_cents"}
    values = {name: samples[name] for name in rule.arguments}
    adapter = stack.app.url_map.bind("localhost")
    address = adapter.build(rule.endpoint, values)
    yield address
    yield from (address + one.format(**samples) for one in VARIANTS.get(rule.endpoint, ()))
    if rule.endpoint == "runs.show":
        yield adapter.build(rule.endpoint, values | {"run_id": samples["preview_id"]})
    if rule.arguments == {"slug"}:
        yield adapter.build(rule.endpoint, {"slug": room.empty.slug})


def whole_pages(page: Page, found: Iterator[str]) -> list[str]:
    """Those that answer with a whole document: no fragment, no file, no JSON, no refusal."""
    return [address for address in found if _is_whole(page, address)]


def _is_whole(page: Page, address: str) -> bool:
    answer = page.request.get(address, max_redirects=0)
    is_html = answer.ok and answer.headers.get("content-type", "").startswith("text/html")
    return is_html and answer.text().lstrip().lower().startswith("<!doctype html>")
