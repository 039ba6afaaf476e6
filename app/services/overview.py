"""All dealerships of one person at a glance, the worst first (contract §5, C61).

One question for each kind of fact, however many dealerships there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, aliased

from app.config import Settings
from app.models import Dealership, EasyCarsCredential, Problem, Schedule, StreamState, SyncRun
from app.services import freshness, schedules, standing
from app.services.dealerships import Place
from app.services.freshness import Age
from app.services.problems import lead_states, listing
from app.services.standing import TONES, Facts, Health
from app.services.sync.opening import took_all

STREAM: Final = "stock"


@dataclass(frozen=True)
class Glance:
    """One line of the list: `run` is the last stock sync that ended, `data_from` the last good one,
    `problems` the open ones that nobody snoozed."""

    place: Place
    run: SyncRun | None
    data_from: datetime | None
    health: Health
    problems: Sequence[Problem]


@dataclass(frozen=True, slots=True)
class _Known:
    """What was asked, by dealership."""

    configured: set[int]
    runs: dict[int, SyncRun]
    good: dict[int, datetime]
    crons: dict[int, str | None]
    pressing: dict[int, list[Problem]]


def glances(
    db: Session, places: Sequence[Place], settings: Settings, now: datetime
) -> list[Glance]:
    """One glance per place, worst first, then by name. Needs a session over all of them."""
    ids = [place.dealership.id for place in places]
    known = _Known(_configured(db, ids), _runs(db, ids), _good(db, ids),
                   _crons(db, ids, settings, now), _pressing(db, ids, now))  # fmt: skip
    return sorted((_glance(place, known, settings, now) for place in places), key=_badness)


def _badness(glance: Glance) -> tuple[Any, ...]:
    urgent = sum(1 for one in glance.problems if one.severity == "danger")
    order = (TONES.index(glance.health.tone), -urgent, -len(glance.problems))
    return (not glance.place.dealership.is_active, *order, glance.place.dealership.name.lower())


def _glance(place: Place, known: _Known, settings: Settings, now: datetime) -> Glance:
    number = place.dealership.id
    run, good = known.runs.get(number), known.good.get(number)
    pressing = known.pressing.get(number, [])
    facts = Facts(
        is_configured=number in known.configured,
        age=_age(place.dealership, good, known.crons.get(number, settings.stock_sync_cron), now),
        stock_run=run.id if run else None,
        has_failed=run is not None and run.status == "failed",
        overdue=_affected(pressing, lead_states.OVERDUE),
        stuck=_affected(pressing, lead_states.STUCK),
        pressing=pressing,
    )
    return Glance(place, run, good, standing.health(facts), pressing)


def _age(
    dealership: Dealership, good: datetime | None, cron: str | None, now: datetime
) -> Age | None:
    return freshness.age_of(good, cron, schedules.zone_of(dealership), now)


def _affected(problems: Sequence[Problem], cause: str) -> int:
    return sum(one.affected for one in problems if one.cause == cause)


def _configured(db: Session, ids: Sequence[int]) -> set[int]:
    query = select(EasyCarsCredential.dealership_id).where(
        EasyCarsCredential.dealership_id.in_(ids), EasyCarsCredential.is_active
    )
    return set(db.scalars(query))


def _runs(db: Session, ids: Sequence[int]) -> dict[int, SyncRun]:
    """The last whole stock sync of each: found in the index from its end, not by grouping."""
    run = aliased(SyncRun)
    newest = (
        select(SyncRun.id)
        .where(
            SyncRun.dealership_id == Dealership.id,
            SyncRun.stream == STREAM,
            SyncRun.mode == "sync",
            SyncRun.direction == "inbound",
            SyncRun.completed_at.is_not(None),
            took_all(),
        )
        .order_by(SyncRun.id.desc())
        .limit(1)
        .correlate(Dealership)
        .scalar_subquery()
    )
    query = select(run).join(Dealership, run.id == newest).where(Dealership.id.in_(ids))
    return {one.dealership_id: one for one in db.scalars(query)}


def _good(db: Session, ids: Sequence[int]) -> dict[int, datetime]:
    query = (
        select(StreamState.dealership_id, func.max(StreamState.last_success_at))
        .where(StreamState.dealership_id.in_(ids), StreamState.stream == STREAM)
        .group_by(StreamState.dealership_id)
    )
    return {row[0]: row[1] for row in db.execute(query) if row[1] is not None}


def _crons(
    db: Session, ids: Sequence[int], settings: Settings, now: datetime
) -> dict[int, str | None]:
    """By what age is measured: the schedule's line, None while it does not run."""
    is_on = schedules.globally_enabled(db, settings)
    if not is_on:
        return dict.fromkeys(ids)
    query = select(Schedule).where(Schedule.dealership_id.in_(ids), Schedule.stream == STREAM)
    return {
        one.dealership_id: one.cron if one.enabled and not _is_paused(one, now) else None
        for one in db.scalars(query)
    }


def _is_paused(schedule: Schedule, now: datetime) -> bool:
    return schedule.paused_until is not None and schedule.paused_until > now


def _pressing(db: Session, ids: Sequence[int], now: datetime) -> dict[int, list[Problem]]:
    awake = or_(Problem.snoozed_until.is_(None), Problem.snoozed_until <= now)
    query = select(Problem).where(
        Problem.dealership_id.in_(ids), Problem.resolved_at.is_(None), awake
    )
    found: dict[int, list[Problem]] = {}
    for one in db.scalars(query.order_by(*listing.WORST_FIRST, Problem.id)):
        found.setdefault(one.dealership_id, []).append(one)
    return found
