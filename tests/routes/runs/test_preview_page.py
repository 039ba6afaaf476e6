"""Preview from the page: the first import is one, its run page leads to apply, once and in time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import AuditEvent, SyncPayload, SyncRun
from tests.routes.runs.conftest import NOW, NotingQueue, StandingClock, World

HTMX = {"HX-Request": "true"}
MIDDLE = {"price_cents": 1_000_000}
CHANGED = {"price_cents": 900_000}


def preview_of(world: World, status: str = "success", kept: bool = True, **values: Any) -> SyncRun:
    """A preview that ended a minute ago, with what it received."""
    given = {"updated": 2, "unchanged": 5, "total": 7} | values
    ended = NOW - timedelta(minutes=1)
    times = {"created_at": ended - timedelta(minutes=1), "completed_at": ended}
    run = world.run(status, mode="preview", **times, **given)
    if kept:
        with world.app.app_context(), unit_of_work(world.place.id) as db:
            db.add(SyncPayload(dealership_id=world.place.id, run_id=run.id, part=0, body=b"x"))
    return run


def runs_of(world: World) -> list[SyncRun]:
    with world.app.app_context(), reading(world.place.id) as db:
        return list(db.scalars(select(SyncRun).order_by(SyncRun.id)))


@pytest.mark.parametrize(
    ("ran_before", "pressed", "mode"),
    [
        (False, {}, "preview"),
        (False, {"mode": "preview"}, "preview"),
        (True, {}, "sync"),
        (True, {"mode": "preview"}, "preview"),
    ],
)
def test_a_first_import_is_a_preview(
    world: World, ran_before: bool, pressed: dict[str, str], mode: str
) -> None:
    if ran_before:
        world.run("warning")
    else:
        world.run("failed")
    client = world.client(world.operator)
    page = client.get(world.url("sync/stock")).text
    assert ("First import: you look first." in page) is not ran_before
    answer = client.post(world.url("sync/stock"), data=pressed, headers=HTMX)
    assert runs_of(world)[-1].mode == mode
    assert ("First import: you look first. EasyCars is read now" in answer.text) is (
        not ran_before and not pressed
    )
    assert f"Stock {mode} {runs_of(world)[-1].id}" in answer.text


def test_a_failed_first_import_is_tried_again_as_a_preview(world: World) -> None:
    failed = world.run("failed")
    world.client(world.operator).post(world.url(f"runs/{failed.id}/retry"))
    assert runs_of(world)[-1].mode == "preview"


def test_the_preview_page_leads_to_apply(world: World, queue: NotingQueue) -> None:
    run = preview_of(world, held=1)
    world.item(run, "S1", before=MIDDLE, after=CHANGED)
    client = world.client(world.operator)
    page = client.get(world.url(f"runs/{run.id}?tab=updated")).text
    assert "Nothing is changed yet" in page
    assert "Apply these 2 changes" in page
    assert "until" in page
    assert "1 vehicle is held or in conflict" in page
    assert "What applying would do" in page
    assert "To update" in page
    answer = client.post(world.url(f"runs/{run.id}/apply"))
    applied = runs_of(world)[-1]
    assert answer.location == world.url(f"runs/{applied.id}")
    assert (applied.mode, applied.parent_id, applied.scope) == ("sync", run.id, {"applies": run.id})
    assert queue.enqueued == [applied.id]
    told = client.get(world.url(f"runs/{run.id}")).text
    assert 'data-state="applied"' in told
    assert f"See run {applied.id}" in told
    assert f"applies preview {run.id}" in client.get(answer.location).text


@pytest.mark.parametrize(
    ("values", "state", "words"),
    [
        ({"status": "running", "kept": False}, "working", "A preview changes nothing"),
        ({"status": "cancelled"}, "unusable", "There is nothing to apply"),
        ({"kept": False}, "expired", "This preview has expired"),
        ({"updated": 0}, "open", "No change to apply"),
        ({"updated": 0, "conflicts": 2}, "open", "Hand 2 vehicles to Review"),
    ],
)
def test_where_a_preview_stands(
    world: World, values: dict[str, Any], state: str, words: str
) -> None:
    if values.get("status") == "running":
        run = world.run("running", mode="preview")
    else:
        run = preview_of(world, **values)
    page = world.client(world.operator).get(world.url(f"runs/{run.id}")).text
    assert f'data-state="{state}"' in page
    assert words in page


def test_after_half_an_hour_a_new_preview_is_offered(
    world: World, clock: StandingClock, queue: NotingQueue
) -> None:
    run = preview_of(world)
    clock.moment = NOW + timedelta(minutes=30)
    client = world.client(world.operator)
    page = client.get(world.url(f"runs/{run.id}")).text
    assert "This preview has expired" in page
    assert "preview-again" in page
    assert "apply-preview" not in page
    refused = client.post(world.url(f"runs/{run.id}/apply"), follow_redirects=True)
    assert "older than 30 minutes" in refused.text
    assert queue.enqueued == []


def test_a_discarded_preview_is_gone_for_good(world: World, queue: NotingQueue) -> None:
    run = preview_of(world)
    client = world.client(world.operator)
    page = client.post(world.url(f"runs/{run.id}/discard"), follow_redirects=True).text
    assert f"Discarded by {world.operator.email}" in page
    refused = client.post(world.url(f"runs/{run.id}/apply"), follow_redirects=True)
    assert "was discarded" in refused.text
    assert queue.enqueued == []
    with world.app.app_context(), reading(world.place.id) as db:
        assert db.scalars(select(SyncPayload.part)).all() == []
        actions = db.scalars(select(AuditEvent.action)).all()
    assert actions == ["sync.discard"]


def test_a_viewer_looks_and_does_not_apply(world: World, queue: NotingQueue) -> None:
    run = preview_of(world)
    client = world.client(world.viewer)
    page = client.get(world.url(f"runs/{run.id}")).text
    assert "Your role may look, not apply." in page
    assert "apply-preview" not in page
    for verb in ("apply", "discard"):
        assert client.post(world.url(f"runs/{run.id}/{verb}")).status_code == 403
    assert queue.enqueued == []


def test_while_another_run_works_the_preview_waits(world: World, queue: NotingQueue) -> None:
    run = preview_of(world)
    active = world.run("running")
    answer = world.client(world.operator).post(world.url(f"runs/{run.id}/apply"))
    assert answer.location == world.url(f"runs/{active.id}")
    assert queue.enqueued == []


def test_rows_are_found_by_name_number_and_field(world: World) -> None:
    run = preview_of(world, updated=3)
    world.item(run, "A10", label="Mazda 3", before=MIDDLE, after=CHANGED)
    world.item(run, "A11", label="Mazda 2", before={"colour": "Red"}, after={"colour": "Blue"})
    world.item(run, "B10", label="Kia %", before={"colour": "Red"}, after={"colour": "Blue"})
    client = world.client(world.viewer)

    def found(query: str) -> list[str]:
        page = client.get(world.url(f"runs/{run.id}?tab=updated&{query}")).text
        return [number for number in ("A10", "A11", "B10") if f">{number}" in page]

    cases = {
        "": ["A10", "A11", "B10"],
        "q=mazda": ["A10", "A11"],
        "q=10": ["A10", "B10"],
        "q=%25": ["B10"],
        "field=colour": ["A11", "B10"],
        "field=price_cents&q=a1": ["A10"],
        "field=nothing": [],
        "q=%00": ["A10", "A11", "B10"],
    }
    for query, expected in cases.items():
        assert found(query) == expected, query
    page = client.get(world.url(f"runs/{run.id}?tab=updated&q=mazda")).text
    assert "2 vehicles match." in page


def test_a_preview_is_not_the_last_sync(world: World) -> None:
    world.run("success", created=3, total=3)
    for _ in range(11):
        preview_of(world, "failed")
    text = world.client(world.viewer).get(world.url("sync/stock")).text
    state = text[text.index('id="stock-state"') : text.index('id="sync-form"')]
    assert "Success" in state
    assert "Failed" not in state


def test_history_names_what_is_no_plain_sync(world: World) -> None:
    shown = preview_of(world)
    world.run(scope={"applies": shown.id}, parent_id=shown.id)
    world.run(mode="undo", scope={"undoes": shown.id})
    world.run(mode="remap")
    text = world.client(world.viewer).get(world.url("history")).text
    undo = f"Undo of run {shown.id}"
    for words in (", Preview<", f"Preview {shown.id} applied", undo, "Mapping run"):
        assert words in text
