"""Writing decided changes: one transaction a batch, set-based (design §4.2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import psycopg
from sqlalchemy import Table
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from app.db import Base
from app.log import get_logger
from app.models import SyncItem
from app.services.sync import before, bulk
from app.services.sync.bulk import Moment, json_text
from app.services.sync.changes import Change, refuse
from app.services.sync.conflicts import record_conflicts
from app.services.sync.plan import Verb
from app.services.sync.rows import (
    ARCHIVE_HEAD,
    ITEM_COLUMNS,
    LINK_COLUMNS,
    Placed,
    Target,
    archive_columns,
    archive_row,
    item_row,
    link_row,
    link_values,
    vehicle_row,
)
from app.services.sync.targets import (
    LINKS,
    VEHICLES,
    insert_columns,
    row_values,
    write_columns,
)

log = get_logger(__name__)
ITEMS: Table = SyncItem.__table__  # type: ignore[assignment]
# What a value that does not fit raises; COPY's errors come from the driver itself.
UNFIT = (
    DataError,
    IntegrityError,
    psycopg.DataError,
    psycopg.IntegrityError,
    ValueError,
    TypeError,
    OverflowError,
)
QUIET = (Verb.SAME, Verb.KEEP_LOCAL)
COUNTED = {
    Verb.CREATE: "created",
    Verb.UPDATE: "updated",
    Verb.RESTORE: "updated",
    Verb.SAME: "unchanged",
    Verb.KEEP_LOCAL: "unchanged",
    Verb.HOLD: "held",
    Verb.REFUSE: "failed",
    Verb.MISSING: "missing",
}


def write_batch(
    db: Session, target: Target, changes: Sequence[Change], now: datetime
) -> Counter[str]:
    """Writes the batch at once; if that fails, record by record, so that one bad record costs
    one record. Returns what to add to the run's counters."""
    try:
        with db.begin_nested():
            _write(db, target, changes, now)
        return count_of(changes)
    except UNFIT as exc:
        if len(changes) == 1:
            return _write_refusal(db, target, changes[0], exc, now)
        log.warning("batch_failed", run_id=target.run_id, rows=len(changes), kind=_kind(exc))
    counts: Counter[str] = Counter()
    for change in changes:
        counts += write_batch(db, target, [change], now)
    return counts


def _write_refusal(
    db: Session, target: Target, change: Change, exc: Exception, now: datetime
) -> Counter[str]:
    """The record could not be stored: it becomes a failed row with the reason."""
    log.warning(
        "record_failed", run_id=target.run_id, external_id=change.external_id, kind=_kind(exc)
    )
    insert_items(db, target, [unfit(change)], {}, bulk.stored_moment(db, now))
    return Counter(failed=1)


def unfit(change: Change) -> Change:
    """The record as a failed row, because one of its values does not fit."""
    return refuse(
        change.external_id,
        change.label,
        "This record could not be stored: a value does not fit. The vehicle stays as it was.",
    )


def is_told(change: Change) -> bool:
    """Whether the run tells of this record by an item."""
    return change.decision.verb not in QUIET or bool(change.warnings)


def _kind(exc: Exception) -> str:
    return type(getattr(exc, "orig", None) or exc).__name__


