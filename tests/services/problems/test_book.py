"""One row for each cause: it opens, lasts, closes, comes back, and is told once (C30)."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from flask import current_app

from app.db import ALL_DEALERSHIPS, unit_of_work
from app.models import Problem
from app.services import mails, outbox
from app.services.audit import Actor
from app.services.errors import InputInvalid, NotPossible
from app.services.problems import book, listing, snoozing
from app.services.problems.finding import record
from app.services.schedules import zone_of
from tests.services.problems.conftest import NOW, Yard, finding

HOUR = timedelta(hours=1)
PAT = Actor(None, "pat@harbour.example")
CAUSE = finding().cause


@pytest.mark.both_databases
def test_a_cause_is_one_row_whatever_becomes_of_it(yard: Yard) -> None:
    first = yard.notice()
    assert (first.times, first.openings, first.severity) == (1, 1, "danger")
    yard.notice(NOW + HOUR, detail="Still no such yard.")
    assert yard.settle(CAUSE, now=NOW + 2 * HOUR) == 1
    assert yard.settle(CAUSE, now=NOW + 3 * HOUR) == 0, "it is closed already"
    closed = yard.every()[CAUSE]
    assert (closed.times, closed.detail) == (2, "Still no such yard.")
    assert (closed.opened_at, closed.last_seen_at, closed.resolved_at) == (
        NOW, NOW + HOUR, NOW + 2 * HOUR,
    )  # fmt: skip
    assert closed.resolution == "It was so."
    again = yard.notice(NOW + 9 * HOUR)
    assert (again.id, again.times, again.openings) == (first.id, 1, 2)
    assert (again.first_seen_at, again.opened_at) == (NOW, NOW + 9 * HOUR)
    assert (again.resolved_at, again.resolution) == (None, None)


@pytest.mark.both_databases
def test_a_cause_that_ends_in_a_colon_stands_for_all_of_its_kind(yard: Yard) -> None:
    for cause in ("stock-sync:timeout", "stock-sync:internal_error", "stock-rows"):
        yard.notice(cause=cause)
    assert yard.settle("stock-sync:") == 2
    assert set(yard.open()) == {"stock-rows"}


def test_two_who_notice_causes_at_once_take_turns(yard: Yard) -> None:
    """Crosswise: each would wait for the row that the other has just made."""
    app, both = current_app._get_current_object(), Barrier(2)

    def notice(*causes: str) -> None:
        with app.app_context(), unit_of_work(yard.place.id) as db:
            both.wait()
            for cause in causes:
                book.observe(db, finding(cause=cause), NOW)

    threads = [Thread(target=notice, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {cause: one.times for cause, one in yard.every().items()} == {"a": 2, "b": 2}
    assert len(yard.mails()) == 4, "one for each cause and person who may act"


def test_nobody_writes_problems_of_all_dealerships(yard: Yard) -> None:
    yard.notice()
    with unit_of_work(ALL_DEALERSHIPS) as db, pytest.raises(RuntimeError):
        book.settle(db, [CAUSE], NOW, "no")
    assert CAUSE in yard.open()


def test_those_who_may_act_are_told_once_until_it_is_resolved(yard: Yard) -> None:
    yard.notice(affected=17, records=[record("Stock sync 12", "runs/12")])
    yard.notice(NOW + 7 * HOUR)
    put = yard.mails()
    assert [one.recipient for one in put] == ["admin@harbour.example", "operator@harbour.example"]
    with unit_of_work(ALL_DEALERSHIPS) as db:
        message = outbox.claim(db, NOW, ("mail",))
    assert message is not None
    mail = mails.compose(message, "https://forecourt.example")
    assert mail.subject == "Harbour Motors: EasyCars refused what the stock sync asked for"
    for words in ("No such yard.", "What to do: Check the yard code.", "Stock sync 12", "16 more"):
        assert words in mail.text
    assert "https://forecourt.example/d/harbour/alerts/" in mail.text
    yard.settle(CAUSE, now=NOW + 8 * HOUR)
    yard.notice(NOW + 9 * HOUR)
    assert len(yard.mails()) == 4


def test_what_comes_and_goes_within_hours_is_not_told_again(yard: Yard) -> None:
    yard.notice()
    yard.settle(CAUSE)
    yard.notice(NOW + 5 * HOUR)
    assert len(yard.mails()) == 2
    yard.notice(NOW + 6 * HOUR)
    assert len(yard.mails()) == 4, "it lasts: now it is told"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"told": ("admin",)}, 1),
        ({"told": ()}, 0),
        ({"danger_from": None}, 0),
        ({"danger_from": 2}, 0),
    ],
    ids=["only administrators can act", "it has its own mail", "never a danger", "not yet"],
)
def test_who_is_told(yard: Yard, values: dict[str, object], told: int) -> None:
    yard.notice(**values)
    assert len(yard.mails()) == told


def test_what_passes_by_itself_becomes_a_danger_the_second_time(yard: Yard) -> None:
    assert yard.notice(danger_from=2).severity == "warning"
    assert yard.notice(NOW + HOUR, danger_from=2).severity == "danger"
    assert len(yard.mails()) == 2


@pytest.mark.parametrize(
    ("span", "until"),
    [
        ("hour", NOW + HOUR),
        ("week", NOW + timedelta(days=7)),
        # 1:00 in UTC is noon in Sydney in March; tomorrow begins at 8 there.
        ("tomorrow", NOW.replace(hour=21, minute=0)),
    ],
)
def test_a_snooze_hides_it_until_its_time_is_over(yard: Yard, span: str, until: object) -> None:
    problem = yard.notice()
    with unit_of_work(yard.place.id) as db:
        put = snoozing.snooze(db, problem.id, span, zone=zone_of(yard.place), actor=PAT, now=NOW)
        assert put.snoozed_until == until
        assert listing.pressing(db, NOW) == []
        assert [one.id for one in listing.pressing(db, put.snoozed_until)] == [problem.id]
        assert listing.listed(db, "snoozed", NOW).counts == {
            "open": 0, "snoozed": 1, "resolved": 0,
        }  # fmt: skip
        snoozing.wake(db, problem.id, actor=PAT, now=NOW)
        assert [one.id for one in listing.pressing(db, NOW)] == [problem.id]


def test_what_is_resolved_or_awake_has_no_snooze_to_change(yard: Yard) -> None:
    problem = yard.notice()
    with unit_of_work(yard.place.id) as db, pytest.raises(NotPossible):
        snoozing.wake(db, problem.id, actor=PAT, now=NOW)
    with unit_of_work(yard.place.id) as db, pytest.raises(InputInvalid):
        _snooze(yard, db, problem, "for ever")
    yard.settle(CAUSE)
    with unit_of_work(yard.place.id) as db, pytest.raises(NotPossible):
        _snooze(yard, db, problem, "hour")


def _snooze(yard: Yard, db: object, problem: Problem, span: str) -> None:
    snoozing.snooze(db, problem.id, span, zone=zone_of(yard.place), actor=PAT, now=NOW)  # type: ignore[arg-type]


def test_the_worst_come_first_then_the_oldest(yard: Yard) -> None:
    for hours, cause, severity in (
        (0, "old", None), (1, "urgent", 1), (2, "urgent too", 1), (3, "young", None),
    ):  # fmt: skip
        yard.notice(NOW + hours * HOUR, cause=cause, danger_from=severity)
    with unit_of_work(yard.place.id) as db:
        found = listing.pressing(db, NOW + 4 * HOUR)
    assert [one.cause for one in found] == ["urgent", "urgent too", "old", "young"]
