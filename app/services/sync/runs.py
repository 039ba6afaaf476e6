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
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.models import EasyCarsCredential, SyncRun
from app.models.sync_runs import ACTIVE
from app.services.errors import (
    AlreadyRunning,
    LeaseLost,
    NotConfigured,
    NotFound,
    RunCancelled,
    TooMany,
)
from app.services.ports import Clock, JobQueue, QueueDown
from app.tenancy import ALL_DEALERSHIPS, SCOPE

LEASE_S = 20
BEAT_S = 5
SCHEDULED_SLOTS = 3
MANUAL_WINDOW = timedelta(hours=1)
SLOT_LOCK = 7_301_001


@dataclass(frozen=True, slots=True)
class Starter:
    """Who or what starts a run: `user_id` None for the clock and the command line."""

    label: str
    trigger: str
    user_id: int | None = None
    request_id: str | None = None


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


def open_run(  # noqa: PLR0913 - one keyword for each fact of the run
    db: Session,
    *,
    dealership_id: int,
    provider: str,
    stream: str,
    starter: Starter,
    queue: JobQueue,
    clock: Clock,
    mode: str = "sync",
    due_at: datetime | None = None,
    parent_id: int | None = None,
    hourly_limit: int | None = None,
) -> SyncRun:
    """Opens a run and enqueues it after the commit.

    `hourly_limit`: starts by persons and programs within an hour (row B-2b.16); None: no limit.
    Raises NotConfigured, TooMany, or AlreadyRunning with the id of the run that is active: the
    partial unique index decides, so two clicks at once start one run.
    """
    credential_id = _credential_id(db, dealership_id, provider)
    _refuse_second(db, dealership_id, provider, stream)
    if hourly_limit is not None:
        _check_manual_limit(db, dealership_id, provider, clock.now(), hourly_limit)
    run = SyncRun(
        dealership_id=dealership_id,
        provider=provider,
        stream=stream,
        mode=mode,
        trigger=starter.trigger,
        actor=starter.label,
        user_id=starter.user_id,
        request_id=starter.request_id or secrets.token_hex(8),
        credential_id=credential_id,
        due_at=due_at,
        parent_id=parent_id,
        created_at=clock.now(),
    )
    try:
        with db.begin_nested():
            db.add(run)
    except IntegrityError:
        _refuse_second(db, dealership_id, provider, stream)
        raise
    enqueue_later(db, run.id, 0, queue, clock)
    return run


def _credential_id(db: Session, dealership_id: int, provider: str) -> int | None:
    """The credential that the run will use; only EasyCars keeps them in this table so far."""
    if provider != "easycars":
        return None
    found = db.scalar(
        select(EasyCarsCredential.id).where(
            EasyCarsCredential.dealership_id == dealership_id, EasyCarsCredential.is_active
        )
    )
    if found is None:
        raise NotConfigured(
            "EasyCars is not connected yet. Enter the credentials under Settings, EasyCars."
        )
    return found


def _refuse_second(db: Session, dealership_id: int, provider: str, stream: str) -> None:
    active = active_run_id(db, dealership_id, provider, stream)
    if active is not None:
        raise AlreadyRunning("A sync is already running. You are looking at that one.", active)


def active_run_id(db: Session, dealership_id: int, provider: str, stream: str) -> int | None:
    return db.scalar(
        select(SyncRun.id).where(
            SyncRun.dealership_id == dealership_id,
            SyncRun.provider == provider,
            SyncRun.stream == stream,
            SyncRun.status.in_(ACTIVE),
        )
    )


def manual_starts(db: Session, dealership_id: int, provider: str, now: datetime) -> list[datetime]:
    """When persons and programs started runs within the last hour, oldest first."""
    return list(
        db.scalars(
            select(SyncRun.created_at)
            .where(
                SyncRun.dealership_id == dealership_id,
                SyncRun.provider == provider,
                SyncRun.user_id.is_not(None),
                SyncRun.trigger.in_(("person", "api", "retry")),
                SyncRun.created_at > now - MANUAL_WINDOW,
            )
            .order_by(SyncRun.created_at)
        )
    )


def _check_manual_limit(
    db: Session, dealership_id: int, provider: str, now: datetime, limit: int
) -> None:
    starts = manual_starts(db, dealership_id, provider, now)
    if len(starts) < limit:
        return
    free_at = starts[-limit] + MANUAL_WINDOW
    wait = max(1, round((free_at - now).total_seconds()))
    raise TooMany(
        f"{limit} syncs were started by hand within the last hour. The next one can start in "
        f"{max(1, round(wait / 60))} min; scheduled syncs go on as planned.",
        retry_after=wait,
    )


def enqueue_later(db: Session, run_id: int, attempt: int, queue: JobQueue, clock: Clock) -> None:
    """Notes the enqueueing and does it after the commit; a queue that is down is no error here,
    because the sweeper enqueues what was not claimed."""
    db.execute(
        update(SyncRun)
        .where(SyncRun.id == run_id)
        .values(enqueued_at=clock.now(), job_id=f"sync-{run_id}-{attempt}")
        .execution_options(synchronize_session=False)
    )

    def send() -> None:
        try:
            queue.sync(run_id, attempt)
        except QueueDown:
            return

    db.info["after_commit"].append(send)


def get(db: Session, run_id: int) -> SyncRun:
    """The run, within the session's dealership. Raises NotFound."""
    run = db.scalar(select(SyncRun).where(SyncRun.id == run_id))
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
