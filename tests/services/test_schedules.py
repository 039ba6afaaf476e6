"""Schedules: wall times in the dealership's zone, clock-change nights, one run per due time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from app.db import ALL_DEALERSHIPS, reading, unit_of_work
from app.models import Dealership, EasyCarsCredential, Schedule, SyncRun, SystemSetting
from app.parts import parts
from app.services import schedule_pause, schedules
from app.services.errors import InputInvalid
from app.services.sync import runs
from app.services.sync.sweep import sweep
from tests.factories import ACTOR, dealership
from tests.services.sync.memory import NoQueue

SYDNEY = ZoneInfo("Australia/Sydney")


class FrozenClock:
    def __init__(self, moment: str) -> None:
        self.moment = datetime.fromisoformat(moment).astimezone(UTC)

    def now(self) -> datetime:
        return self.moment

    def pass_by(self, **span: float) -> None:
        self.moment += timedelta(**span)


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        # Spring: 2 October clocks jump from 02:00 to 03:00 on Sunday 4 October 2026.
        (
            "0 2 * * *",
            "2026-10-03T12:00+10:00",
            ["2026-10-04T03:00+11:00", "2026-10-05T02:00+11:00"],
        ),
        (
            "30 2 * * *",
            "2026-10-03T12:00+10:00",
            ["2026-10-04T03:00+11:00", "2026-10-05T02:30+11:00"],
        ),
        # Autumn: 02:00 to 03:00 happens twice on Sunday 4 April 2027.
        (
            "0 2 * * *",
            "2027-04-03T12:00+11:00",
            ["2027-04-04T02:00+11:00", "2027-04-05T02:00+10:00"],
        ),
        (
            "0 * * * *",
            "2027-04-04T01:30+11:00",
            ["2027-04-04T02:00+11:00", "2027-04-04T02:00+10:00"],
        ),
    ],
    ids=[
        "spring, in the gap",
        "spring, in the middle of it",
        "autumn, once",
        "hourly stays hourly",
    ],
)
def test_clock_change_nights(cron: str, after: str, expected: list[str]) -> None:
    found = schedules.next_runs(cron, SYDNEY, datetime.fromisoformat(after), 2)
    assert found == [datetime.fromisoformat(moment).astimezone(UTC) for moment in expected]


@pytest.mark.parametrize("line", ["", "0 2 * *", "61 2 * * *", "a b c d e", "0 0 30 2 *"])
def test_unreadable_cron_is_refused_at_its_field(line: str) -> None:
    with pytest.raises(InputInvalid) as caught:
        schedules.check_cron(line)
    assert "cron" in caught.value.fields


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock("2026-11-21T01:59+11:00")


@pytest.fixture
def place(app: Flask) -> Dealership:
    with app.app_context():
        yield connected()


def connected(**values: object) -> Dealership:
    made = dealership(**values)
    with unit_of_work(made.id) as db:
        db.add(
            EasyCarsCredential(
                dealership_id=made.id,
                environment="Test",
                account_number_encrypted="x",
                account_secret_encrypted="x",
            )
        )
    return made


def tick(clock: FrozenClock, stream: str = "stock") -> list[int]:
    """The runs of a stream that this tick started."""
    with unit_of_work(ALL_DEALERSHIPS) as db:
        started = schedules.start_due(db, settings=parts().settings, queue=NoQueue(), clock=clock)
        return [run_id for run_id in started if db.get_one(SyncRun, run_id).stream == stream]


def count_runs() -> int:
    with reading(ALL_DEALERSHIPS) as db:
        return db.scalar(select(func.count(SyncRun.id)).where(SyncRun.stream == "stock"))


def test_every_connected_dealership_reads_its_leads_every_hour(
    place: Dealership, clock: FrozenClock
) -> None:
    """Leads have a schedule and a switch of their own; the stock's stays as it is."""
    assert tick(clock, "leads") == []
    with reading(place.id) as db:
        crons = {s.stream: (s.cron, s.enabled) for s in db.scalars(select(Schedule))}
    assert crons == {"stock": ("0 2 * * *", True), "leads": ("0 * * * *", True)}
    for _ in range(3):
        clock.pass_by(hours=1)
        assert len(tick(clock, "leads")) == 1
        end_all()
    with unit_of_work(place.id) as db:
        schedules.find(db, place.id, "easycars", "leads").enabled = False
    clock.pass_by(hours=24)
    assert tick(clock, "leads") == []


@pytest.mark.both_databases
def test_due_schedule_starts_one_run_however_often_the_clock_ticks(
    place: Dealership, clock: FrozenClock
) -> None:
    assert tick(clock) == []
    clock.pass_by(minutes=1)
    first = tick(clock)
    assert len(first) == 1
    assert tick(clock) == tick(clock) == []
    assert count_runs() == 1


def test_next_day_is_due_again_once_the_first_run_ended(
    place: Dealership, clock: FrozenClock
) -> None:
    tick(clock)
    clock.pass_by(minutes=1)
    tick(clock)
    end_all()
    clock.pass_by(days=1)
    assert len(tick(clock)) == 1


