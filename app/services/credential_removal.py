"""Removing the EasyCars credentials: what stops, what stays (rows 19 and 40)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import Schedule, SyncRun, Vehicle
from app.models.sync_runs import ACTIVE
from app.services import audit, credentials, schedule_pause
from app.services.audit import Actor
from app.services.credentials import PROVIDER
from app.services.ports import Clock
from app.services.sync import runs


@dataclass(frozen=True)
class Stops:
    """What a deletion stops and what stays: the numbers of the question before it."""

    schedules: int
    active_runs: int
    vehicles_kept: int


def what_stops(db: Session, dealership_id: int) -> Stops:
    """Counts for the question before a deletion (row 40)."""
    active = select(func.count(SyncRun.id)).where(
        SyncRun.dealership_id == dealership_id,
        SyncRun.provider == PROVIDER,
        SyncRun.status.in_(ACTIVE),
    )
    vehicles = select(func.count(Vehicle.id)).where(Vehicle.dealership_id == dealership_id)
    return Stops(_schedules(db, dealership_id), db.scalar(active) or 0, db.scalar(vehicles) or 0)


def _schedules(db: Session, dealership_id: int) -> int:
    """Enabled schedules; before the first tick saved it, the default one counts too."""
    enabled = db.scalars(
        select(Schedule.enabled).where(
            Schedule.dealership_id == dealership_id, Schedule.provider == PROVIDER
        )
    ).all()
    return sum(enabled) if enabled else 1


def delete(
    db: Session, dealership_id: int, credential_id: int, actor: Actor, clock: Clock
) -> Stops:
    """Removes the credentials; schedules and active runs stop, history and vehicles stay."""
    credential = credentials.get(db, dealership_id, credential_id)
    stops = what_stops(db, dealership_id)
    schedule_pause.begin(db, dealership_id, actor.user_id, clock.now())
    _cancel_runs(db, dealership_id, clock)
    details = {"schedulesStopped": stops.schedules, "runsStopped": stops.active_runs}
    audit.record(
        db, actor, "credentials.delete", credentials.SUBJECT, details, dealership_id=dealership_id
    )
    db.delete(credential)
    return stops


def _cancel_runs(db: Session, dealership_id: int, clock: Clock) -> None:
    active = select(SyncRun).where(
        SyncRun.dealership_id == dealership_id,
        SyncRun.provider == PROVIDER,
        SyncRun.status.in_(ACTIVE),
    )
    for run in db.scalars(active):
        runs.cancel(db, run, clock)
