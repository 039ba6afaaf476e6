"""The way of a sync that takes what a reconciliation showed: "Sync from EasyCars" (row 197, T6).

EasyCars has no call for one vehicle, so the whole list is read and the chosen records of it are
written, by the same planning and writing as any sync: items, before-images and undo are the same.
EasyCars' values are taken over edits, padlocks of the vehicle and owners, because a person chose
so; fields that the dealership locked for all vehicles stay. What a guard would hold is refused,
unless the person chose this one vehicle and the values are exactly those that were shown: nothing
waits under Review that a later sync would not hold by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import reading
from app.models import Difference, SyncRun
from app.services.reconciliation import keeping
from app.services.reconciliation.comparing import feed_fields
from app.services.reconciliation.words import LIFECYCLE, PHOTOS
from app.services.sync import ending
from app.services.sync.changes import (
    Change,
    Matcher,
    Read,
    completed,
    leave_alone,
    plan_new,
    refuse,
    with_photos,
)
from app.services.sync.collect import Collected, Spool
from app.services.sync.guards import Guards
from app.services.sync.plan import SOLD, Decision, Owner, Verb, decide, is_sold
from app.services.sync.protocol import Draft
from app.services.sync.runs import Outcome
from app.services.sync.targets import Existing, load_existing
from app.services.sync.ways import fetch, links_of, matcher_of, read_batches
from app.services.sync.work import End, Work, batch, progress, write

GONE: Final = "EasyCars does not have it any more. Run the reconciliation again."
BY_ITSELF: Final = "Nothing was taken. If it is right, choose this vehicle by itself."


@dataclass
class Course:
    """`wanted`: number → EasyCars' values as they were shown; `done`: numbers that were taken."""

    work: Work
    wanted: Mapping[str, Mapping[str, Any]]
    guards: Guards
    done: set[str] = field(default_factory=set)


def accept(work: Work) -> End:
    """The way of a sync whose scope says that it accepts differences."""
    course = _course(work)
    with Spool() as spool, Spool() as chosen:
        collected = Collected(spool)
        fetch(work, collected, keep_all=True)
        _narrow(course, collected, chosen)
        progress(work, phase="applying", total=len(course.wanted), unchanged=work.quietly)
        _write_all(course, collected)
        _not_there(course, collected)
    return partial(_end, course, collected.warnings)


def _course(work: Work) -> Course:
    query = select(Difference.record_key, Difference.fields).where(
        Difference.taking_run_id == work.lease.run_id, Difference.status != "resolved"
    )
    with reading(work.dealership_id) as session:
        wanted = {row.record_key: _theirs(row.fields) for row in session.execute(query)}
    approved = wanted if len(wanted) == 1 else {}
    return Course(work, wanted, replace(work.guards, approved=approved))


def _theirs(fields: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {name: both["there"] for name, both in fields.items() if name != PHOTOS}


def _narrow(course: Course, collected: Collected, chosen: Spool) -> None:
    """Leaves only the chosen rows to decide; all that is present stays known."""
    stream = course.work.target.stream
    for rows in collected.spool.batches(course.work.ports.batch_size):
        for row in rows:
            if stream.external_id(row.raw) in course.wanted:
                chosen.add(row)
    collected.spool = chosen


def _write_all(course: Course, collected: Collected) -> None:
    work = course.work
    if not collected.spool.count:
        return
    matcher = matcher_of(work, collected)
    for reads in read_batches(work, collected):
        with batch(work) as (session, adds, _):
            links = links_of(reads, matcher)
            existing = load_existing(session, work.target.stream, work.dealership_id, links)
            changes = list(_changes(course, reads, existing, matcher))
            adds.update(write(session, work, changes))
            course.done.update(
                change.external_id for change in changes if change.decision.verb is not Verb.REFUSE
            )


def _changes(
    course: Course, reads: Sequence[Read], existing: Mapping[str, Existing], matcher: Matcher
) -> Iterator[Change]:
    terms = course.work.terms
    for read in reads:
        if read.draft is None:
            if read.refusal is not None:
                yield read.refusal
            continue
        link = matcher.link_of(read.draft)
        record = existing.get(link.external_id) if link else None
        if record is None:
            yield plan_new(read.draft, read.row, matcher, course.guards, terms)
        elif record.excluded:
            yield leave_alone(read.draft.external_id, read.draft.label)
        else:
            yield _taken(course, read, read.draft, record)


def _taken(course: Course, read: Read, draft: Draft, record: Existing) -> Change:
    full = completed(draft, record)
    decision = _decision(course, full, record)
    judged = course.guards.judge(draft.external_id, decision, record.local)
    if judged.verb is Verb.HOLD:
        reason = f"{judged.reason} {BY_ITSELF}"
        return refuse(draft.external_id, draft.label, reason, read.row)
    decision = with_photos(judged, full, record)
    return Change(draft.external_id, draft.label, decision, full, read.row, record, draft.warnings)


def _decision(course: Course, full: Draft, record: Existing) -> Decision:
    """EasyCars' values of all fields: what is here counts as agreed, so that only EasyCars
    changed anything."""
    terms = course.work.terms
    here = {name: record.local[name] for name in feed_fields() if name in record.local}
    decision = decide(
        here,
        record.local,
        full.values,
        lambda _name: Owner.EASYCARS,
        locked=terms.locked,
        missing_runs=record.missing_runs,
        since=terms.since,
    )
    return _on_market(course, decision, full, record)


def _on_market(course: Course, decision: Decision, full: Draft, record: Existing) -> Decision:
    """A vehicle that EasyCars lists is listed, whatever a person said about the market here."""
    here = record.local.get(LIFECYCLE, "listed")
    theirs = SOLD if is_sold(full.values.get("status")) else "listed"
    if LIFECYCLE in decision.write or here == theirs:
        return decision
    verb = Verb.UPDATE if decision.verb is Verb.SAME else decision.verb
    return replace(
        decision,
        verb=verb,
        write=decision.write | {LIFECYCLE: theirs},
        before=(decision.before or {}) | {LIFECYCLE: here},
        after=(decision.after or {}) | {LIFECYCLE: theirs},
        life_reason=f"Taken from EasyCars after a reconciliation, {course.work.terms.since}",
    )


def _not_there(course: Course, collected: Collected) -> None:
    absent = sorted(course.wanted.keys() - collected.present)
    if not absent:
        return
    with batch(course.work) as (session, adds, _):
        refusals = [refuse(number, number, GONE) for number in absent]
        adds.update(write(session, course.work, refusals))


def _end(course: Course, warnings: list[str], session: Session, run: SyncRun) -> Outcome:
    work = course.work
    keeping.close_taken(session, work.dealership_id, run.id, course.done, work.now)
    outcome = ending.accepted(run, warnings)
    if outcome.status != "failed":
        ending.count_listed(session, work.target)
        outcome.extra |= work.ports.after_sync(session, work.dealership_id, run.id)
    return outcome
