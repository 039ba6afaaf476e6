"""Vehicles reconciled against the simulator over HTTP (rows 194, 196, 197)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update

from app.db import reading, unit_of_work
from app.jobs.sync import engine_ports
from app.models import AuditEvent, ExternalLink, SyncItem, SyncRun, Vehicle
from app.parts import parts
from app.services import run_undo, vehicle_acts
from app.services.errors import InputInvalid
from app.services.reconciliation import acts, keeping, listing, starting, vehicles, words
from app.services.reconciliation.acts import Selection
from app.services.reconciliation.listing import Wanted
from app.services.sync import engine
from app.services.vehicle_bulk import SelectionMoved
from tests.factories import ACTOR
from tests.factories_vehicles import vehicle
from tests.services.reconciliation.rig import Place

pytestmark = [pytest.mark.simulator]


@pytest.fixture
def made(place: Place, numbers: list[str]) -> dict[str, Any]:
    """Three differences of every kind, and six things that are none."""
    price, odometer, colour, excluded, sold, locked_alike, kept, merged = numbers[:8]
    gone = numbers[10:]
    place.edit(odometer, odometer=12)
    place.edit(colour, colour="Puce")
    place.edit(locked_alike, keep=("price_cents",), price_cents=place.vehicle(price).price_cents)
    place.edit(locked_alike, price_cents=_agreed(place, locked_alike)["price_cents"])
    _act(place, excluded, vehicle_acts.flag("exclude"))
    _act(place, sold, vehicle_acts.lifecycle("sold", "Cash"))
    with unit_of_work(place.id) as db:
        of_kept = update(ExternalLink).where(ExternalLink.external_id == kept)
        db.execute(of_kept.values(kept_outside=True))
        of_merged = update(Vehicle).where(Vehicle.stock_number == merged)
        db.execute(of_merged.values(merged_into_id=place.vehicle(price).id))
    place.stock("remove", stock_numbers=[*gone, sold, kept])
    place.at_easycars(merged, Price=1)
    was = place.vehicle(price).price_cents
    place.at_easycars(price, Price=(was + 100_000) / 100)
    place.at_easycars(colour, Colour="Mauve")
    place.at_easycars(excluded, Price=1)
    by_hand = vehicle(place.desk.place, source="Manual", stock_number="HAND1")
    added = place.stock("add", count=3)["added"]
    for number in added:
        place.in_stock(number)
    return {
        "price": price, "odometer": odometer, "colour": colour, "excluded": excluded,
        "dearer": was + 100_000, "gone": gone, "added": added, "by_hand": f"vehicle:{by_hand.id}",
    }  # fmt: skip


def _agreed(place: Place, number: str) -> dict[str, Any]:
    with reading(place.id) as db:
        query = select(ExternalLink.agreed).where(ExternalLink.external_id == number)
        return db.scalars(query).one()


def _act(place: Place, number: str, act: vehicle_acts.Act) -> None:
    with unit_of_work(place.id) as db:
        vehicle_acts.do(db, place.vehicle(number).id, act, ACTOR, place.desk.clock.now())


def expected(made: dict[str, Any]) -> set[tuple[str, str, str]]:
    there = {("there_only", "missing", key) for key in made["added"]}
    here = {("here_only", "missing", key) for key in (*made["gone"], made["by_hand"])}
    differing = {
        ("differing", "outdated", made["price"]),
        ("differing", "conflicting", made["odometer"]),
        ("differing", "conflicting", made["colour"]),
    }
    return there | here | differing


def found(place: Place) -> set[tuple[str, str, str]]:
    return {(row.kind, row.severity, row.record_key) for row in place.standing()}


def state_of_vehicles(place: Place) -> list[Any]:
    columns = [column.name for column in Vehicle.__table__.columns]
    return [[getattr(car, name) for name in columns] for car in place.desk.rows(Vehicle)]


@pytest.mark.usefixtures("any_database")
def test_exactly_the_known_differences_are_named_and_nothing_is_changed(
    place: Place, made: dict[str, Any]
) -> None:
    before = state_of_vehicles(place)
    run = place.reconcile()
    assert found(place) == expected(made)
    assert (run.status, run.created, run.missing, run.updated) == ("success", 3, 3, 3)
    assert (run.total, run.unchanged) == (11, 5)
    for why in (vehicles.EXCLUDED, vehicles.MERGED, vehicles.KEPT):
        assert f"1 {why}" in (run.message or "")
    assert state_of_vehicles(place) == before
    assert [item for item in place.desk.rows(SyncItem) if item.run_id == run.id] == []
    assert place.of(made["colour"]).fields == {"colour": {"here": "Puce", "there": "Mauve"}}
    assert place.of(made["price"]).fields["price_cents"]["there"] == made["dearer"]
    first = {row.id for row in place.standing()}
    place.reconcile()
    assert {row.id for row in place.desk.rows(type(place.of(made["price"])))} == first


@pytest.mark.usefixtures("any_database")
def test_what_is_taken_is_as_in_easycars_and_found_no_more(
    place: Place, made: dict[str, Any]
) -> None:
    place.reconcile()
    keys = [key for _, _, key in expected(made)]
    done = place.take(*keys)
    assert (done.changed, done.skipped) == (9, {})
    assert {row.resolution for row in place.desk.rows(type(place.of(keys[0])))} == {"taken"}
    assert place.vehicle(made["price"]).price_cents == made["dearer"]
    assert place.vehicle(made["colour"]).colour == "Mauve"
    assert place.vehicle(made["odometer"]).odometer == _agreed(place, made["odometer"])["odometer"]
    assert {place.vehicle(number).lifecycle for number in made["added"]} == {"listed"}
    lost = [place.vehicle(number) for number in (*made["gone"], "HAND1")]
    assert {car.lifecycle for car in lost} == {"off_market"}
    items = [item for item in place.desk.rows(SyncItem) if item.run_id == done.run_id]
    assert sorted(item.action for item in items) == ["create"] * 3 + ["update"] * 3
    run = place.reconcile()
    assert place.standing() == []
    assert run.created == run.missing == run.updated == 0


def test_a_padlock_yields_to_a_person_and_a_price_that_fell_far_to_nobody_in_a_batch(
    place: Place, numbers: list[str]
) -> None:
    one, other = numbers[:2]
    place.edit(one, keep=("price_cents",), price_cents=9_000_000)
    place.edit(other, price_cents=9_000_000)
    for number in (one, other):
        place.at_easycars(number, Price=20_000)
    place.reconcile()
    assert {place.of(one).severity, place.of(other).severity} == {"conflicting"}
    both = place.take(one, other)
    assert both.run_id is not None
    with reading(place.id) as db:
        reasons = list(db.scalars(select(SyncItem.reason).where(SyncItem.run_id == both.run_id)))
    assert len(reasons) == 2
    assert all("would fall by" in (reason or "") for reason in reasons)
    assert {place.of(one).status, place.of(other).status} == {"open"}
    place.take(one)
    car = place.vehicle(one)
    assert (car.price_cents, car.locked_fields) == (2_000_000, ["price_cents"])
    assert place.of(one).resolution == "taken"


def test_ignored_stays_so_until_its_value_changes(place: Place, made: dict[str, Any]) -> None:
    place.reconcile()
    colour, new = made["colour"], made["added"][0]
    place.ignore(colour, new)
    place.at_easycars(new, Price=77_777)
    place.reconcile()
    assert (place.of(colour).status, place.of(colour).reason) == ("ignored", "Known")
    assert place.of(new).status == "ignored"
    place.at_easycars(colour, Colour="Ecru")
    place.reconcile()
    row = place.of(colour)
    assert (row.status, row.reason, row.decided_by) == ("open", None, None)


def test_the_change_list_ticks_itself_off(place: Place, made: dict[str, Any]) -> None:
    place.reconcile()
    colour, gone = made["colour"], made["gone"][0]
    assert acts.why_not_push(place.of(colour)) == words.CANNOT_PUSH_VEHICLES
    done = place.push(colour, gone)
    assert (done.changed, place.of(colour).status) == (2, "listed")
    assert place.push(colour).skipped == {acts.LISTED: 1}
    place.reconcile()
    assert place.of(colour).status == "listed"
    place.at_easycars(colour, Colour="Puce")
    place.reconcile()
    assert (place.of(colour).status, place.of(colour).resolution) == ("resolved", "shown")
    assert place.of(gone).status == "listed"


def test_all_that_match_are_those_that_were_counted(place: Place, made: dict[str, Any]) -> None:
    place.reconcile()
    wanted = Wanted(stream="stock", kind="here_only")
    now = place.desk.clock.now()

    def ignore(expected: int, reason: str = "Known") -> acts.Done:
        chosen = Selection(expected, wanted=wanted)
        with unit_of_work(place.id) as db:
            return acts.ignore(db, place.id, chosen, reason=reason, actor=ACTOR, now=now)

    with pytest.raises(SelectionMoved):
        ignore(4)
    with pytest.raises(InputInvalid) as refused:
        ignore(3, " ")
    assert refused.value.fields["reason"]
    assert ignore(3).changed == 3
    with reading(place.id) as db:
        counted = listing.counts(db, "stock")
        assert (counted.by_kind, counted.by_status["ignored"]) == (
            {"there_only": 3, "differing": 3}, 3,
        )  # fmt: skip
        first = listing.page(db, Wanted(), size=4)
        rest = listing.page(db, Wanted(), before=first.older, size=4)
        assert [len(first.rows), len(rest.rows), first.total] == [4, 2, 6]
        back = listing.page(db, Wanted(), after=rest.newer, size=4)
        assert [row.id for row in back.rows] == [row.id for row in first.rows]
        told = db.scalars(select(AuditEvent).where(AuditEvent.action == "reconciliation.ignore"))
        assert told.one().details["changed"] == 3
        assert [row.record_key for row in listing.rows(db, Wanted(q=made["colour"]))] == [
            made["colour"]
        ]


def test_a_vehicle_taken_off_the_market_here_is_listed_again_and_that_can_be_undone(
    place: Place, numbers: list[str]
) -> None:
    _act(place, numbers[0], vehicle_acts.lifecycle("off_market", "Being repaired"))
    place.reconcile()
    (row,) = place.standing()
    assert (row.severity, row.fields) == (
        "conflicting", {"lifecycle": {"here": "off_market", "there": "listed"}},
    )  # fmt: skip
    done = place.take(numbers[0])
    assert place.vehicle(numbers[0]).lifecycle == "listed"
    with reading(place.id) as db:
        run = db.get_one(SyncRun, done.run_id)
        assert run_undo.why_not(db, run, place.desk.clock.now()) is None


@pytest.mark.parametrize(("scenario", "status"), [("empty-list", "warning"), ("code-9", "failed")])
def test_a_run_that_could_not_compare_resolves_nothing(
    place: Place, numbers: list[str], scenario: str, status: str
) -> None:
    place.edit(numbers[0], colour="Puce")
    place.reconcile()
    before = found(place)
    place.desk.simulator.scenario(scenario, account=place.desk.account)
    run = place.reconcile()
    assert (run.status, found(place)) == (status, before)
    assert len(before) == 1


class Killed(BaseException):
    """Nothing in the product catches it, as nothing catches a kill."""


def test_a_reconciliation_that_is_taken_over_tells_what_an_undisturbed_one_does(
    place: Place, made: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its worker dies in the third batch of four vehicles; another goes on."""
    keep, calls = keeping.keep, iter(range(9))

    def dying(*given: Any, **named: Any) -> None:
        if next(calls) == 2:
            raise Killed
        keep(*given, **named)

    with unit_of_work(place.id) as db:
        run = starting.start(db, place.id, "stock", actor=ACTOR, means=place.run_means)
    ports = replace(engine_ports(parts()), batch_size=4)
    with monkeypatch.context() as patch:
        patch.setattr(keeping, "keep", dying)
        with pytest.raises(Killed):
            engine.execute(run.id, "a worker that dies", ports)
    assert 0 < len(found(place)) < len(expected(made))
    place.desk.clock.pass_(60)
    ended = place.execute(run.id)
    assert found(place) == expected(made)
    assert (ended.status, ended.attempt) == ("success", 2)
    assert (ended.created, ended.missing, ended.updated, ended.unchanged) == (3, 3, 3, 5)