def end_all(*streams: str) -> None:
    which = SyncRun.stream.in_(streams or schedules.STREAMS)
    with unit_of_work(ALL_DEALERSHIPS) as db:
        db.execute(update(SyncRun).where(which).values(status="success"))


def test_a_week_of_outage_is_one_run(place: Dealership, clock: FrozenClock) -> None:
    tick(clock)
    clock.pass_by(days=7)
    assert len(tick(clock)) == 1
    end_all()
    assert tick(clock) == []


def test_paused_disabled_and_unconnected_dealerships_do_not_run(
    place: Dealership, clock: FrozenClock
) -> None:
    others = {name: connected() for name in ("paused", "disabled", "inactive")}
    unconnected = dealership()
    tick(clock)
    with unit_of_work(ALL_DEALERSHIPS) as db:
        stock = select(Schedule).where(Schedule.stream == "stock")
        of = {s.dealership_id: s for s in db.scalars(stock)}
        assert unconnected.id not in of
        schedules.pause(
            db, of[others["paused"].id], clock.now() + timedelta(hours=3), "stocktake", ACTOR, clock
        )
        of[others["disabled"].id].enabled = False
        db.execute(
            update(EasyCarsCredential)
            .where(EasyCarsCredential.dealership_id == others["inactive"].id)
            .values(is_active=False)
        )
    clock.pass_by(minutes=1)
    started = tick(clock)
    with reading(ALL_DEALERSHIPS) as db:
        assert [db.get(SyncRun, run_id).dealership_id for run_id in started] == [place.id]


def test_global_switch_stops_all(place: Dealership, clock: FrozenClock) -> None:
    tick(clock)
    with unit_of_work(ALL_DEALERSHIPS) as db:
        db.add(SystemSetting(key=schedules.AUTO_SYNC, value=False))
    clock.pass_by(minutes=1)
    assert tick(clock) == []


def test_at_most_three_scheduled_runs_at_work(place: Dealership, clock: FrozenClock) -> None:
    for _ in range(4):
        connected()
    tick(clock)
    clock.pass_by(minutes=1)
    started = tick(clock)
    assert len(started) == 5
    leases = [claim(run_id, clock) for run_id in started]
    assert [lease is not None for lease in leases] == [True, True, True, False, False]
    with unit_of_work(place.id) as db:
        runs.finish(db, leases[0], runs.Outcome("success", ""), clock.now())
    assert claim(started[4], clock)


def claim(run_id: int, clock: FrozenClock) -> runs.Lease | None:
    with unit_of_work(ALL_DEALERSHIPS) as db:
        return runs.claim(db, run_id, "worker", clock)


def test_sweeper_brings_back_what_redis_forgot_and_what_a_dead_worker_held(
    place: Dealership, clock: FrozenClock
) -> None:
    tick(clock)
    clock.pass_by(minutes=1)
    (run_id,) = tick(clock)
    end_all("leads")
    queue = NoQueue()
    assert swept(queue, clock) == []
    clock.pass_by(seconds=15)
    assert swept(queue, clock) == [run_id]
    assert claim(run_id, clock)
    clock.pass_by(seconds=15)
    assert swept(queue, clock) == []
    clock.pass_by(seconds=runs.LEASE_S)
    assert swept(queue, clock) == [run_id]
    assert swept(queue, clock) == []
    assert [sent[2] for sent in queue.sent] == [1, 2]


def swept(queue: NoQueue, clock: FrozenClock) -> list[int]:
    with unit_of_work(ALL_DEALERSHIPS) as db:
        return sweep(db, queue=queue, clock=clock)


@pytest.mark.parametrize(
    ("codes", "paused"),
    [
        (["AUTHENTICATION_FAIL"] * 5, True),
        (["AUTHENTICATION_FAIL"] * 4, False),
        (["AUTHENTICATION_FAIL"] * 4 + [None], False),
        (["provider_unavailable"] * 9, False),
    ],
    ids=["five refusals", "four refusals", "a success since", "EasyCars is down"],
)
def test_only_repeated_refusals_pause_the_schedule(
    place: Dealership, clock: FrozenClock, codes: list[str | None], paused: bool
) -> None:
    tick(clock)
    with unit_of_work(place.id) as db:
        for code in codes:
            db.add(ended_run(place, clock, code))
            db.flush()
        assert schedule_pause.after_refusals(db, place.id, clock.now()) is paused
    clock.pass_by(minutes=1)
    assert (tick(clock) == []) is paused
    with unit_of_work(place.id) as db:
        schedule_pause.end(db, place.id)
        assert db.scalar(select(Schedule.enabled))


def ended_run(place: Dealership, clock: FrozenClock, code: str | None) -> SyncRun:
    return SyncRun(
        dealership_id=place.id,
        provider="easycars",
        stream="stock",
        trigger="schedule",
        status="failed" if code else "success",
        error_code=code,
        started_at=clock.now(),
        completed_at=clock.now(),
    )
