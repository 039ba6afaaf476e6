"""Taking back a run: the exact earlier state, except where something was changed since (C9).

1. vehicles that the run created go, unless somebody touched them (their numbers become free);
2. every record with a before-image goes back, batch by batch;
3. conflicts that the run opened are closed and the stream is counted again.

An undo is a run like any other: lease, batches, cancel, take-over. A before-image is used up in
the transaction that puts it back, so whoever takes over goes on with those that are left.
"""

from __future__ import annotations

from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.db import reading
from app.models import Conflict, Dealership, StreamState, SyncItem, SyncRun
from app.services.sync import runs, undo_found, undo_words, undo_write
from app.services.sync.before import BEFORES
from app.services.sync.runs import Outcome
from app.services.sync.targets import LINKS
from app.services.sync.undo_plan import may_delete, undo_record
from app.services.sync.undo_query import Undoing
from app.services.sync.work import End, Work, batch, progress

UNDOES: Final = "undoes"
PAUSED: Final = "paused"


def undo(work: Work) -> End:
    """The way of a run of mode undo."""
    with reading(work.dealership_id) as session:
        undone = runs.get(session, int(work.scope[UNDOES]))
        zone = ZoneInfo(session.get_one(Dealership, work.dealership_id).timezone)
        undoing = Undoing(work.target, undone.id, undone.started_at or undone.created_at)
        total = _total(session, work, undoing)
    progress(work, phase="applying", **total)
    _delete_created(work, undoing, zone)
    _put_back(work, undoing, zone)
    return partial(_end, work, undoing)


def _total(db: Session, work: Work, undoing: Undoing) -> dict[str, int]:
    """Counted by the first owner only: what is put back leaves the count."""
    if work.lease.attempt > 1 and runs.get(db, work.lease.run_id).total is not None:
        return {}
    images = select(func.count()).where(
        BEFORES.c.dealership_id == work.dealership_id, BEFORES.c.run_id == undoing.run_id
    )
    created = undo_found.count_created(db, work.dealership_id, undoing.run_id)
    return {"total": (db.scalar(images) or 0) + created}


def _delete_created(work: Work, undoing: Undoing, zone: ZoneInfo) -> None:
    last = 0
    while True:
        with batch(work) as (session, adds, _):
            size = work.ports.batch_size
            last, created, edits = undo_found.created_vehicles(session, undoing, last, size)
            fresh = [one for one in created if one.told.external_id not in work.already]
            going = [one for one in fresh if may_delete(one)]
            staying = [one for one in fresh if not may_delete(one)]
            kept = [one.vehicle_id for one in staying]
            since = undo_words.since(session, undoing, kept, edits, zone)
            adds.update(
                undo_write.delete_created(session, undoing, going, staying, since, work.now)
            )
        if not last:
            return


def _put_back(work: Work, undoing: Undoing, zone: ZoneInfo) -> None:
    last = 0
    while True:
        with batch(work) as (session, adds, _):
            found = undo_found.known_records(session, undoing, last, work.ports.batch_size)
            if not found.records:
                return
            last = found.records[-1].link_id
            decided = [undo_record(record) for record in found.records]
            kept = [one.record.vehicle_id for one in decided if one.kept]
            since = undo_words.since(session, undoing, kept, found.edits, zone)
            adds.update(undo_write.put_back(session, undoing, decided, since, work.now))


def _end(work: Work, undoing: Undoing, session: Session, run: SyncRun) -> Outcome:
    _close_conflicts(session, work, undoing)
    _count_again(session, work)
    removed = _removed(session, work)
    outcome = Outcome(*_words(run, removed, undoing.run_id, bool(work.scope.get(PAUSED))))
    outcome.extra |= work.ports.after_sync(session, work.dealership_id, run.id)
    return outcome


def _close_conflicts(db: Session, work: Work, undoing: Undoing) -> None:
    """Questions that the run asked first; the next sync asks again what is still open."""
    db.execute(
        update(Conflict)
        .where(
            Conflict.run_id == undoing.run_id,
            Conflict.state == "open",
            Conflict.first_seen_at >= undoing.started_at,
        )
        .values(
            state="resolved", resolution="gone", resolved_at=work.now,
            resolved_by=f"undo of run {undoing.run_id}",
        )
        .execution_options(synchronize_session=False)
    )  # fmt: skip


def _count_again(db: Session, work: Work) -> None:
    """How many the stream lists, for the removal guard."""
    for state in db.scalars(
        select(StreamState).where(
            StreamState.provider == work.target.provider,
            StreamState.stream == work.target.stream.key,
        )
    ):
        state.listed = (
            db.scalar(
                select(func.count()).where(
                    LINKS.c.dealership_id == work.dealership_id,
                    LINKS.c.provider == state.provider,
                    LINKS.c.stream == state.stream,
                    LINKS.c.environment == state.environment,
                    LINKS.c.missing_runs == 0,
                )
            )
            or 0
        )


def _removed(session: Session, work: Work) -> int:
    """How many vehicles that the run had created are gone again; they count as updated."""
    query = select(func.count(SyncItem.id)).where(
        SyncItem.run_id == work.lease.run_id, SyncItem.action == "delete"
    )
    return session.scalar(query) or 0


def _words(run: SyncRun, removed: int, undone: int, paused: bool) -> tuple[str, str]:
    """Status and sentence: what was done, what not, and what the next sync will do."""
    left = run.conflicts + run.failed
    said = []
    if run.updated > removed:
        said.append(f"{_vehicles(run.updated - removed)} put back as before run {undone}.")
    if removed:
        said.append(f"{_vehicles(removed)} that run {undone} had created removed again.")
    if not run.updated:
        said.append(f"No vehicle was put back as before run {undone}.")
    if run.conflicts:
        said.append(
            f"{_vehicles(run.conflicts)} changed since: those values stay as they are now and "
            "are listed under Conflicts."
        )
    if run.failed:
        said.append(f"{_vehicles(run.failed)} could not be put back; see Failed.")
    said.append(
        "The next sync brings the same values again unless they are changed in EasyCars"
        + ("; scheduled syncs are paused for 24 hours." if paused else ".")
    )
    return "warning" if left else "success", " ".join(said)


def _vehicles(count: int) -> str:
    return f"{count} vehicle" if count == 1 else f"{count} vehicles"
