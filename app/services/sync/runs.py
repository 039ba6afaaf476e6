"""The run's life: the only module that writes `sync_run.status` (design §3).

queued → running → success | warning | failed | cancelled | held. A worker holds a lease: owner,
token, expiry. Whoever finds the lease expired takes the run over and goes on; the token makes
the former owner's late writes fail instead of doubling rows.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, func, or_, select, text, update
from sqlalchemy.orm import Session

from app.models import SyncRun
from app.services.errors import (
    LeaseLost,
    NotFound,
    RunCancelled,
)
from app.services.ports import Clock
from app.tenancy import ALL_DEALERSHIPS, SCOPE

LEASE_S = 20
BEAT_S = 5
SCHEDULED_SLOTS = 3
SLOT_LOCK = 7_301_001


@dataclass(frozen=True, slots=True)
class Lease:
    run_id: int
    dealership_id: int
    token: str
    attempt: int


@dataclass(slots=True)
class Outcome:
    """How a run ends. `details` is for engineers only."""

    status: str
    message: str
    error_code: str | None = None
    details: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def get(db: Session, run_id: int, *, lock: bool = False) -> SyncRun:
    """The run, within the session's dealership; `lock`: who decides about it at the same moment
    waits until the transaction ends. Raises NotFound."""
    query = select(SyncRun).where(SyncRun.id == run_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    run = db.scalar(query)
    if run is None:
        raise NotFound("There is no such run.")
    return run


def claim(db: Session, run_id: int, owner: str, clock: Clock) -> Lease | None:
    """Takes the run, or takes it over when its lease expired; None: somebody else has it.

    Scheduled runs wait while SCHEDULED_SLOTS of them are at work (row 87); the sweeper brings
    them back.
    """
    assert_system(db)
    now = clock.now()
    run = db.execute(
        select(SyncRun.trigger, SyncRun.provider, SyncRun.status).where(SyncRun.id == run_id)
    ).one_or_none()
    if run is None or (run.status == "queued" and not _slot_free(db, run.trigger, run.provider)):
        return None
    token = secrets.token_hex(8)
    claimed = db.execute(
        update(SyncRun)
        .where(
            SyncRun.id == run_id,
            or_(
                SyncRun.status == "queued",
                (SyncRun.status == "running") & (SyncRun.lease_expires_at < now),
            ),
        )
        .values(
            status="running",
            phase="connecting",
            attempt=SyncRun.attempt + 1,
            lease_owner=owner[:100],
            lease_token=token,
            lease_expires_at=now + timedelta(seconds=LEASE_S),
            started_at=func.coalesce(SyncRun.started_at, now),
            version=SyncRun.version + 1,
        )
        .returning(SyncRun.dealership_id, SyncRun.attempt)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    return claimed and Lease(run_id, claimed.dealership_id, token, claimed.attempt)


def renew(db: Session, lease: Lease, now: datetime) -> Lease | None:
    """Takes the run over from oneself, to begin it again; None: it is not ours any more."""
    assert_system(db)
    token = secrets.token_hex(8)
    renewed = db.execute(
        update(SyncRun)
        .where(
            SyncRun.id == lease.run_id,
            SyncRun.lease_token == lease.token,
            SyncRun.status == "running",
        )
        .values(
            attempt=SyncRun.attempt + 1,
            lease_token=token,
            lease_expires_at=now + timedelta(seconds=LEASE_S),
            version=SyncRun.version + 1,
        )
        .returning(SyncRun.dealership_id, SyncRun.attempt)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    return renewed and Lease(lease.run_id, renewed.dealership_id, token, renewed.attempt)


def assert_system(db: Session) -> None:
    if db.info.get(SCOPE) != ALL_DEALERSHIPS:
        raise RuntimeError("runs are claimed in the system scope")


def _slot_free(db: Session, trigger: str, provider: str) -> bool:
    if trigger != "schedule":
        return True
    if db.get_bind().dialect.name == "postgresql":
        # Two claims at once would both count two; SQLite's writers already take turns.
        db.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SLOT_LOCK})
    at_work = db.scalar(
        select(func.count())
        .select_from(SyncRun)
        .where(
            SyncRun.status == "running",
            SyncRun.trigger == "schedule",
            SyncRun.provider == provider,
        )
    )
    return (at_work or 0) < SCHEDULED_SLOTS


def checkpoint(
    db: Session, lease: Lease, *, changes: Mapping[str, Any], adds: Mapping[str, int], now: datetime
) -> None:
    """Writes progress inside the caller's transaction, only while the lease is ours.

    Raises LeaseLost or RunCancelled, which roll the batch back: no row is written twice.
    """
    values: dict[str, Any] = {name: getattr(SyncRun, name) + n for name, n in adds.items() if n}
    values |= changes
    values["lease_expires_at"] = now + timedelta(seconds=LEASE_S)
    values["version"] = SyncRun.version + 1
    found = db.execute(
        update(SyncRun)
        .where(
            SyncRun.id == lease.run_id,
            SyncRun.lease_token == lease.token,
            SyncRun.status == "running",
        )
        .values(values)
        .returning(SyncRun.cancel_asked_at)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if found is None:
        raise LeaseLost("Another worker took this run over.", run_id=lease.run_id)
    if found.cancel_asked_at is not None:
        raise RunCancelled("The run was cancelled.", run_id=lease.run_id)


def finished(db: Session, run: SyncRun, status: str, message: str) -> SyncRun:
    """Stores a run that is over already: what was done is told, nothing is started."""
    run.status, run.phase, run.message = status, "done", message
    db.add(run)
    db.flush()
    return run


def finish(db: Session, lease: Lease, outcome: Outcome, now: datetime) -> bool:
    """Ends the run, if it is still ours; False when another worker has it."""
    result = db.execute(
        update(SyncRun)
        .where(
            SyncRun.id == lease.run_id,
            SyncRun.lease_token == lease.token,
            SyncRun.status == "running",
        )
        .values(
            status=outcome.status,
            phase="done",
            completed_at=now,
            message=outcome.message,
            error_code=outcome.error_code,
            error_details=outcome.details,
            lease_expires_at=None,
            version=SyncRun.version + 1,
            **outcome.extra,
        )
        .execution_options(synchronize_session=False)
    )
    return isinstance(result, CursorResult) and result.rowcount == 1


def cancel(db: Session, run: SyncRun, clock: Clock) -> None:
    """Ends a queued run at once; asks a running one to stop after its batch.

    Compare-and-set: a worker may claim the run between our look and our write.
    """
    now = clock.now()
    if not _cancel_queued(db, run.id, now):
        db.execute(
            update(SyncRun)
            .where(
                SyncRun.id == run.id,
                SyncRun.status == "running",
                SyncRun.cancel_asked_at.is_(None),
            )
            .values(cancel_asked_at=now, version=SyncRun.version + 1)
            .execution_options(synchronize_session=False)
        )
    db.refresh(run)


def _cancel_queued(db: Session, run_id: int, now: datetime) -> bool:
    found = db.execute(
        update(SyncRun)
        .where(SyncRun.id == run_id, SyncRun.status == "queued")
        .values(
            status="cancelled",
            phase="done",
            started_at=now,
            completed_at=now,
            message="Cancelled before it began. Nothing was changed.",
            version=SyncRun.version + 1,
        )
        .returning(SyncRun.id)
        .execution_options(synchronize_session=False)
    )
    return found.one_or_none() is not None
