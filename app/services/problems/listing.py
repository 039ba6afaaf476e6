"""Problems as pages show them: the banner, the count, three tabs, one by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import BindParameter, ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import Session

from app.models import Problem
from app.services.errors import NotFound

TABS: Final = {"open": "Open", "snoozed": "Snoozed", "resolved": "Resolved"}
RESOLVED_SHOWN: Final = 100
WORST_FIRST: Final = (case((Problem.severity == "danger", 0), else_=1), Problem.opened_at)


@dataclass(frozen=True, slots=True)
class Listed:
    """One tab's problems, and how many there are on each."""

    rows: Sequence[Problem]
    counts: Mapping[str, int]


def pressing(db: Session, now: datetime) -> Sequence[Problem]:
    """Open and not snoozed, worst first, then the oldest: a handful, one for each cause."""
    query = select(Problem).where(is_pressing(now))
    return db.scalars(query.order_by(*WORST_FIRST, Problem.id)).all()


def is_pressing(now: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """Whether a problem is open and not snoozed, as a question for a query."""
    awake = or_(Problem.snoozed_until.is_(None), Problem.snoozed_until <= now)
    return and_(Problem.resolved_at.is_(None), awake)


def listed(db: Session, tab: str, now: datetime) -> Listed:
    """A tab of the page. A dealership has few rows: one for each cause that it ever had."""
    still = db.scalars(
        select(Problem).where(Problem.resolved_at.is_(None)).order_by(*WORST_FIRST, Problem.id)
    ).all()
    snoozed = [one for one in still if one.is_snoozed(now)]
    awake = [one for one in still if not one.is_snoozed(now)]
    is_resolved = Problem.resolved_at.is_not(None)
    number = db.scalar(select(func.count(Problem.id)).where(is_resolved)) or 0
    counts = {"open": len(awake), "snoozed": len(snoozed), "resolved": number}
    if tab == "resolved":
        return Listed(_resolved(db), counts)
    return Listed(snoozed if tab == "snoozed" else awake, counts)


def _resolved(db: Session) -> Sequence[Problem]:
    query = select(Problem).where(Problem.resolved_at.is_not(None))
    return db.scalars(query.order_by(Problem.resolved_at.desc()).limit(RESOLVED_SHOWN)).all()


def get(db: Session, problem_id: int, *, lock: bool = False) -> Problem:
    """A problem of the session's dealership. Raises NotFound."""
    query = select(Problem).where(Problem.id == problem_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = db.scalar(query)
    if found is None:
        raise NotFound("There is no such problem.")
    return found


def is_any_open(db: Session) -> bool:
    """A cheap look: is there anything that could have ended?"""
    query = select(Problem.id).where(Problem.resolved_at.is_(None)).limit(1)
    return db.scalar(query) is not None
