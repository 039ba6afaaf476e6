"""Starting a sync by hand: from the page, over JSON, from the command line (rows 95, 299, 316)."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import SyncRun
from app.services import audit, previews
from app.services.audit import Actor
from app.services.ports import Clock, JobQueue
from app.services.sync import approval, opening, runs
from app.services.sync.opening import MANUAL_WINDOW, Starter

PROVIDER: Final = "easycars"
RUNS_FOR_USUAL: Final = 3
RUNS_LOOKED_AT: Final = 10
FIRST_ESTIMATE_S: Final = 60
AUDITED: Final = {"preview": "sync.preview", "reconcile": "reconciliation.start"}


@dataclass(frozen=True)
class Allowance:
    """Starts by hand within the hour. `next_at`: when one more becomes free, None: all are."""

    limit: int
    left: int
    next_at: datetime | None


@dataclass(frozen=True)
class Means:
    """What a start needs from outside; `hourly_limit` None: the command line is not counted."""

    queue: JobQueue
    clock: Clock
    hourly_limit: int | None


def start(  # noqa: PLR0913 - one keyword for each fact of the run
    db: Session,
    *,
    dealership_id: int,
    stream: str,
    actor: Actor,
    trigger: str,
    means: Means,
    parent_id: int | None = None,
    mode: str = "sync",
    scope: Mapping[str, Any] | None = None,
) -> SyncRun:
    """Opens a run in the caller's transaction and audits who asked for it.

    `mode` "preview" only looks: the run tells what a sync would do and changes nothing;
    "reconcile" keeps what differs as differences.
    `scope` with opening.NUMBERS reads only these leads; the hourly limit does not count then.
    Raises NotConfigured, AlreadyRunning, TooMany as `opening.open_run` does.
    """
    run = opening.open_run(
        db,
        dealership_id=dealership_id,
        provider=PROVIDER,
        stream=stream,
        starter=Starter(actor.label, trigger, actor.user_id, actor.request_id),
        queue=means.queue,
        clock=means.clock,
        hourly_limit=None if opening.NUMBERS in (scope or {}) else means.hourly_limit,
        parent_id=parent_id,
        mode=mode,
        scope=scope,
    )
    db.flush()
    _audit(db, actor, AUDITED.get(mode, "sync.start"), run, scope)
    return run


def apply(
    db: Session, preview_id: int, *, actor: Actor, means: Means, trigger: str = "person"
) -> SyncRun:
    """Writes what a preview showed: opens the sync that reads its answer instead of EasyCars'.

    Rows that changed since are left as they are and told. Raises NotFound, NotAllowed (no
    preview, not ended well, older than 30 minutes, applied already, another connection since)
    and AlreadyRunning. The hourly limit does not count: the preview did.
    """
    preview = runs.get(db, preview_id, lock=True)
    found = previews.open_one(db, preview, means.clock.now())
    run = opening.open_run(
        db,
        dealership_id=preview.dealership_id,
        provider=preview.provider,
        stream=preview.stream,
        starter=Starter(actor.label, trigger, actor.user_id, actor.request_id),
        queue=means.queue,
        clock=means.clock,
        parent_id=preview_id,
        scope={opening.APPLIES: preview_id},
    )
    details = {"preview": preview_id, "changes": found.changes}
    _audit(db, actor, "sync.apply", run, details)
    return run


def remap(
    db: Session,
    dealership_id: int,
    *,
    actor: Actor,
    means: Means,
    stream: str = "stock",
    trigger: str = "person",
) -> SyncRun:
    """Reads all stored records again with the rules of now; asks EasyCars nothing (C10).

    Raises AlreadyRunning. Needs no credentials, and the hourly limit does not count.
    """
    run = opening.open_run(
        db,
        dealership_id=dealership_id,
        provider=PROVIDER,
        stream=stream,
        starter=Starter(actor.label, trigger, actor.user_id, actor.request_id),
        queue=means.queue,
        clock=means.clock,
        mode="remap",
    )
    _audit(db, actor, "sync.remap", run)
    return run


def discard(db: Session, preview_id: int, *, actor: Actor, clock: Clock) -> bool:
    """Puts a preview away; whether it was still open. Raises NotFound, NotAllowed."""
    preview = runs.get(db, preview_id, lock=True)
    was_open = previews.discard(db, preview, actor.label, clock.now())
    if was_open:
        _audit(db, actor, "sync.discard", preview)
    return was_open


def approve(
    db: Session, run_id: int, *, actor: Actor, means: Means, only: Set[int] | None = None
) -> SyncRun:
    """Lets through what a run held: opens the sync that does it, and audits who approved what.

    `only`: ids of the chosen rows, None: all of them.
    Raises NotFound, NotAllowed (nothing held, too old, approved already) and AlreadyRunning. The
    hourly limit does not count: a decision must not wait.
    """
    held_run = runs.get(db, run_id, lock=True)
    held = approval.held_by(db, held_run, means.clock.now(), only)
    approval.mark(db, held_run, actor.label, means.clock.now(), only)
    run = opening.open_run(
        db,
        dealership_id=held_run.dealership_id,
        provider=held_run.provider,
        stream=held_run.stream,
        starter=Starter(actor.label, "person", actor.user_id, actor.request_id),
        queue=means.queue,
        clock=means.clock,
        parent_id=run_id,
        scope={approval.APPROVES: run_id},
    )
    details = {"heldBy": run_id, "removals": held.removals, "values": held.values, "new": held.new}
    audit.record(
        db, actor, "sync.approve", f"{run.stream} run {run.id}", details,
        dealership_id=held_run.dealership_id,
    )  # fmt: skip
    return run


def cancel(db: Session, run_id: int, actor: Actor, clock: Clock) -> SyncRun:
    """Asks the run to stop (C12); a run that ended already stays as it is. Raises NotFound."""
    run = runs.get(db, run_id)
    if run.is_active and run.cancel_asked_at is None:
        runs.cancel(db, run, clock)
        _audit(db, actor, "sync.cancel", run)
    return run


def _audit(
    db: Session, actor: Actor, action: str, run: SyncRun, more: Mapping[str, Any] | None = None
) -> None:
    details = {"runId": run.id, "kind": run.stream, "trigger": run.trigger, **(more or {})}
    audit.record(
        db, actor, action, f"{run.stream} run {run.id}", details, dealership_id=run.dealership_id
    )


def allowance(db: Session, dealership_id: int, stream: str, now: datetime, limit: int) -> Allowance:
    """How many starts of a stream by hand are left: "2 of 5 left this hour, next at 14:20"."""
    starts = opening.manual_starts(db, dealership_id, PROVIDER, stream, now)
    next_at = starts[-limit if len(starts) >= limit else 0] + MANUAL_WINDOW if starts else None
    return Allowance(limit, max(0, limit - len(starts)), next_at)


def usual_seconds(db: Session, dealership_id: int, stream: str) -> float | None:
    """The median of the last good runs, None when there are too few to call it usual."""
    took = _durations(db, dealership_id, stream)
    return median(took) if len(took) >= RUNS_FOR_USUAL else None


def estimate_seconds(db: Session, dealership_id: int, stream: str) -> int:
    """What POST sync/stock promises: the median of the last runs, a minute before the first."""
    took = _durations(db, dealership_id, stream)
    return max(1, round(median(took))) if took else FIRST_ESTIMATE_S


def _durations(db: Session, dealership_id: int, stream: str) -> list[float]:
    rows = db.execute(
        select(SyncRun.started_at, SyncRun.completed_at, SyncRun.scope)
        .where(
            SyncRun.dealership_id == dealership_id,
            SyncRun.stream == stream,
            SyncRun.direction == "inbound",
            SyncRun.mode == "sync",
            SyncRun.status.in_(("success", "warning")),
        )
        .order_by(SyncRun.id.desc())
        .limit(RUNS_LOOKED_AT)
    )
    return [
        (ended - began).total_seconds()
        for began, ended, scope in rows
        if began and ended and not {opening.NUMBERS, opening.SOME} & scope.keys()
    ]
