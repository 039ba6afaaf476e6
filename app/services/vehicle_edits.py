"""The log of what people did to vehicles: one row for each act (C8, U7)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.models import Vehicle, VehicleEdit
from app.services.audit import Actor


def record(  # noqa: PLR0913 - one keyword for each fact of the act
    db: Session,
    vehicle: Vehicle,
    kind: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    *,
    actor: Actor,
    now: datetime,
    reason: str | None = None,
    run_id: int | None = None,
) -> VehicleEdit:
    """Notes the act in the caller's transaction and marks the vehicle as edited.

    `kind` is one of EDITS; `before` and `after` hold the changed fields only, as JSON values.
    The caller writes the vehicle itself and, where the act matters outside it, the audit.
    """
    edit = VehicleEdit(
        dealership_id=vehicle.dealership_id,
        vehicle_id=vehicle.id,
        kind=kind,
        before=dict(before) if before else None,
        after=dict(after) if after else None,
        reason=reason[:300] if reason else None,
        run_id=run_id,
        user_id=actor.user_id,
        actor=actor.label[:254],
        created_at=now,
    )
    vehicle.edited_at = vehicle.updated_at = now
    db.add(edit)
    return edit
