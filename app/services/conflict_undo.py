"""Taking back how conflicts were settled, one act at a time, within a day (row 207).

A field goes back to what was here before and waits for a decision again, unless somebody or a sync
moved it since: that is left alone and counted. What was sent to EasyCars meanwhile is not recalled;
then both sides agree on something else, and the field is left alone too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import Conflict
from app.services import audit
from app.services.audit import Actor
from app.services.conflict_records import KINDS
from app.services.conflict_settling import Settling, agreed_with, slices
from app.services.conflict_shape import Settled
from app.services.errors import InputInvalid, NotFound
from app.services.leads.sending import Means

WITHIN: Final = timedelta(days=1)
SHOWN: Final = 5
ACTION: Final = "conflict.undo"


@dataclass(frozen=True, slots=True)
class Act:
    """What was settled together. `records`: (kind, how many); `takes`: whose values counted."""

    id: str
    at: datetime
    by: str
    fields: int
    records: Sequence[tuple[str, int]]
    takes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Undone:
    """How many fields wait again, and how many had moved since and were left alone."""

    fields: int
    left: int


def acts(db: Session, now: datetime) -> list[Act]:
    """The newest acts that can still be undone."""
    newest = (
        select(Conflict.settled_in)
        .where(*_undoable(now))
        .group_by(Conflict.settled_in)
        .order_by(func.max(Conflict.resolved_at).desc())
        .limit(SHOWN)
    )
    names = [name for name in db.scalars(newest) if name]
    rows = db.execute(
        select(
            Conflict.settled_in,
            Conflict.entity,
            Conflict.resolution,
            func.count(),
            func.count(Conflict.entity_id.distinct()),
            func.max(Conflict.resolved_at),
            func.max(Conflict.resolved_by),
        )
        .where(*_undoable(now), Conflict.settled_in.in_(names))
        .group_by(Conflict.settled_in, Conflict.entity, Conflict.resolution)
    ).all()
    return [_act(name, [row for row in rows if row[0] == name]) for name in names]


def _undoable(now: datetime) -> tuple[Any, ...]:
    since = now - WITHIN
    return (
        Conflict.state == "resolved",
        Conflict.resolved_at >= since,
        Conflict.settled_in.is_not(None),
    )


def _act(name: str, rows: Sequence[Any]) -> Act:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row[1]] = max(counts.get(row[1], 0), row[4])
    records = [(entity, counts[entity]) for entity in KINDS if entity in counts]
    takes = sorted({row[2] for row in rows})
    fields = sum(row[3] for row in rows)
    return Act(name, max(row[5] for row in rows), rows[0][6] or "", fields, records, takes)


def undo(db: Session, act: str, *, actor: Actor, means: Means, dealership_id: int) -> Undone:
    """Takes an act back. Raises NotFound when it is unknown, undone already or older than a day."""
    query = select(Conflict.entity, Conflict.entity_id, Conflict.id)
    found = db.execute(
        query.where(*_undoable(means.clock.now()), Conflict.settled_in == act).order_by(Conflict.id)
    ).all()
    if not found:
        raise NotFound("This was undone already, or it is more than a day ago.")
    fields = 0
    for entity in KINDS:
        ids = sorted({row.entity_id for row in found if row.entity == entity})
        for some in slices(ids):
            fields += _undo_some(Settling(db, KINDS[entity], entity, some, actor, means, act), some)
    done = Undone(fields, len(found) - fields)
    details = {"fields": done.fields, "left_alone": done.left}
    audit.record(db, actor, ACTION, f"{len(found)} fields", details, dealership_id=dealership_id)
    return done


def _undo_some(held: Settling, ids: Sequence[int]) -> int:
    rows: dict[int, list[Conflict]] = {}
    closed = select(Conflict).where(
        Conflict.settled_in == held.act,
        Conflict.entity_id.in_(ids),
        Conflict.state == "resolved",
    )
    for row in held.db.scalars(closed.order_by(Conflict.id).with_for_update()):
        if row.entity == held.entity:
            rows.setdefault(row.entity_id, []).append(row)
    return sum(_undo_record(held, number, some) for number, some in rows.items())


def _undo_record(held: Settling, number: int, rows: Sequence[Conflict]) -> int:
    record = held.record(number)
    if record is None or getattr(record, "merged_into_id", None) is not None:
        return 0
    here = held.kind.values(record)
    back = [row for row in rows if _still_stands(held, row, here)]
    changes = {row.field: row.local for row in back if row.local != here.get(row.field)}
    try:
        if changes:
            held.kind.put(record, changes, {row.field: row.result for row in back})
    except InputInvalid:  # a lead that was deleted meanwhile stays deleted
        return 0
    for row in back:
        _reopen(held, row)
    if back:
        before = {name: here.get(name) for name in changes}
        why = "How a conflict was settled was undone; it waits for a decision again."
        held.kind.note(held.db, record, Settled(before, changes, held.actor, held.now, why))
    return len(back)


def _still_stands(held: Settling, row: Conflict, here: Any) -> bool:
    """Nothing moved since: neither what is here, nor what is agreed, nor is it open again."""
    link = held.links.get(row.link_id)
    return (
        link is not None
        and link.agreed.get(row.field) == row.remote
        and here.get(row.field) == row.result
        and row.field not in held.rows(row.entity_id)
    )


def _reopen(held: Settling, row: Conflict) -> None:
    link = held.links[row.link_id]
    link.agreed = agreed_with(link.agreed, row.field, row.agreed)
    row.state, row.resolution, row.resolved_at = "open", None, None
    row.resolved_by, row.resolved_by_id = None, None
    row.result, row.settled_in = None, None
