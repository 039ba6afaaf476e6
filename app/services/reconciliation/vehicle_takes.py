"""Taking EasyCars' side about vehicles: a sync of the chosen ones, or off the market (row 197)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.models import Difference, Vehicle
from app.services import manual_sync, vehicle_acts, vehicle_bulk
from app.services.audit import Actor
from app.services.leads.sending import Means
from app.services.reconciliation.words import STOCK
from app.services.sync.opening import ACCEPTS, SOME

CHANGED: Final = "It is not on the market here any more."
AT_ONCE: Final = 500


def open_sync(
    db: Session,
    dealership_id: int,
    rows: Sequence[Difference],
    *,
    actor: Actor,
    means: Means,
) -> int | None:
    """Opens the sync that takes these vehicles of EasyCars; its id, None when there are none.

    Raises NotConfigured, AlreadyRunning. The hourly limit does not count: the reconciliation did.
    """
    if not rows:
        return None
    run = manual_sync.start(
        db,
        dealership_id=dealership_id,
        stream=STOCK,
        actor=actor,
        trigger="person",
        means=manual_sync.Means(means.queue, means.clock, None),
        scope={SOME: [], ACCEPTS: len(rows)},
    )
    mark(db, rows, run.id)
    return run.id


def mark(db: Session, rows: Sequence[Difference], run_id: int) -> None:
    """Notes on the differences which run takes them over."""
    ids = [row.id for row in rows]
    for start in range(0, len(ids), AT_ONCE):
        db.execute(
            update(Difference)
            .where(Difference.id.in_(ids[start : start + AT_ONCE]))
            .values(taking_run_id=run_id)
            .execution_options(synchronize_session="fetch")
        )


def off_market(db: Session, rows: Sequence[Difference], actor: Actor, now: datetime) -> int:
    """Takes vehicles that EasyCars does not have off the market, as by hand; how many."""
    by_vehicle = {row.entity_id: row.id for row in rows}
    ids = tuple(
        db.scalars(
            select(Vehicle.id)
            .where(
                Vehicle.id.in_([vehicle_id for vehicle_id in by_vehicle if vehicle_id]),
                Vehicle.merged_into_id.is_(None),
                Vehicle.lifecycle.in_(("listed", "missing")),
            )
            .order_by(Vehicle.id)
        )
    )
    if not ids:
        return 0
    act = vehicle_acts.lifecycle("off_market", f"Not in EasyCars, taken off by {actor.label}"[:300])
    vehicle_bulk.do(db, vehicle_bulk.Selection(len(ids), ids), act, actor, now)
    resolved = update(Difference).where(Difference.id.in_([by_vehicle[one] for one in ids]))
    db.execute(
        resolved.values(status="resolved", resolution="taken", resolved_at=now).execution_options(
            synchronize_session=False
        )
    )
    return len(ids)
