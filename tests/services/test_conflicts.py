"""Conflicts settled each way: what is here, what is agreed, and what the next sync does (C21)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import AuditEvent, Conflict, ExternalLink, Vehicle, VehicleEdit
from app.models.types import utc_now
from app.parts import parts
from app.services import (
    conflict_many,
    conflict_resolving,
    conflict_undo,
    conflicts,
    vehicle_editing,
    vehicle_edits,
)
from app.services.audit import Actor
from app.services.conflict_settling import Choice, Moved
from app.services.conflicts import Record
from app.services.errors import InputInvalid, NotFound
from app.services.leads.sending import Means
from tests.services.sync.memory import Yard
from tests.services.sync.test_conflicts_kept import conflicts as stored
from tests.services.sync.test_conflicts_kept import disagree, edit

pytestmark = pytest.mark.both_databases
ANNA = Actor(None, "anna@example.com")


@pytest.fixture
def yard(app: Flask) -> Any:
    with app.app_context():
        yield Yard()


@pytest.fixture
def disputed(yard: Yard) -> Yard:
    """Car A0: 1000 agreed, 950 here, 900 in EasyCars."""
    disagree(yard)
    yard.sync()
    return yard


def means() -> Means:
    return Means(parts().queue, parts().clock)


def record(yard: Yard, number: int = 0) -> Record:
    with reading(yard.dealership.id) as db:
        found = conflicts.record_of(db, stored(yard)[number])
    assert found is not None
    return found


def settle(yard: Yard, shown: Record, **takes: Any) -> int:
    choices = {}
    for name, take in takes.items():
        mark = next(field.mark for field in shown.fields if field.info.name == name)
        choices[name] = (
            Choice(take, mark) if isinstance(take, str) else Choice("manual", mark, take)
        )
    with unit_of_work(yard.dealership.id) as db:
        return conflict_resolving.resolve(
            db, shown.entity, shown.entity_id, choices, actor=ANNA, means=means()
        )


def agreed(yard: Yard, number: str = "A0") -> dict[str, Any]:
    with reading(yard.dealership.id) as db:
        query = select(ExternalLink.agreed).where(ExternalLink.external_id == number)
        return dict(db.scalars(query).one())


@pytest.mark.parametrize(
    ("take", "here", "resolution"),
    [("local", 950, "local"), ("easycars", 900, "easycars"), (925, 925, "manual")],
)
def test_settled_stays_settled_over_the_next_syncs(
    disputed: Yard, take: Any, here: int, resolution: str
) -> None:
    assert settle(disputed, record(disputed), price_cents=take) == 1
    (row,) = stored(disputed)
    assert (row.state, row.resolution, row.resolved_by) == ("resolved", resolution, ANNA.label)
    assert agreed(disputed)["price_cents"] == 900
    disputed.stream.feed = [{"no": "A0", "price_cents": 900, "colour": "Red"}]
    run = disputed.sync()
    car = disputed.vehicles()["A0"]
    assert (car.price_cents, car.colour) == (here, "Red")
    assert run.conflicts == 0
    disputed.sync()
    assert [row.state for row in stored(disputed)] == ["resolved"]


def test_a_later_change_of_easycars_is_a_new_conflict(disputed: Yard) -> None:
    settle(disputed, record(disputed), price_cents="local")
    disputed.stream.feed = [{"no": "A0", "price_cents": 870}]
    disputed.sync()
    first, second = stored(disputed)
    assert (first.state, second.state) == ("resolved", "open")
    assert (second.agreed, second.local, second.remote) == (900, 950, 870)


def test_after_taking_easycars_the_feed_is_followed_again(disputed: Yard) -> None:
    settle(disputed, record(disputed), price_cents="easycars")
    disputed.stream.feed = [{"no": "A0", "price_cents": 880}]
    disputed.sync()
    assert disputed.vehicles()["A0"].price_cents == 880


def test_the_act_is_in_the_vehicles_log_and_in_the_audit(disputed: Yard) -> None:
    settle(disputed, record(disputed), price_cents="easycars")
    with reading(disputed.dealership.id) as db:
        told = db.scalars(select(VehicleEdit)).one()
        event = db.scalars(select(AuditEvent)).one()
    assert (told.kind, told.before, told.after) == (
        "conflict", {"price_cents": 950}, {"price_cents": 900},
    )  # fmt: skip
    assert "Price: taken from EasyCars" in (told.reason or "")
    assert (event.action, event.details) == (
        "conflict.resolve", {"price_cents": "taken from EasyCars"},
    )  # fmt: skip


def test_keeping_ours_writes_no_value_and_says_so(disputed: Yard) -> None:
    settle(disputed, record(disputed), price_cents="local")
    with reading(disputed.dealership.id) as db:
        told = db.scalars(select(VehicleEdit)).one()
    assert (told.before, told.after) == (None, None)
    assert "Price: kept here" in (told.reason or "")


@pytest.mark.parametrize("who", ["here", "EasyCars", "settled"])
def test_refused_when_a_side_moved_after_the_page_was_shown(disputed: Yard, who: str) -> None:
    shown = record(disputed)
    if who == "here":
        edit(disputed, "A0", price_cents=940)
    elif who == "EasyCars":
        disputed.stream.feed = [{"no": "A0", "price_cents": 890}]
        disputed.sync()
    else:
        settle(disputed, shown, price_cents="local")
    before = (disputed.vehicles()["A0"].price_cents, agreed(disputed))
    with pytest.raises(Moved, match=r"[Pp]rice"):
        settle(disputed, shown, price_cents="easycars")
    assert (disputed.vehicles()["A0"].price_cents, agreed(disputed)) == before


def test_fields_without_a_choice_stay_open(yard: Yard) -> None:
    yard.stream.feed = [{"no": "A0", "price_cents": 1000, "colour": "Red"}]
    yard.sync()
    edit(yard, "A0", price_cents=950, colour="Blue")
    yard.stream.feed = [{"no": "A0", "price_cents": 900, "colour": "Green"}]
    yard.sync()
    shown = record(yard)
    assert [field.info.name for field in shown.fields] == ["price_cents", "colour"]
    settle(yard, shown, colour="easycars")
    car = yard.vehicles()["A0"]
    assert (car.price_cents, car.colour) == (950, "Green")
    assert [row.field for row in stored(yard) if row.state == "open"] == ["price_cents"]


def test_a_value_that_easycars_took_away_can_be_taken_away_here(yard: Yard) -> None:
    yard.stream.feed = [{"no": "A0", "colour": "Red"}]
    yard.sync()
    edit(yard, "A0", colour="Blue")
    yard.stream.feed = [{"no": "A0"}]
    yard.sync()
    settle(yard, record(yard), colour="easycars")
    assert yard.vehicles()["A0"].colour is None
    assert "colour" not in agreed(yard)


def test_taking_the_status_sold_makes_the_vehicle_sold(yard: Yard) -> None:
    yard.stream.feed = [{"no": "A0", "status": "Available"}]
    yard.sync()
    edit(yard, "A0", status="Reserved")
    yard.stream.feed = [{"no": "A0", "status": "Sold"}]
    yard.sync()
    assert yard.vehicles()["A0"].lifecycle == "listed"
    settle(yard, record(yard), status="easycars")
    assert yard.vehicles()["A0"].lifecycle == "sold"


def test_side_by_side_tells_who_changed_what_and_folds_the_rest(disputed: Yard) -> None:
    with unit_of_work(disputed.dealership.id) as db:
        car = db.scalars(select(Vehicle)).one()
        car.colour = "Blue"
        vehicle_edits.record(
            db, car, "edit", {"price_cents": 1000}, {"price_cents": 950}, actor=ANNA, now=utc_now()
        )
    shown = record(disputed)
    (field,) = shown.fields
    assert (field.agreed, field.here, field.theirs) == (1000, 950, 900)
    assert field.changed_here is not None
    assert field.changed_here.actor == ANNA.label
    assert [info.name for info, _ in shown.equal] == ["title", "stock_number"]
    assert shown.kept == []


def test_worst_first_then_oldest(yard: Yard) -> None:
    fields = {"A0": "description", "A1": "colour", "A2": "price_cents", "A3": "odometer"}
    values = {"description": ("a", "b", "c"), "colour": ("a", "b", "c")}
    three = [values.get(field, (1000, 950, 900)) for field in fields.values()]

    def feed(which: int) -> list[Any]:
        return [
            {"no": number, field: said[which]}
            for (number, field), said in zip(fields.items(), three, strict=True)
        ]

    yard.stream.feed = feed(0)
    yard.sync()
    for (number, field), said in zip(fields.items(), three, strict=True):
        edit(yard, number, **{field: said[1]})
    yard.stream.feed = feed(2)
    for row in yard.stream.feed:
        if isinstance(row, dict) and row["no"] == "A3":
            row["odometer"] = 1100
    yard.sync()
    with reading(yard.dealership.id) as db:
        found = conflicts.page(db)
        second = conflicts.page(db, 2, size=3)
    assert [row.external_id for row in found.rows] == ["A2", "A3", "A1", "A0"]
    assert [row.is_urgent for row in found.rows] == [True, False, False, False]
    assert ([row.external_id for row in second.rows], second.total) == (["A0"], 4)


@pytest.mark.parametrize("how", ["is_excluded", "merged_into_id"])
def test_what_nobody_syncs_waits_for_nobody(disputed: Yard, how: str) -> None:
    edit(disputed, "A0", **{how: True if how == "is_excluded" else 1})
    with reading(disputed.dealership.id) as db:
        assert conflicts.count(db) == 0
        assert conflicts.page(db).rows == []


@pytest.mark.parametrize(("take", "price"), [("local", 950), ("easycars", 900)])
@pytest.mark.parametrize("every", [True, False])
def test_many_at_once(yard: Yard, take: Any, price: int, every: bool) -> None:
    disagree(yard, cars=30)
    yard.sync()
    some = None if every else [row.id for row in stored(yard)[:10]]
    with reading(yard.dealership.id) as db:
        asked = conflict_many.select_many(db, "vehicle", some)
    assert asked.records == asked.fields == (30 if every else 10)
    done = many(yard, some, take, asked.mark)
    prices = [car.price_cents for car in yard.vehicles().values()]
    assert prices.count(price) == (30 if every else 10) + (0 if every or take == "easycars" else 20)
    assert sum(row.state == "resolved" for row in stored(yard)) == done.fields
    yard.stream.feed = [
        {**row, "colour": "Red"} for row in yard.stream.feed if isinstance(row, dict)
    ]
    assert yard.sync().conflicts == 30 - done.records


def many(yard: Yard, some: list[int] | None, take: Any, mark: str) -> Any:
    with unit_of_work(yard.dealership.id) as db:
        return conflict_many.resolve_many(
            db, "vehicle", some, take, mark=mark, actor=ANNA, means=means(),
            dealership_id=yard.dealership.id, act="an act",
        )  # fmt: skip


def acts(yard: Yard) -> list[conflict_undo.Act]:
    with reading(yard.dealership.id) as db:
        return conflict_undo.acts(db, utc_now())


def undo(yard: Yard, act: str) -> conflict_undo.Undone:
    with unit_of_work(yard.dealership.id) as db:
        return conflict_undo.undo(
            db, act, actor=ANNA, means=means(), dealership_id=yard.dealership.id
        )


@pytest.mark.parametrize("take", ["local", "easycars"])
def test_many_settled_alike_are_undone_together(yard: Yard, take: Any) -> None:
    disagree(yard, cars=3)
    yard.sync()
    with reading(yard.dealership.id) as db:
        asked = conflict_many.select_many(db, "vehicle", None)
    many(yard, None, take, asked.mark)
    (act,) = acts(yard)
    assert (act.fields, act.records, act.takes, act.by) == (3, [("vehicle", 3)], [take], ANNA.label)
    assert undo(yard, act.id) == conflict_undo.Undone(fields=3, left=0)
    assert {car.price_cents for car in yard.vehicles().values()} == {950}
    assert {(row.state, row.agreed, row.remote) for row in stored(yard)} == {("open", 1000, 900)}
    with reading(yard.dealership.id) as db:
        assert {link.agreed["price_cents"] for link in db.scalars(select(ExternalLink))} == {1000}
    assert acts(yard) == []
    with pytest.raises(NotFound):
        undo(yard, act.id)
    yard.stream.feed = [{"no": f"A{n}", "price_cents": 890} for n in range(3)]
    assert yard.sync().conflicts == 3


@pytest.mark.parametrize("moved", ["here", "there", "merged"])
def test_what_moved_since_is_left_alone_by_an_undo(yard: Yard, moved: str) -> None:
    disagree(yard, cars=2)
    yard.sync()
    with reading(yard.dealership.id) as db:
        asked = conflict_many.select_many(db, "vehicle", None)
    many(yard, None, "easycars", asked.mark)
    if moved == "here":
        edit(yard, "A1", price_cents=910)
    elif moved == "there":
        feed = [{"no": "A0", "price_cents": 900}, {"no": "A1", "price_cents": 870}]
        yard.stream.feed = feed
        yard.sync()
    else:
        edit(yard, "A1", merged_into_id=1)
    before = yard.vehicles()["A1"].price_cents
    assert undo(yard, "an act") == conflict_undo.Undone(fields=1, left=1)
    assert yard.vehicles()["A0"].price_cents == 950
    assert yard.vehicles()["A1"].price_cents == before


def test_a_third_value_is_undone_and_its_story_and_audit_say_so(disputed: Yard) -> None:
    settle(disputed, record(disputed), price_cents=975)
    (act,) = acts(disputed)
    assert act.takes == ["manual"]
    undo(disputed, act.id)
    assert disputed.vehicles()["A0"].price_cents == 950
    with reading(disputed.dealership.id) as db:
        last = db.scalars(select(VehicleEdit).order_by(VehicleEdit.id.desc())).first()
        told = db.scalars(select(AuditEvent).where(AuditEvent.action == "conflict.undo")).one()
    assert last is not None
    assert (last.before, last.after) == ({"price_cents": 975}, {"price_cents": 950})
    assert "undone" in (last.reason or "")
    assert (told.actor, told.details) == (ANNA.label, {"fields": 1, "left_alone": 0})


def test_an_act_of_yesterday_is_not_undone(disputed: Yard) -> None:
    settle(disputed, record(disputed), price_cents="local")
    with unit_of_work(disputed.dealership.id) as db:
        db.scalars(select(Conflict)).one().resolved_at = utc_now() - timedelta(hours=25)
    assert acts(disputed) == []


def test_many_are_refused_when_one_of_them_moved(yard: Yard) -> None:
    disagree(yard, cars=3)
    yard.sync()
    with reading(yard.dealership.id) as db:
        asked = conflict_many.select_many(db, "vehicle", None)
    edit(yard, "A1", price_cents=940)
    with pytest.raises(Moved):
        many(yard, None, "easycars", asked.mark)
    assert {row.state for row in stored(yard)} == {"open"}


def test_typed_values_are_read_by_the_kind_of_their_field(disputed: Yard) -> None:
    shown = record(disputed)
    mark = {"price_cents": shown.fields[0].mark}
    read = conflict_resolving.read_choices
    found = read(shown, {"price_cents": "manual"}, {"price_cents": "$9.25"}, mark)
    assert found["price_cents"].value == 925
    with pytest.raises(InputInvalid) as wrong:
        read(shown, {"price_cents": "manual"}, {"price_cents": "nine"}, mark)
    assert list(wrong.value.fields) == ["price_cents"]
    with pytest.raises(InputInvalid):
        read(shown, {"price_cents": ""}, {}, mark)


def test_seen_again_the_newest_value_is_settled(disputed: Yard) -> None:
    disputed.clock.now()
    disputed.stream.feed = [{"no": "A0", "price_cents": 880}]
    disputed.sync()
    settle(disputed, record(disputed), price_cents="easycars")
    with reading(disputed.dealership.id) as db:
        row = db.scalars(select(Conflict)).one()
    assert disputed.vehicles()["A0"].price_cents == 880
    assert row.resolved_at is not None
    assert row.resolved_at - row.first_seen_at < timedelta(minutes=1)


def by_hand(yard: Yard, **texts: str) -> vehicle_editing.Saved:
    """A person fills the form of car A0; a padlock is not asked for."""
    with unit_of_work(yard.dealership.id) as db:
        car = db.scalars(select(Vehicle).where(Vehicle.stock_number == "A0")).one()
        typed = vehicle_editing.Typed(texts, sure=ANYTHING)
        return vehicle_editing.change(db, car.id, typed, ANNA, utc_now())


class Anything:
    """Every doubt is meant."""

    def __contains__(self, key: object) -> bool:
        return True

    def __iter__(self) -> Any:
        return iter(())

    def __len__(self) -> int:
        return 0


ANYTHING = Anything()


def test_a_value_typed_by_hand_settles_the_conflict_of_its_field(disputed: Yard) -> None:
    assert by_hand(disputed, price_cents="9.25").settled == ("price_cents",)
    (row,) = stored(disputed)
    assert (row.state, row.resolution, row.resolved_by) == ("resolved", "manual", ANNA.label)
    assert agreed(disputed)["price_cents"] == 900
    run = disputed.sync()
    assert (run.conflicts, disputed.vehicles()["A0"].price_cents) == (0, 925)
    assert [row.state for row in stored(disputed)] == ["resolved"]


def test_a_later_change_of_easycars_is_asked_about_after_a_value_typed_by_hand(
    disputed: Yard,
) -> None:
    by_hand(disputed, price_cents="9.25")
    disputed.stream.feed = [{"no": "A0", "price_cents": 870}]
    disputed.sync()
    assert [(row.state, row.remote) for row in stored(disputed)] == [
        ("resolved", 900),
        ("open", 870),
    ]


def test_another_field_typed_by_hand_leaves_the_conflict_open(disputed: Yard) -> None:
    assert by_hand(disputed, colour="Red").settled == ()
    assert [row.state for row in stored(disputed)] == ["open"]
    assert agreed(disputed)["price_cents"] == 1000
