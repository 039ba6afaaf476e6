"""One run from claim to end: fetch, plan, guard, apply (design §1, §3, §4).

The engine knows no provider by name. Network and database take turns: the answer is collected
first, then written batch by batch; each batch's transaction checks the lease. A run that is
taken over fetches again: what the former owner wrote is equal by now, and rows that already have
an item in this run are not decided twice.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence

from app.db import ALL_DEALERSHIPS, db, reading, unit_of_work
from app.log import bound, get_logger
from app.services import schedule_pause
from app.services.errors import CredentialsRejected, HubError, LeaseLost, RunCancelled
from app.services.sync import ending, runs
from app.services.sync.changes import Matcher, Read, plan_rows, read_rows
from app.services.sync.collect import Collected, Spool, collect, one_ahead
from app.services.sync.heart import Heart
from app.services.sync.removal import remove, restore
from app.services.sync.runs import Lease, Outcome
from app.services.sync.targets import hand_made, load_existing, vins_of
from app.services.sync.work import Journal, Ports, Work, batch, prepare, progress, write

log = get_logger(__name__)
PROGRESS_EVERY_S = 0.5


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
    journal = Journal()
    try:
        _run(lease, ports, journal)
    except LeaseLost:
        log.warning("run_lease_lost")
    except RunCancelled:
        _finish(lease, ending.cancelled(), ports, journal)
    except HubError as exc:
        _finish(lease, ending.failed(exc), ports, journal)
    except Exception as exc:
        log.exception("run_crashed")
        _finish(lease, ending.crashed(exc, traceback.format_exc()), ports, journal)
        raise


def _finish(lease: Lease, outcome: Outcome, ports: Ports, journal: Journal) -> None:
    outcome.extra |= journal.as_columns()
    with unit_of_work(lease.dealership_id) as session:
        now = ports.clock.now()
        ended = runs.finish(session, lease, outcome, now)
        if outcome.error_code == CredentialsRejected.code:
            schedule_pause.after_refusals(session, lease.dealership_id, now)
    log.info("run_finished", status=outcome.status, code=outcome.error_code, ours=ended)


def _run(lease: Lease, ports: Ports, journal: Journal) -> None:
    with Heart(db.engine, lease, ports.clock) as heart:
        work = prepare(lease, ports, heart, journal)
        with Spool() as spool:
            collected = Collected(spool)
            _fetch(work, collected)
            _apply(work, collected)
            held = remove(work, collected)
        _conclude(work, collected, held, journal)


def _fetch(work: Work, collected: Collected) -> None:
    progress(work, phase="fetching")
    known = {link.content_hash: link for link in work.known}
    shown_at = work.now
    with work.ports.connect(work.connection) as api:
        for total in collect(work.target.stream, api, work.connection.ask, known, collected):
            work.heart.check()
            if (work.now - shown_at).total_seconds() > PROGRESS_EVERY_S:
                progress(work, total=total)
                shown_at = work.now
    equal = len(collected.equal - work.already) - len(collected.returned)
    progress(work, phase="applying", total=collected.total, unchanged=equal)


def _apply(work: Work, collected: Collected) -> None:
    if collected.spool.count:
        matcher = _matcher(work, collected)
        for reads in _reads(work, collected):
            with batch(work) as (session, adds, _):
                existing = load_existing(
                    session, work.target.stream, work.dealership_id, _links_of(reads, matcher)
                )
                changes = plan_rows(reads, existing, matcher, work.target.stream, work.guards)
                adds.update(write(session, work, changes))
    restore(work, collected)


def _reads(work: Work, collected: Collected) -> Iterator[list[Read]]:
    """Batches of read rows; the next is read while PostgreSQL writes. SQLite writes in our own
    process and lets go of the interpreter for each row: there a second thread is a brake."""
    reads = (
        read_rows(work.target.stream, rows, collected)
        for rows in collected.spool.batches(work.ports.batch_size)
    )
    return one_ahead(reads) if db.engine.dialect.name == "postgresql" else reads


def _links_of(reads: Sequence[Read], matcher: Matcher) -> list[int]:
    links = (matcher.link_of(read.draft) for read in reads if read.draft is not None)
    return [link.link_id for link in links if link is not None]


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


def _conclude(work: Work, collected: Collected, held: str | None, journal: Journal) -> None:
    """Ends the run, remembers where the stream stands and hands the photos on, all at once."""
    with unit_of_work(work.dealership_id) as session:
        run = runs.get(session, work.lease.run_id)
        outcome = ending.concluded(run, collected.warnings, held)
        outcome.extra |= journal.as_columns()
        if outcome.status != "failed":
            ending.remember(session, work.target, work.connection, run, work.now, held is None)
            outcome.extra |= work.ports.after_sync(session, work.dealership_id, run.id)
        if not runs.finish(session, work.lease, outcome, work.now):
            raise LeaseLost("Another worker took this run over.", run_id=run.id)
    log.info("run_finished", status=outcome.status, code=outcome.error_code, ours=True)
