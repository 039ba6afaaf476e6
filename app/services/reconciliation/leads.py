"""The way of a run that reconciles leads: known leads are read again by number (row 195, T5).

Nothing of a lead is written. EasyCars has no list, so a run reads at most as many leads as the
dealership lets a lead sync read, goes on behind the last one the next time, and says so. Only what
was looked at can be found alike. Leads that were never sent are known here without a call. Leads
that are only in EasyCars are found while the search for unknown numbers is on, and those found
before are looked at again.

One lead is one transaction with the check of the run's lease.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from app.db import reading, unit_of_work
from app.models import Lead
from app.services.errors import LeaseLost, RequestRefused
from app.services.leads import linking, policy
from app.services.leads.fields import SYNC_STATES
from app.services.problems import run_causes
from app.services.providers.easycars.lead_api import LeadApi, LeadDraft
from app.services.reconciliation import ending, keeping, lead_choosing, lead_comparing
from app.services.reconciliation.comparing import Found
from app.services.reconciliation.lead_choosing import Chosen
from app.services.reconciliation.words import (
    DIFFERING,
    HERE_ONLY,
    LEADS,
    THERE_ONLY,
)
from app.services.sync import runs
from app.services.sync.heart import Heart
from app.services.sync.runs import Lease
from app.services.sync.work import Journal, Ports

AT_ONCE: Final = 500
ON_ITS_WAY: Final = "on the way to EasyCars"
DELETED: Final = "deleted here"
COUNTED: Final = ("created", "updated", "missing", "unchanged", "failed")
COUNTERS: Final = {THERE_ONLY: "created", HERE_ONLY: "missing", DIFFERING: "updated"}


@dataclass
class Course:
    """One run as it goes. `looked`: record keys that were looked at."""

    lease: Lease
    ports: Ports
    heart: Heart
    environment: str
    policies: policy.Policies
    left_out: Counter[str] = field(default_factory=Counter)
    looked: list[str] = field(default_factory=list)
    chosen: Chosen = field(default_factory=lambda: Chosen((), 0, 0))

    @property
    def now(self) -> datetime:
        return self.ports.clock.now()

    @property
    def dealership_id(self) -> int:
        return self.lease.dealership_id


def execute(lease: Lease, ports: Ports, heart: Heart, journal: Journal) -> None:
    """Compares what may be read and ends the run. Raises as the engine's other ways do."""
    course = _prepare(lease, ports, heart, journal)
    unknown = _choose(course)
    total = len(course.chosen.numbers) + len(unknown)
    anew = dict.fromkeys(COUNTED, 0)
    with _transaction(course, anew | {"phase": "reading", "total": total}):
        pass
    assert journal.connection is not None  # noqa: S101 - _prepare opened it
    with ports.connect(journal.connection) as api:
        for number in course.chosen.numbers:
            _look(course, api.leads, number)
        for number in unknown:
            _probe(course, api.leads, number)
        if course.policies.is_discovery_on:
            _discover(course, api.leads)
    _never_sent(course)
    _finish(course, journal)


def _prepare(lease: Lease, ports: Ports, heart: Heart, journal: Journal) -> Course:
    journal.mode, journal.counts = lead_choosing.MODE, False
    with reading(lease.dealership_id) as session:
        run = runs.get(session, lease.run_id)
        opened = journal.connection = ports.open_connection(session, run)
        return Course(lease, ports, heart, opened.ask.environment, policy.read(session))


def _choose(course: Course) -> Sequence[str]:
    """What is read of the known leads, and the unknown numbers that are looked at again."""
    limit = course.policies.reads_per_run
    with reading(course.dealership_id) as session:
        course.chosen = lead_choosing.known_leads(
            session, course.environment, limit, course.lease.run_id
        )
        return lead_choosing.unknown_leads(session, limit)


# -- Reading ---------------------------------------------------------------------------------------


def _look(course: Course, api: LeadApi, number: str) -> None:
    course.heart.check()
    draft = _read(api, number)
    with _transaction(course) as (session, adds):
        link = linking.by_number(session, linking.LEADS, course.environment, number)
        lead = session.get(Lead, link.entity_id) if link else None
        if link is None or lead is None:
            return
        if lead.sync_state == "waiting":
            course.left_out[ON_ITS_WAY] += 1
            adds["unchanged"] += 1
            keeping.touch(session, course.dealership_id, LEADS, [number], course.lease.run_id)
            return
        found = (
            lead_comparing.here_only(lead, lead_comparing.NOT_SHOWN)
            if draft is None
            else lead_comparing.differing(session, lead, link, draft)
        )
        _keep(session, course, number, found)
        adds[COUNTERS[found.kind] if found else "unchanged"] += 1


