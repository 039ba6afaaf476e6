"""A run of the stream "leads": reads leads again, one after the other, and tells of each.

The run's life (claim, lease, take-over, cancel) is the engine's. One lead is one transaction with
the check of the lease, so that what was done stays and nothing is told twice; a worker that takes
the run over goes on behind the rows that are told already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import reading, unit_of_work
from app.models import StreamState, SyncItem, SyncRun
from app.services import conflict_mail, credentials
from app.services.errors import LeaseLost, RequestRefused
from app.services.leads import choosing, inbound, linking, policy
from app.services.leads.answer import Reading
from app.services.leads.sending import Means
from app.services.problems import run_causes
from app.services.providers.easycars.lead_api import LeadApi
from app.services.reconciliation import keeping
from app.services.sync import registry, runs
from app.services.sync.connection import Connection, scope_of
from app.services.sync.heart import Heart
from app.services.sync.opening import NUMBERS
from app.services.sync.protocol import Ask
from app.services.sync.runs import Lease, Outcome
from app.services.sync.work import Journal, Ports

STREAM: Final = "leads"
COUNTERS: Final = {
    "create": "created",
    "update": "updated",
    "same": "unchanged",
    "keep-local": "unchanged",
    "conflict": "conflicts",
    "refuse": "failed",
}
NEVER_TOLD: Final = "EasyCars does not tell the status of a lead."


@dataclass(frozen=True, slots=True)
class LeadStream:
    """Named in the run's record of its calls; leads have no pages."""

    key: str = STREAM


@dataclass
class Course:
    """One run as it goes."""

    lease: Lease
    ports: Ports
    heart: Heart
    environment: str
    policies: policy.Policies
    asked: list[str]
    already: frozenset[str]
    told_status: bool = False

    @property
    def now(self) -> datetime:
        return self.ports.clock.now()

    @property
    def means(self) -> Means:
        return Means(self.ports.queue, self.ports.clock)


def execute(lease: Lease, ports: Ports, heart: Heart, journal: Journal) -> None:
    """Reads what is due and ends the run. Raises as the engine's other ways do."""
    course = _prepare(lease, ports, heart, journal)
    assert journal.connection is not None  # noqa: S101 - _prepare opened it
    with ports.connect(journal.connection) as api:
        _read_known(course, api.leads)
        if course.policies.is_discovery_on and not course.asked:
            _discover(course, api.leads)
    _finish(course, journal)


def _prepare(lease: Lease, ports: Ports, heart: Heart, journal: Journal) -> Course:
    with reading(lease.dealership_id) as session:
        run = runs.get(session, lease.run_id)
        opened = journal.connection = ports.open_connection(session, run)
        done = session.scalars(select(SyncItem.external_id).where(SyncItem.run_id == run.id))
        return Course(
            lease,
            ports,
            heart,
            opened.ask.environment,
            policy.read(session),
            [str(number) for number in run.scope.get(NUMBERS, [])],
            frozenset(done),
        )


def open_connection(session: Session, run: SyncRun, crypto: Any) -> Connection:
    """The way to EasyCars for a run of leads. Raises NotConfigured, EncryptionError."""
    keys, credential = credentials.keys_for(session, run.dealership_id, crypto)
    provider = registry.provider(run.provider)
    stream: Any = LeadStream()
    return Connection(
        provider, stream, keys, Ask(credential.environment), scope_of(credential, keys)
    )


def _read_known(course: Course, api: LeadApi) -> None:
    numbers = course.asked or _due(course)
    _checkpoint(course, {"phase": "reading", "total": len(numbers)})
    for number in numbers:
        if number not in course.already:
            _read(course, api, number)


def _due(course: Course) -> list[str]:
    with reading(course.lease.dealership_id) as session:
        return choosing.due(session, course.environment, course.policies.reads_per_run, course.now)


def _discover(course: Course, api: LeadApi) -> None:
    """Walks forward from the highest known number, past `discovery_gap` unreadable ones at most."""
    with reading(course.lease.dealership_id) as session:
        highest = linking.highest_number(session, course.environment)
    unread = 0
    for number in linking.following(highest, course.policies.discovery_calls):
        unread = 0 if _read(course, api, number, is_known=False) else unread + 1
        if unread >= course.policies.discovery_gap:
            return


