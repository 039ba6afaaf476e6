"""From the stock run to its photo job: photos follow the run and never delay it (row 106)."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.models import Dealership
from app.services.photos.asking import anything_to_do, count_kept, is_switched_on
from app.services.ports import Clock, JobQueue, QueueDown


def hand_over(
    db: Session, dealership_id: int, run_id: int, *, queue: JobQueue, clock: Clock
) -> dict[str, Any]:
    """The run's photo columns at its end; enqueues the photo job after the commit if needed.

    A queue that is down is no error: the sweeper finds the run in state queued.
    """
    db.flush()
    dealership = db.get_one(Dealership, dealership_id)
    kept = {"photos_kept": count_kept(db, dealership_id)}
    if not is_switched_on(dealership) or not anything_to_do(db, dealership_id, clock):
        return kept

    def send() -> None:
        try:
            queue.photos(run_id, 0)
        except QueueDown:
            return

    db.info["after_commit"].append(send)
    return kept | {"photos_state": "queued"}
