"""What an act of a person means for the next sync of a vehicle (C6, C28).

Pages and services that change a vehicle by hand call these in their own transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.models import ExternalLink, Vehicle
from app.services.sync.plan import life_after

# No digest of received bytes is empty, so the next sync decides the record anew.
NO_HASH: Final = b""
Moved = dict[str, Any]


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


def follow_status(vehicle: Vehicle, status_before: str | None, how: str) -> tuple[Moved, Moved]:
    """Moves the life cycle after the status was changed by hand: to sold, or back from it.

    `how` ends the reason, "by Kim" for one. Returns life cycle and reason before and after, for
    the caller's log; two empty ones when nothing moved.
    """
    life = life_after(status_before, vehicle.status, vehicle.lifecycle)
    if life == vehicle.lifecycle:
        return {}, {}
    before = {"lifecycle": vehicle.lifecycle, "lifecycle_reason": vehicle.lifecycle_reason}
    vehicle.lifecycle = life
    vehicle.lifecycle_reason = f"Status set to {vehicle.status or 'nothing'} {how}"[:300]
    return before, {"lifecycle": life, "lifecycle_reason": vehicle.lifecycle_reason}
