"""Fields that changed here and in EasyCars: what waits, and one record side by side (C21).

Everything is read within the session's dealership. Resolving is in conflict_resolving.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, Select, Subquery, and_, case, func, or_, select
from sqlalchemy.orm import Session

from app.models import Conflict, ExternalLink
from app.services.conflict_records import KINDS
from app.services.conflict_shape import ChangedHere, FieldInfo, Kind
from app.services.errors import NotFound

PAGE_SIZE: Final = 25
# The most harmful first: a wrong price costs money, a wrong number the right car.
URGENT: Final = ("price_cents", "special_price_cents", "status")
SERIOUS: Final = ("stock_number", "vin", "odometer", "rego_num", "year")
HARMLESS: Final = (
    "short_description", "description", "additional_description", "features",
    "optional_features", "video_link",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Waiting:
    """One record with open conflicts, for the list; `id` is its oldest conflict's."""

    id: int
    entity: str
    entity_id: int
    label: str
    external_id: str
    fields: tuple[str, ...]
    is_urgent: bool
    since: datetime


@dataclass(frozen=True, slots=True)
class WaitingPage:
    """A page of records, worst first then oldest, and how many there are in all, by kind."""

    rows: Sequence[Waiting]
    counts: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Field:
    """One field in conflict. `mark` stands for both values as they are now."""

    id: int
    info: FieldInfo
    agreed: Any
    here: Any
    theirs: Any
    is_locked: bool
    changed_here: ChangedHere | None
    seen_at: datetime
    first_seen_at: datetime
    run_id: int | None
    mark: str


@dataclass(frozen=True, slots=True)
class Record:
    """One record side by side. `kept`: other fields that differ, by choice; `equal`: the rest."""

    entity: str
    entity_id: int
    label: str
    path: str
    external_id: str
    fields: Sequence[Field]
    kept: Sequence[tuple[FieldInfo, Any, Any]]
    equal: Sequence[tuple[FieldInfo, Any]]


def mark_of(here: Any, theirs: Any) -> str:
    """Changes when either side moves: what a page showed is compared with what is there."""
    return blake2b(orjson.dumps([here, theirs]), digest_size=8).hexdigest()


def is_open() -> ColumnElement[bool]:
    """Open conflicts of records that somebody may still decide about."""
    visible = [and_(Conflict.entity == name, kind.visible()) for name, kind in KINDS.items()]
    return and_(Conflict.state == "open", or_(*visible))


def counting() -> Select[int]:
    """How many records have at least one open conflict."""
    return select(func.count()).select_from(_records())


def count(db: Session) -> int:
    return db.scalar(counting()) or 0


def counts(db: Session) -> dict[str, int]:
    """Records with at least one open conflict, by kind; kinds without one are absent."""
    records = _records()
    query = select(records.c.entity, func.count()).group_by(records.c.entity)
    found: dict[str, int] = {row[0]: row[1] for row in db.execute(query)}
    return {entity: found[entity] for entity in KINDS if entity in found}


def _records() -> Subquery:
    return select(Conflict.entity, Conflict.entity_id).where(is_open()).distinct().subquery()


def page(db: Session, number: int = 1, size: int = PAGE_SIZE) -> WaitingPage:
    """A page of records with open conflicts, the most harmful first, then the oldest."""
    rank = func.min(
        case(
            (Conflict.field.in_(URGENT), 0),
            (Conflict.field.in_(SERIOUS), 1),
            (Conflict.field.in_(HARMLESS), 3),
            else_=2,
        )
    ).label("rank")
    since = func.min(Conflict.first_seen_at).label("since")
    rows = db.execute(
        select(Conflict.entity, Conflict.entity_id, rank, since)
        .where(is_open())
        .group_by(Conflict.entity, Conflict.entity_id)
        .order_by(rank, since, Conflict.entity_id)
        .limit(size)
        .offset((number - 1) * size)
    ).all()
    found = _fields_of(db, [(row.entity, row.entity_id) for row in rows])
    return WaitingPage([_waiting(found[(row.entity, row.entity_id)]) for row in rows], counts(db))