def _read(api: LeadApi, number: str) -> LeadDraft | None:
    """None when EasyCars does not show the lead."""
    try:
        return api.read(number)
    except RequestRefused:
        return None


def _probe(course: Course, api: LeadApi, number: str) -> bool:
    """Looks at a number that is not known here; whether there is a lead."""
    course.heart.check()
    draft = _read(api, number)
    with _transaction(course) as (session, adds):
        known = linking.by_number(session, linking.LEADS, course.environment, number)
        found = lead_comparing.there_only(draft) if draft and known is None else None
        _keep(session, course, number, found)
        adds["created"] += found is not None
    return draft is not None


def _discover(course: Course, api: LeadApi) -> None:
    """Walks forward from the highest known number, as a lead sync would."""
    with reading(course.dealership_id) as session:
        highest = linking.highest_number(session, course.environment)
    unread = 0
    for number in linking.following(highest, course.policies.discovery_calls):
        is_there = number in course.looked or _probe(course, api, number)
        unread = 0 if is_there else unread + 1
        if unread >= course.policies.discovery_gap:
            return


def _keep(session: Session, course: Course, number: str, found: Found | None) -> None:
    course.looked.append(number)
    if found is not None:
        keeping.keep(
            session,
            [found],
            dealership_id=course.dealership_id,
            stream=LEADS,
            run_id=course.lease.run_id,
            now=course.now,
        )


# -- Only here -------------------------------------------------------------------------------------


def _never_sent(course: Course) -> None:
    after = 0
    while True:
        with _transaction(course) as (session, adds):
            some = (
                session.scalars(lead_choosing.never_sent(course.environment, after).limit(AT_ONCE))
                .unique()
                .all()
            )
            founds = [found for lead in some if (found := _unsent(course, lead))]
            keeping.keep(
                session,
                founds,
                dealership_id=course.dealership_id,
                stream=LEADS,
                run_id=course.lease.run_id,
                now=course.now,
            )
            adds["missing"] += len(founds)
        if len(some) < AT_ONCE:
            return
        after = some[-1].id


def _unsent(course: Course, lead: Lead) -> Found | None:
    course.looked.append(f"lead:{lead.id}")
    why = (lead.status == "deleted" and DELETED) or (lead.sync_state == "waiting" and ON_ITS_WAY)
    if why:
        course.left_out[why] += 1
        return None
    state = SYNC_STATES[lead.sync_state]
    return lead_comparing.here_only(lead, f"{state}. {lead.sync_reason or ''}".strip())


# -- How it ends -----------------------------------------------------------------------------------


@contextmanager
def _transaction(
    course: Course, changes: dict[str, Any] | None = None
) -> Iterator[tuple[Session, Counter[str]]]:
    with unit_of_work(course.dealership_id) as session:
        adds: Counter[str] = Counter()
        yield session, adds
        runs.checkpoint(session, course.lease, changes=changes or {}, adds=adds, now=course.now)


def _finish(course: Course, journal: Journal) -> None:
    with unit_of_work(course.dealership_id) as session:
        run = runs.get(session, course.lease.run_id)
        resolved = keeping.close_unseen(
            session,
            course.dealership_id,
            LEADS,
            run.id,
            course.now,
            [*course.looked, *lead_choosing.sent_since(session)],
        )
        said = ending.Said(resolved, course.left_out, more=_not_all(course))
        outcome = ending.concluded(session, run, LEADS, said, course.now)
        outcome.extra |= journal.as_columns()
        outcome.extra["scope"] = {**run.scope, lead_choosing.UNTIL: course.chosen.until}
        if not runs.finish(session, course.lease, outcome, course.now):
            raise LeaseLost("Another worker took this run over.", run_id=run.id)
        run_causes.after_run(session, run.id, course.now)


def _not_all(course: Course) -> list[str]:
    limit, known = course.policies.reads_per_run, course.chosen.known
    if known <= limit:
        return []
    words = (
        f"EasyCars is asked for at most {limit:,} leads in one run; {known:,} are known. "
        "The next reconciliation goes on behind these."
    )
    return [words]
