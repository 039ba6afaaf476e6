"""Rules and questions inside runs: mapping, re-map equal to the trial, one question for 500 rows,
new and vanished fields (C10, C19, C20, C26)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import FeedQuestion, SyncRun
from app.services import feed_questions, mapping_trial, mapping_versions
from app.services.mapping import Rules
from app.services.mapping_trial import Trial
from app.services.sync.protocol import Draft
from app.services.sync.rows import Target
from tests.factories import ACTOR
from tests.services.sync.memory import MemoryStream, Yard

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("context")]
WHITE = Rules({"colour": {"WHTE": "White"}})


class NamedStream(MemoryStream):
    """Knows its names, as a provider with a specification does."""

    names = ("no", "colour", "body", "badge")

    def draft(self, raw: bytes) -> Draft:
        found = super().draft(raw)
        given = json.loads(raw)
        known = {name: value for name, value in found.values.items() if name in self.names}
        values = {"stock_number": found.external_id, "title": found.label} | known
        return Draft(
            found.external_id,
            found.label,
            values,
            unknown=tuple(name for name in given if name not in self.names),
            absent=frozenset(name for name in self.names if name not in given),
        )


@pytest.fixture
def yard() -> Yard:
    return Yard()


@pytest.fixture
def named_yard() -> Yard:
    made = Yard()
    made.stream = NamedStream()
    return made


def cars(count: int, **values: Any) -> list[dict[str, Any]]:
    return [{"no": f"S{n:03}", "colour": "WHTE", "body": "SEDAN"} | values for n in range(count)]


def save(yard: Yard, rules: Rules) -> None:
    with unit_of_work(yard.dealership.id) as session:
        mapping_versions.save(session, yard.dealership.id, rules, actor=ACTOR, now=yard.clock.now())


def edit(yard: Yard, number: str, **values: Any) -> None:
    with unit_of_work(yard.dealership.id) as session:
        car = session.merge(yard.vehicles()[number])
        for name, value in values.items():
            setattr(car, name, value)


def questions(yard: Yard) -> list[tuple[str, str, str, int, str]]:
    with reading(yard.dealership.id) as session:
        found = session.scalars(select(FeedQuestion).order_by(FeedQuestion.id)).all()
    return [(one.kind, one.field, one.value, one.seen, one.state) for one in found]


def tried(yard: Yard, rules: Rules) -> Trial:
    target = Target(yard.dealership.id, 0, "demo", yard.stream, "Test")
    with reading(yard.dealership.id) as session:
        return mapping_trial.try_rules(session, target, rules, yard.clock.now())


def remap(yard: Yard) -> SyncRun:
    return yard.execute(yard.open("remap"))


def colours(yard: Yard) -> dict[str, str | None]:
    return {number: car.colour for number, car in yard.vehicles().items()}


def test_a_sync_shows_values_by_the_rules_and_keeps_the_raw_record(yard: Yard) -> None:
    save(yard, Rules({"colour": {"whte": "White"}}, "{colour} {body}", {"status": "In Stock"}))
    yard.stream.feed = cars(2)
    yard.sync()
    car = yard.vehicles()["S000"]
    assert (car.colour, car.title, car.status) == ("White", "White SEDAN", "In Stock")
    (item, _) = yard.items(yard.run(car_run(yard)))
    assert item.label == "White SEDAN"
    assert yard.sync().unchanged == 2


def car_run(yard: Yard) -> int:
    with reading(yard.dealership.id) as session:
        return session.scalars(select(SyncRun.id).order_by(SyncRun.id)).first() or 0


def test_new_rules_wait_for_the_re_map_or_a_changed_row(yard: Yard) -> None:
    yard.stream.feed = cars(3)
    yard.sync()
    save(yard, WHITE)
    yard.stream.feed[0]["body"] = "UTE"
    yard.sync()
    assert colours(yard) == {"S000": "White", "S001": "WHTE", "S002": "WHTE"}
    remap(yard)
    assert set(colours(yard).values()) == {"White"}


def test_what_try_shows_is_what_the_re_map_does(yard: Yard) -> None:
    yard.stream.feed = [*cars(8), {"no": "GONE", "colour": "WHTE"}, {"no": "RED", "colour": "Red"}]
    yard.sync()
    edit(yard, "S000", locked_fields=["colour"])
    edit(yard, "S001", colour="Cream")
    edit(yard, "S002", is_excluded=True)
    edit(yard, "S003", body="UTE")
    del yard.stream.feed[8]
    yard.sync()
    rules = Rules({"colour": {"WHTE": "White"}, "body": {"sedan": "Saloon"}})
    trial = tried(yard, rules)
    before = colours(yard)
    assert before["S004"] == "WHTE"

    save(yard, rules)
    run = remap(yard)
    assert (trial.changed, trial.held, trial.conflicts) == (run.updated, run.held, run.conflicts)
    assert trial.looked_at == run.total == 9
    items = {item.entity_id: item for item in yard.items(run) if item.after}
    assert {row.vehicle_id for row in trial.rows} == set(items)
    for row in trial.rows:
        told = {change.field: change.after for change in row.changes}
        labels = {"Colour": "colour", "Body": "body"}
        assert {labels[name]: after for name, after in told.items()} == items[row.vehicle_id].after
    after = colours(yard)
    assert after["S004"] == "White"
    assert after["S000"] == "WHTE"  # locked
    assert after["S001"] == "Cream"  # changed here too: a person decides
    assert after["S002"] == "WHTE"  # excluded
    assert after["GONE"] == "WHTE"  # not in the feed
    assert run.status in ("success", "warning")
    again = remap(yard)
    assert again.updated == 0


def test_a_trial_on_a_page_writes_and_locks_nothing(yard: Yard) -> None:
    """The page's session may only read."""
    yard.stream.feed = cars(60)
    yard.sync()
    trial = tried(yard, WHITE)
    assert (trial.changed, len(trial.rows)) == (60, 50)
    assert set(colours(yard).values()) == {"WHTE"}


