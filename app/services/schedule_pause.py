"""Schedules that stop because the credentials went, and go on when new ones come (row 19)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.models import Schedule

PROVIDER: Final = "easycars"
DELETED: Final = "The EasyCars credentials were deleted."


def begin(db: Session, dealership_id: int, user_id: int | None, now: datetime) -> None:
    """Switches the dealership's EasyCars schedules off, with the reason that people read."""
    db.execute(
        update(Schedule)
        .where(
            Schedule.dealership_id == dealership_id,
            Schedule.provider == PROVIDER,
            Schedule.enabled,
        )
        .values(
            enabled=False,
            pause_reason=DELETED,
            next_run_at=None,
            changed_at=now,
            changed_by_id=user_id,
        )
        .execution_options(synchronize_session="fetch")
    )


def end(db: Session, dealership_id: int) -> None:
    """Switches on what only the deletion had stopped; what a person switched off stays off."""
    db.execute(
        update(Schedule)
        .where(
            Schedule.dealership_id == dealership_id,
            Schedule.provider == PROVIDER,
            Schedule.pause_reason == DELETED,
        )
        .values(enabled=True, pause_reason=None, next_run_at=None)
        .execution_options(synchronize_session="fetch")
    )
