"""Telling by mail that something began to be dangerous: once, until it is resolved.

What has a mail of its own (held changes, new and overdue leads) is not told here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from app.models import Dealership, Problem
from app.services import mails, outbox, sync_mail

# A cause that comes and goes is not told each time it comes.
NOT_AGAIN_WITHIN: Final = timedelta(hours=6)
ROWS_NAMED: Final = 15
FOOT: Final = (
    "You get this mail because you can do something about it at this dealership in Forecourt. "
    "It is told once, until it is resolved."
)


def tell(db: Session, problem: Problem, roles: Sequence[str], now: datetime) -> None:
    """Puts the mails of an open problem, unless they were put or nobody shall have one."""
    if not roles or problem.severity != "danger" or problem.is_snoozed(now) or _told(problem, now):
        return
    problem.told_at = now
    place = db.get_one(Dealership, problem.dealership_id)
    for user_id, email in sync_mail.people(db, problem.dealership_id, roles):
        outbox.put(
            db,
            dealership_id=problem.dealership_id,
            key=f"problem:{problem.id}:{problem.openings}:{user_id}",
            recipient=email,
            payload=_mail(place, problem),
            now=now,
            run_id=problem.run_id,
        )


def _told(problem: Problem, now: datetime) -> bool:
    told = problem.told_at
    return told is not None and (told >= problem.opened_at or now - told < NOT_AGAIN_WITHIN)


def _mail(place: Dealership, problem: Problem) -> dict[str, Any]:
    rows = [one["label"] for one in problem.records[:ROWS_NAMED]]
    more = problem.affected - len(rows)
    return mails.payload(
        f"{place.name}: {problem.title}",
        [f"{problem.title} at {place.name}.", problem.detail, f"What to do: {problem.next_step}"],
        rows=[*rows, f"and {more:,} more"] if rows and more > 0 else rows,
        link=("Open the problem", f"/d/{place.slug}/alerts/{problem.id}"),
        foot=FOOT,
    )
