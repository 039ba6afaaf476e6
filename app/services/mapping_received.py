"""What a dealership's stored records hold in the mapped fields, counted (C19, C20).

No provider is named: a stream that says in which columns of its archive the received values lie
is asked in one scan; of any other the raw records are drafted again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, Table, func, select
from sqlalchemy.orm import Session

from app.db import Base
from app.services.errors import RecordRefused
from app.services.mapping import MAPPED, folded
from app.services.sync.protocol import NamesColumns, Stream
from app.services.sync.targets import LINKS

# (values in the order of the fields, how many records, one vehicle that has them)
Combination = tuple[Sequence[Any], int, int]
RECORDS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Received:
    """One received value: how many stored records have it, and one vehicle that does."""

    value: str
    count: int
    vehicle_id: int


def received_values(
    db: Session, dealership_id: int, provider: str, stream: Stream, fields: Iterable[str] = MAPPED
) -> dict[str, list[Received]]:
    """Field → received values, the most frequent first; spellings that rules read alike are one.

    Fields that the stream's archive has no column for are missing (the kind of a vehicle is a
    letter there, not what rules see).
    """
    names, combinations = _combinations(db, dealership_id, provider, stream, list(fields))
    found: dict[str, dict[str, Received]] = {name: {} for name in names}
    for values, count, vehicle_id in combinations:
        for name, value in zip(names, values, strict=True):
            if isinstance(value, str) and value.strip():
                _add(found[name], value, count, vehicle_id)
    return {
        name: sorted(values.values(), key=lambda one: (-one.count, folded(one.value)))
        for name, values in found.items()
    }


def _add(into: dict[str, Received], value: str, count: int, vehicle_id: int) -> None:
    key = folded(value)
    known = into.get(key)
    if known is None:
        into[key] = Received(value, count, vehicle_id)
    else:
        into[key] = Received(known.value, known.count + count, min(known.vehicle_id, vehicle_id))


def _combinations(
    db: Session, dealership_id: int, provider: str, stream: Stream, fields: list[str]
) -> tuple[list[str], Iterator[Combination]]:
    if stream.archive is not None and isinstance(stream, NamesColumns):
        named = stream.received_columns
        names = [name for name in fields if name in named]
        table = Base.metadata.tables[stream.archive]
        return names, _counted(db, dealership_id, table, [named[name] for name in names])
    drafted = _drafted(db, dealership_id, provider, stream, fields)
    return fields, drafted


def _counted(
    db: Session, dealership_id: int, table: Table, columns: list[str]
) -> Iterator[Combination]:
    """One scan: the combinations are counted by the database, their parts here."""
    cells = [table.c[column] for column in columns]
    if not cells:
        return
    query = (
        select(*cells, func.count(), func.min(table.c.vehicle_id))
        .where(table.c.dealership_id == dealership_id)
        .group_by(*cells)
        .order_by(*cells)
    )
    for *values, count, vehicle_id in db.execute(query):
        yield values, count, vehicle_id


def _drafted(
    db: Session, dealership_id: int, provider: str, stream: Stream, fields: list[str]
) -> Iterator[Combination]:
    for raw, vehicle_id in _raw_rows(db, dealership_id, provider, stream):
        try:
            values = stream.draft(raw.encode()).values
        except RecordRefused:
            continue
        yield [values.get(name) for name in fields], 1, vehicle_id


def _raw_rows(
    db: Session, dealership_id: int, provider: str, stream: Stream
) -> Iterator[tuple[str, int]]:
    query: Select[Any] = (
        select(LINKS.c.raw, LINKS.c.entity_id)
        .where(
            LINKS.c.dealership_id == dealership_id,
            LINKS.c.provider == provider,
            LINKS.c.stream == stream.key,
            LINKS.c.raw.is_not(None),
        )
        .order_by(LINKS.c.id)
    )
    for row in db.execute(query.execution_options(yield_per=RECORDS_AT_ONCE)):
        yield row.raw, row.entity_id
