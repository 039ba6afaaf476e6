"""How long runs are kept: what a dealership decided, and changing it (row 188)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.models import HistoryPolicy, User
from app.models.history import LEAST_DAYS, MOST_DAYS, USUAL_DAYS
from app.services import audit
from app.services.audit import Actor
from app.services.errors import InputInvalid


@dataclass(frozen=True, slots=True)
class Keeping:
    """Days that a run is kept, and what the last clearing did; `cleared_at` None: none yet."""

    days: int = USUAL_DAYS
    cleared_at: datetime | None = None
    removed: int = 0
    kept: int = 0
    changed_at: datetime | None = None
    changed_by: User | None = None


def days(db: Session, dealership_id: int) -> int:
    """How many days a run of this dealership is kept."""
    query = select(HistoryPolicy.days).where(HistoryPolicy.dealership_id == dealership_id)
    return db.scalar(query) or USUAL_DAYS


def read(db: Session, dealership_id: int) -> Keeping:
    row = db.scalar(select(HistoryPolicy).where(HistoryPolicy.dealership_id == dealership_id))
    if row is None:
        return Keeping()
    person = db.get(User, row.changed_by_id) if row.changed_by_id else None
    changed_at = row.changed_at if person else None
    return Keeping(row.days, row.cleared_at, row.removed, row.kept, changed_at, person)


def save(db: Session, dealership_id: int, typed: str, actor: Actor, now: datetime) -> bool:
    """Sets the days from what a person typed; True when that is a change. Audited.

    Raises InputInvalid (`days`).
    """
    wished = _days(typed)
    row = locked(db, dealership_id)
    before = row.days
    if before == wished:
        return False
    row.days, row.changed_at, row.changed_by_id = wished, now, actor.user_id
    details = {"before": before, "after": wished}
    audit.record(db, actor, "history.keep", "History", details, dealership_id=dealership_id)
    return True


def _days(typed: str) -> int:
    text = typed.strip()
    is_number = text.isascii() and text.isdecimal() and len(text) < 10
    if is_number and LEAST_DAYS <= int(text) <= MOST_DAYS:
        return int(text)
    words = f"Enter whole days from {LEAST_DAYS} to {MOST_DAYS}, which are 10 years."
    raise InputInvalid("The number of days cannot be used.", {"days": words})


def locked(db: Session, dealership_id: int) -> HistoryPolicy:
    """The dealership's row, made when there is none, held until the transaction ends."""
    made = _insert(db)(HistoryPolicy).values(dealership_id=dealership_id)
    db.execute(made.on_conflict_do_nothing(index_elements=["dealership_id"]))
    query = select(HistoryPolicy).where(HistoryPolicy.dealership_id == dealership_id)
    held = query.with_for_update().execution_options(populate_existing=True)
    return db.scalars(held).one()


def _insert(db: Session) -> Any:
    on_postgresql = db.get_bind().dialect.name == "postgresql"
    return postgresql.insert if on_postgresql else sqlite.insert
