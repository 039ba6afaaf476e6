"""Held changes: what is open, chosen rows approved, others kept and not asked again; mails."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import ExternalLink, OutboxMessage, SyncItem, SyncRun, User
from app.models.types import utc_now
from app.services import held, mails, manual_sync
from app.services.audit import Actor
from app.services.errors import NotAllowed
from app.services.manual_sync import Means
from app.services.outbox import Message
from app.services.sync import engine
from tests import factories
from tests.services.sync.memory import Yard
from tests.services.sync.test_conflicts_kept import edit

pytestmark = pytest.mark.both_databases
ANNA = Actor(None, "anna@example.com")


@pytest.fixture
def yard(app: Flask) -> Any:
    with app.app_context():
        made = Yard()
        made.admin = factories.member(made.dealership, "admin", "admin@example.com")
        factories.member(made.dealership, "operator", "operator@example.com")
        factories.member(made.dealership, "viewer", "viewer@example.com")
        factories.member(factories.dealership(), "admin", "stranger@example.com")
        yield made


def shrunk(yard: Yard, before: int = 30, after: int = 18) -> SyncRun:
    """A feed that shrinks to 60 %: all removals are held."""
    yard.stream.feed = [{"no": f"A{n:02}"} for n in range(before)]
    yard.sync()
    yard.stream.feed = yard.stream.feed[:after]
    return yard.sync()


def fallen(yard: Yard) -> SyncRun:
    """A price that falls by 90 %, and a colour that changes with it."""
    yard.stream.feed = [{"no": "A0", "price_cents": 1000, "colour": "Red"}, {"no": "A1"}]
    yard.sync()
    yard.stream.feed = [{"no": "A0", "price_cents": 100, "colour": "Blue"}, {"no": "A1"}]
    return yard.sync()


def waiting(yard: Yard, now: datetime | None = None) -> held.Waiting | None:
    with reading(yard.dealership.id) as db:
        return held.waiting(db, now or utc_now())


def counts(yard: Yard) -> tuple[int, int, int] | None:
    found = waiting(yard)
    return (found.removals, found.values, found.new) if found else None


def keep(yard: Yard, run: SyncRun, only: frozenset[int] | None = None) -> held.Kept:
    with unit_of_work(yard.dealership.id) as db:
        return held.keep(db, run.id, actor=ANNA, now=utc_now(), only=only)


def approve(yard: Yard, run: SyncRun, only: frozenset[int] | None = None) -> SyncRun:
    with unit_of_work(yard.dealership.id) as db:
        means = Means(yard.queue, yard.clock, None)
        run_id = manual_sync.approve(db, run.id, actor=ANNA, means=means, only=only).id
    engine.execute(run_id, "test", yard.ports)
    return yard.run(run_id)


def ids(yard: Yard, run: SyncRun, *numbers: str) -> frozenset[int]:
    return frozenset(item.id for item in yard.items(run) if item.external_id in numbers)


def lives(yard: Yard) -> list[str]:
    return [car.lifecycle for car in yard.vehicles().values()]


# -- What is open ------------------------------------------------------------------------------


def test_the_newest_sync_says_what_waits(yard: Yard) -> None:
    run = shrunk(yard)
    found = waiting(yard)
    assert found is not None
    assert (found.run.id, found.removals, found.values, found.new) == (run.id, 12, 0, 0)
    again = yard.sync()
    found = waiting(yard)
    assert found is not None
    assert (found.run.id, found.total) == (again.id, 12)


@pytest.mark.parametrize("why", ["a day later", "all is well again"])
def test_nothing_waits(yard: Yard, why: str) -> None:
    shrunk(yard)
    now = utc_now()
    if why == "a day later":
        now += timedelta(hours=25)
    else:
        yard.stream.feed = [{"no": f"A{n:02}"} for n in range(30)]
        yard.sync()
    assert waiting(yard, now) is None


def test_a_sync_that_failed_hides_nothing(yard: Yard) -> None:
    shrunk(yard)
    with unit_of_work(yard.dealership.id) as db:
        db.add(
            SyncRun(
                dealership_id=yard.dealership.id,
                provider="demo",
                stream="stock",
                trigger="schedule",
                status="failed",
                started_at=utc_now(),
                completed_at=utc_now(),
            )
        )
    assert counts(yard) == (12, 0, 0)


# -- Approving ---------------------------------------------------------------------------------


def test_chosen_rows_are_approved_and_the_others_wait_on(yard: Yard) -> None:
    run = shrunk(yard)
    done = approve(yard, run, ids(yard, run, "A18", "A19"))
    assert (done.missing, lives(yard).count("missing")) == (2, 2)
    assert counts(yard) == (10, 0, 0)
    decided = {item.external_id: item.decision for item in yard.items(run) if item.decision}
    assert decided == {"A18": "approved", "A19": "approved"}
    assert {item.decided_by for item in yard.items(run) if item.decision} == {ANNA.label}


def test_what_is_left_of_a_held_set_waits_however_small_it_is(yard: Yard) -> None:
    """Ten of thirty would not trip the guard by themselves; they were held, so they stay held."""
    run = shrunk(yard)
    second = approve(yard, run, ids(yard, run, "A18", "A19"))
    keep(yard, second, ids(yard, second, "A20"))
    for _ in range(3):
        again = yard.sync()
        assert again.held == 9
        assert "were not removed" in (again.message or "") or again.missing == 0
    gone = {name for name, car in yard.vehicles().items() if car.lifecycle != "listed"}
    assert gone == {"A18", "A19"}
    assert counts(yard) == (9, 0, 0)


def test_while_the_approval_works_nothing_is_asked(yard: Yard) -> None:
    run = shrunk(yard)
    with unit_of_work(yard.dealership.id) as db:
        manual_sync.approve(db, run.id, actor=ANNA, means=Means(yard.queue, yard.clock, None))
    assert waiting(yard) is None


def test_an_approval_that_failed_can_be_given_again_for_other_rows(yard: Yard) -> None:
    run = shrunk(yard)

    def fail(_: int) -> None:
        raise RuntimeError("the network went away")

    yard.stream.before_page = fail
    with pytest.raises(RuntimeError):
        approve(yard, run)
    yard.stream.before_page = lambda _: None
    assert counts(yard) == (12, 0, 0)
    assert approve(yard, run, ids(yard, run, "A20")).missing == 1
    assert lives(yard).count("missing") == 1


# -- Keeping -----------------------------------------------------------------------------------


def test_a_vehicle_that_is_kept_listed_is_not_asked_about_again(yard: Yard) -> None:
    run = shrunk(yard)
    assert keep(yard, run).removals == 12
    assert waiting(yard) is None
    for _ in range(3):
        again = yard.sync()
        assert (again.held, again.missing) == (0, 0)
    assert set(lives(yard)) == {"listed"}


def test_back_in_the_feed_it_is_like_any_other(yard: Yard) -> None:
    run = shrunk(yard)
    keep(yard, run)
    yard.stream.feed = [{"no": f"A{n:02}"} for n in range(30)]
    yard.sync()
    with reading(yard.dealership.id) as db:
        assert not any(db.scalars(select(ExternalLink.kept_outside)))
    yard.stream.feed = yard.stream.feed[:18]
    assert yard.sync().held == 12


def test_a_missing_vehicle_that_is_kept_is_listed_again(yard: Yard) -> None:
    yard.stream.feed = [{"no": f"A{n}"} for n in range(6)]
    yard.sync()
    yard.stream.feed = yard.stream.feed[:5]
    yard.sync()
    assert yard.vehicles()["A5"].lifecycle == "missing"
    yard.stream.feed = []
    run = yard.sync()
    keep(yard, run, ids(yard, run, "A5"))
    car = yard.vehicles()["A5"]
    assert (car.lifecycle, car.lifecycle_reason) == ("listed", None)
    assert counts(yard) == (5, 0, 0)


def test_a_kept_value_stays_and_what_came_with_it_is_taken(yard: Yard) -> None:
    run = fallen(yard)
    assert keep(yard, run).values == 1
    again = yard.sync()
    car = yard.vehicles()["A0"]
    assert (car.price_cents, car.colour, again.held) == (1000, "Blue", 0)
    assert yard.sync().held == 0
    yard.stream.feed = [{"no": "A0", "price_cents": 950, "colour": "Blue"}, {"no": "A1"}]
    run = yard.sync()
    assert run.conflicts == 1, "ours and EasyCars' differ now: a person decides"


def test_only_the_open_set_can_be_kept_and_only_once(yard: Yard) -> None:
    old = shrunk(yard)
    run = yard.sync()
    with pytest.raises(NotAllowed):
        keep(yard, old)
    keep(yard, run, ids(yard, run, "A18"))
    with pytest.raises(NotAllowed):
        keep(yard, run, ids(yard, run, "A18"))
    assert counts(yard) == (11, 0, 0)


def test_not_while_a_sync_runs(yard: Yard) -> None:
    run = shrunk(yard)
    yard.open()
    with pytest.raises(NotAllowed, match="running"):
        keep(yard, run)


def test_a_new_vehicle_that_was_left_out_is_not_asked_about_again(yard: Yard) -> None:
    run = shrunk(yard, 2, 2)
    for again in (False, True):
        each = yard.sync() if again else run
        with unit_of_work(yard.dealership.id) as db:
            db.add(
                SyncItem(
                    dealership_id=yard.dealership.id, run_id=each.id, external_id="N1",
                    label="New", action="hold", after={"yard_code": "B"},
                )
            )  # fmt: skip
            db.get_one(SyncRun, each.id).held = 1
        if not again:
            assert counts(yard) == (0, 0, 1)
            assert keep(yard, run).new == 1
    assert waiting(yard) is None


# -- Mails -------------------------------------------------------------------------------------


def posted(yard: Yard) -> list[OutboxMessage]:
    with reading(yard.dealership.id) as db:
        return list(db.scalars(select(OutboxMessage).order_by(OutboxMessage.id)))


def text_of(message: OutboxMessage) -> str:
    given = {name: getattr(message, name, None) for name in Message.__slots__}
    return mails.compose(Message(**given), "https://forecourt.example").text


def test_held_removals_are_told_to_those_who_may_decide(yard: Yard) -> None:
    run = shrunk(yard)
    found = posted(yard)
    assert [mail.recipient for mail in found] == ["admin@example.com", "operator@example.com"]
    assert {mail.run_id for mail in found} == {run.id}
    text = text_of(found[0])
    for words in (
        "12 vehicles are no longer in the feed and nothing was removed",
        "12 vehicles wait for your decision until",
        f"https://forecourt.example/d/{yard.dealership.slug}/review",
        "- Car A18 (A18)",
    ):
        assert words in text
    assert "12 vehicles wait for approval" in found[0].payload["subject"]


def test_held_values_are_told_too(yard: Yard) -> None:
    fallen(yard)
    text = text_of(posted(yard)[0])
    assert "1 vehicle with an unusual value kept the value that was here" in text


def test_the_same_set_is_told_once_a_day_and_another_at_once(yard: Yard) -> None:
    shrunk(yard)
    yard.sync()
    assert len(posted(yard)) == 2
    yard.stream.feed = yard.stream.feed[:10]
    yard.sync()
    assert len(posted(yard)) == 4


def test_an_approval_tells_what_was_removed(yard: Yard) -> None:
    run = shrunk(yard)
    done = approve(yard, run)
    found = [mail for mail in posted(yard) if mail.run_id == done.id]
    text = text_of(found[0])
    assert (len(found), done.missing) == (2, 12)
    for words in ("anna@example.com approved", "12 vehicles", "Car A18", "Nothing was deleted"):
        assert words in text


def test_nobody_else_is_told_and_nothing_when_all_is_well(yard: Yard) -> None:
    with unit_of_work(yard.dealership.id) as db:
        db.get_one(User, yard.admin.id).is_active = False
    yard.stream.feed = [{"no": "A1"}]
    yard.sync()
    assert posted(yard) == []
    shrunk(yard)
    assert [mail.recipient for mail in posted(yard)] == ["operator@example.com"]


def test_edits_here_do_not_undo_a_decision(yard: Yard) -> None:
    run = fallen(yard)
    keep(yard, run)
    edit(yard, "A0", price_cents=1200)
    yard.sync()
    assert yard.vehicles()["A0"].price_cents == 1200
