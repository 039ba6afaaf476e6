"""What an act of a person means for the next sync of a vehicle (C6, C28).

Pages and services that change a vehicle by hand call these in their own transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.models import ExternalLink, Vehicle
from app.services.sync.plan import life_after

# No digest of received bytes is empty, so the next sync decides the record anew.
NO_HASH: Final = b""


def decide_anew(db: Session, vehicle_ids: Sequence[int]) -> None:
    """Lets the next sync look at these vehicles even when their rows have not changed a byte.

    For vehicles that a sync left alone until now: included again, or unmerged.
    """
    if not vehicle_ids:
        return
    db.execute(
        update(ExternalLink)
        .where(ExternalLink.entity == "vehicle", ExternalLink.entity_id.in_(vehicle_ids))
        .values(content_hash=NO_HASH)
        .execution_options(synchronize_session=False)
    )


def follow_status(vehicle: Vehicle, status_before: str | None, who: str) -> Mapping[str, Any]:
    """Moves the life cycle after the status changed by hand: to sold, or back from it.

    Returns {"lifecycle": the one before} when it moved, else nothing: for the caller's record.
    """
    before = vehicle.lifecycle
    after = life_after(status_before, vehicle.status, before)
    if after == before:
        return {}
    vehicle.lifecycle = after
    vehicle.lifecycle_reason = f"Status set to {vehicle.status or 'nothing'} by {who}"[:300]
    return {"lifecycle": before}
