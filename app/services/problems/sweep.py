"""Once a minute: what states there are, what is new, what is gone.

Looks with one question for each cause, then writes only where something differs, one short
transaction per dealership. May run anywhere, also twice at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.config import Settings
from app.db import ALL_DEALERSHIPS, reading, unit_of_work
from app.models import Dealership, EasyCarsCredential, Problem
from app.services import held, schedules
from app.services.problems import book, lead_states, run_causes, states
from app.services.problems.finding import Finding

# "Last seen" of a state that lasts moves this often, so that a quiet minute writes nothing.
RENEWED_AFTER: Final = timedelta(minutes=10)
GONE: Final = "It is not so any more."
NOT_CONNECTED: Final = "EasyCars is not connected any more."
KEYS_WORK: Final = "The credentials were tested and EasyCars accepted them."

Found = Mapping[str, Finding]


def sweep(settings: Settings, now: datetime, only: int | None = None) -> int:
    """Looks at all dealerships, or at one; returns how many had something to write."""
    with reading(only or ALL_DEALERSHIPS) as session:
        starts = schedules.globally_enabled(session, settings)
        found = states.found(session, now, schedules_start=starts)
        known = _open(session)
        active = set(session.scalars(select(Dealership.id).where(Dealership.is_active)))
        keys = _keys(session)
    changed = 0
    for place in sorted((found.keys() | known.keys()) & active):
        rows = known.get(place, {})
        mine = _once(found.get(place, {}), rows)
        if _differs(mine, rows, now) or _is_over(rows, keys.get(place)):
            changed += 1
            _write(place, mine, keys.get(place), now)
    return changed


def _once(found: Found, rows: Mapping[str, Problem]) -> Found:
    """Leads that wait because the credentials are refused are no cause of their own."""
    if run_causes.REFUSED not in rows:
        return found
    return {cause: one for cause, one in found.items() if cause != lead_states.WAITING}


def _open(db: Session) -> dict[int, dict[str, Problem]]:
    found: dict[int, dict[str, Problem]] = {}
    for problem in db.scalars(select(Problem).where(Problem.resolved_at.is_(None))):
        found.setdefault(problem.dealership_id, {})[problem.cause] = problem
    return found


def _keys(db: Session) -> dict[int, EasyCarsCredential]:
    query = select(EasyCarsCredential).where(EasyCarsCredential.is_active)
    return {one.dealership_id: one for one in db.scalars(query)}


def _differs(found: Found, rows: Mapping[str, Problem], now: datetime) -> bool:
    gone = any(cause in rows and cause not in found for cause in states.CAUSES)
    return gone or any(_is_news(one, rows.get(one.cause), now) for one in found.values())


def _is_news(finding: Finding, problem: Problem | None, now: datetime) -> bool:
    if problem is None or now - problem.last_seen_at >= RENEWED_AFTER:
        return True
    facts = (finding.title, finding.detail, finding.affected, list(finding.records))
    return facts != (problem.title, problem.detail, problem.affected, problem.records)


def _is_over(rows: Mapping[str, Problem], key: EasyCarsCredential | None) -> bool:
    """Whether the end of an event must be looked for: decided, disconnected, keys that work."""
    if held_cause := rows.get(run_causes.HELD):
        return held_cause.is_open
    if key is None:
        return any(run_causes.needs_connection(cause) for cause in rows)
    refused = rows.get(run_causes.REFUSED)
    return refused is not None and _proves(key, refused)


def _proves(key: EasyCarsCredential, refused: Problem) -> bool:
    passed = key.test_passed is True and key.tested_at is not None
    return passed and key.tested_at is not None and key.tested_at > refused.last_seen_at


def _write(place: int, found: Found, key: EasyCarsCredential | None, now: datetime) -> None:
    with unit_of_work(place) as session:
        _settle_all(session, found, key, now)
        _observe_all(session, found, _open(session).get(place, {}), now)


def _observe_all(db: Session, found: Found, rows: Mapping[str, Problem], now: datetime) -> None:
    for cause in sorted(found):
        if _is_news(found[cause], rows.get(cause), now):
            book.observe(db, found[cause], now, counts=False)


def _settle_all(db: Session, found: Found, key: EasyCarsCredential | None, now: datetime) -> None:
    book.settle(db, _gone(found), now, GONE)
    if key is None:
        book.settle(db, run_causes.OF_CONNECTION, now, NOT_CONNECTED)
    elif (refused := book.open_of(db, run_causes.REFUSED)) and _proves(key, refused):
        book.settle(db, [run_causes.REFUSED], now, KEYS_WORK)
    waiting = book.open_of(db, run_causes.HELD)
    if waiting is not None:
        run_causes.renew_held(db, held.waiting(db, now), now)


def _gone(found: Found) -> Iterable[str]:
    return [cause for cause in states.CAUSES if cause not in found]
