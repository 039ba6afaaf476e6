"""Trying again only the leads that failed, through the simulator (row 185)."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.jobs.sync import engine_ports
from app.models import SyncRun
from app.parts import parts
from app.services import manual_sync, run_retry
from app.services.errors import NotPossible
from app.services.run_retry import Retried
from app.services.sync import engine
from tests.factories import ACTOR
from tests.services.leads.rig import Desk

pytestmark = [pytest.mark.simulator, pytest.mark.usefixtures("any_database")]


def retry(desk: Desk, run_id: int) -> Retried:
    means = manual_sync.Means(parts().queue, desk.clock, hourly_limit=5)
    with unit_of_work(desk.place.id) as db:
        return run_retry.retry(db, run_id, actor=ACTOR, means=means)


def newest(desk: Desk) -> SyncRun:
    with reading(desk.place.id) as db:
        return db.scalars(select(SyncRun).order_by(SyncRun.id.desc()).limit(1)).one()


def test_only_the_lead_that_was_not_readable_is_read_again(desk: Desk) -> None:
    for name in ("Ann", "Ben"):
        desk.save(name=name, email=f"{name}@example.com", mobile=None)
    desk.send()
    desk.simulator.scenario("code-7", account=desk.account, endpoint="GetLeadDetail", count=1)
    first = desk.read()
    assert (first.failed, first.unchanged) == (1, 1)
    done = retry(desk, first.id)
    assert done.run_id is not None
    engine.execute(done.run_id, "a worker", engine_ports(parts()))
    again = newest(desk)
    assert (again.id, again.parent_id, again.trigger) == (done.run_id, first.id, "retry")
    assert (again.total, again.unchanged, again.failed) == (1, 1, 0)
    (failed,) = [item.external_id for item in desk.items(first) if item.action == "refuse"]
    assert again.scope == {"numbers": [failed]}
    with pytest.raises(NotPossible, match="No record failed"):
        retry(desk, again.id)


def test_leads_that_were_not_sent_are_sent_again_and_those_that_left_are_not(desk: Desk) -> None:
    desk.simulator.scenario("code-7", account=desk.account, endpoint="CreateLead", count=1)
    lead = desk.save()
    desk.send()
    first = newest(desk)
    assert (first.direction, first.failed) == ("outbound", 1)
    assert retry(desk, first.id) == Retried(None, 1)
    desk.send()
    assert (newest(desk).created, desk.get(lead).sync_state) == (1, "sent")
    with pytest.raises(NotPossible, match="at EasyCars by now"):
        retry(desk, first.id)
