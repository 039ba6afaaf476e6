"""One run from claim to end: fetch, plan, guard, apply (design §1, §3, §4).

The engine knows no provider by name. Network and database take turns: the answer is collected
first, then written batch by batch; each batch's transaction checks the lease. A run that is
taken over fetches again: what the former owner wrote is equal by now, and rows that already have
an item in this run are not decided twice.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, type_coerce
from sqlalchemy.orm import Session
from sqlalchemy.types import NULLTYPE

from app.db import ALL_DEALERSHIPS, db, reading, unit_of_work
from app.log import bound, get_logger
from app.models import SyncItem, SyncRun
from app.services import schedule_pause
from app.services.errors import CredentialsRejected, HubError, LeaseLost, RunCancelled
from app.services.ports import Clock, JobQueue
from app.services.sync import ending, runs
from app.services.sync.apply import Target, write_batch
from app.services.sync.changes import Change, Matcher, Read, plan_rows, read_rows
from app.services.sync.collect import Collected, KnownLink, Spool, collect
from app.services.sync.connection import Connection
from app.services.sync.guards import Limits, hold_removals
from app.services.sync.heart import Heart
from app.services.sync.plan import Decision, Verb, decide
from app.services.sync.runs import Lease, Outcome
from app.services.sync.targets import LINKS, Existing, hand_made, load_existing, vins_of

log = get_logger(__name__)
PROGRESS_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Ports:
    """What the engine needs from outside."""

    clock: Clock
    queue: JobQueue
    connect: Callable[[Connection], Any]
    open_connection: Callable[[Session, SyncRun], Connection]
    after_sync: Callable[[Session, int, int], dict[str, Any]]
    batch_size: int = 1000


@dataclass
class Work:
    """Everything that one run carries along."""

    lease: Lease
    ports: Ports
    heart: Heart
    connection: Connection
    target: Target
    known: list[KnownLink]
    already: frozenset[str]

    @property
    def now(self) -> datetime:
        return self.ports.clock.now()

    @property
    def dealership_id(self) -> int:
        return self.lease.dealership_id


def execute(run_id: int, owner: str, ports: Ports) -> None:
    """Runs a queued run, or takes over one whose worker died. Does nothing when another has it.

    Every ending is written on the run row; only unexpected faults are raised again, so that the
    queue's own log shows them too.
    """
    with unit_of_work(ALL_DEALERSHIPS) as session:
        lease = runs.claim(session, run_id, owner, ports.clock)
    if lease is None:
        return
    with bound(run_id=run_id, dealership_id=lease.dealership_id):
        log.info("run_started", attempt=lease.attempt)
        _run_to_an_end(lease, ports)


def _run_to_an_end(lease: Lease, ports: Ports) -> None:
    try:
        _run(lease, ports)
    except LeaseLost:
        log.warning("run_lease_lost")
    except RunCancelled:
        _finish(lease, ending.cancelled(), ports)
    except HubError as exc:
        _finish(lease, ending.failed(exc), ports)
    except Exception as exc:
        log.exception("run_crashed")
        _finish(lease, ending.crashed(exc, traceback.format_exc()), ports)
        raise


def _finish(lease: Lease, outcome: Outcome, ports: Ports) -> None:
    with unit_of_work(lease.dealership_id) as session:
        now = ports.clock.now()
        ended = runs.finish(session, lease, outcome, now)
        if outcome.error_code == CredentialsRejected.code:
            schedule_pause.after_refusals(session, lease.dealership_id, now)
    log.info("run_finished", status=outcome.status, code=outcome.error_code, ours=ended)


def _run(lease: Lease, ports: Ports) -> None:
    with Heart(db.engine, lease, ports.clock) as heart:
        work = _prepare(lease, ports, heart)
        with Spool() as spool:
            collected = Collected(spool)
            _fetch(work, collected)
            _apply(work, collected)
            held = _remove(work, collected)
        _conclude(work, collected, held)


def _prepare(lease: Lease, ports: Ports, heart: Heart) -> Work:
    with reading(lease.dealership_id) as session:
        run = runs.get(session, lease.run_id)
        opened = ports.open_connection(session, run)
        target = Target(
            lease.dealership_id, run.id, run.provider, opened.stream, opened.ask.environment
        )
        return Work(
            lease=lease,
            ports=ports,
            heart=heart,
            connection=opened,
            target=target,
            known=_known_links(session, target),
            already=_already_done(session, lease),
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


def _already_done(session: Session, lease: Lease) -> frozenset[str]:
    """Rows that a former owner of this run decided: empty unless this is a take-over."""
    if lease.attempt == 1:
        return frozenset()
    query = select(SyncItem.external_id).where(
        SyncItem.run_id == lease.run_id, SyncItem.dealership_id == lease.dealership_id
    )
    return frozenset(session.scalars(query))


@contextmanager
def _batch(work: Work) -> Iterator[tuple[Session, Counter[str], dict[str, Any]]]:
    """One transaction of the run: counters and lease are checked and written with the rows."""
    work.heart.check()
    with unit_of_work(work.dealership_id) as session:
        adds: Counter[str] = Counter()
        changes: dict[str, Any] = {}
        yield session, adds, changes
        runs.checkpoint(session, work.lease, changes=changes, adds=adds, now=work.now)


def _progress(work: Work, **changes: Any) -> None:
    with _batch(work) as (_, __, written):
        written.update(changes)


def _fetch(work: Work, collected: Collected) -> None:
    _progress(work, phase="fetching")
    known = {link.content_hash: link for link in work.known}
    shown_at = work.now
    with work.ports.connect(work.connection) as api:
        for total in collect(work.target.stream, api, work.connection.ask, known, collected):
            work.heart.check()
            if (work.now - shown_at).total_seconds() > PROGRESS_EVERY_S:
                _progress(work, total=total)
                shown_at = work.now
    equal = len(collected.equal - work.already) - len(collected.returned)
    _progress(work, phase="applying", total=collected.total, unchanged=equal)


def _apply(work: Work, collected: Collected) -> None:
    if collected.spool.count:
        matcher = _matcher(work, collected)
        for rows in collected.spool.batches(work.ports.batch_size):
            reads = read_rows(work.target.stream, rows, collected)
            with _batch(work) as (session, adds, _):
                existing = load_existing(
                    session, work.target.stream, work.dealership_id, _links_of(reads, matcher)
                )
                changes = plan_rows(reads, existing, matcher, work.target.stream, _limits(work))
                adds.update(_write(session, work, changes))
    _restore(work, collected)


def _links_of(reads: Sequence[Read], matcher: Matcher) -> list[int]:
    links = (matcher.link_of(read.draft) for read in reads if read.draft is not None)
    return [link.link_id for link in links if link is not None]


def _write(session: Session, work: Work, changes: Sequence[Change]) -> Counter[str]:
    fresh = [change for change in changes if change.external_id not in work.already]
    return write_batch(session, work.target, fresh, work.now)


def _limits(work: Work) -> Limits:
    return Limits(newest_year=work.now.year + 2)


def _matcher(work: Work, collected: Collected) -> Matcher:
    present = collected.present
    vanished = {link.entity_id: link for link in work.known if link.external_id not in present}
    with reading(work.dealership_id) as session:
        vins = vins_of(session, work.dealership_id, vanished)
        return Matcher(
            by_number={link.external_id: link for link in work.known},
            vanished_by_vin={vin: vanished[vehicle] for vin, vehicle in vins.items()},
            hand_made=hand_made(session, work.dealership_id),
        )


def _restore(work: Work, collected: Collected) -> None:
    """Vehicles that came back without any change: only their life cycle heals (C6)."""
    _each(
        work,
        collected.returned,
        lambda record: Decision(
            Verb.RESTORE,
            write={"lifecycle": "listed"},
            agreed=record.agreed,
            before={"lifecycle": record.local["lifecycle"]},
            after={"lifecycle": "listed"},
            reason="Back in the EasyCars feed.",
        ),
    )


def _remove(work: Work, collected: Collected) -> str | None:
    """Marks what is gone, or holds it; returns why it was held."""
    gone = _gone(work, collected.present)
    if not gone:
        return None
    if collected.spool.count:
        relinked = _relinked(work)
        gone = [link for link in gone if link.link_id not in relinked]
    held = _removal_guard(work, collected, gone)
    if held is None:
        _each(
            work,
            gone,
            lambda record: decide(
                record.agreed, record.local, None, missing_runs=record.missing_runs
            ),
        )
    else:
        _each(work, gone, lambda record: _held_removal(record.local["lifecycle"], held))
    return held


def _gone(work: Work, present: Set[str]) -> list[KnownLink]:
    return [
        link for link in work.known if link.external_id not in present and link.missing_runs < 2
    ]


def _held_removal(lifecycle: str, reason: str) -> Decision:
    return Decision(
        Verb.HOLD,
        before={"lifecycle": lifecycle},
        after={"lifecycle": "missing"},
        reason=f"{reason} Nothing was removed; the vehicle stays listed until a person decides.",
    )


def _relinked(work: Work) -> frozenset[int]:
    """Links that this run gave another stock number, because the VIN told it is the same car."""
    query = select(LINKS.c.id).where(
        LINKS.c.dealership_id == work.dealership_id,
        LINKS.c.changed_run_id == work.lease.run_id,
    )
    with reading(work.dealership_id) as session:
        return frozenset(session.scalars(query))


def _removal_guard(work: Work, collected: Collected, gone: Sequence[KnownLink]) -> str | None:
    listed = sum(1 for link in work.known if not link.missing_runs)
    with reading(work.dealership_id) as session:
        state = ending.stream_state(session, work.target)
    changed = state is not None and state.scope != work.connection.scope
    return hold_removals(
        listed=listed,
        newly_absent=sum(1 for link in gone if not link.missing_runs),
        feed_total=collected.total,
        scope_changed=changed,
        limits=_limits(work),
    )


def _each(work: Work, links: Sequence[KnownLink], decision: Callable[[Existing], Decision]) -> None:
    """Applies one kind of decision to known records that have no row in the feed to read."""
    for start in range(0, len(links), work.ports.batch_size):
        ids = [link.link_id for link in links[start : start + work.ports.batch_size]]
        with _batch(work) as (session, adds, _):
            existing = load_existing(session, work.target.stream, work.dealership_id, ids)
            changes = [
                Change(
                    record.external_id,
                    str(record.local.get("title") or record.external_id),
                    decision(record),
                    existing=record,
                )
                for record in existing.values()
            ]
            adds.update(_write(session, work, changes))


def _conclude(work: Work, collected: Collected, held: str | None) -> None:
    """Ends the run, remembers where the stream stands and hands the photos on, all at once."""
    with unit_of_work(work.dealership_id) as session:
        run = runs.get(session, work.lease.run_id)
        outcome = ending.concluded(run, collected.warnings, held)
        outcome.extra["response_summary"] = {
            "records": collected.total,
            "bytes": sum(call.get("bytes") or 0 for call in work.connection.calls),
            "calls": work.connection.calls[-50:],
        }
        if outcome.status != "failed":
            ending.remember(session, work.target, work.connection, run, work.now, held is None)
            outcome.extra |= work.ports.after_sync(session, work.dealership_id, run.id)
        if not runs.finish(session, work.lease, outcome, work.now):
            raise LeaseLost("Another worker took this run over.", run_id=run.id)
    log.info("run_finished", status=outcome.status, code=outcome.error_code, ours=True)
