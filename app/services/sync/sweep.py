"""Brings back what a lost queue or a killed worker left behind (design §3).

Runs every few seconds in the scheduler process. It only enqueues: the claim decides who works,
so that any number of sweepers may run.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.log import get_logger
from app.models import SyncRun
from app.services.ports import Clock, JobQueue
from app.services.sync.opening import enqueue_later

log = get_logger(__name__)
CLAIM_WITHIN = timedelta(seconds=10)
AT_ONCE = 200


def sweep(db: Session, *, queue: JobQueue, clock: Clock) -> list[int]:
    """Enqueues again queued runs that no job carries, and running ones whose lease expired."""
    now = clock.now()
    lost = db.scalars(
        select(SyncRun)
        .where(
            or_(
                SyncRun.status == "queued",
                (SyncRun.status == "running") & (SyncRun.lease_expires_at < now),
            ),
            or_(SyncRun.enqueued_at.is_(None), SyncRun.enqueued_at < now - CLAIM_WITHIN),
        )
        .order_by(SyncRun.id)
        .limit(AT_ONCE)
    ).all()
    waiting = queue.waiting([run.job_id for run in lost if run.job_id])
    brought_back = [run for run in lost if run.job_id not in waiting]
    for run in brought_back:
        _enqueue_again(db, run, queue, clock)
    return [run.id for run in brought_back]


def _enqueue_again(db: Session, run: SyncRun, queue: JobQueue, clock: Clock) -> None:
    number = _next_number(run.job_id)
    log.info("run_brought_back", run_id=run.id, status=run.status, job=number)
    enqueue_later(db, run.id, number, queue, clock)


def _next_number(job_id: str | None) -> int:
    """Job ids end in a counter: RQ refuses an id that it still remembers."""
    if job_id is None:
        return 0
    return int(job_id.rpartition("-")[2]) + 1
