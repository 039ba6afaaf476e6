"""What every full page tells around its content: counts of open work, environment, running run.

One statement asks for all of it, because a page pays for each statement more than for its rows.
It only tells what there is: banner, held changes and the running run are read when there are any.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from app.models import EasyCarsCredential, LeadPolicy, Problem, SyncRun
from app.models.sync_runs import ACTIVE
from app.services import conflicts, duplicates, feed_questions, held
from app.services.leads import listing as leads
from app.services.leads.policy import Policies
from app.services.problems import listing as problems
from app.services.sync import approval


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Counts of the session's dealership. `held` is what the newest sync held, decided or not;
    `overdue_minutes` None is the default of the lead policy."""

    problems: int
    conflicts: int
    duplicates: int
    questions: int
    held: int | None
    overdue_minutes: int | None
    environment: str | None
    active_run: int | None


_NEWEST = approval.newest_first("stock").with_only_columns(SyncRun.held).limit(1)
_ASKED: Final = select(
    select(func.count(Problem.id)).where(problems.is_pressing(bindparam("now"))).scalar_subquery(),
    conflicts.counting().scalar_subquery(),
    duplicates.counting().scalar_subquery(),
    feed_questions.counting().scalar_subquery(),
    _NEWEST.scalar_subquery(),
    select(LeadPolicy.overdue_minutes).scalar_subquery(),
    select(EasyCarsCredential.environment).where(EasyCarsCredential.is_active).scalar_subquery(),
    select(func.min(SyncRun.id)).where(SyncRun.status.in_(ACTIVE)).scalar_subquery(),
)


def read(db: Session, now: datetime) -> Surroundings:
    return Surroundings(*db.execute(_ASKED, {"now": now}).one())


def to_review(db: Session, around: Surroundings, now: datetime) -> int:
    """How much of Review is open."""
    kept_back = held.count(db, now) if around.held else 0
    return kept_back + around.conflicts + around.duplicates + around.questions


def leads_needing(db: Session, around: Surroundings, now: datetime) -> int:
    """Leads that are overdue or stuck on the way to EasyCars."""
    minutes = around.overdue_minutes
    if minutes is None:
        minutes = Policies().overdue_minutes
    return leads.needing(db, leads.Deadline.of(now, minutes))