def _fields_of(
    db: Session, keys: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], tuple[Any, list[Conflict]]]:
    """Record and open conflicts by key, each kind with one question."""
    found: dict[tuple[str, int], tuple[Any, list[Conflict]]] = {}
    for name, kind in KINDS.items():
        ids = [number for entity, number in keys if entity == name]
        records = kind.load(db, ids) if ids else {}
        for row in of_records(db, name, ids):
            found.setdefault((name, row.entity_id), (records[row.entity_id], []))[1].append(row)
    return found


def of_records(
    db: Session, entity: str, ids: Sequence[int], *, lock: bool = False
) -> Sequence[Conflict]:
    """The open conflicts of some records, oldest first."""
    if not ids:
        return []
    query = (
        select(Conflict)
        .where(Conflict.entity == entity, Conflict.entity_id.in_(ids), Conflict.state == "open")
        .order_by(Conflict.id)
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return db.scalars(query).all()


def _waiting(of: tuple[Any, list[Conflict]]) -> Waiting:
    record, rows = of
    kind, first = KINDS[rows[0].entity], rows[0]
    labels = {info.name: info.label for info in kind.fields()}
    names = [name for name in labels if name in {row.field for row in rows}]
    urgent = [name for name in names if name in URGENT]
    ordered = urgent + [name for name in names if name not in urgent]
    return Waiting(
        first.id,
        first.entity,
        first.entity_id,
        kind.label(record),
        first.external_id,
        tuple(labels[name] for name in ordered),
        bool(urgent),
        min(row.first_seen_at for row in rows),
    )


def get(db: Session, conflict_id: int) -> Conflict:
    """The row, open or not. Raises NotFound."""
    found = db.scalar(select(Conflict).where(Conflict.id == conflict_id))
    if found is None:
        raise NotFound("There is no such conflict.")
    return found


def record_of(db: Session, conflict: Conflict) -> Record | None:
    """The record behind a conflict side by side; None when nothing of it is open any more."""
    rows = of_records(db, conflict.entity, [conflict.entity_id])
    kind = KINDS[conflict.entity]
    record = kind.load(db, [conflict.entity_id]).get(conflict.entity_id)
    if not rows or record is None:
        return None
    here, agreed = kind.values(record), _agreed(db, rows[0].link_id)
    fields = _side_by_side(db, kind, record, rows, here)
    kept, equal = _others(kind, here, agreed, {row.field for row in rows})
    return Record(
        conflict.entity,
        conflict.entity_id,
        kind.label(record),
        f"{kind.path}/{conflict.entity_id}",
        rows[0].external_id,
        fields,
        kept,
        equal,
    )


def _agreed(db: Session, link_id: int) -> dict[str, Any]:
    found = db.scalar(select(ExternalLink.agreed).where(ExternalLink.id == link_id))
    return dict(found or {})


def _side_by_side(
    db: Session, kind: Kind, record: Any, rows: Sequence[Conflict], here: Mapping[str, Any]
) -> list[Field]:
    by_name = {row.field: row for row in rows}
    edits, locked = kind.edits(db, rows[0].entity_id), kind.locked(record)
    found = [
        Field(
            id=row.id,
            info=info,
            agreed=row.agreed,
            here=here.get(info.name),
            theirs=row.remote,
            is_locked=info.name in locked,
            changed_here=edits.get(info.name),
            seen_at=row.seen_at,
            first_seen_at=row.first_seen_at,
            run_id=row.run_id,
            mark=mark_of(here.get(info.name), row.remote),
        )
        for info in kind.fields()
        if (row := by_name.get(info.name))
    ]
    return sorted(found, key=lambda field: field.info.name not in URGENT)


def _others(
    kind: Kind, here: Mapping[str, Any], agreed: Mapping[str, Any], open_fields: set[str]
) -> tuple[list[tuple[FieldInfo, Any, Any]], list[tuple[FieldInfo, Any]]]:
    kept, equal = [], []
    for info in kind.fields():
        ours, theirs = here.get(info.name), agreed.get(info.name)
        if info.name in open_fields or (ours is None and theirs is None):
            continue
        if ours == theirs:
            equal.append((info, ours))
        elif info.name in agreed:
            kept.append((info, ours, theirs))
    return kept, equal
