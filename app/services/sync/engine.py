"""One run from claim to end; what it does in between is its mode's own way (design §1, §3, §4).

The engine knows no provider by name. Network and database take turns: the answer is collected
first, then written batch by batch; each batch's transaction checks the lease. A run that is
taken over fetches again: what the former owner wrote is equal by now, and rows that already have
an item in this run are not decided twice.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Final

from app.db import ALL_DEALERSHIPS, db, is_collision, reading, unit_of_work
from app.log import bound, get_logger
from app.services import conflict_mail, feed_questions, schedule_pause, sync_mail
from app.services.errors import CredentialsRejected, HubError, LeaseLost, RunCancelled
from app.services.problems import run_causes
from app.services.reconciliation import accepting, vehicles
from app.services.sync import runs, some, stopping, undo, ways
from app.services.sync.heart import Heart
from app.services.sync.opening import ACCEPTS, APPLIES, SOME
from app.services.sync.runs import Lease, Outcome
from app.services.sync.work import End, Journal, OwnWay, Ports, Way, Work, prepare

log = get_logger(__name__)
APPLY: Final = "apply"
TAKE: Final = "take"
ACCEPT: Final = "accept"
# How often a run begins again because it and somebody's act waited for each other's rows.
COLLISIONS: Final = 3
# Mode → what a run of it does. An apply is a sync whose scope names the preview, a take one whose
# scope names records; an accept takes what a reconciliation showed of them.
WAYS: Final[Mapping[str, Way]] = {
    "sync": ways.sync,
    "preview": ways.look,
    APPLY: ways.apply_preview,
    TAKE: some.take,
    ACCEPT: accepting.accept,
    "reconcile": vehicles.look_at_all,
    "remap": ways.remap,
    "undo": undo.undo,
}


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


def _run_to_an_end(lease: Lease, ports: Ports, collisions: int = 0) -> None:
    journal = Journal()
    try:
        _run(lease, ports, journal)
    except LeaseLost:
        log.warning("run_lease_lost")
    except RunCancelled:
        _finish(lease, stopping.cancelled(journal.mode), ports, journal)
    except HubError as exc:
        _finish(lease, stopping.failed(exc, _stream_of(lease)), ports, journal)
    except Exception as exc:
        renewed = _renewed(lease, ports, exc) if collisions < COLLISIONS else None
        if renewed is not None:
            return _run_to_an_end(renewed, ports, collisions + 1)
        log.exception("run_crashed")
        _finish(lease, stopping.crashed(exc, traceback.format_exc(), journal.mode), ports, journal)
        raise


def _renewed(lease: Lease, ports: Ports, fault: Exception) -> Lease | None:
    """A new lease to begin again with, when the fault is that somebody held the same rows.

    The batch was rolled back; going on is the same as after a worker's death.
    """
    if not is_collision(fault):
        return None
    log.warning("run_collided", attempt=lease.attempt)
    with unit_of_work(ALL_DEALERSHIPS) as session:
        return runs.renew(session, lease, ports.clock.now())


def _finish(lease: Lease, outcome: Outcome, ports: Ports, journal: Journal) -> None:
    outcome.extra |= journal.as_columns()
    with unit_of_work(lease.dealership_id) as session:
        now = ports.clock.now()
        ended = runs.finish(session, lease, outcome, now)
        if outcome.error_code == CredentialsRejected.code and journal.counts:
            schedule_pause.after_refusals(session, lease.dealership_id, now)
        if ended:
            run_causes.after_run(session, lease.run_id, now)
    log.info("run_finished", status=outcome.status, code=outcome.error_code, ours=ended)


def _run(lease: Lease, ports: Ports, journal: Journal) -> None:
    with Heart(db.engine, lease, ports.clock) as heart:
        own_way = _own_way(lease, ports)
        if own_way is not None:
            own_way(lease, ports, heart, journal)
            return
        work = prepare(lease, ports, heart, journal)
        _conclude(work, _way(work)(work), journal)


def _own_way(lease: Lease, ports: Ports) -> OwnWay | None:
    with reading(lease.dealership_id) as session:
        run = runs.get(session, lease.run_id)
        return ports.own_ways.get((run.stream, run.mode))


def _way(work: Work) -> Way:
    if work.mode == "sync" and SOME in work.scope:
        return WAYS[ACCEPT if ACCEPTS in work.scope else TAKE]
    return WAYS[APPLY if APPLIES in work.scope else work.mode]


def _stream_of(lease: Lease) -> str:
    with reading(lease.dealership_id) as session:
        return runs.get(session, lease.run_id).stream


def _conclude(work: Work, end: End, journal: Journal) -> None:
    """Ends the run in one transaction with all that its way remembers of it."""
    with unit_of_work(work.dealership_id) as session:
        run = runs.get(session, work.lease.run_id)
        outcome = end(session, run)
        outcome.extra |= journal.as_columns()
        if work.mode not in ("preview", "reconcile"):
            feed_questions.record(session, work.target, work.noticed, work.now)
        if not runs.finish(session, work.lease, outcome, work.now):
            raise LeaseLost("Another worker took this run over.", run_id=run.id)
        sync_mail.tell(session, run, outcome.message, work.now)
        conflict_mail.tell(session, run, work.now)
        run_causes.after_run(session, run.id, work.now)
    log.info("run_finished", status=outcome.status, code=outcome.error_code, ours=True)
