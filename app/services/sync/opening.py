"""Opening a run: who may start one, how often, and that there is only one (design §3)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Text, cast, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.models import EasyCarsCredential, SyncRun
from app.models.sync_runs import ACTIVE
from app.services.errors import AlreadyRunning, NotConfigured, TooMany
from app.services.ports import Clock, JobQueue, QueueDown

MANUAL_WINDOW = timedelta(hours=1)
# In a run's scope: the id of the preview that it applies.
APPLIES: Final = "applies"
# In a lead run's scope: the numbers of the only leads that it reads.
NUMBERS: Final = "numbers"
# In a stock run's scope: the only records that it takes: a list of numbers, or {"failed_of": the
# run whose failed records they are}.
SOME: Final = "some"
# Beside SOME in a stock run's scope: it takes the differences of a reconciliation that name it.
ACCEPTS: Final = "accepts"
FETCHING: Final = ("sync", "preview", "reconcile")


@dataclass(frozen=True, slots=True)
class Starter:
    """Who or what starts a run: `user_id` None for the clock and the command line."""

    label: str
    trigger: str
    user_id: int | None = None
    request_id: str | None = None


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
    scope: Mapping[str, Any] | None = None,
    hourly_limit: int | None = None,
) -> SyncRun:
    """Opens a run and enqueues it after the commit.

    `scope` tells the engine more about the run, such as what it approves.
    `hourly_limit`: starts by persons and programs within an hour (row B-2b.16); None: no limit.
    Only a run that asks the provider needs credentials.
    Raises NotConfigured, TooMany, or AlreadyRunning with the id of the run that is active: the
    partial unique index decides, so two clicks at once start one run.
    """
    credential_id = _credential_id(db, dealership_id, provider)
    if credential_id is None and provider == "easycars" and is_asking(mode, scope or {}):
        raise NotConfigured(
            "EasyCars is not connected yet. Enter the credentials under Settings, EasyCars."
        )
    _refuse_second(db, dealership_id, provider, stream)
    if hourly_limit is not None:
        _check_manual_limit(db, dealership_id, provider, stream, clock.now(), hourly_limit)
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
        scope=dict(scope or {}),
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


def is_asking(mode: str, scope: Mapping[str, Any]) -> bool:
    """Whether a run of this mode and scope speaks with the provider."""
    return mode in FETCHING and APPLIES not in scope


def took_all() -> ColumnElement[bool]:
    """Runs that looked at the whole feed, not at some records of it."""
    return ~cast(SyncRun.scope, Text).contains(f'"{SOME}":', autoescape=True)


def _credential_id(db: Session, dealership_id: int, provider: str) -> int | None:
    """The dealership's credential; only EasyCars keeps them in this table so far."""
    if provider != "easycars":
        return None
    return db.scalar(
        select(EasyCarsCredential.id).where(
            EasyCarsCredential.dealership_id == dealership_id, EasyCarsCredential.is_active
        )
    )


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


def manual_starts(
    db: Session, dealership_id: int, provider: str, stream: str, now: datetime
) -> list[datetime]:
    """When persons and programs started runs of a stream within the last hour, oldest first.

    Reading single leads by number is one call each and does not count.
    """
    rows = db.execute(
        select(SyncRun.created_at, SyncRun.scope)
        .where(
            SyncRun.dealership_id == dealership_id,
            SyncRun.provider == provider,
            SyncRun.stream == stream,
            SyncRun.mode.in_(FETCHING),
            SyncRun.user_id.is_not(None),
            SyncRun.trigger.in_(("person", "api", "retry")),
            or_(SyncRun.parent_id.is_(None), SyncRun.trigger == "retry"),
            SyncRun.created_at > now - MANUAL_WINDOW,
        )
        .order_by(SyncRun.created_at)
    )
    return [row.created_at for row in rows if NUMBERS not in row.scope]


def _check_manual_limit(
    db: Session, dealership_id: int, provider: str, stream: str, now: datetime, limit: int
) -> None:
    starts = manual_starts(db, dealership_id, provider, stream, now)
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
