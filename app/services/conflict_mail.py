"""One digest by mail of the conflicts that a run found, not one mail per record (row 209).

Put in the transaction that ends the run. Those who may decide get it. A conflict that an earlier
run told of is not told again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.models import Conflict, Dealership, SyncRun
from app.services import conflicts, mails, outbox, run_words, sync_mail
from app.services.conflict_records import KINDS
from app.services.conflicts import is_open

ROWS_NAMED: Final = 15
# Conflicts of leads and customers that were met while leads were sent.
OF_DELIVERY: Final = (Conflict.run_id.is_(None), Conflict.entity != "vehicle")
FOOT: Final = (
    "You get this mail because you may settle conflicts at this dealership in Forecourt. "
    "Under Sync settings and Lead settings you can say whose values count, so that nobody is asked."
)


def tell(db: Session, run: SyncRun, now: datetime) -> None:
    """Puts the digest of a run that ends at `now`; none when it found no new conflict."""
    if run.conflicts and run.started_at is not None:
        found = _seen_first(db, run.started_at, Conflict.run_id == run.id)
        _put(db, run.dealership_id, run_words.title(run), found, now, run.id)


def adopt(db: Session, run: SyncRun) -> None:
    """Gives the conflicts that a delivery met to the run by which it is told afterwards."""
    found = _seen_first(db, run.started_at, *OF_DELIVERY)
    for row in found:
        row.run_id = run.id
    run.conflicts = len(_by_record(found))


def tell_delivery(db: Session, dealership_id: int, since: datetime, now: datetime) -> None:
    """Puts the digest of a delivery that sent nothing, and so is told as no run."""
    found = _seen_first(db, since, *OF_DELIVERY)
    _put(db, dealership_id, "Sending leads", found, now)


def _put(
    db: Session,
    dealership_id: int,
    finder: str,
    found: Sequence[Conflict],
    now: datetime,
    run_id: int | None = None,
) -> None:
    if not found:
        return
    place = db.scalars(select(Dealership).where(Dealership.id == dealership_id)).one()
    payload = _digest(finder, place, _lines(db, found))
    for user_id, email in sync_mail.people(db, dealership_id):
        outbox.put(
            db,
            dealership_id=dealership_id,
            key=f"conflicts:{run_id or f'to-{max(row.id for row in found)}'}:{user_id}",
            recipient=email,
            payload=payload,
            now=now,
            run_id=run_id,
        )


def _seen_first(
    db: Session, since: datetime | None, *of: ColumnElement[bool]
) -> Sequence[Conflict]:
    query = select(Conflict).where(is_open(), Conflict.first_seen_at >= since, *of)
    return db.scalars(query.order_by(Conflict.id)).all()


def _by_record(rows: Sequence[Conflict]) -> dict[tuple[str, int], list[Conflict]]:
    found: dict[tuple[str, int], list[Conflict]] = {}
    for row in rows:
        found.setdefault((row.entity, row.entity_id), []).append(row)
    return found


def _lines(db: Session, rows: Sequence[Conflict]) -> list[tuple[str, str]]:
    """(kind, line) of each record, worst first; the lines that are shown have its name."""
    ranked = sorted(_by_record(rows).items(), key=lambda item: not _is_urgent(item[1]))
    named = _labels(db, [key for key, _ in ranked[:ROWS_NAMED]])
    return [(key[0], _line(named.get(key, ""), some)) for key, some in ranked]


def _is_urgent(rows: Sequence[Conflict]) -> bool:
    return any(row.field in conflicts.URGENT for row in rows)


def _labels(db: Session, keys: Sequence[tuple[str, int]]) -> dict[tuple[str, int], str]:
    found = {}
    for entity, kind in KINDS.items():
        ids = [number for name, number in keys if name == entity]
        for number, record in (kind.load(db, ids) if ids else {}).items():
            found[(entity, number)] = kind.label(record)
    return found


def _line(label: str, rows: Sequence[Conflict]) -> str:
    words = {info.name: info.label for info in KINDS[rows[0].entity].fields()}
    fields = ", ".join(words.get(row.field, row.field) for row in rows)
    return f"{label} ({rows[0].external_id}): {fields}"


def _digest(finder: str, place: Dealership, found: Sequence[tuple[str, str]]) -> dict[str, Any]:
    told, rows = _counted(found), [line for _, line in found[:ROWS_NAMED]]
    if len(found) > ROWS_NAMED:
        rows.append(f"and {len(found) - ROWS_NAMED:,} more")
    were = "was" if len(found) == 1 else "were"
    return mails.payload(
        f"{place.name}: {told} changed here and in EasyCars",
        [
            f"{finder} of {place.name}: {told} {were} changed here and in EasyCars.",
            "Until somebody decides, the values that are here stay.",
        ],
        rows=rows,
        link=("Conflicts", f"/d/{place.slug}/review/conflicts"),
        foot=FOOT,
    )


def _counted(found: Sequence[tuple[str, str]]) -> str:
    """2 vehicles, 1 lead and 1 customer."""
    counts = [(sum(entity == name for entity, _ in found), KINDS[name].noun) for name in KINDS]
    words = [f"{count:,} {noun}{'' if count == 1 else 's'}" for count, noun in counts if count]
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
