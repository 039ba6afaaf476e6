"""Keeping differences: one standing row per record and kind, closed when it is found no more.

A run marks each difference that it finds with its number; what stands with another number when
the run ends was not found. Called inside the transaction of a batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Table, case, delete, func, select, update
from sqlalchemy.orm import Session

from app.models import Difference, ExternalLink
from app.services.reconciliation.comparing import Found
from app.services.reconciliation.words import LEADS, THERE_ONLY
from app.services.sync import bulk
from app.services.sync.bulk import json_text

DIFFERENCES: Table = Difference.__table__  # type: ignore[assignment]
KEPT_FOR: Final = timedelta(days=90)
KEYS_AT_ONCE: Final = 500
SEEN: Final = (
    "severity", "external_id", "entity_id", "label", "fields", "fingerprint", "note", "status",
    "decided_at", "decided_by", "reason", "last_seen_at", "run_id",
)  # fmt: skip
NEW: Final = (
    "id", "dealership_id", "stream", "kind", "record_key", "first_seen_at", "first_run_id", *SEEN,
)  # fmt: skip


def keep(
    db: Session,
    founds: Sequence[Found],
    *,
    dealership_id: int,
    stream: str,
    run_id: int,
    now: datetime,
) -> None:
    """Writes what a batch found. An ignored difference whose values changed is open again."""
    if not founds:
        return
    moment = bulk.stored_moment(db, now)
    standing = _standing(db, dealership_id, stream, [found.key for found in founds])
    again, fresh = [], []
    for found in founds:
        known = standing.get((found.key, found.kind))
        if known is None:
            fresh.append(found)
        else:
            again.append((*_seen(db, found, known, moment, run_id), known.id))
    bulk.update_rows(db, DIFFERENCES, SEEN, again, dealership_id=dealership_id)
    if not fresh:
        return
    ids = bulk.allocate_ids(db, DIFFERENCES, len(fresh))
    rows = [
        (row_id, dealership_id, stream, found.kind, found.key[:200], moment, run_id,
         *_seen(db, found, None, moment, run_id))
        for row_id, found in zip(ids, fresh, strict=True)
    ]  # fmt: skip
    bulk.insert_rows(db, DIFFERENCES, NEW, rows)


def _standing(
    db: Session, dealership_id: int, stream: str, keys: Sequence[str]
) -> dict[tuple[str, str], Any]:
    found: dict[tuple[str, str], Any] = {}
    for start in range(0, len(keys), KEYS_AT_ONCE):
        query = select(
            DIFFERENCES.c.id,
            DIFFERENCES.c.record_key,
            DIFFERENCES.c.kind,
            DIFFERENCES.c.fingerprint,
            DIFFERENCES.c.status,
            DIFFERENCES.c.decided_at,
            DIFFERENCES.c.decided_by,
            DIFFERENCES.c.reason,
        ).where(
            DIFFERENCES.c.dealership_id == dealership_id,
            DIFFERENCES.c.stream == stream,
            DIFFERENCES.c.status != "resolved",
            DIFFERENCES.c.record_key.in_(keys[start : start + KEYS_AT_ONCE]),
        )
        # Held, so that nobody's decision meanwhile is written over.
        rows = db.execute(query.order_by(DIFFERENCES.c.id).with_for_update())
        found |= {(row.record_key, row.kind): row for row in rows}
    return found


def _seen(db: Session, found: Found, known: Any, moment: Any, run_id: int) -> tuple[Any, ...]:
    """The values of SEEN."""
    moved = known is not None and known.fingerprint != found.fingerprint
    is_asked = known is None or (known.status == "ignored" and moved)
    decided_at = None if is_asked else known.decided_at
    decision = (
        ("open", None, None, None)
        if is_asked
        else (
            known.status,
            decided_at and bulk.stored_moment(db, decided_at),
            known.decided_by,
            known.reason,
        )
    )
    return (
        found.severity, found.external_id, found.entity_id, found.label[:300],
        json_text(found.fields), found.fingerprint, found.note, *decision, moment, run_id,
    )  # fmt: skip


def touch(db: Session, dealership_id: int, stream: str, keys: Iterable[str], run_id: int) -> None:
    """Lets the differences of records that a run could not compare stand as they are."""
    wanted = list(keys)
    for start in range(0, len(wanted), KEYS_AT_ONCE):
        db.execute(
            update(DIFFERENCES)
            .where(
                DIFFERENCES.c.dealership_id == dealership_id,
                DIFFERENCES.c.stream == stream,
                DIFFERENCES.c.status != "resolved",
                DIFFERENCES.c.record_key.in_(wanted[start : start + KEYS_AT_ONCE]),
            )
            .values(run_id=run_id)
        )


def close_unseen(
    db: Session,
    dealership_id: int,
    stream: str,
    run_id: int,
    now: datetime,
    keys: Sequence[str] | None = None,
) -> int:
    """Resolves what the run did not find again; how many. `keys`: among these records only.

    What was on the change list is there now: EasyCars shows it.
    """
    query = update(DIFFERENCES).where(
        DIFFERENCES.c.dealership_id == dealership_id,
        DIFFERENCES.c.stream == stream,
        DIFFERENCES.c.status != "resolved",
        func.coalesce(DIFFERENCES.c.run_id, 0) != run_id,
    )
    values = _resolved(now)
    if keys is None:
        return len(db.execute(query.values(values).returning(DIFFERENCES.c.id)).all())
    closed = 0
    for start in range(0, len(keys), KEYS_AT_ONCE):
        some = query.where(DIFFERENCES.c.record_key.in_(keys[start : start + KEYS_AT_ONCE]))
        closed += len(db.execute(some.values(values).returning(DIFFERENCES.c.id)).all())
    return closed


def _resolved(now: datetime) -> dict[str, Any]:
    return {
        "status": "resolved",
        "resolution": case((DIFFERENCES.c.status == "listed", "shown"), else_="gone"),
        "resolved_at": now,
        "taking_run_id": None,
    }


def close(db: Session, ids: Sequence[int], now: datetime, how: str | None = None) -> None:
    """Resolves these differences of the session's dealership; `how` as in Difference.resolution,
    None: by their status, as `close_unseen`."""
    values = _resolved(now) | ({"resolution": how} if how else {})
    for start in range(0, len(ids), KEYS_AT_ONCE):
        some = Difference.id.in_(ids[start : start + KEYS_AT_ONCE])
        closed = update(Difference).where(some, Difference.status != "resolved").values(values)
        db.execute(closed.execution_options(synchronize_session=False))


def close_taken(
    db: Session, dealership_id: int, run_id: int, done: Iterable[str], now: datetime
) -> int:
    """Resolves the differences that this run took over, by record key; the rest stays open."""
    mine = (
        DIFFERENCES.c.dealership_id == dealership_id,
        DIFFERENCES.c.taking_run_id == run_id,
        DIFFERENCES.c.status != "resolved",
    )
    keys, closed = list(done), 0
    for start in range(0, len(keys), KEYS_AT_ONCE):
        some = DIFFERENCES.c.record_key.in_(keys[start : start + KEYS_AT_ONCE])
        taken = (
            update(DIFFERENCES)
            .where(*mine, some)
            .values(status="resolved", resolution="taken", resolved_at=now)
        )
        closed += len(db.execute(taken.returning(DIFFERENCES.c.id)).all())
    db.execute(update(DIFFERENCES).where(*mine).values(taking_run_id=None))
    return closed


def close_arrived(db: Session, dealership_id: int, run_id: int, now: datetime) -> None:
    """Resolves leads that were only in EasyCars and that this run brought here."""
    here = select(ExternalLink.external_id).where(
        ExternalLink.dealership_id == dealership_id, ExternalLink.stream == LEADS
    )
    found = db.scalars(
        select(Difference.record_key).where(
            Difference.taking_run_id == run_id,
            Difference.kind == THERE_ONLY,
            Difference.record_key.in_(here),
        )
    ).all()
    close_taken(db, dealership_id, run_id, found, now)


def prune(db: Session, now: datetime) -> int:
    """Forgets differences that were resolved 90 days ago; in the scope of all dealerships."""
    gone = delete(Difference).where(
        Difference.status == "resolved", Difference.resolved_at < now - KEPT_FOR
    )
    return len(
        db.execute(gone.returning(Difference.id).execution_options(synchronize_session=False)).all()
    )
