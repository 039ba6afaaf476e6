"""Keeping the conflicts of a run: one open row per field, closed when both sides agree (C21).

Called inside the transaction of a batch. A batch of new records costs nothing, one of known
records a single look at the open rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from app.models import Conflict
from app.services.sync import bulk
from app.services.sync.bulk import Moment, json_text
from app.services.sync.changes import Change
from app.services.sync.rows import Target

CONFLICTS: Table = Conflict.__table__  # type: ignore[assignment]
SEEN = ("link_id", "external_id", "agreed", "local", "remote", "run_id", "seen_at")
NEW = (
    "id", "dealership_id", "provider", "stream", "entity", "entity_id", "field", "state",
    "first_seen_at", *SEEN,
)  # fmt: skip
Key = tuple[int, str]


def record_conflicts(db: Session, target: Target, changes: Sequence[Change], now: Moment) -> None:
    """Writes what a batch found: new fields in conflict, known ones seen again, settled ones.

    Only records that were planned anew count: a record that is gone from the feed, or whose bytes
    alone differ, says nothing about its open conflicts.
    """
    planned = [
        change
        for change in changes
        if change.existing and change.draft and not change.spelling_only
    ]
    if not planned:
        return
    known = {(row.entity_id, row.field): row for row in _open_rows(db, target, planned)}
    found = dict(_found(planned))
    _see_again(db, target, [(known[key], found[key]) for key in found.keys() & known.keys()], now)
    _insert(db, target, {key: found[key] for key in sorted(found.keys() - known.keys())}, now)
    _close(db, target, [known[key].id for key in known.keys() - found.keys()], now)


def _open_rows(db: Session, target: Target, planned: Sequence[Change]) -> Sequence[Any]:
    ids = [change.existing.entity_id for change in planned if change.existing]
    return db.execute(
        select(CONFLICTS.c.id, CONFLICTS.c.entity_id, CONFLICTS.c.field).where(
            CONFLICTS.c.dealership_id == target.dealership_id,
            CONFLICTS.c.entity == target.stream.entity,
            CONFLICTS.c.entity_id.in_(ids),
            CONFLICTS.c.state == "open",
        )
    ).all()


def _found(planned: Iterable[Change]) -> Iterator[tuple[Key, Change]]:
    for change in planned:
        for name in change.decision.conflicts:
            if change.existing:
                yield (change.existing.entity_id, name), change


def _seen(target: Target, change: Change, name: str, now: Moment) -> tuple[Any, ...]:
    """The values of SEEN: what both sides say now."""
    assert change.existing is not None  # noqa: S101 - only known records come here
    assert change.draft is not None  # noqa: S101
    record = change.existing
    return (
        record.link_id,
        change.draft.external_id,
        json_text(record.agreed.get(name)),
        json_text(record.local.get(name)),
        json_text(change.draft.values.get(name)),
        target.run_id,
        now,
    )


def _see_again(
    db: Session, target: Target, pairs: Sequence[tuple[Any, Change]], now: Moment
) -> None:
    rows = [(*_seen(target, change, row.field, now), row.id) for row, change in pairs]
    bulk.update_rows(db, CONFLICTS, SEEN, rows, dealership_id=target.dealership_id)


def _insert(db: Session, target: Target, new: dict[Key, Change], now: Moment) -> None:
    if not new:
        return
    ids = bulk.allocate_ids(db, CONFLICTS, len(new))
    where = (target.dealership_id, target.provider, target.stream.key, target.stream.entity)
    rows = (
        (row_id, *where, entity_id, name, "open", now, *_seen(target, change, name, now))
        for row_id, ((entity_id, name), change) in zip(ids, new.items(), strict=True)
    )
    bulk.insert_rows(db, CONFLICTS, NEW, rows)


def _close(db: Session, target: Target, ids: Sequence[int], now: Moment) -> None:
    """Both sides say the same again, or the field has an owner now."""
    rows = [("resolved", "gone", now, row_id) for row_id in ids]
    columns = ("state", "resolution", "resolved_at")
    bulk.update_rows(db, CONFLICTS, columns, rows, dealership_id=target.dealership_id)
