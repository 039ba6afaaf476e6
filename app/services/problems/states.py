"""Causes that are states, not events: found at all dealerships with one question for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from app.services.problems import lead_states, missed, other_states
from app.services.problems.finding import Finding

Look = Callable[[Session, datetime], Iterable[tuple[int, Finding]]]
LOOKS: Final[tuple[Look, ...]] = (
    lambda db, now: lead_states.overdue(db, now).items(),
    lambda db, now: lead_states.stuck(db, now).items(),
    lambda db, now: lead_states.waiting(db, now).items(),
    lambda db, now: other_states.undelivered(db, now).items(),
    lambda db, now: other_states.photos(db, now).items(),
    lambda db, now: other_states.both_changed(db, now).items(),
)
CAUSES: Final = (
    lead_states.OVERDUE,
    lead_states.STUCK,
    lead_states.WAITING,
    other_states.MAILS,
    other_states.PHOTOS,
    other_states.CONFLICTS,
    f"{missed.CAUSE}:stock",
    f"{missed.CAUSE}:leads",
)


def found(db: Session, now: datetime, *, schedules_start: bool) -> dict[int, dict[str, Finding]]:
    """Dealership → cause → finding, in the scope of all dealerships or of one.

    `schedules_start`: whether the installation lets schedules start; else none is missed.
    """
    everything: dict[int, dict[str, Finding]] = {}
    looks = (*LOOKS, missed.missed) if schedules_start else LOOKS
    for look in looks:
        for dealership_id, finding in look(db, now):
            everything.setdefault(dealership_id, {})[finding.cause] = finding
    return everything