def test_a_guard_holds_what_rules_make_of_a_row() -> None:
    """Rules change words only, so nothing suspicious comes of them; what waits stays waiting."""
    yard = Yard()
    yard.stream.feed = [{"no": "A", "price_cents": 2_000_000, "colour": "WHTE"}]
    yard.sync()
    yard.stream.feed[0]["price_cents"] = 100
    assert yard.sync().held == 1
    trial = tried(yard, WHITE)
    save(yard, WHITE)
    run = remap(yard)
    assert (trial.changed, trial.held) == (run.updated, run.held)


def test_a_value_is_asked_about_once_for_500_rows_over_three_runs(yard: Yard) -> None:
    yard.stream.feed = cars(500)
    yard.sync()
    assert questions(yard) == [("value", "colour", "WHTE", 500, "open")]
    for row in yard.stream.feed[:10]:
        row["body"] = "WAGON"
    run = yard.sync()
    assert (run.updated, run.status) == (10, "success")
    assert questions(yard) == [("value", "colour", "WHTE", 500, "open")]
    yard.stream.feed += [{"no": "NEW", "colour": " whte "}]
    yard.sync()
    assert questions(yard) == [("value", "colour", "WHTE", 501, "open")]
    assert all(item.warnings is None for item in yard.items(run))


@pytest.mark.parametrize("state", ["answered", "ignored"])
def test_a_closed_question_is_not_asked_again(yard: Yard, state: str) -> None:
    yard.stream.feed = cars(3)
    yard.sync()
    with unit_of_work(yard.dealership.id) as session:
        (asked,) = feed_questions.inbox(session).values
        feed_questions.close([asked], state, ACTOR, yard.clock.now())
    yard.stream.feed = cars(4, badge="x")
    yard.sync()
    assert questions(yard) == [("value", "colour", "WHTE", 3, state)]


def test_a_value_with_a_rule_is_not_asked_about(yard: Yard) -> None:
    save(yard, WHITE)
    yard.stream.feed = [*cars(3), {"no": "X", "colour": "Snow White"}, {"no": "Y", "body": "BLOB"}]
    yard.sync()
    assert questions(yard) == [("value", "body", "BLOB", 1, "open")]


def test_a_preview_asks_nothing(yard: Yard) -> None:
    yard.stream.feed = cars(3)
    yard.preview()
    assert questions(yard) == []


def test_values_of_another_dealership_are_theirs(yard: Yard) -> None:
    other = Yard()
    other.stream.feed = cars(2)
    other.sync()
    yard.stream.feed = cars(1)
    yard.sync()
    assert questions(yard) == [("value", "colour", "WHTE", 1, "open")]
    assert questions(other) == [("value", "colour", "WHTE", 2, "open")]


def full(count: int, **extra: Any) -> list[dict[str, Any]]:
    return [
        {"no": f"S{n}", "colour": "Red", "body": "SEDAN", "badge": "X"} | extra
        for n in range(count)
    ]


def test_a_new_field_is_asked_about_once(named_yard: Yard) -> None:
    named_yard.stream.feed = full(6)
    named_yard.sync()
    assert questions(named_yard) == []
    for colour in ("Blue", "Green"):
        named_yard.stream.feed = full(6, colour=colour, Warp=9)
        named_yard.sync()
    assert questions(named_yard) == [("new_field", "Warp", "", 6, "open")]


def test_a_field_that_left_every_row_is_asked_about_and_closes_when_it_is_back(
    named_yard: Yard,
) -> None:
    named_yard.stream.feed = full(6)
    named_yard.sync()
    named_yard.stream.feed = [{"no": f"S{n}", "colour": "Red", "body": "SEDAN"} for n in range(6)]
    named_yard.sync()
    assert questions(named_yard) == [("gone_field", "badge", "", 6, "open")]
    named_yard.stream.feed = full(6, colour="Blue")
    named_yard.sync()
    assert questions(named_yard) == []


@pytest.mark.parametrize(
    ("count", "left"),
    [pytest.param(4, 0, id="too few rows"), pytest.param(6, 1, id="one row still has it")],
)
def test_a_field_is_gone_only_when_enough_rows_and_all_say_so(
    named_yard: Yard, count: int, left: int
) -> None:
    named_yard.stream.feed = full(count)
    named_yard.sync()
    for row in named_yard.stream.feed[left:]:
        del row["badge"]
    named_yard.sync()
    assert questions(named_yard) == []


def test_a_field_that_never_came_is_not_gone(named_yard: Yard) -> None:
    for colour in ("Red", "Blue"):
        named_yard.stream.feed = [{"no": f"S{n}", "colour": colour} for n in range(6)]
        named_yard.sync()
    assert questions(named_yard) == []
