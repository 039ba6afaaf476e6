"""Putting a problem aside for a while: it stays open, is in no banner and in no count (C30)."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.models import Problem
from app.services import audit
from app.services.audit import Actor
from app.services.errors import InputInvalid, NotPossible
from app.services.problems import listing

SPANS: Final = {"hour": "1 hour", "tomorrow": "Until tomorrow", "week": "A week"}
# "Tomorrow" is when people come to work.
MORNING: Final = time(8, 0)


def until(span: str, zone: ZoneInfo, now: datetime) -> datetime:
    """When a span of SPANS that begins now is over. Raises InputInvalid."""
    if span == "tomorrow":
        day = now.astimezone(zone).date() + timedelta(days=1)
        return datetime.combine(day, MORNING, zone)
    lengths = {"hour": timedelta(hours=1), "week": timedelta(days=7)}
    if span not in lengths:
        raise InputInvalid(
            "Nothing was changed.", {"span": "Choose an hour, until tomorrow, or a week."}
        )
    return now + lengths[span]


def snooze(
    db: Session, problem_id: int, span: str, *, zone: ZoneInfo, actor: Actor, now: datetime
) -> Problem:
    """Puts an open problem aside; audited. Raises NotFound, InputInvalid, NotPossible."""
    problem = _open(db, problem_id)
    moment = until(span, zone, now)
    problem.snoozed_until, problem.snoozed_by = moment, actor.label[:254]
    _audit(db, actor, "problem.snooze", problem, {"until": moment.isoformat()})
    return problem


def wake(db: Session, problem_id: int, *, actor: Actor, now: datetime) -> Problem:
    """Ends a snooze; audited. Raises NotFound, NotPossible."""
    problem = _open(db, problem_id)
    if not problem.is_snoozed(now):
        raise NotPossible("This problem is not snoozed any more.")
    problem.snoozed_until = problem.snoozed_by = None
    _audit(db, actor, "problem.wake", problem, {})
    return problem


def _open(db: Session, problem_id: int) -> Problem:
    problem = listing.get(db, problem_id, lock=True)
    if not problem.is_open:
        raise NotPossible("This problem was resolved meanwhile: there is nothing to put aside.")
    return problem


def _audit(
    db: Session, actor: Actor, action: str, problem: Problem, details: dict[str, str]
) -> None:
    facts = {"problem": problem.title, **details}
    audit.record(db, actor, action, problem.cause, facts, dealership_id=problem.dealership_id)
