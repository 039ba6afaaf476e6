"""Writing many rows at once: COPY on PostgreSQL, executemany on SQLite (design §4.2).

Rows are tuples in the order of `columns`. JSON columns take text that is JSON already: what was
encoded once is not encoded again for each table. Moments come from `stored_moment`. No value is
looked at twice: a first load writes 130 of them for every vehicle.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy import Table, text
from sqlalchemy.orm import Session

# The forms in which SQLAlchemy stores them too; the driver asks for nothing else of ours.
sqlite3.register_adapter(Decimal, float)
sqlite3.register_adapter(date, date.isoformat)

# As the driver takes it: text on SQLite.
Moment = datetime | str


def json_text(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def stored_moment(db: Session, moment: datetime) -> datetime | str:
    """As SQLAlchemy stores it: made once a batch, not once a value."""
    if db.get_bind().dialect.name == "postgresql":
        return moment
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def allocate_ids(db: Session, table: Table, count: int) -> range | list[int]:
    """Fresh primary keys. SQLite's writer is alone, so that counting on is safe there."""
    key = next(iter(table.primary_key.columns)).name
    if db.get_bind().dialect.name == "postgresql":
        found = db.execute(
            # OFFSET 0: the sequence's name is looked up once, not once a row.
            text(
                "SELECT nextval(sequence.name) FROM generate_series(1, :count), "
                "(SELECT pg_get_serial_sequence(:name, :key)::regclass AS name OFFSET 0) sequence"
            ),
            {"name": table.name, "key": key, "count": count},
        )
        return list(found.scalars())
    top = db.connection().exec_driver_sql(
        f"SELECT COALESCE(MAX({key}), 0) FROM {table.name}"  # noqa: S608 - names are ours
    )
    first = int(top.scalar_one()) + 1
    return range(first, first + count)


def insert_rows(
    db: Session, table: Table, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]
) -> None:
    """`rows` may be made while they are sent; there must be one at least."""
    names = ", ".join(f'"{column}"' for column in columns)
    if db.get_bind().dialect.name == "postgresql":
        cursor = db.connection().connection.cursor()
        with cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.close()
        return
    marks = ", ".join("?" * len(columns))
    db.connection().exec_driver_sql(
        f"INSERT INTO {table.name} ({names}) VALUES ({marks})",  # noqa: S608 - names are ours
        list(rows),
    )


def update_rows(
    db: Session,
    table: Table,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    dealership_id: int,
    key: str = "id",
) -> None:
    """Sets `columns` by primary key; each row is (values…, key)."""
    postgresql = db.get_bind().dialect.name == "postgresql"
    mark = "%s" if postgresql else "?"
    sets = ", ".join(f'"{column}" = {mark}' for column in columns)
    given = [(*row, dealership_id) for row in rows]
    if not given:
        return
    db.connection().exec_driver_sql(
        f"UPDATE {table.name} SET {sets} WHERE {key} = {mark} AND dealership_id = {mark}",  # noqa: S608
        given,
    )
