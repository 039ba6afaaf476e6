"""What a run plans by: owners, limits, life cycle (C3, C6, C7, C18) and its yards (T15)."""

from __future__ import annotations

from collections.abc import Mapping, Set
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Dealership, SyncRun
from app.services import sync_policy
from app.services.sync import ending
from app.services.sync.guards import Guards
from app.services.sync.protocol import Values
from app.services.sync.rows import Target
from app.services.sync.targets import VEHICLES
from app.services.sync.terms import Terms, folded, since


def read(
    db: Session, run: SyncRun, approved: Mapping[str, Values], now: datetime
) -> tuple[Terms, Guards]:
    """The terms of a run, and its guards with what a person approved."""
    policies = sync_policy.read(db)
    zone = db.scalar(select(Dealership.timezone).where(Dealership.id == run.dealership_id))
    terms = Terms(
        policies.owner,
        policies.locked,
        policies.missing_runs,
        since(now, zone or "UTC", run.id),
        anew=run.mode == "remap",
    )
    return terms, Guards(policies.limits(newest_year=now.year + 2), approved)


def taken_yards(db: Session, target: Target, scope: Mapping[str, str]) -> Set[str] | None:
    """The yards whose new vehicles are taken, folded; None for all.

    The yard that was asked for; without one, those that the dealership has vehicles of. A first
    import and a changed connection take what comes: somebody just asked for it.
    """
    state = ending.stream_state(db, target)
    if state is None:
        return None
    if asked := scope.get("yard", ""):
        return {folded(asked)}
    if state.scope != scope:
        return None
    known = db.scalars(
        select(VEHICLES.c.yard_code)
        .where(
            VEHICLES.c.dealership_id == target.dealership_id,
            VEHICLES.c.source == "EasyCars",
            VEHICLES.c.yard_code.is_not(None),
        )
        .distinct()
    )
    return {folded(yard) for yard in known} or None