def _read(course: Course, api: LeadApi, number: str, *, is_known: bool = True) -> bool:
    """Asks for one lead, stores what came; False when EasyCars does not show it."""
    course.heart.check()
    try:
        draft = api.read(number)
    except RequestRefused as exc:
        if is_known:
            _refused(course, number, exc.user_message)
        return False
    course.told_status = course.told_status or draft.remote_status is not None
    with _transaction(course) as (session, adds):
        done = inbound.take(
            session, course.lease.dealership_id, draft, course.lease.run_id, course.environment,
            course.means,
        )  # fmt: skip
        adds[COUNTERS[done.action]] += 1
        if done.action != "same" or course.asked:
            session.add(_item(course, draft.lead_number, done))
    return True


def _refused(course: Course, number: str, words: str) -> None:
    with _transaction(course) as (session, adds):
        lead_id = inbound.unreadable(
            session, number, course.environment, course.lease.run_id, course.now
        )
        adds["failed"] += 1
        done = Reading("refuse", f"Lead {number}", lead_id or None, reason=words)
        session.add(_item(course, number, done))


def _item(course: Course, number: str, done: Reading) -> SyncItem:
    return SyncItem(
        dealership_id=course.lease.dealership_id,
        run_id=course.lease.run_id,
        external_id=number,
        label=done.label[:300],
        action=done.action,
        entity_id=done.lead_id,
        before=dict(done.before) if done.before else None,
        after=dict(done.after) if done.after else None,
        reason=done.reason,
        warnings=done.warnings or None,
        created_at=course.now,
    )


@contextmanager
def _transaction(course: Course) -> Iterator[tuple[Session, Counter[str]]]:
    """One lead's transaction: rows, counters and the check of the lease commit together."""
    with unit_of_work(course.lease.dealership_id) as session:
        adds: Counter[str] = Counter()
        yield session, adds
        runs.checkpoint(session, course.lease, changes={}, adds=adds, now=course.now)


def _checkpoint(course: Course, changes: dict[str, Any]) -> None:
    with unit_of_work(course.lease.dealership_id) as session:
        runs.checkpoint(session, course.lease, changes=changes, adds={}, now=course.now)


def _finish(course: Course, journal: Journal) -> None:
    with unit_of_work(course.lease.dealership_id) as session:
        run = runs.get(session, course.lease.run_id)
        outcome = _outcome(run, course)
        outcome.extra |= journal.as_columns()
        outcome.extra["total"] = run.done
        if not runs.finish(session, course.lease, outcome, course.now):
            raise LeaseLost("Another worker took this run over.", run_id=run.id)
        if course.asked:
            keeping.close_arrived(session, course.lease.dealership_id, run.id, course.now)
        else:
            _remember(session, course, run)
        run_causes.after_run(session, run.id, course.now)
        conflict_mail.tell(session, run, course.now)


def _outcome(run: SyncRun, course: Course) -> Outcome:
    numbers = (
        (run.created, "new"),
        (run.updated, "updated"),
        (run.unchanged, "unchanged"),
        (run.conflicts, "to decide"),
        (run.failed, "not readable"),
    )
    words = ", ".join(f"{count} {name}" for count, name in numbers if count)
    message = f"Leads read from EasyCars: {words}." if words else "No lead was due to be read."
    if words and not course.told_status:
        message += f" {NEVER_TOLD}"
    return Outcome("warning" if run.failed or run.conflicts else "success", message)


def _remember(session: Session, course: Course, run: SyncRun) -> None:
    query = select(StreamState).where(
        StreamState.provider == run.provider,
        StreamState.stream == STREAM,
        StreamState.environment == course.environment,
    )
    state = session.scalar(query) or StreamState(
        dealership_id=run.dealership_id,
        provider=run.provider,
        stream=STREAM,
        environment=course.environment,
    )
    state.last_run_id, state.last_success_at = run.id, course.now
    session.add(state)
