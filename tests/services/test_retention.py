"""Clearing the history: what goes, what stays, in small transactions (row 188)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, inspect, select

from app.db import Base, db, reading, unit_of_work
from app.models import (
    Conflict,
    Dealership,
    ExternalLink,
    OutboxMessage,
    SyncItem,
    SyncPayload,
    SyncRun,
)
from app.services import dashboard, history_policy, retention, schedules
from app.services.errors import InputInvalid
from tests import factories, run_rows
from tests.factories import ACTOR

NOW = run_rows.START + timedelta(days=400)


@dataclass
class Clock:
    moment: datetime = NOW

    def now(self) -> datetime:
        return self.moment


@pytest.fixture
def place(any_database: str, context: None) -> Dealership:
    return factories.dealership()


def old(place: Dealership, status: str = "success", days: float = 100, **values: Any) -> SyncRun:
    return run_rows.run(place, status, created_at=NOW - timedelta(days=days), **values)


def left(place: Dealership) -> set[int]:
    with reading(place.id) as session:
        return set(session.scalars(select(SyncRun.id)))


def clear(clock: Clock | None = None, **limits: int) -> retention.Cleared:
    return retention.clear_due(clock or Clock(), **limits)


def test_old_runs_go_with_their_rows_and_nobody_elses(place: Dealership) -> None:
    other = factories.dealership()
    with unit_of_work(other.id) as session:
        history_policy.save(session, other.id, "365", ACTOR, NOW)
    theirs = old(other)
    gone = [old(place) for _ in range(3)]
    for run in gone:
        run_rows.item(run, "A100")
        run_rows.item(run, "A101")
    with unit_of_work(place.id) as session:
        session.add(SyncPayload(dealership_id=place.id, run_id=gone[0].id, part=1, body=b"x"))
    child = run_rows.run(place, created_at=NOW - timedelta(days=2), parent_id=gone[0].id)
    newest = run_rows.run(place, created_at=NOW - timedelta(days=1))
    run_rows.item(newest, "A100")
    assert clear().runs == 3
    assert left(place) == {child.id, newest.id}
    assert left(other) == {theirs.id}
    with reading(place.id) as session:
        assert session.scalar(select(func.count(SyncItem.id))) == 1
        assert session.scalar(select(func.count()).select_from(SyncPayload)) == 0
        assert session.get_one(SyncRun, child.id).parent_id is None
        keeping = history_policy.read(session, place.id)
    assert (keeping.removed, keeping.kept, keeping.cleared_at) == (3, 0, NOW)
    assert clear().runs == 0


def test_what_something_open_needs_stays(place: Dealership) -> None:
    link_values = {
        "dealership_id": place.id, "provider": "easycars", "stream": "stock",
        "environment": "Test", "entity": "vehicle", "entity_id": 1, "content_hash": b"0" * 16,
    }  # fmt: skip
    needed = {
        name: old(place, "warning")
        for name in ("conflict", "left out", "mail", "photos", "last good", "last")
    }
    settled, sent = old(place), old(place, stream="leads", direction="outbound")
    # The last good one and the last one of all are the newest of their kind.
    needed["last good"], needed["last"] = old(place), old(place, "failed")
    run_rows.item(needed["left out"], "N1", "hold", decision="kept")
    run_rows.item(settled, "N2", "hold", decision="kept", entity_id=5)
    with unit_of_work(place.id) as session:
        link = ExternalLink(**link_values, external_id="A1", photos_wanted=False)
        waits = ExternalLink(
            **link_values,
            external_id="A2",
            photos_wanted=True,
            changed_run_id=needed["photos"].id,
        )
        session.add_all([link, waits])
        session.flush()
        facts = {"dealership_id": place.id, "provider": "easycars", "stream": "stock"}
        common = facts | {"entity": "vehicle", "entity_id": 1, "link_id": link.id}
        session.add_all(
            [
                Conflict(**common, external_id="A1", field="colour", run_id=needed["conflict"].id),
                Conflict(
                    **common, external_id="A1", field="make", state="resolved",
                    resolution="local", run_id=settled.id,
                ),
                OutboxMessage(
                    dealership_id=place.id, kind="mail", key="k", recipient="a@example.com",
                    run_id=needed["mail"].id,
                ),
            ]
        )  # fmt: skip
    clear()
    assert left(place) == {run.id for run in needed.values()}
    assert {settled.id, sent.id} & left(place) == set()


def test_a_tick_stops_at_its_share_and_the_next_goes_on(
    place: Dealership, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(retention, "RUNS_AT_ONCE", 2)
    for _ in range(5):
        run_rows.item(old(place), "A100")
    newest = run_rows.run(place, created_at=NOW)
    clock = Clock()
    assert clear(clock, rows=3).runs == 2
    assert len(left(place)) == 4
    clear(clock, rows=1000)
    assert left(place) == {newest.id}
    with reading(place.id) as session:
        assert history_policy.read(session, place.id).removed == 5
    again, last = old(place), run_rows.run(place, created_at=NOW)
    clear(clock)
    assert again.id in left(place), "once a day"
    clock.moment += timedelta(days=1)
    clear(clock)
    assert left(place) == {newest.id, last.id}


def test_the_chart_of_thirty_days_loses_nothing(place: Dealership) -> None:
    with unit_of_work(place.id) as session:
        history_policy.save(session, place.id, "30", ACTOR, NOW)
    for hours in range(24 * 28, 24 * 33, 5):
        old(place, days=hours / 24)
    zone = schedules.zone_of(place)
    with reading(place.id) as session:
        before = dashboard.thirty_days(session, place.id, zone, NOW)
    assert clear().runs > 5
    with reading(place.id) as session:
        assert dashboard.thirty_days(session, place.id, zone, NOW) == before


@pytest.mark.parametrize("typed", ["", "29", "3651", "1e3", "-90", "٣٠", "90.5", "9" * 30])
def test_days_that_cannot_be(context: None, typed: str) -> None:
    place = factories.dealership()
    with pytest.raises(InputInvalid) as wrong, unit_of_work(place.id) as session:
        history_policy.save(session, place.id, typed, ACTOR, NOW)
    assert "30 to 3650" in wrong.value.fields["days"]


def test_whatever_points_at_a_run_is_found_by_an_index(any_database: str, context: None) -> None:
    """Else each deleted run would read that whole table."""
    found = inspect(db.engine)
    without = []
    for table in Base.metadata.tables.values():
        for key in table.foreign_keys:
            if key.column.table.name != "sync_run":
                continue
            name = key.parent.name
            first = [index["column_names"][0] for index in found.get_indexes(table.name)]
            first += found.get_pk_constraint(table.name)["constrained_columns"][:1]
            first += [one["column_names"][0] for one in found.get_unique_constraints(table.name)]
            if name not in first:
                without.append(f"{table.name}.{name}")
    assert without == []