def count_of(changes: Sequence[Change]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for change in changes:
        verb = change.decision.verb
        if verb is Verb.CONFLICT:
            counts["conflicts"] += 1
            counts["updated" if change.decision.after else "unchanged"] += 1
        else:
            counts[COUNTED[verb]] += 1
    return counts


def _write(db: Session, target: Target, changes: Sequence[Change], moment: datetime) -> None:
    now = bulk.stored_moment(db, moment)
    by_verb: Callable[..., list[Change]] = lambda *verbs: [  # noqa: E731 - a local filter
        change for change in changes if change.decision.verb in verbs
    ]
    placed = _insert_new(db, target, by_verb(Verb.CREATE), now)
    known = by_verb(*QUIET, Verb.UPDATE, Verb.RESTORE, Verb.CONFLICT)
    missing = by_verb(Verb.MISSING)
    before.keep(db, target, _touched(known + missing), moment)
    _update_known(db, target, known, now)
    _update_missing(db, target, missing, now)
    told = list(filter(is_told, changes))
    insert_items(db, target, told, placed, now)
    record_conflicts(db, target, changes, now)


def _touched(changes: Sequence[Change]) -> list[int]:
    """Links that change beyond the spelling of their record."""
    return [
        change.existing.link_id
        for change in changes
        if change.existing and not change.spelling_only
    ]


def _insert_new(
    db: Session, target: Target, changes: Sequence[Change], now: Moment
) -> dict[int, Placed]:
    """The new records by the identity of their change; the items need them once more."""
    if not changes:
        return {}
    vehicle_ids = bulk.allocate_ids(db, VEHICLES, len(changes))
    link_ids = bulk.allocate_ids(db, LINKS, len(changes))
    agreed = (json_text(change.decision.agreed) for change in changes)
    placed = list(map(Placed, changes, vehicle_ids, link_ids, agreed))
    vehicles = (vehicle_row(target, one, now) for one in placed)
    bulk.insert_rows(db, VEHICLES, insert_columns(), vehicles)
    links = (link_row(target, one, now) for one in placed)
    bulk.insert_rows(db, LINKS, LINK_COLUMNS, links)
    _insert_archive(db, target, placed, now)
    return {id(one.change): one for one in placed}


def _insert_archive(db: Session, target: Target, placed: Sequence[Placed], now: Moment) -> None:
    if target.stream.archive is None:
        return
    table = Base.metadata.tables[target.stream.archive]
    columns = archive_columns(table)
    rows = (
        (one.link_id, *archive_row(target, one.change, one.vehicle_id, now, columns))
        for one in placed
    )
    bulk.insert_rows(db, table, ("link_id", *ARCHIVE_HEAD, *columns), rows)


def _update_known(db: Session, target: Target, changes: Sequence[Change], now: Moment) -> None:
    bulk.update_rows(
        db,
        LINKS,
        ("content_hash",),
        [
            (change.row.digest, change.existing.link_id)
            for change in changes
            if change.spelling_only and change.row and change.existing
        ],
        dealership_id=target.dealership_id,
    )
    told = [change for change in changes if not change.spelling_only and change.existing]
    _update_vehicles(db, target, [change for change in told if change.decision.write], now)
    _update_links(db, target, [change for change in told if change.row], now)
    _update_archive(db, target, [change for change in told if change.row], now)
    healed = [change for change in told if change.row is None and change.existing]
    bulk.update_rows(
        db,
        LINKS,
        ("missing_runs", "missing_since", "kept_outside"),
        [(0, None, False, change.existing.link_id) for change in healed if change.existing],
        dealership_id=target.dealership_id,
    )


def _update_vehicles(db: Session, target: Target, changes: Sequence[Change], now: Moment) -> None:
    rows = []
    for change in changes:
        assert change.existing is not None  # noqa: S101
        merged = change.existing.local | change.decision.write
        moved = "lifecycle" in change.decision.write
        reason = change.decision.life_reason if moved else change.existing.life_reason
        rows.append(
            (*row_values(merged), merged["lifecycle"], reason, now, change.existing.entity_id)
        )
    bulk.update_rows(db, VEHICLES, write_columns(), rows, dealership_id=target.dealership_id)


def _update_links(db: Session, target: Target, changes: Sequence[Change], now: Moment) -> None:
    columns = ("missing_runs", "kept_outside", *LINK_COLUMNS[LINK_COLUMNS.index("external_id") :])
    rows = [
        (
            0,
            False,
            *link_values(target, change, json_text(change.decision.agreed), now),
            change.existing.link_id,
        )
        for change in changes
        if change.existing
    ]
    bulk.update_rows(db, LINKS, columns, rows, dealership_id=target.dealership_id)


def _update_archive(db: Session, target: Target, changes: Sequence[Change], now: Moment) -> None:
    if target.stream.archive is None:
        return
    table = Base.metadata.tables[target.stream.archive]
    columns = archive_columns(table)
    rows = [
        (
            *archive_row(target, change, change.existing.entity_id, now, columns),
            change.existing.link_id,
        )
        for change in changes
        if change.existing
    ]
    bulk.update_rows(
        db,
        table,
        (*ARCHIVE_HEAD, *columns),
        rows,
        dealership_id=target.dealership_id,
        key="link_id",
    )


def _update_missing(db: Session, target: Target, changes: Sequence[Change], now: Moment) -> None:
    """The moment of the first absence stays; later runs only count on."""
    _update_vehicles(db, target, changes, now)
    known = [change.existing for change in changes if change.existing]
    first = [(1, now, record.link_id) for record in known if not record.missing_runs]
    again = [(record.missing_runs + 1, record.link_id) for record in known if record.missing_runs]
    where = target.dealership_id
    bulk.update_rows(db, LINKS, ("missing_runs", "missing_since"), first, dealership_id=where)
    bulk.update_rows(db, LINKS, ("missing_runs",), again, dealership_id=where)


def insert_items(
    db: Session,
    target: Target,
    told: Sequence[Change],
    placed: Mapping[int, Placed],
    now: Moment,
) -> None:
    if not told:
        return
    ids = bulk.allocate_ids(db, ITEMS, len(told))
    rows = (
        item_row(target, item_id, change, placed.get(id(change)), now)
        for item_id, change in zip(ids, told, strict=True)
    )
    bulk.insert_rows(db, ITEMS, ITEM_COLUMNS, rows)
