"""What the engine, the pages and people ask about photos."""

from __future__ import annotations

from sqlalchemy import exists, func, or_, select, update
from sqlalchemy.orm import Session

from app.log import get_logger
from app.models import Dealership, ExternalLink, Photo, SyncRun
from app.services.errors import AlreadyRunning, NotAllowed, NotFound
from app.services.photos.lease import OPEN, is_due, next_series
from app.services.ports import Clock, JobQueue, QueueDown

log = get_logger(__name__)


def is_switched_on(dealership: Dealership) -> bool:
    """Photo sync is on unless the dealership switched it off (row 114)."""
    return bool(dealership.settings.get("photos_enabled", True))


def count_kept(db: Session, dealership_id: int) -> int:
    """How many photos are stored; answered from an index."""
    stored = db.scalar(
        select(func.count(Photo.id)).where(
            Photo.dealership_id == dealership_id, Photo.state == "stored"
        )
    )
    return stored or 0


def anything_to_do(db: Session, dealership_id: int, clock: Clock) -> bool:
    """Whether a photo job has work: changed lists, new photos, failed ones whose pause is over."""
    changed = exists().where(
        ExternalLink.dealership_id == dealership_id, ExternalLink.photos_wanted
    )
    due = exists().where(is_due(dealership_id, clock.now()))
    return bool(db.scalar(select(or_(changed, due))))


def line(run: SyncRun) -> str | None:
    """The run's photo line: "Photos: 412 kept, 9 new, 1 failed" (row 112); None without photos."""
    if run.photos_state == "none" and not run.photos_kept:
        return None
    if run.photos_state == "queued":
        return "Photos: waiting to begin"
    told = f"Photos: {run.photos_kept:,} kept, {run.photos_new:,} new, {run.photos_failed:,} failed"
    left = (run.photos_total or 0) - run.photos_kept - run.photos_new - run.photos_failed
    return f"{told}, {left:,} to go" if run.photos_state == "running" and left > 0 else told


def retry_failed(db: Session, run: SyncRun, queue: JobQueue, vehicle_id: int | None = None) -> int:
    """Asks again for photos that failed, by hand, of one vehicle or of all; returns how many.

    Raises NotAllowed (photo sync is off), AlreadyRunning, NotFound (nothing failed).
    """
    _check_free(run)
    failed = Photo.state == "failed"
    again = _mark(
        db, run, failed if vehicle_id is None else failed & (Photo.vehicle_id == vehicle_id)
    )
    if not again:
        raise NotFound("No photo failed: there is nothing to try again.")
    _begin_again(db, run, queue)
    return again


def recheck(db: Session, run: SyncRun, vehicle_id: int, queue: JobQueue) -> int:
    """Asks the picture server whether the photos of one vehicle changed; returns how many.

    Each is asked for conditionally; the pictures stay on show meanwhile. Raises as retry_failed.
    """
    _check_free(run)
    again = _mark(db, run, Photo.vehicle_id == vehicle_id)
    if not again:
        raise NotFound("This vehicle has no photos from EasyCars.")
    _begin_again(db, run, queue)
    return again


def _check_free(run: SyncRun) -> None:
    if not is_switched_on(run.dealership):
        raise NotAllowed("Photo sync is switched off. An administrator can switch it on.")
    if run.photos_state in OPEN:
        raise AlreadyRunning("Photos are already being fetched.", run.id)


def _mark(db: Session, run: SyncRun, which: object) -> int:
    marked = db.scalars(
        update(Photo)
        .where(Photo.dealership_id == run.dealership_id, Photo.source_url.is_not(None), which)  # type: ignore[arg-type]
        .values(state="wanted", next_try_at=None)
        .returning(Photo.id)
        .execution_options(synchronize_session=False)
    )
    return len(marked.all())


def _begin_again(db: Session, run: SyncRun, queue: JobQueue) -> None:
    run.photos_state = "queued"
    run.photos_attempt = next_series(run.photos_attempt)
    run.version += 1
    run_id, attempt = run.id, run.photos_attempt

    def send() -> None:
        try:
            queue.photos(run_id, attempt)
        except QueueDown:
            log.warning("queue_down", run_id=run_id)

    db.info["after_commit"].append(send)
