"""Schedules that stop because the credentials went or are refused, and go on with new ones.

Row 19; C14: only refusals pause by themselves, so that EasyCars does not lock the account.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.models import Schedule, SyncRun
from app.services.errors import CredentialsRejected

PROVIDER: Final = "easycars"
DELETED: Final = "The EasyCars credentials were deleted."
REFUSED: Final = "EasyCars refused the credentials five times in a row. Save working ones to go on."
REFUSALS_BEFORE_PAUSE: Final = 5


def after_refusals(db: Session, dealership_id: int, now: datetime) -> bool:
    """Switches the schedules off when the last five runs were all refused; whether it did."""
    last = db.scalars(
        select(SyncRun.error_code)
        .where(
            SyncRun.dealership_id == dealership_id,
            SyncRun.provider == PROVIDER,
            SyncRun.mode == "sync",
            SyncRun.completed_at.is_not(None),
        )
        .order_by(SyncRun.id.desc())
        .limit(REFUSALS_BEFORE_PAUSE)
    ).all()
    refused = [code == CredentialsRejected.code for code in last]
    if len(refused) < REFUSALS_BEFORE_PAUSE or not all(refused):
        return False
    begin(db, dealership_id, None, now, REFUSED)
    return True


def begin(
    db: Session, dealership_id: int, user_id: int | None, now: datetime, reason: str = DELETED
) -> None:
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
            pause_reason=reason,
            next_run_at=None,
            changed_at=now,
            changed_by_id=user_id,
        )
        .execution_options(synchronize_session="fetch")
    )


def end(db: Session, dealership_id: int) -> None:
    """Switches on what stopped by itself; what a person switched off stays off."""
    db.execute(
        update(Schedule)
        .where(
            Schedule.dealership_id == dealership_id,
            Schedule.provider == PROVIDER,
            Schedule.pause_reason.in_((DELETED, REFUSED)),
        )
        .values(enabled=True, pause_reason=None, next_run_at=None)
        .execution_options(synchronize_session="fetch")
    )
