"""EasyCars is away for an hour: no lead is lost, nobody sees an error, all goes out in order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest

from app.models import OutboxMessage, Problem
from app.services.leads.delivery import REFUSED_S
from tests.services.leads.rig import Desk

pytestmark = [pytest.mark.simulator, pytest.mark.usefixtures("any_database")]
HOUR_S = 3600
MINUTE_S = 60
# How often the scheduler process wakes lanes that are due.
STEP_S = 5
DOWN = ("http-500", "connection-reset")


@pytest.mark.parametrize("down", DOWN)
def test_an_hour_without_easycars(desk: Desk, down: str) -> None:
    desk.simulator.scenario(down, account=desk.account)
    leads = [desk.save(email=f"p{n}@example.com", mobile=None) for n in range(3)]
    tries = list(until_an_hour_has_passed(desk))
    assert desk.there() == []
    pauses = [after - before for before, after in pairwise(tries)]
    assert pauses[0] < pauses[2]
    assert max(pauses) < MINUTE_S
    assert len(tries) > HOUR_S / MINUTE_S
    assert {desk.get(lead).sync_state for lead in leads} == {"waiting"}
    assert all(desk.get(lead).sync_reason for lead in leads[:1])

    leads.append(desk.save(email="late@example.com", mobile=None))
    one_more_in_vain(desk)
    desk.simulator.normal()
    assert sent_within(desk, 120) < MINUTE_S
    assert [row["ExternalID"] for row in desk.there()] == [lead.external_ref for lead in leads]
    assert {desk.get(lead).sync_state for lead in leads} == {"sent"}


def one_more_in_vain(desk: Desk) -> None:
    """The worst moment to come back is right behind a try that failed."""
    before = attempts(desk)
    desk.send()
    assert attempts(desk) > before


def sent_within(desk: Desk, patience_s: int) -> int:
    """Seconds until nothing waits any more, looking as often as the clock's workers do."""
    for waited in range(STEP_S, patience_s, STEP_S):
        desk.clock.pass_(STEP_S)
        desk.send()
        if not desk.waits():
            return waited
    raise AssertionError(f"something still waits after {patience_s} s")


def until_an_hour_has_passed(desk: Desk) -> Iterator[float]:
    """Sends whenever the lane is due, as the clock does every few seconds; yields each moment."""
    while desk.clock.monotonic() < HOUR_S:
        before = attempts(desk)
        desk.send()
        assert attempts(desk) > before
        yield desk.clock.monotonic()
        desk.clock.pass_(max(STEP_S, until_due(desk)))


def until_due(desk: Desk) -> float:
    """Seconds until the first message of the lane is tried again."""
    first = min((row for row in desk.rows(OutboxMessage) if row.kind == "lead"), key=by_id)
    return (first.next_try_at - desk.clock.now()).total_seconds()


def by_id(row: OutboxMessage) -> int:
    return row.id


def attempts(desk: Desk) -> int:
    return sum(row.attempts for row in desk.rows(OutboxMessage) if row.kind == "lead")


def test_refused_credentials_are_one_problem_until_both_ways_are_open_again(desk: Desk) -> None:
    desk.save()
    desk.send()
    desk.simulator.scenario("refused-account", account=desk.account)
    desk.save(email="late@example.com", mobile=None)
    desk.send()
    desk.clock.pass_(HOUR_S)
    desk.read()
    [problem] = desk.rows(Problem)
    assert (problem.cause, problem.times) == ("easycars-refused", 2)
    assert {one["of"] for one in problem.records} == {"lead deliveries", "lead sync"}
    desk.simulator.normal()
    desk.clock.pass_(REFUSED_S + 1)
    desk.send()
    [problem] = desk.rows(Problem)
    assert [one["of"] for one in problem.records] == ["lead sync"]
    assert problem.is_open
    desk.read()
    assert [one.is_open for one in desk.rows(Problem)] == [False]
