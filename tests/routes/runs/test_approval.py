"""Approving what a run held: shown by number first, typed word for removals, once, within a day."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.db import reading
from app.models import AuditEvent, SyncRun
from tests import run_rows
from tests.routes.runs.conftest import NOW, NotingQueue, World

REMOVAL = {"before": {"lifecycle": "listed"}, "after": {"lifecycle": "missing"}}
PRICE = {"before": {"price_cents": 3_000_000}, "after": {"price_cents": 100}}


def held_run(world: World, *what: dict[str, Any], **values: Any) -> SyncRun:
    with world.app.app_context():
        run = run_rows.run(world.place, "warning", held=len(what), **values)
        for number, after in enumerate(what):
            run_rows.item(run, f"S{number}", "hold", reason="Looks wrong.", **after)
    return run


def address(world: World, run: SyncRun) -> str:
    return f"/d/{world.place.slug}/runs/{run.id}/approve"


def test_question_tells_numbers_rows_and_the_end(world: World) -> None:
    run = held_run(world, REMOVAL, REMOVAL, PRICE)
    page = world.client(world.operator).get(address(world, run)).text
    assert "2 vehicles that EasyCars no longer lists" in page
    assert "1 vehicle with an unusual value" in page
    assert page.count("Looks wrong.") == 3


def test_run_page_offers_the_approval_to_those_who_may(world: World) -> None:
    run = held_run(world, PRICE)
    show = address(world, run).removesuffix("/approve")
    assert "approve-held" in world.client(world.operator).get(show).text
    assert "approve-held" not in world.client(world.viewer).get(show).text


@pytest.mark.parametrize(("typed", "status"), [("", 422), ("yes", 422), (" REMOVE ", 303)])
def test_removals_need_the_typed_word(
    world: World, queue: NotingQueue, typed: str, status: int
) -> None:
    run = held_run(world, REMOVAL)
    answer = world.client(world.operator).post(address(world, run), data={"confirm_word": typed})
    assert answer.status_code == status
    assert len(queue.enqueued) == (status == 303)


def test_approval_opens_a_linked_run_and_is_audited_with_its_numbers(world: World) -> None:
    run = held_run(world, PRICE)
    answer = world.client(world.operator).post(address(world, run))
    with world.app.app_context(), reading(world.place.id) as db:
        made = db.scalar(select(SyncRun).where(SyncRun.parent_id == run.id))
        told = db.scalar(select(AuditEvent).where(AuditEvent.action == "sync.approve"))
    assert made is not None
    assert made.scope == {"approves": run.id}
    assert answer.location.endswith(f"/runs/{made.id}")
    assert told is not None
    assert (told.actor, told.details["values"]) == (world.operator.email, 1)


@pytest.mark.parametrize("why", ["viewer", "nothing held", "too old", "approved already"])
def test_refused(world: World, queue: NotingQueue, why: str) -> None:
    created = NOW - timedelta(days=2) if why == "too old" else NOW - timedelta(hours=1)
    run = held_run(world, *([] if why == "nothing held" else [PRICE]), created_at=created)
    person = world.viewer if why == "viewer" else world.operator
    if why == "approved already":
        with world.app.app_context():
            run_rows.run(world.place, parent_id=run.id, scope={"approves": run.id})
    assert world.client(person).post(address(world, run)).status_code == 403
    assert queue.enqueued == []
