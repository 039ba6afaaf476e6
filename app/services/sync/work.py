"""What one run carries along, and its transactions.

Every batch is one transaction: rows, counters and the check of the lease commit together or not
at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select, type_coerce
from sqlalchemy.orm import Session
from sqlalchemy.types import NULLTYPE

from app.db import reading, unit_of_work
from app.models import SyncItem, SyncRun
from app.services import mapping_versions
from app.services.feed_noticed import Noticed
from app.services.mapping import Rules
from app.services.ports import Clock, JobQueue
from app.services.sync import runs, terms_of_run
from app.services.sync.apply import QUIET, write_batch
from app.services.sync.approval import approved_changes
from app.services.sync.changes import Change
from app.services.sync.collect import Collected, KnownLink
from app.services.sync.connection import Connection
from app.services.sync.guards import Guards
from app.services.sync.heart import Heart
from app.services.sync.plan import Verb
from app.services.sync.rows import Target
from app.services.sync.runs import Lease, Outcome
from app.services.sync.targets import LINKS
from app.services.sync.terms import Terms

CALLS_KEPT = 50


def tick_nothing_off(work: Work, collected: Collected) -> None:
    """For an engine beside which nothing is reconciled."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What the engine needs from outside.

    `tick_off`: behind a sync's last row, with all that came: which known differences are none now.
    """

    clock: Clock
    queue: JobQueue
    connect: Callable[[Connection], Any]
    open_connection: Callable[[Session, SyncRun], Connection]
    after_sync: Callable[[Session, int, int], dict[str, Any]]
    batch_size: int = 1000
    tick_off: Callable[[Work, Collected], None] = tick_nothing_off
    # Stream and mode → how such a run goes, for streams that have no list to compare.
    own_ways: Mapping[tuple[str, str], OwnWay] = field(default_factory=dict)


def write_now(work: Work, session: Session, changes: Sequence[Change]) -> Counter[str]:
    """The writer of a sync: everything is stored."""
    return write_batch(session, work.target, changes, work.now)


@dataclass
class Work:
    """Everything that one run carries along.

    `already` and `quietly`: the rows that a former owner of this run told of, and how many of
    them are unchanged. `relinked`: links that this run gives another number. `writer` does with
    decided changes what the run's mode asks for, and returns what to add to the counters.
    """

    lease: Lease
    ports: Ports
    heart: Heart
    connection: Connection
    target: Target
    known: list[KnownLink]
    already: frozenset[str]
    quietly: int
    guards: Guards
    terms: Terms
    mode: str
    scope: Mapping[str, Any]
    rules: Rules
    noticed: Noticed
    relinked: set[int] = field(default_factory=set)
    writer: Writer = write_now

    @property
    def now(self) -> datetime:
        return self.ports.clock.now()

    @property
    def dealership_id(self) -> int:
        return self.lease.dealership_id


# A run's whole way from claim to end.
OwnWay = Callable[[Lease, Ports, Heart, "Journal"], None]
# What is done with decided changes, inside the transaction of their batch.
Writer = Callable[[Work, Session, Sequence[Change]], Counter[str]]
# What a mode does; it returns how the run ends, which is told in the run's last transaction.
End = Callable[[Session, SyncRun], Outcome]
Way = Callable[[Work], End]


@dataclass
class Journal:
    """What is told about the outside of a run, however it ends.

    `counts`: whether a refusal of the credentials counts towards the pause of the schedules.
    """

    connection: Connection | None = None
    counts: bool = True
    mode: str = "sync"

    def as_columns(self) -> dict[str, Any]:
        """`request_payload` and `response_summary`; neither holds a secret (trap T3)."""
        if self.connection is None:
            return {}
        calls = self.connection.calls
        asked = self.connection.ask
        return {
            "request_payload": {
                "stream": self.connection.stream.key,
                "environment": asked.environment,
                **asked.filters,
            },
            "response_summary": {
                "bytes": sum(call.get("bytes") or 0 for call in calls),
                "count": len(calls),
                "calls": calls[-CALLS_KEPT:],
            },
        }


def prepare(lease: Lease, ports: Ports, heart: Heart, journal: Journal) -> Work:
    """Opens the keys and looks up what is known; one short read."""
    with reading(lease.dealership_id) as session:
        run = runs.get(session, lease.run_id)
        journal.mode, journal.counts = run.mode, run.mode == "sync"
        opened = journal.connection = ports.open_connection(session, run)
        target = Target(
            lease.dealership_id, run.id, run.provider, opened.stream, opened.ask.environment
        )
        already = _already_done(session, lease)
        approved = approved_changes(session, run)
        rules = mapping_versions.current(session)
        terms, guards = terms_of_run.read(session, run, approved, ports.clock.now())
        return Work(
            lease=lease,
            ports=ports,
            heart=heart,
            connection=opened,
            target=target,
            known=_known_links(session, target),
            already=frozenset(already),
            quietly=sum(already.values()),
            terms=terms,
            guards=guards,
            mode=run.mode,
            scope=run.scope,
            rules=rules,
            noticed=Noticed(rules),
        )


def _known_links(session: Session, target: Target) -> list[KnownLink]:
    found = session.execute(
        select(
            LINKS.c.id,
            LINKS.c.entity_id,
            LINKS.c.external_id,
            # As the driver gives it: both give bytes, and these are all links of the dealership.
            type_coerce(LINKS.c.content_hash, NULLTYPE),
            LINKS.c.missing_runs,
        ).where(
            LINKS.c.dealership_id == target.dealership_id,
            LINKS.c.provider == target.provider,
            LINKS.c.stream == target.stream.key,
            LINKS.c.environment == target.environment,
        )
    )
    return list(map(KnownLink._make, found.all()))


def _already_done(session: Session, lease: Lease) -> dict[str, bool]:
    """Rows that a former owner of this run told of, and whether they count as unchanged. Empty
    unless this is a take-over."""
    if lease.attempt == 1:
        return {}
    is_written = SyncItem.after.is_not(None).label("is_written")
    query = select(SyncItem.external_id, SyncItem.action, is_written).where(
        SyncItem.run_id == lease.run_id, SyncItem.dealership_id == lease.dealership_id
    )
    return {
        row.external_id: row.action in QUIET
        or (row.action == Verb.CONFLICT.value and not row.is_written)
        for row in session.execute(query)
    }


@contextmanager
def batch(work: Work) -> Iterator[tuple[Session, Counter[str], dict[str, Any]]]:
    """One transaction of the run: counters and lease are checked and written with the rows."""
    work.heart.check()
    with unit_of_work(work.dealership_id) as session:
        adds: Counter[str] = Counter()
        changes: dict[str, Any] = {}
        yield session, adds, changes
        runs.checkpoint(session, work.lease, changes=changes, adds=adds, now=work.now)


def progress(work: Work, **changes: Any) -> None:
    with batch(work) as (_, __, written):
        written.update(changes)


def write(session: Session, work: Work, changes: Sequence[Change]) -> Counter[str]:
    """Does with the changes what the mode asks for; what is told already is not told twice."""
    work.relinked.update(_relinked(changes))
    fresh = [change for change in changes if change.external_id not in work.already]
    return work.writer(work, session, fresh)


def _relinked(changes: Sequence[Change]) -> Iterator[int]:
    """Links whose vehicle came under another number: the VIN told that it is the same car."""
    for change in changes:
        known, draft = change.existing, change.draft
        if known and draft and known.external_id != draft.external_id:
            yield known.link_id
