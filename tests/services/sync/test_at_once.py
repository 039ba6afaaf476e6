"""Two at the same moment: two persons, a sync and a person; nobody loses anything silently."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from flask import Flask, current_app
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from app.db import db as database
from app.db import reading, unit_of_work
from app.models import AuditEvent, EasyCarsCredential, SyncPolicy, SyncRun
from app.models.types import utc_now
from app.services import manual_sync, previews, run_undo, sync_policy_edit, vehicle_acts
from app.services.errors import AlreadyRunning, NotAllowed, NotPossible
from app.services.manual_sync import Means
from app.services.sync import registry, runs
from tests import run_rows
from tests.factories import ACTOR
from tests.services.sync.fates import at_commit
from tests.services.sync.memory import Yard
from tests.services.sync.test_engine import car

pytestmark = [pytest.mark.both_databases]


@pytest.fixture
def yard(app: Flask) -> Iterator[Yard]:
    with app.app_context():
        yield Yard()


def side_by_side(*acts: Any) -> list[Any]:
    """Each act in its own thread, begun together; what it returned or raised."""
    app, gate = current_app._get_current_object(), threading.Barrier(len(acts))  # type: ignore[attr-defined]
    results: list[Any] = [None] * len(acts)

    def run(place: int, act: Any) -> None:
        with app.app_context():
            gate.wait()
            try:
                results[place] = act()
            except Exception as fault:  # noqa: BLE001 - what is looked at
                results[place] = fault

    threads = [threading.Thread(target=run, args=one) for one in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


# -- Persons ---------------------------------------------------------------------------------------


def test_two_first_policies_at_once_are_both_saved(yard: Yard) -> None:
    where = yard.dealership.id
    limits = {
        "removals_count": "7", "removals_percent": "20", "price_drop_percent": "30",
        "missing_runs": "2",
    }  # fmt: skip

    def guards() -> None:
        with unit_of_work(where) as db:
            sync_policy_edit.save_guards(db, where, limits, ACTOR, utc_now())

    def owners() -> None:
        with unit_of_work(where) as db:
            given = {"owner_default": "local"}
            sync_policy_edit.save_owners(db, where, given, ACTOR, utc_now())

    assert side_by_side(guards, owners) == [None, None]
    with reading(where) as db:
        row = db.scalars(select(SyncPolicy)).one()
        assert (row.removals_count, row.owners) == (7, {"*": "local"})
        assert len(db.scalars(select(AuditEvent.id)).all()) == 2


def test_two_persons_apply_one_preview(yard: Yard) -> None:
    yard.stream.feed = [car(1)]
    preview = yard.preview()

    def apply() -> int:
        with unit_of_work(yard.dealership.id) as db:
            means = Means(yard.queue, yard.clock, None)
            return manual_sync.apply(db, preview.id, actor=ACTOR, means=means).id

    results = side_by_side(apply, apply)
    assert sorted(map(_kind, results)) == ["int", "refused"]
    run = yard.execute(next(found for found in results if isinstance(found, int)))
    assert (run.status, run.created) == ("success", 1)
    with pytest.raises(NotAllowed, match="applied already"):
        apply()


def _kind(result: Any) -> str:
    refused = isinstance(result, AlreadyRunning | NotAllowed | NotPossible)
    return "refused" if refused else type(result).__name__


def test_two_persons_undo_one_run(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "stream", lambda *_names: yard.stream)
    yard.stream.feed = [car(1)]
    run = yard.sync()

    def undo() -> int:
        with unit_of_work(yard.dealership.id) as db:
            means = Means(yard.queue, yard.clock, None)
            return run_undo.start(db, run.id, actor=ACTOR, means=means, pause=False).id

    results = side_by_side(undo, undo)
    assert sorted(map(_kind, results)) == ["int", "refused"]
    yard.execute(next(found for found in results if isinstance(found, int)))
    with pytest.raises(NotPossible, match="undone already"):
        undo()


# -- A sync and a person ---------------------------------------------------------------------------


class Deadlock(psycopg.errors.DeadlockDetected):
    pass


def test_a_run_that_collided_goes_on_and_tells_nothing_twice(yard: Yard) -> None:
    yard.stream.feed = [car(n) for n in range(120)]

    def collide() -> None:
        raise OperationalError("UPDATE", {}, Deadlock())

    with at_commit(4, collide):
        run = yard.sync()
    assert (run.status, run.created, run.done, run.attempt) == ("success", 120, 120, 2)
    assert len(yard.items(run)) == len(yard.vehicles()) == 120


def test_a_run_that_collides_again_and_again_fails_with_a_reason(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard.stream.feed = [car(1)]

    def checkpoint(*_given: Any, **_named: Any) -> None:
        raise OperationalError("UPDATE", {}, Deadlock())

    run_id = yard.open()
    with monkeypatch.context() as patch:
        patch.setattr(runs, "checkpoint", checkpoint)
        with pytest.raises(OperationalError):
            yard.execute(run_id)
    assert (yard.run(run_id).status, yard.run(run_id).attempt) == ("failed", 4)


def test_a_deadlock_with_a_person_costs_neither_anything(yard: Yard) -> None:
    """The person holds the last vehicle and wants the first; the sync does it the other way."""
    if database.engine.dialect.name != "postgresql":
        pytest.skip("SQLite's writers take turns")
    yard.stream.feed = [car(n, colour="Red") for n in range(10)]
    yard.sync()
    first, last = yard.vehicles()["S0"].id, yard.vehicles()["S9"].id
    yard.stream.feed = [car(n, colour="Blue") for n in range(10)]
    run_id, held, working = yard.open(), threading.Event(), threading.Event()

    def person() -> None:
        with unit_of_work(yard.dealership.id) as db:
            act = vehicle_acts.lock(["colour"])
            vehicle_acts.do(db, last, act, ACTOR, utc_now())
            db.flush()
            held.set()
            working.wait(0.5)
            vehicle_acts.do(db, first, act, ACTOR, utc_now())

    def engine() -> SyncRun:
        held.wait(5)
        return yard.execute(run_id)

    said, run = side_by_side(person, engine)
    assert said is None or getattr(said.orig, "sqlstate", "") == "40P01"
    assert (run.status, run.done, run.failed) == ("success", 10, 0)
    shown = yard.vehicles()
    wanted = "Red" if said is None else "Blue"
    assert {shown["S0"].colour, shown["S9"].colour} == {wanted}
    assert {shown[f"S{n}"].colour for n in range(1, 9)} == {"Blue"}


# -- A preview and another connection --------------------------------------------------------------


@pytest.mark.parametrize("act", ["saved again", "removed", "entered anew", "nothing"])
def test_a_preview_of_another_connection_is_not_applied(yard: Yard, act: str) -> None:
    """Test and Production, one yard and another: what was seen is not what would be written."""
    before, after = yard.clock.now() - timedelta(hours=1), yard.clock.now() + timedelta(seconds=1)
    row = run_rows.credential(yard.dealership, updated_at=before)
    yard.stream.feed = [car(1)]
    preview = yard.preview()
    with unit_of_work(yard.dealership.id) as db:
        db.get_one(SyncRun, preview.id).provider = "easycars"
        saved = db.get_one(EasyCarsCredential, row.id)
        if act == "saved again":
            saved.environment, saved.updated_at = "Production", after
        elif act != "nothing":
            db.delete(saved)
    if act == "entered anew":
        run_rows.credential(yard.dealership, updated_at=after)
    with reading(yard.dealership.id) as db:
        found = previews.standing(db, runs.get(db, preview.id), yard.clock.now())
    assert found.state == ("open" if act == "nothing" else "moved")
    if act != "nothing":
        with pytest.raises(NotAllowed, match="connection was changed"):
            yard.apply(preview)
