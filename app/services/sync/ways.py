"""What each mode of a run does: where its records come from, what is done with the decisions.

All modes share planning, guards and the loop over batches. A sync asks the provider and writes; a
preview asks the provider and tells; an apply reads what a preview received and writes what it
told; a re-map reads the stored records and writes what new rules change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from sqlalchemy.orm import Session

from app.db import db, reading
from app.models import SyncRun
from app.services.errors import NotAllowed
from app.services.sync import answers, applying, ending, preview, remapping
from app.services.sync.changes import Matcher, Read, plan_rows, read_rows
from app.services.sync.collect import Collected, Spool, collect, one_ahead
from app.services.sync.holding import holding
from app.services.sync.opening import APPLIES
from app.services.sync.removal import remove, restore
from app.services.sync.runs import Outcome
from app.services.sync.targets import hand_made, load_existing, vins_of
from app.services.sync.terms_of_run import taken_yards
from app.services.sync.work import End, Work, batch, progress, write

PROGRESS_EVERY_S = 0.5


def sync(work: Work) -> End:
    """EasyCars' answer, written here."""
    with Spool() as spool:
        collected = Collected(spool)
        fetch(work, collected)
        held = _decide(work, collected)
        work.ports.tick_off(work, collected)
    return partial(_end_sync, work, collected.warnings, held)


def look(work: Work) -> End:
    """A preview: EasyCars' answer, told and kept, nothing written.

    A take-over goes on with the answer that the former owner kept: what was told stays true.
    """
    work.writer = preview.note
    with Spool() as spool:
        collected = Collected(spool)
        if not (work.lease.attempt > 1 and answers.recall(work, work.lease.run_id, collected)):
            fetch(work, collected)
            answers.keep(work, collected)
        held = _decide(work, collected)
    return partial(_end_preview, collected.warnings, held)


def apply_preview(work: Work) -> End:
    """A sync that reads a preview's answer instead of asking EasyCars (C2)."""
    work.writer = applying.write_as_shown
    progress(work, phase="fetching")
    with Spool() as spool:
        collected = Collected(spool)
        facts = answers.recall(work, int(work.scope[APPLIES]), collected)
        if facts is None:
            raise NotAllowed("What this preview received is not kept any more. Preview again.")
        work.connection = replace(work.connection, scope=dict(facts.scope))
        held = _decide(work, collected)
        work.ports.tick_off(work, collected)
    return partial(_end_apply, work, collected.warnings, held, facts.seen_at)


def remap(work: Work) -> End:
    """The stored records through today's rules; nobody is asked, nothing is removed (C10)."""
    work.writer = remapping.write_changed
    progress(work, phase="fetching")
    with Spool() as spool:
        collected = Collected(spool)
        remapping.from_store(work, collected)
        compare(work, collected)
        remapping.forget_digests(work)
    return lambda session, run: ending.remapped(run, holding(session, run, None))


# -- The path that they share --------------------------------------------------------------------


def fetch(work: Work, collected: Collected, *, keep_all: bool = False) -> None:
    """Asks the provider for the whole stream and sorts what comes; `keep_all`: rows that are known
    to the byte are kept to be looked at like the others."""
    progress(work, phase="fetching")
    known = {} if keep_all else {link.content_hash: link for link in work.known}
    shown_at = work.now
    with work.ports.connect(work.connection) as api:
        for total in collect(work.target.stream, api, work.connection.ask, known, collected):
            work.heart.check()
            if (work.now - shown_at).total_seconds() > PROGRESS_EVERY_S:
                progress(work, total=total)
                shown_at = work.now


def _decide(work: Work, collected: Collected) -> str | None:
    """Everything from the whole answer on; returns why removals were held, or None."""
    compare(work, collected)
    restore(work, collected)
    return remove(work, collected)


def compare(work: Work, collected: Collected) -> None:
    """Decides the collected rows, batch by batch, and does with them what the mode asks for."""
    equal = collected.unchanged(work.already) + work.quietly
    progress(work, phase="applying", total=collected.rows, unchanged=equal)
    if not collected.spool.count:
        return
    matcher, stream = matcher_of(work, collected), work.target.stream
    for reads in read_batches(work, collected):
        with batch(work) as (session, adds, _):
            links = links_of(reads, matcher)
            existing = load_existing(session, stream, work.dealership_id, links)
            work.noticed.look(reads, existing.values(), collected.total)
            changes = plan_rows(reads, existing, matcher, stream, work.guards, work.terms)
            adds.update(write(session, work, changes))


def read_batches(work: Work, collected: Collected) -> Iterator[list[Read]]:
    """Batches of read rows; the next is read while PostgreSQL writes. SQLite writes in our own
    process and lets go of the interpreter for each row: there a second thread is a brake."""
    reads = (
        read_rows(work.target.stream, rows, collected, work.rules)
        for rows in collected.spool.batches(work.ports.batch_size)
    )
    return one_ahead(reads) if db.engine.dialect.name == "postgresql" else reads


def links_of(reads: Sequence[Read], matcher: Matcher) -> list[int]:
    links = (matcher.link_of(read.draft) for read in reads if read.draft is not None)
    return [link.link_id for link in links if link is not None]


def matcher_of(work: Work, collected: Collected) -> Matcher:
    present = collected.present
    vanished = {link.entity_id: link for link in work.known if link.external_id not in present}
    with reading(work.dealership_id) as session:
        vins = vins_of(session, work.dealership_id, vanished)
        return Matcher(
            by_number={link.external_id: link for link in work.known},
            vanished_by_vin={vin: vanished[vehicle] for vin, vehicle in vins.items()},
            hand_made=hand_made(session, work.dealership_id),
            yards=taken_yards(session, work.target, work.connection.scope),
        )


# -- How they end ----------------------------------------------------------------------------------


def _end_sync(
    work: Work, warnings: list[str], held: str | None, session: Session, run: SyncRun
) -> Outcome:
    outcome = ending.concluded(run, warnings, holding(session, run, held))
    if outcome.status != "failed":
        seen = ending.Seen(work.connection.scope, work.now, whole=held is None, proven=True)
        _remember(work, session, run, seen, outcome)
    return outcome


def _end_preview(warnings: list[str], held: str | None, session: Session, run: SyncRun) -> Outcome:
    return ending.previewed(run, warnings, holding(session, run, held))


def _end_apply(
    work: Work,
    warnings: list[str],
    held: str | None,
    seen_at: datetime,
    session: Session,
    run: SyncRun,
) -> Outcome:
    left = applying.left_alone(session, run.id)
    outcome = ending.applied(run, warnings, holding(session, run, held), left)
    if outcome.status != "failed":
        seen = ending.Seen(work.connection.scope, seen_at, whole=held is None, proven=False)
        _remember(work, session, run, seen, outcome)
    return outcome


def _remember(
    work: Work, session: Session, run: SyncRun, seen: ending.Seen, outcome: Outcome
) -> None:
    """Where the stream stands, and the photos handed on, all in the run's last transaction."""
    ending.remember(session, work.target, run, seen)
    outcome.extra |= work.ports.after_sync(session, work.dealership_id, run.id)
