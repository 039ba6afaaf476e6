"""Preview and apply on real databases: one changes nothing, the other what it told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.db import ALL_DEALERSHIPS, Base, reading, unit_of_work
from app.models import StreamState, SyncItem, SyncPayload, SyncRun, Vehicle
from app.services import previews
from app.services.errors import CredentialsRejected, NotAllowed
from app.services.sync import answers, engine, preview, work
from tests.services.sync.memory import Yard
from tests.services.sync.test_engine import approve, cancel, car, expire

pytestmark = [pytest.mark.both_databases]
TOLD_ONLY = {"sync_run", "sync_item", "sync_payload"}


@pytest.fixture
def yard(app: Flask) -> Iterator[Yard]:
    with app.app_context():
        yield Yard(batch_size=10)


def snapshot(without: frozenset[str] | set[str] = frozenset(TOLD_ONLY)) -> dict[str, list[Any]]:
    """Every row of every table, but of those that a preview writes."""
    found = {}
    with unit_of_work(ALL_DEALERSHIPS) as db:
        for table in Base.metadata.sorted_tables:
            if table.name not in without:
                found[table.name] = sorted(map(repr, db.execute(select(table)).all()))
    return found


VIN = "JM0KF4W2A00123456"


def everything_at_once(yard: Yard) -> None:
    """A stock and a feed that need every verb there is."""
    yard.stream.feed = [car(n, colour="Red", photos=[f"u{n}"]) for n in range(40)]
    yard.stream.feed[9] = car(9, vin=VIN)
    yard.stream.feed[8] = car(8, odometer=90_000)
    yard.sync()
    yard.stream.feed = [row for row in yard.stream.feed if row["no"] != "S7"]
    yard.sync()
    edit(yard, "S1", colour="Pink")
    edit(yard, "S2", colour="Pink")
    changed = {
        "S1": car(1, colour="Red", doors=4),
        "S2": car(2, colour="Blue"),
        "S3": car(3, colour="Green"),
        "S4": car(4, colour="Red", photos=["v4"]),
        "S6": car(6, price_cents=1, colour="Red"),
        "S8": car(8, odometer=100),
        "S9": car(99, vin=VIN),
    }
    feed = [changed.get(str(row["no"]), row) for row in yard.stream.feed]
    spelled = (
        b'{"no": "S10", "price_cents": 2000010, "make":  "Mazda", "colour": "Red",'
        b' "photos": ["u10"]}'
    )
    back = car(7, colour="Red", photos=["u7"])
    feed = [row for row in feed[:-2] if row["no"] != "S10"]
    yard.stream.feed = [*feed, spelled, back, car(50), car(51, price_cents=0), car(3), b"{broken"]


def edit(yard: Yard, number: str, **values: Any) -> None:
    with unit_of_work(yard.dealership.id) as db:
        db.execute(update(Vehicle).where(Vehicle.stock_number == number).values(**values))


def told(yard: Yard, run: SyncRun) -> list[Any]:
    return sorted(
        (item.external_id, item.action, repr(item.before), repr(item.after))
        for item in yard.items(run)
    )


COUNTS = ("total", "created", "updated", "unchanged", "held", "failed", "missing", "conflicts")


def counts(run: SyncRun) -> dict[str, Any]:
    return {name: getattr(run, name) for name in COUNTS}


def test_a_preview_changes_nothing_else(yard: Yard) -> None:
    everything_at_once(yard)
    before, handed_over = snapshot(), []
    yard.after_sync = handed_over.append
    run = yard.preview()
    assert run.status == "warning"
    assert snapshot() == before
    assert handed_over == []
    assert {item.action for item in yard.items(run)} >= {
        "create", "update", "hold", "refuse", "conflict",
    }  # fmt: skip


def test_an_apply_does_what_the_preview_told_and_a_sync_would_have_done(yard: Yard) -> None:
    everything_at_once(yard)
    shown = yard.preview()
    yard.stream.feed = []  # EasyCars is not asked again
    applied = yard.apply(shown)
    assert told(yard, applied) == told(yard, shown)
    assert counts(applied) == counts(shown)
    assert yard.sync().total == 0


def test_verbs_of_a_preview_are_those_of_the_sync(yard: Yard) -> None:
    everything_at_once(yard)
    shown = yard.preview()
    synced = yard.sync()
    assert told(yard, synced) == told(yard, shown)
    assert counts(synced) == counts(shown)


def test_a_first_import_is_looked_at_and_then_written(yard: Yard) -> None:
    yard.stream.feed = [car(n) for n in range(25)]
    shown = yard.preview()
    assert shown.message == ("Nothing was changed yet. 25 in the feed: applying would create 25.")
    assert yard.vehicles() == {}
    applied = yard.apply(shown)
    assert (applied.status, applied.created, len(yard.vehicles())) == ("success", 25, 25)
    assert yard.sync().unchanged == 25


def test_an_apply_remembers_whose_stock_the_preview_saw(yard: Yard) -> None:
    yard.stream.feed = [car(n) for n in range(20)]
    yard.sync()
    shown = yard.preview()
    seen, yard.scope = yard.scope, yard.scope | {"yard": "200"}
    yard.apply(shown)
    with reading(yard.dealership.id) as db:
        state = db.scalars(select(StreamState)).one()
    assert state.scope == seen
    assert state.last_success_at <= shown.completed_at


@pytest.mark.parametrize(
    ("meanwhile", "left"),
    [
        (lambda yard: edit(yard, "S3", colour="Black"), "S3"),
        (lambda yard: edit(yard, "S3", locked_fields=["colour"]), "S3"),
    ],
    ids=["edited by hand", "locked"],
)
def test_a_row_that_changed_since_is_left_and_told(
    yard: Yard, meanwhile: Callable[[Yard], None], left: str
) -> None:
    yard.stream.feed = [car(n, colour="Red") for n in range(20)]
    yard.sync()
    yard.stream.feed[3:5] = [car(3, colour="Green"), car(4, colour="Green")]
    shown = yard.preview()
    meanwhile(yard)
    before = yard.vehicles()[left]
    applied = yard.apply(shown)
    (refused,) = [item for item in yard.items(applied) if item.action == "refuse"]
    assert refused.external_id == left
    assert refused.reason.startswith(f"Changed since preview {shown.id}; left as it was.")
    assert (applied.status, applied.updated, applied.failed) == ("warning", 1, 1)
    assert "1 vehicle changed since the preview and stayed as it was" in applied.message
    assert yard.vehicles()[left].colour == before.colour
    assert yard.vehicles()["S4"].colour == "Green"


def test_a_row_that_is_already_as_shown_is_done(yard: Yard) -> None:
    yard.stream.feed = [car(n, colour="Red") for n in range(20)]
    yard.sync()
    yard.stream.feed[3:5] = [car(3, colour="Green"), car(4, colour="Green")]
    shown = yard.preview()
    edit(yard, "S3", colour="Green")
    applied = yard.apply(shown)
    assert (applied.status, applied.updated, applied.unchanged) == ("success", 1, 19)
    assert [item.external_id for item in yard.items(applied)] == ["S4"]
    assert yard.sync().updated == 0


def test_a_quiet_row_that_is_no_longer_quiet_is_left(yard: Yard) -> None:
    yard.stream.feed = [car(1, colour="Red"), car(2)]
    yard.sync()
    edit(yard, "S1", colour="Pink", doors=2)
    yard.stream.feed[0] = car(1, colour="Pink")
    shown = yard.preview()
    assert yard.items(shown) == []
    edit(yard, "S1", colour="Black")
    applied = yard.apply(shown)
    assert [item.external_id for item in yard.items(applied)] == ["S1"]
    assert yard.vehicles()["S1"].colour == "Black"


def test_rows_decide_when_a_newer_sync_came_between(yard: Yard) -> None:
    yard.stream.feed = [car(n, colour="Red") for n in range(20)]
    yard.sync()
    yard.stream.feed[:2] = [car(0, colour="Blue"), car(1, colour="Blue")]
    shown = yard.preview()
    yard.stream.feed[:2] = [car(0, colour="Red"), car(1, colour="Green")]
    yard.stream.feed.append(car(70))
    newer = yard.sync()
    applied = yard.apply(shown)
    colours = [yard.vehicles()[f"S{n}"].colour for n in (0, 1)]
    assert colours == ["Blue", "Green"]
    assert (applied.updated, applied.missing) == (1, 0)
    assert yard.vehicles()["S70"].lifecycle == "listed"
    with reading(yard.dealership.id) as db:
        assert db.scalars(select(StreamState.last_success_at)).one() > shown.completed_at
    assert newer.created == 1


def age(yard: Yard, run: SyncRun, **by: float) -> None:
    with unit_of_work(yard.dealership.id) as db:
        row = db.get_one(SyncRun, run.id)
        for name in ("created_at", "started_at", "completed_at"):
            setattr(row, name, getattr(row, name) - timedelta(**by))


def twice(yard: Yard) -> SyncRun:
    shown = yard.preview()
    yard.apply(shown)
    return shown


def old(yard: Yard) -> SyncRun:
    shown = yard.preview()
    age(yard, shown, minutes=31)
    return shown


def discarded(yard: Yard) -> SyncRun:
    shown = yard.preview()
    with unit_of_work(yard.dealership.id) as db:
        row = db.get_one(SyncRun, shown.id)
        assert previews.discard(db, row, "anna", yard.clock.now())
        assert not previews.discard(db, row, "anna", yard.clock.now())
    return shown


def cancelled(yard: Yard) -> SyncRun:
    run_id = yard.open("preview")
    cancel(yard, run_id)
    return yard.run(run_id)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (twice, "applied already"),
        (old, "older than 30 minutes"),
        (discarded, "was discarded"),
        (cancelled, "did not come to its end"),
        (lambda yard: yard.run(yard.open("preview")), "still being made"),
        (lambda yard: yard.sync(), "no preview"),
    ],
)
def test_what_cannot_be_applied_says_why(
    yard: Yard, made: Callable[[Yard], SyncRun], said: str
) -> None:
    yard.stream.feed = [car(n) for n in range(3)]
    shown = made(yard)
    with pytest.raises(NotAllowed, match=said):
        yard.apply(shown)


def die(yard: Yard, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, call: int) -> int:
    """A preview whose worker vanishes at one call, as a kill -9 would leave it."""

    class Died(BaseException):
        pass

    original, seen = getattr(module, name), []

    def dies(*args: Any) -> Any:
        seen.append(1)
        if len(seen) == call:
            raise Died
        return original(*args)

    run_id = yard.open("preview")
    with monkeypatch.context() as patched:
        patched.setattr(module, name, dies)
        with pytest.raises(Died):
            engine.execute(run_id, "first", yard.ports)
    expire(run_id)
    return run_id


@pytest.mark.parametrize(
    ("module", "name", "call"),
    [(preview, "insert_items", 3), (answers.payload, "add_facts", 1)],
    ids=["while telling", "while keeping the answer"],
)
def test_a_takeover_ends_in_the_same_preview(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, call: int
) -> None:
    everything_at_once(yard)
    whole = yard.preview()
    before = snapshot()
    run_id = die(yard, monkeypatch, module, name, call)
    if module is preview:
        yard.stream.feed = []  # what was fetched is kept: nobody asks again
    engine.execute(run_id, "second", yard.ports)
    run = yard.run(run_id)
    assert (run.attempt, run.status) == (2, "warning")
    assert told(yard, run) == told(yard, whole)
    assert counts(run) == counts(whole)
    assert snapshot() == before
    assert counts(yard.apply(run)) == counts(whole)


def test_a_takeover_of_an_apply_writes_no_row_twice(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything_at_once(yard)
    shown = yard.preview()
    original, seen = work.write_batch, []

    class Died(BaseException):
        pass

    def dies(*args: Any) -> Any:
        seen.append(1)
        if len(seen) == 2:
            raise Died
        return original(*args)

    with monkeypatch.context() as patched:
        patched.setattr(work, "write_batch", dies)
        with pytest.raises(Died):
            yard.apply(shown)
    with reading(yard.dealership.id) as db:
        run_id = db.scalars(select(SyncRun.id).where(SyncRun.status == "running")).one()
    expire(run_id)
    run = yard.execute(run_id)
    assert run.attempt == 2
    assert told(yard, run) == told(yard, shown)
    assert counts(run) == counts(shown)


def test_what_the_database_refuses_is_told_by_the_preview(yard: Yard, database_kind: str) -> None:
    odd = car(1, doors=2**70) if database_kind == "sqlite" else car(1, make="x" * 500)
    yard.stream.feed = [odd, car(2), car(3, colour="nul\x00")]
    shown = yard.preview()
    refused = [item.external_id for item in yard.items(shown) if item.action == "refuse"]
    assert refused == (["S1"] if database_kind == "sqlite" else ["S1", "S3"])
    assert yard.vehicles() == {}
    applied = yard.apply(shown)
    assert told(yard, applied) == told(yard, shown)
    reasons = [item.reason for item in yard.items(applied) if item.action == "refuse"]
    assert all("could not be stored" in reason for reason in reasons)


def test_refused_credentials_of_a_preview_pause_nothing(yard: Yard) -> None:
    def refuse(_start: int) -> None:
        raise CredentialsRejected("No.", pair="account")

    yard.stream.before_page = refuse
    before = snapshot()
    assert [yard.preview().status for _ in range(6)] == ["failed"] * 6
    assert snapshot() == before


def test_what_was_received_is_dropped_after_a_day(yard: Yard) -> None:
    yard.stream.feed = [car(1)]
    first, second = yard.preview(), yard.preview()
    age(yard, first, hours=25)
    with unit_of_work(ALL_DEALERSHIPS) as db:
        assert previews.prune(db, yard.clock.now()) == [first.id]
        assert previews.prune(db, yard.clock.now()) == []
        assert set(db.scalars(select(SyncPayload.run_id))) == {second.id}
        assert db.scalars(select(SyncItem.run_id).where(SyncItem.run_id == first.id)).all()


def test_held_removals_are_told_kept_by_the_apply_and_approved_after_it(yard: Yard) -> None:
    everything = [car(n) for n in range(30)]
    yard.stream.feed = everything
    yard.sync()
    yard.stream.feed = everything[:15]
    shown = yard.preview()
    assert (shown.held, shown.missing) == (15, 0)
    assert "15 vehicles would wait for approval" in shown.message
    applied = yard.apply(shown)
    assert counts(applied) == counts(shown)
    assert {vehicle.lifecycle for vehicle in yard.vehicles().values()} == {"listed"}
    assert approve(yard, applied).missing == 15


def test_a_preview_holds_nothing_that_could_be_approved(yard: Yard) -> None:
    yard.stream.feed = [car(n) for n in range(30)]
    yard.sync()
    yard.stream.feed = []
    shown = yard.preview()
    assert (shown.status, shown.held) == ("held", 30)
    with pytest.raises(NotAllowed):
        approve(yard, shown)
