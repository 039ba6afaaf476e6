"""EasyCars is away for an hour: no lead is lost, nobody sees an error, all goes out in order."""

from __future__ import annotations

from itertools import pairwise

import pytest

from app.models import OutboxMessage
from tests.services.leads.rig import Desk

pytestmark = [pytest.mark.simulator, pytest.mark.usefixtures("any_database")]
HOUR_S = 3600
STEP_S = 3
DOWN = ("http-500", "connection-reset")


@pytest.mark.parametrize("down", DOWN)
def test_an_hour_without_easycars(desk: Desk, down: str) -> None:
    desk.simulator.scenario(down, account=desk.account)
    leads = [desk.save(email=f"p{n}@example.com", mobile=None) for n in range(3)]
    tries = [at for at in range(0, HOUR_S, STEP_S) if tried(desk)]
    assert desk.there() == []
    pauses = [after - before for before, after in pairwise(tries)]
    assert pauses[0] < pauses[2]
    assert max(pauses) <= 60 + STEP_S
    assert {desk.get(lead).sync_state for lead in leads} == {"waiting"}
    assert all(desk.get(lead).sync_reason for lead in leads[:1])

    leads.append(desk.save(email="late@example.com", mobile=None))
    desk.simulator.normal()
    waited = 0
    while desk.waits() and waited < 120:
        desk.clock.pass_(STEP_S)
        waited += STEP_S
        desk.send()
    assert waited <= 60 + STEP_S
    assert [row["ExternalID"] for row in desk.there()] == [lead.external_ref for lead in leads]
    assert {desk.get(lead).sync_state for lead in leads} == {"sent"}


def tried(desk: Desk) -> bool:
    """One look of the clock, and whether a call was made of it."""
    before = attempts(desk)
    desk.send()
    desk.clock.pass_(STEP_S)
    return attempts(desk) > before


def attempts(desk: Desk) -> int:
    return sum(row.attempts for row in desk.rows(OutboxMessage) if row.kind == "lead")
