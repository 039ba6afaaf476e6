"""The way of a run that reconciles vehicles: every row of the feed beside ours (row 194, 201).

It fetches as a sync does, but no row is passed over because its bytes are known: what was changed
here does not show in them. Nothing of a vehicle is written. Batches keep memory flat.

Left out, and said at the end: excluded and merged vehicles, vehicles that a person keeps listed
although EasyCars does not have them, those of a yard that the connection does not ask for, and
those of another EasyCars environment. A vehicle that is off the market or sold is not missed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import reading
from app.models import SyncRun, Vehicle
from app.services.reconciliation import comparing, ending, keeping
from app.services.reconciliation.comparing import Found
from app.services.reconciliation.words import STOCK, THERE_ONLY
from app.services.sync import preview
from app.services.sync.changes import Matcher, Read
from app.services.sync.collect import Collected, KnownLink, Spool
from app.services.sync.runs import Outcome
from app.services.sync.targets import BY_HAND, VEHICLES, Existing, load_existing
from app.services.sync.terms import folded
from app.services.sync.ways import fetch, links_of, matcher_of, read_batches
from app.services.sync.work import End, Work, batch, progress, write
from app.services.vehicle_values import values_of

ON_MARKET: Final = ("listed", "missing")
EXCLUDED: Final = "excluded from sync"
MERGED: Final = "merged into another"
KEPT: Final = "kept listed although EasyCars does not have it"
OTHER_YARD: Final = "of a yard that the connection does not ask for"
ELSEWHERE: Final = "from another EasyCars environment"
MAYBE_UNREADABLE: Final = (
    "Some rows of the feed have no stock number that can be read; this vehicle may be one of them."
)


@dataclass
class Course:
    """One reconciliation as it goes. `seen`: ids of vehicles that the feed has; `compared`: the
    numbers that were; `left_out`: how many were not, by reason."""

    work: Work
    collected: Collected
    merged: frozenset[int]
    yard: str
    seen: set[int] = field(default_factory=set)
    compared: set[str] = field(default_factory=set)
    left_out: Counter[str] = field(default_factory=Counter)


def look_at_all(work: Work) -> End:
    """Compares, keeps what differs, and resolves what does not any more."""
    work.writer = preview.note
    with Spool() as spool:
        collected = Collected(spool)
        fetch(work, collected, keep_all=True)
        # A take-over counts anew: there are no items that would tell what was counted.
        progress(work, phase="applying", total=collected.total, **dict.fromkeys(COUNTED, 0))
        if not collected.total and any(not link.missing_runs for link in work.known):
            return partial(_end_empty, collected.warnings)
        course = Course(work, collected, _merged(work), _asked_yard(work))
        _both_sides(course)
        _ours(course)
    return partial(_end, course)


COUNTED: Final = ("created", "updated", "missing", "unchanged", "failed")


def _merged(work: Work) -> frozenset[int]:
    query = select(VEHICLES.c.id).where(
        VEHICLES.c.dealership_id == work.dealership_id, VEHICLES.c.merged_into_id.is_not(None)
    )
    with reading(work.dealership_id) as session:
        return frozenset(session.scalars(query))


def _asked_yard(work: Work) -> str:
    return folded(work.connection.scope.get("yard", ""))


# -- The feed's side -------------------------------------------------------------------------------


def _both_sides(course: Course) -> None:
    work = course.work
    matcher = matcher_of(work, course.collected)
    for reads in read_batches(work, course.collected):
        with batch(work) as (session, adds, _):
            links = links_of(reads, matcher)
            existing = load_existing(
                session, work.target.stream, work.dealership_id, links, lock=False
            )
            founds = list(_compared(course, reads, existing, matcher))
            refusals = [read.refusal for read in reads if read.refusal is not None]
            write(session, work, refusals)
            _keep(session, work, founds)
            adds.update(_counted(founds, len(reads), len(refusals)))


def _counted(founds: Sequence[Found], rows: int, refused: int) -> Counter[str]:
    there = sum(found.kind == THERE_ONLY for found in founds)
    return Counter(
        created=there,
        updated=len(founds) - there,
        failed=refused,
        unchanged=rows - refused - len(founds),
    )


def _compared(
    course: Course, reads: Sequence[Read], existing: Mapping[str, Existing], matcher: Matcher
) -> Iterator[Found]:
    for read in reads:
        if read.draft is None:
            continue
        course.compared.add(read.draft.external_id)
        link = matcher.link_of(read.draft)
        record = existing.get(link.external_id) if link else None
        found = _of_row(course, read, record, matcher)
        if record is not None:
            course.seen.add(record.entity_id)
            course.work.relinked.add(record.link_id)
        if found is not None:
            yield found


def _of_row(course: Course, read: Read, record: Existing | None, matcher: Matcher) -> Found | None:
    draft, guards = read.draft, course.work.guards
    assert draft is not None  # noqa: S101 - the caller passes rows that could be read
    if record is None:
        if matcher.foreign_yard(draft):
            course.left_out[OTHER_YARD] += 1
            return None
        return comparing.there_only(draft, guards.limits, matcher.hand_made.twin_of(draft.values))
    if record.excluded or record.entity_id in course.merged:
        course.left_out[EXCLUDED if record.excluded else MERGED] += 1
        return None
    return comparing.differing(draft, record, course.work.terms, guards.limits)


def _keep(session: Session, work: Work, founds: Sequence[Found]) -> None:
    keeping.keep(
        session, founds, dealership_id=work.dealership_id, stream=STOCK,
        run_id=work.lease.run_id, now=work.now,
    )  # fmt: skip


# -- Our side --------------------------------------------------------------------------------------


def _ours(course: Course) -> None:
    """What the feed does not have: vehicles that it had, and vehicles entered by hand."""
    present = course.collected.present
    gone = [
        link
        for link in course.work.known
        if link.external_id not in present and link.link_id not in course.work.relinked
    ]
    size = course.work.ports.batch_size
    for start in range(0, len(gone), size):
        with batch(course.work) as (session, adds, _):
            adds["missing"] += _missed(session, course, gone[start : start + size])
    alone = _unlinked(course)
    for start in range(0, len(alone), size):
        with batch(course.work) as (session, adds, _):
            adds["missing"] += _unlinked_found(session, course, alone[start : start + size])


def _missed(session: Session, course: Course, gone: Sequence[KnownLink]) -> int:
    ids = [link.link_id for link in gone]
    existing = load_existing(
        session, course.work.target.stream, course.work.dealership_id, ids, lock=False
    )
    founds = [
        comparing.here_only(
            record.external_id,
            record.external_id,
            record.entity_id,
            str(record.local.get("title") or record.external_id),
            record.local,
            MAYBE_UNREADABLE if course.collected.unidentified else None,
        )
        for record in existing.values()
        if _is_missed(course, record)
    ]
    _keep(session, course.work, founds)
    return len(founds)


def _is_missed(course: Course, record: Existing) -> bool:
    if record.local.get("lifecycle") not in ON_MARKET or record.entity_id in course.seen:
        return False
    course.seen.add(record.entity_id)  # a vehicle with two records is missed once
    why = (
        (record.entity_id in course.merged and MERGED)
        or (record.excluded and EXCLUDED)
        or (record.kept_outside and KEPT)
        or (_is_other_yard(course, record.local.get("yard_code")) and OTHER_YARD)
    )
    if why:
        course.left_out[why] += 1
    return not why


def _is_other_yard(course: Course, code: object) -> bool:
    return bool(course.yard) and isinstance(code, str) and folded(code) != course.yard


def _unlinked(course: Course) -> list[int]:
    """Ids of vehicles on the market that this environment's stream never had. Subtracted here: a
    database may look through all links for each vehicle."""
    linked = {link.entity_id for link in course.work.known}
    query = (
        select(Vehicle.id)
        .where(Vehicle.lifecycle.in_(ON_MARKET), Vehicle.merged_into_id.is_(None))
        .order_by(Vehicle.id)
    )
    with reading(course.work.dealership_id) as session:
        return [vehicle_id for vehicle_id in session.scalars(query) if vehicle_id not in linked]


def _unlinked_found(session: Session, course: Course, ids: Sequence[int]) -> int:
    founds = []
    query = select(Vehicle).where(Vehicle.id.in_(ids)).order_by(Vehicle.id)
    for vehicle in session.scalars(query):
        why = (vehicle.is_excluded and EXCLUDED) or (vehicle.source not in BY_HAND and ELSEWHERE)
        if why:
            course.left_out[why] += 1
            continue
        label = vehicle.title or vehicle.stock_number or f"Vehicle {vehicle.id}"
        founds.append(
            comparing.here_only(
                f"vehicle:{vehicle.id}",
                vehicle.stock_number,
                vehicle.id,
                label,
                values_of(vehicle),
                "Entered here by hand.",
            )
        )
    _keep(session, course.work, founds)
    return len(founds)


# -- How it ends -----------------------------------------------------------------------------------


def _end(course: Course, session: Session, run: SyncRun) -> Outcome:
    work = course.work
    uncompared = course.collected.present - course.compared
    keeping.touch(session, work.dealership_id, STOCK, uncompared, run.id)
    resolved = keeping.close_unseen(session, work.dealership_id, STOCK, run.id, work.now)
    said = ending.Said(
        resolved,
        course.left_out,
        tuple(sorted(work.terms.locked)),
        tuple(course.collected.warnings),
    )
    return ending.concluded(session, run, STOCK, said, work.now)


def _end_empty(warnings: Sequence[str], _session: Session, _run: SyncRun) -> Outcome:
    words = " ".join(f"EasyCars says: {warning}" for warning in warnings)
    return Outcome(
        "warning",
        f"EasyCars sent an empty list, so nothing was compared. {words}".rstrip(),
    )
