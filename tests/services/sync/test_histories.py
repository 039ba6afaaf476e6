"""Random histories: whatever people, feeds and crashes do, no edit is lost and undo is exact."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from app.db import db, reading, unit_of_work
from app.models import Conflict, ExternalLink, SyncRun, Vehicle
from app.services import vehicle_acts, vehicle_editing
from app.services.audit import Actor
from app.services.sync import engine, opening
from app.services.sync.opening import Starter
from app.services.vehicle_values import values_of
from tests.services.sync.fates import cancel_in_batch, die_in_batch, expire
from tests.services.sync.memory import Yard

ACTOR = Actor(None, "Kim")
NUMBERS = st.sampled_from(["A1", "B2", "C3"])
# Near enough to each other that no guard finds them odd; guards have tests of their own.
VALUES = {
    "price_cents": st.integers(100, 110).map(lambda thousands: thousands * 10_000),
    "colour": st.sampled_from(["Red", "Blue", "White", None]),
}
FIELDS = st.sampled_from(sorted(VALUES))
FATES = st.sampled_from(["whole", "whole", "killed", "cancelled"])
# What a run may move although the undo puts everything back.
MOMENTS = {"updated_at", "edited_at"}


class History(RuleBasedStateMachine):
    """Feed and edits are the model; the database is what they are compared with."""

    def __init__(self) -> None:
        super().__init__()
        self.yard = Yard(batch_size=2)
        self.feed: dict[str, dict[str, Any]] = {}
        self.seen: dict[str, dict[str, Any]] = {}  # what the last whole sync saw
        self.edits: dict[tuple[str, str], Any] = {}
        self.locks: dict[tuple[str, str], Any] = {}
        self.excluded: set[str] = set()
        self.known: set[str] = set()

    # -- the feed ------------------------------------------------------------------------------

    @rule(number=NUMBERS, price=VALUES["price_cents"], colour=VALUES["colour"])
    def advertise(self, number: str, price: int, colour: str | None) -> None:
        self.feed[number] = {"price_cents": price, "colour": colour}

    @rule(data=st.data(), field=FIELDS)
    @precondition(lambda self: self.feed)
    def change_feed(self, data: st.DataObject, field: str) -> None:
        self.feed[data.draw(_one_of(self.feed))][field] = data.draw(VALUES[field])

    @rule(data=st.data())
    @precondition(lambda self: len(self.feed) > 1)  # an empty feed is the guard's own story
    def withdraw(self, data: st.DataObject) -> None:
        del self.feed[data.draw(_one_of(self.feed))]

    # -- people --------------------------------------------------------------------------------

    @rule(data=st.data(), field=FIELDS, lock=st.booleans())
    @precondition(lambda self: self.known)
    def edit(self, data: st.DataObject, field: str, lock: bool) -> None:
        number, value = data.draw(_one_of(self.known)), data.draw(VALUES[field])
        self._write(number, field, value, lock=lock or (number, field) in self.locks)
        if value == self.seen.get(number, {}).get(field):
            self.edits.pop((number, field), None)  # as EasyCars has it: nothing to protect
        else:
            self.edits[number, field] = value

    @rule(data=st.data(), field=FIELDS, lock=st.booleans())
    @precondition(lambda self: self.known & self.feed.keys())
    def both_change(self, data: st.DataObject, field: str, lock: bool) -> None:
        """The same field, here and there, before the next run."""
        self.edit(data, field, lock)
        self.change_feed(data, field)

    def _write(self, number: str, field: str, value: Any, *, lock: bool) -> None:
        with unit_of_work(self.yard.dealership.id) as session:
            vehicle = _vehicle(session, number)
            keep = [field] if lock else []
            vehicle_editing.write(
                session, vehicle, {field: value}, keep=keep, sure=None, actor=ACTOR, now=_now()
            )
            if field in vehicle.locked_fields:
                self.locks[number, field] = value

    @rule(data=st.data(), field=FIELDS)
    @precondition(lambda self: self.known)
    def lock(self, data: st.DataObject, field: str) -> None:
        number = data.draw(_one_of(self.known))
        self._act(number, vehicle_acts.lock([field]))
        self.locks[number, field] = self._values()[number].get(field)

    @rule(data=st.data(), take=st.booleans())
    @precondition(lambda self: self.locks)
    def unlock(self, data: st.DataObject, take: bool) -> None:
        """EasyCars' value comes in at once, or ours stays as an edit where they differ."""
        number, field = data.draw(_one_of(self.locks))
        value = self.locks.pop((number, field))
        self._act(number, vehicle_acts.unlock([field], take=take))
        if take or value == self.seen.get(number, {}).get(field):
            self.edits.pop((number, field), None)

    @rule(data=st.data(), kind=st.sampled_from(["exclude", "include"]))
    @precondition(lambda self: self.known)
    def exclude_or_include(self, data: st.DataObject, kind: str) -> None:
        number = data.draw(_one_of(self.known))
        self._act(number, vehicle_acts.flag(kind))
        if kind == "exclude":
            self.excluded.add(number)
        else:
            self.excluded.discard(number)

    def _act(self, number: str, act: vehicle_acts.Act) -> None:
        with unit_of_work(self.yard.dealership.id) as session:
            vehicle_acts.do(session, _vehicle(session, number).id, act, ACTOR, _now())

    # -- runs ----------------------------------------------------------------------------------

    @rule(fate=FATES, batch=st.integers(1, 3))
    def sync(self, fate: str, batch: int) -> None:
        excluded = {number: self._values()[number] for number in self.excluded}
        self._send()
        run_id = self.yard.open()
        if fate == "killed":
            self._kill(run_id, batch)
        elif fate == "cancelled":
            cancel_in_batch(self.yard, run_id, batch)
        else:
            engine.execute(run_id, "test", self.yard.ports)
        self._learn(self.yard.run(run_id))
        assert {number: self._values()[number] for number in self.excluded} == excluded

    def _kill(self, run_id: int, batch: int) -> None:
        if die_in_batch(self.yard, run_id, batch):
            expire(run_id)
            engine.execute(run_id, "second", self.yard.ports)

    @rule()
    def remap(self) -> None:
        """Without new rules it finds what is stored as it was: the invariants say the rest."""
        excluded = {number: self._values()[number] for number in self.excluded}
        run = self._run("remap")
        assert run.updated + run.unchanged == run.total
        assert {number: self._values()[number] for number in self.excluded} == excluded

    @rule()
    def preview_then_apply(self) -> None:
        self._send()
        before = self._state()
        preview = self._run("preview")
        assert self._state() == before
        applied = self._run("sync", parent_id=preview.id, scope={"applies": preview.id})
        assert _told(self.yard, applied) == _told(self.yard, preview)
        assert applied.status == preview.status
        self._learn(applied)

    @rule(edited=st.booleans(), number=NUMBERS, price=VALUES["price_cents"])
    @precondition(lambda self: self.feed)
    def sync_then_undo(self, edited: bool, number: str, price: int) -> None:
        before, model = self._state(), self._model()
        self._send()
        done = self.yard.sync()
        self._learn(done)
        if edited and number in self.known:
            return self._edit_then_undo(done, number, price)
        self._run("undo", scope={"undoes": done.id})
        assert self._state() == before
        self.seen, self.edits, self.known = model
        return None

    def _edit_then_undo(self, done: SyncRun, number: str, price: int) -> None:
        """What was typed after the run stays, whatever the undo does with the rest."""
        self._write(number, "price_cents", price, lock=True)
        self.edits[number, "price_cents"] = price
        self._run("undo", scope={"undoes": done.id})
        self.seen = {}
        self.known = set(self._numbers())
        assert number in self.known
        self.edits = {key: value for key, value in self.edits.items() if key in self.locks}

    def _send(self) -> None:
        self.yard.stream.feed = [{"no": no, **values} for no, values in self.feed.items()]

    def _run(self, mode: str, **facts: Any) -> SyncRun:
        with unit_of_work(self.yard.dealership.id) as session:
            run_id = opening.open_run(
                session,
                dealership_id=self.yard.dealership.id,
                provider="demo",
                stream="stock",
                starter=Starter("test", "person"),
                queue=self.yard.queue,
                clock=self.yard.clock,
                mode=mode,
                **facts,
            ).id
        engine.execute(run_id, "test", self.yard.ports)
        return self.yard.run(run_id)

    def _learn(self, run: SyncRun) -> None:
        self.known = set(self._numbers())
        if run.status == "cancelled":
            # Which records it had reached is not the model's to say: only locks are certain.
            self.edits = {key: value for key, value in self.edits.items() if key in self.locks}
            return
        read = {no: values for no, values in self.feed.items() if no not in self.excluded}
        self.seen |= deepcopy(read)
        for number, field in list(self.edits):
            if (number, field) in self.locks or number not in read:
                continue
            if self.feed[number].get(field) == self.edits[number, field]:
                del self.edits[number, field]  # both say the same now

    # -- what must always hold -----------------------------------------------------------------

    @invariant()
    def no_vehicle_is_lost(self) -> None:
        assert set(self._numbers()) >= self.known

    @invariant()
    def no_edit_is_lost_and_no_locked_field_moves(self) -> None:
        here = self._values()
        for (number, field), value in (self.edits | self.locks).items():
            assert here[number].get(field) == value, (number, field)

    @rule()
    def the_feed_arrives(self) -> None:
        """After two whole syncs all that nobody edited is as in the feed, and stays."""
        self.sync("whole", 1)
        self._send()
        again = self.yard.sync()
        assert (again.created, again.updated, again.missing) == (0, 0, again.missing)
        here, disputed = self._values(), self._conflicts()
        for number in self.feed.keys() - self.excluded:
            for field, value in self.feed[number].items():
                if (number, field) not in self.edits | self.locks | disputed:
                    assert here[number].get(field) == value, (number, field)

    def _conflicts(self) -> dict[tuple[str, str], bool]:
        with reading(self.yard.dealership.id) as session:
            rows = session.scalars(select(Conflict).where(Conflict.state == "open"))
            return {(row.external_id, row.field): True for row in rows}

    def _model(self) -> tuple[Any, ...]:
        return deepcopy((self.seen, self.edits, self.known))

    def _numbers(self) -> list[str]:
        return list(self._values())

    def _values(self) -> dict[str, dict[str, Any]]:
        with reading(self.yard.dealership.id) as session:
            return {
                vehicle.stock_number or "": values_of(vehicle)
                for vehicle in session.scalars(select(Vehicle))
            }

    def _state(self) -> list[Any]:
        with reading(self.yard.dealership.id) as session:
            return [
                [_columns(row) for row in session.scalars(select(table).order_by(table.id))]
                for table in (Vehicle, ExternalLink)
            ]


def _one_of(keys: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(sorted(keys))


def _vehicle(session: Any, number: str) -> Vehicle:
    return session.scalars(select(Vehicle).where(Vehicle.stock_number == number)).one()


def _columns(row: Any) -> dict[str, Any]:
    names = [column.name for column in row.__table__.columns]
    return {name: getattr(row, name) for name in names if name not in MOMENTS}


def _told(yard: Yard, run: SyncRun) -> list[Any]:
    return sorted(
        (item.external_id, item.action, repr(item.before), repr(item.after))
        for item in yard.items(run)
    )


def _now() -> datetime:
    return datetime.now(UTC)


def test_histories(app: Flask) -> None:
    with app.app_context():
        # PostgreSQL's rows are planned by the same code and take longer to write.
        examples = 12 if db.engine.dialect.name == "postgresql" else 30
        run_state_machine_as_test(
            History,
            settings=settings(
                max_examples=examples,
                # Not shrunk: a history of fifteen steps is short enough to read.
                phases=(Phase.explicit, Phase.reuse, Phase.generate),
                stateful_step_count=15,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
