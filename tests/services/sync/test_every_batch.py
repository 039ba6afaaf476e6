"""Every transaction of every mode: its worker dies there, or a person cancels there.

Whoever takes over, or does it again, ends where an undisturbed run ends, and tells the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import ExternalLink, MappingVersion, SyncItem, SyncRun, Vehicle
from app.services.sync.approval import is_removal
from tests.services.sync.fates import cancel_at_commit, die_at_commit, expire
from tests.services.sync.memory import Yard
from tests.services.sync.test_preview import counts, everything_at_once, told

pytestmark = [pytest.mark.both_databases]
MOMENTS = {"updated_at", "created_at", "edited_at", "first_seen_at", "changed_at", "missing_since"}
IDS = {"id", "dealership_id", "entity_id", "changed_run_id"}
# What an apply that is done again need not decide once more is no news.
SETTLED = ("create", "update", "restore", "missing")


def sync(yard: Yard) -> int:
    everything_at_once(yard)
    return yard.open()


def preview(yard: Yard) -> int:
    everything_at_once(yard)
    return yard.open("preview")


def apply(yard: Yard) -> int:
    everything_at_once(yard)
    return again(yard, yard.preview())


def again(yard: Yard, of: SyncRun) -> int:
    """An apply of a preview or an undo of a sync."""
    scope = {"applies" if of.mode == "preview" else "undoes": of.id}
    return yard.open("sync" if of.mode == "preview" else "undo", parent_id=of.id, scope=scope)


def undo(yard: Yard) -> int:
    everything_at_once(yard)
    return again(yard, yard.sync())


def remap(yard: Yard) -> int:
    everything_at_once(yard)
    yard.sync()
    rules = {"values": {"colour": {"Red": "Rosso"}}, "title": None, "defaults": {}}
    with unit_of_work(yard.dealership.id) as db:
        db.add(MappingVersion(dealership_id=yard.dealership.id, number=1, rules=rules))
    return yard.open("remap")


MODES: dict[str, Callable[[Yard], int]] = {
    one.__name__: one for one in (sync, preview, apply, undo, remap)
}


@pytest.fixture
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def state(yard: Yard) -> dict[str, Any]:
    """Vehicles and links of the dealership by number, without what differs by its nature."""
    with reading(yard.dealership.id) as db:
        found = {}
        for model, key in ((Vehicle, "stock_number"), (ExternalLink, "external_id")):
            for row in db.scalars(select(model)):
                names = [column.name for column in model.__table__.columns]
                values = {name: getattr(row, name) for name in names if name not in MOMENTS | IDS}
                reason = str(values.get("lifecycle_reason") or "").partition("(")[0]
                found[model.__tablename__, getattr(row, key)] = {
                    **values, "lifecycle_reason": reason,
                }  # fmt: skip
        return found


def told_of(yard: Yard, run: SyncRun) -> list[Any]:
    return [line[:2] + line[2:] for line in told(yard, run)]


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize("mode", MODES)
def test_a_kill_at_any_commit_changes_nothing_in_the_end(mode: str) -> None:
    whole = Yard(batch_size=25)
    run = whole.execute(MODES[mode](whole))
    assert run.status in ("success", "warning"), run.error_details
    wanted = (counts(run), told_of(whole, run), state(whole))
    number, killed = 0, True
    while killed:
        number += 1
        yard = Yard(batch_size=25)
        run_id = MODES[mode](yard)
        killed = die_at_commit(yard, run_id, number)
        if killed:
            expire(run_id)
        run = yard.execute(run_id)
        assert run.attempt == 1 + killed
        assert (counts(run), told_of(yard, run), state(yard)) == wanted, number
    assert number > 4


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize("mode", ["apply", "undo"])
def test_what_was_cancelled_at_any_commit_can_be_done_again(mode: str) -> None:
    whole = Yard(batch_size=25)
    wanted_run = whole.execute(MODES[mode](whole))
    wanted = state(whole)
    number, cancelled = 0, True
    while cancelled:
        number += 1
        yard = Yard(batch_size=25)
        run_id = MODES[mode](yard)
        cancel_at_commit(yard, run_id, number)
        first = yard.run(run_id)
        cancelled = first.status == "cancelled"
        if not cancelled:
            break
        parent = yard.run(first.parent_id or 0)
        second = yard.execute(again(yard, parent))
        assert state(yard) == wanted, number
        assert (second.failed, second.status) == (wanted_run.failed, wanted_run.status), number
        assert second.done == second.total or mode == "apply"
        done = first.created + first.updated + second.created + second.updated
        assert done == wanted_run.created + wanted_run.updated, number
        assert adds_up(yard, second), number
    assert number > 4


def adds_up(yard: Yard, run: SyncRun) -> bool:
    """Every row of the feed counts once; vehicles that are gone count beside them."""
    gone = sum(1 for item in yard.items(run) if _is_gone(item))
    rows = run.created + run.updated + run.unchanged + run.failed + run.held
    return rows - gone == run.total


def _is_gone(item: SyncItem) -> bool:
    return item.action == "hold" and is_removal(item.after)


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize("mode", MODES)
def test_counters_add_up(mode: str) -> None:
    yard = Yard(batch_size=25)
    run = yard.execute(MODES[mode](yard))
    assert adds_up(yard, run), counts(run)
