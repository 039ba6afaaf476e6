"""Clearing the history: runs that are too old go, with all that they tell (row 188).

Once a day for each dealership, in small transactions, so that a sync never waits for it; a
clearing that was stopped goes on where it stood. What something open still needs is kept, however
old: `needed` lists it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import CursorResult, Select, delete, or_, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.db import ALL_DEALERSHIPS, is_collision, reading, unit_of_work
from app.models import (
    Conflict,
    Dealership,
    Difference,
    ExternalLink,
    GoLiveStep,
    HistoryPolicy,
    OutboxMessage,
    Problem,
    StreamState,
    SyncItem,
    SyncRun,
)
from app.models.sync_runs import ACTIVE
from app.services import history_policy, schedules
from app.services.ports import Clock
from app.services.run_words import KINDS
from app.services.sync import opening
from app.services.sync.approval import DID_NOT_LOOK, KEPT

RUNS_AT_ONCE: Final = 100
ROWS_AT_ONCE: Final = 1000
ROWS_IN_A_TICK: Final = 10_000
DEALERSHIPS_IN_A_TICK: Final = 50
PAUSE: Final = timedelta(hours=23)
UNLOADED: Final[dict[str, Any]] = {"execution_options": {"synchronize_session": False}}


@dataclass(slots=True)
class Cleared:
    """What one tick removed."""

    runs: int = 0
    rows: int = 0


def clear_due(clock: Clock, rows: int = ROWS_IN_A_TICK) -> Cleared:
    """Clears dealerships whose turn it is, about `rows` rows in all. Owns its transactions."""
    done = Cleared()
    for dealership_id in _due(clock.now()):
        if done.rows >= rows:
            break
        _clear(dealership_id, clock.now(), rows, done)
    return done


def _due(now: datetime) -> Sequence[int]:
    """Those that were never cleared first, then those that wait for longest."""
    with reading(ALL_DEALERSHIPS) as db:
        return db.scalars(
            select(Dealership.id)
            .outerjoin(HistoryPolicy, HistoryPolicy.dealership_id == Dealership.id)
            .where(or_(HistoryPolicy.cleared_at.is_(None), HistoryPolicy.cleared_at < now - PAUSE))
            .order_by(HistoryPolicy.cleared_at.is_not(None), HistoryPolicy.cleared_at)
            .limit(DEALERSHIPS_IN_A_TICK)
        ).all()


def _clear(dealership_id: int, now: datetime, rows: int, done: Cleared) -> None:
    with reading(dealership_id) as db:
        kept = needed(db)
    is_going_on = True
    try:
        while is_going_on and done.rows < rows:
            with unit_of_work(dealership_id) as db:
                is_going_on = _turn(db, dealership_id, now, kept, done)
    except DBAPIError as fault:
        # A sync had the same rows: nothing of this turn happened, and the next tick goes on.
        if not is_collision(fault):
            raise


def cutoff(place: Dealership, days: int, now: datetime) -> datetime:
    """Runs that ended before this moment are too old: whole days of the dealership's calendar, so
    that a day of the chart is there as a whole or not at all."""
    zone = schedules.zone_of(place)
    day = now.astimezone(zone).date() - timedelta(days=days)
    return datetime.combine(day, time.min, zone)


def _turn(
    db: Session, dealership_id: int, now: datetime, kept: frozenset[int], done: Cleared
) -> bool:
    """One transaction: some rows of runs, or the runs; False when nothing is left to look at."""
    policy = history_policy.locked(db, dealership_id)
    if policy.cleared_to == 0:
        policy.removed = policy.kept = 0
    before = cutoff(db.get_one(Dealership, dealership_id), policy.days, now)
    old = _next(db, before, policy.cleared_to)
    if not old:
        policy.cleared_to, policy.cleared_at = 0, now
        return False
    gone = [run_id for run_id in old if run_id not in kept]
    if not _drop_rows(db, gone, done):
        policy.cleared_to = old[-1]
        policy.removed += _drop_runs(db, gone, done)
        policy.kept += len(old) - len(gone)
    return True


def _next(db: Session, before: datetime, after_id: int) -> Sequence[int]:
    return db.scalars(
        select(SyncRun.id)
        .where(SyncRun.id > after_id, SyncRun.created_at < before, SyncRun.completed_at < before)
        .order_by(SyncRun.id)
        .limit(RUNS_AT_ONCE)
    ).all()


def _drop_rows(db: Session, run_ids: Sequence[int], done: Cleared) -> int:
    """A run may tell of 20,000 records: they go part by part, the run itself last."""
    some = select(SyncItem.id).where(SyncItem.run_id.in_(run_ids)).limit(ROWS_AT_ONCE)
    gone = _count(db.execute(delete(SyncItem).where(SyncItem.id.in_(some)), **UNLOADED))
    done.rows += gone
    return gone


def _drop_runs(db: Session, run_ids: Sequence[int], done: Cleared) -> int:
    """What else hangs on a run goes by the database's own rules; what points at it forgets it."""
    gone = _count(db.execute(delete(SyncRun).where(SyncRun.id.in_(run_ids)), **UNLOADED))
    done.runs += gone
    done.rows += gone
    return gone


def _count(result: Any) -> int:
    return result.rowcount if isinstance(result, CursorResult) else 0


def needed(db: Session) -> frozenset[int]:
    """Runs of the session's dealership that something still needs, however old they are."""
    found: set[int] = set()
    for query in _NEEDED:
        found.update(number for number in db.scalars(query) if number is not None)
    return frozenset(found)


def _newest(stream: str, *conditions: Any) -> Select[Any]:
    found = select(SyncRun.id).where(
        SyncRun.stream == stream,
        SyncRun.direction == "inbound",
        SyncRun.mode == "sync",
        *conditions,
    )
    return found.order_by(SyncRun.id.desc()).limit(1)


_NEEDED: Final[tuple[Select[Any], ...]] = (
    select(SyncRun.id).where(SyncRun.status.in_(ACTIVE)),
    # The last word on each stream, and the last sync that saw all of it: what is held is asked
    # from there, and without it the next sync would count as the first.
    *map(_newest, KINDS),
    *(_newest(stream, SyncRun.status.not_in(DID_NOT_LOOK), opening.took_all()) for stream in KINDS),
    select(StreamState.last_run_id),
    select(SyncItem.run_id).where(SyncItem.decision == KEPT, SyncItem.entity_id.is_(None)),
    select(Conflict.run_id).where(Conflict.state == "open"),
    select(Difference.run_id).where(Difference.status != "resolved"),
    select(Problem.run_id).where(Problem.resolved_at.is_(None)),
    select(OutboxMessage.run_id).where(OutboxMessage.state == "waiting"),
    select(ExternalLink.changed_run_id).where(ExternalLink.photos_wanted),
    select(GoLiveStep.run_id),
)
