"""Who works on a run's photos: one worker per dealership at a time, taken over when it dies.

`photos_state`: none → queued → running → done | failed. The moment of the last beat is the lease
itself: every commit moves it on only from the value that this worker wrote, so whoever lost it
writes nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, and_, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from app.models import Dealership, Photo, SyncRun
from app.services.errors import LeaseLost
from app.services.ports import Clock
from app.tenancy import ALL_DEALERSHIPS, SCOPE

LEASE = timedelta(seconds=30)
MAX_ATTEMPTS = 5
# Attempts name the queue's jobs, so they never start again at 0: a new order by hand begins a
# new series.
SERIES = 100
OPEN = ("queued", "running")


@dataclass
class PhotoLease:
    """The right to work; `beaten_at` moves with each commit."""

    run_id: int
    dealership_id: int
    provider: str
    beaten_at: datetime
    attempt: int


def claim(db: Session, run_id: int, clock: Clock) -> PhotoLease | None:
    """Takes the photos of a run. None: nothing to take, or somebody of this dealership has it.

    After five attempts that ended without a word the photos are given up as failed.
    """
    if db.info.get(SCOPE) != ALL_DEALERSHIPS:
        raise RuntimeError("photos are claimed in the system scope")
    run = db.scalar(select(SyncRun).where(SyncRun.id == run_id))
    if run is None or run.photos_state not in OPEN:
        return None
    _take_turns(db, run.dealership_id)
    now = clock.now()
    if _somebody_else(db, run, now):
        return None
    gave_up = run.photos_attempt % SERIES >= MAX_ATTEMPTS
    taken = _set(
        db,
        run.id,
        or_(SyncRun.photos_state == "queued", _alone(now)),
        photos_state="failed" if gave_up else "running",
        photos_lease_at=None if gave_up else now,
        photos_attempt=SyncRun.photos_attempt + 1,
    )
    if not taken or gave_up:
        return None
    return PhotoLease(run.id, run.dealership_id, run.provider, now, run.photos_attempt + 1)


def beat(db: Session, lease: PhotoLease, now: datetime, **changes: Any) -> None:
    """Keeps the lease and writes counters, in the caller's transaction. Raises LeaseLost."""
    if not _set(db, lease.run_id, _ours(lease), photos_lease_at=now, **changes):
        raise LeaseLost("Another worker took the photos over.", run_id=lease.run_id)
    lease.beaten_at = now


def finish(db: Session, lease: PhotoLease, state: str, **changes: Any) -> None:
    """Ends the photo part as done or failed. Raises LeaseLost."""
    ended = _set(
        db, lease.run_id, _ours(lease), photos_state=state, photos_lease_at=None, **changes
    )
    if not ended:
        raise LeaseLost("Another worker took the photos over.", run_id=lease.run_id)


def unattended(db: Session, clock: Clock) -> list[tuple[int, int]]:
    """(run id, attempt) whose photos wait or whose worker died; for the sweeper to enqueue."""
    rows = db.execute(
        select(SyncRun.id, SyncRun.photos_attempt)
        .where(SyncRun.photos_state.in_(OPEN), _alone(clock.now()))
        .order_by(SyncRun.id)
    )
    return [(row.id, row.photos_attempt) for row in rows]


def next_waiting(db: Session, dealership_id: int) -> int | None:
    """The dealership's next run whose photos wait for their turn."""
    return db.scalar(
        select(SyncRun.id)
        .where(SyncRun.dealership_id == dealership_id, SyncRun.photos_state == "queued")
        .order_by(SyncRun.id)
        .limit(1)
    )


def next_series(attempt: int) -> int:
    """The first attempt of a new order by hand."""
    return (attempt // SERIES + 1) * SERIES


def totals(db: Session, dealership_id: int, photos_new: int, now: datetime) -> dict[str, int]:
    """Counters at the start of work: kept, failed (and not yet due again), total.

    `photos_new` of the run is exact at any time, so a takeover arrives at the same numbers.
    """
    counts: dict[str, int] = {
        row.state: row.n
        for row in db.execute(
            select(Photo.state, func.count().label("n"))
            .where(Photo.dealership_id == dealership_id)
            .group_by(Photo.state)
        )
    }
    due = db.scalar(select(func.count(Photo.id)).where(is_due(dealership_id, now)))
    waiting = due or 0
    stored = counts.get("stored", 0)
    total = sum(counts.values())
    return {
        "photos_kept": max(0, stored - photos_new),
        "photos_failed": total - stored - waiting,
        "photos_total": total,
    }


def is_due(dealership_id: int, now: datetime) -> Any:
    """The condition "shall be fetched now": wanted, or failed and its pause is over."""
    return and_(
        Photo.dealership_id == dealership_id,
        Photo.state.in_(("wanted", "failed")),
        or_(Photo.next_try_at.is_(None), Photo.next_try_at <= now),
    )


def _take_turns(db: Session, dealership_id: int) -> None:
    """Two claims at once would both find nobody at work; SQLite's writers queue up anyway."""
    db.execute(select(Dealership.id).where(Dealership.id == dealership_id).with_for_update())


def _somebody_else(db: Session, run: SyncRun, now: datetime) -> bool:
    other = aliased(SyncRun)
    return (
        db.scalar(
            select(other.id)
            .where(
                other.dealership_id == run.dealership_id,
                other.id != run.id,
                other.photos_state == "running",
                other.photos_lease_at >= now - LEASE,
            )
            .limit(1)
        )
        is not None
    )


def _alone(now: datetime) -> Any:
    """Nobody works on it: never begun, or the last beat is too long ago."""
    return or_(SyncRun.photos_lease_at.is_(None), SyncRun.photos_lease_at < now - LEASE)


def _ours(lease: PhotoLease) -> Any:
    return and_(SyncRun.photos_state == "running", SyncRun.photos_lease_at == lease.beaten_at)


def _set(db: Session, run_id: int, condition: Any, **values: Any) -> bool:
    """Compare-and-set on the run's row; every change moves its version, so that pages see it."""
    result = db.execute(
        update(SyncRun)
        .where(SyncRun.id == run_id, condition)
        .values(version=SyncRun.version + 1, **values)
        .execution_options(synchronize_session=False)
    )
    return isinstance(result, CursorResult) and result.rowcount == 1
