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
from typing import Any, cast

import orjson
from psycopg import Cursor as PsycopgCursor
from sqlalchemy import Table, select, text
from sqlalchemy.orm import Session

# The forms in which SQLAlchemy stores them too; the driver asks for nothing else of ours.
sqlite3.register_adapter(Decimal, float)
sqlite3.register_adapter(date, date.isoformat)

Cursor = PsycopgCursor[Any]
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


def ids_in_use(db: Session, table: Table, ids: Sequence[int]) -> set[int]:
    """Which of these primary keys exist, whosesoever they are: no more is told of them."""
    key = next(iter(table.primary_key.columns))
    return set(db.connection().execute(select(key).where(key.in_(ids))).scalars())


def insert_rows(
    db: Session, table: Table, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]
) -> None:
    """`rows` may be made while they are sent; there must be one at least."""
    names = _quoted(columns)
    if db.get_bind().dialect.name == "postgresql":
        _copy(_cursor(db), table.name, names, rows)
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
    rows: Iterable[tuple[Any, ...]],
    *,
    dealership_id: int,
    key: str = "id",
) -> None:
    """Sets `columns` by primary key; each row is (values…, key)."""
    given = list(rows)
    if not given:
        return
    if db.get_bind().dialect.name == "postgresql":
        _update_from_copy(_cursor(db), table, (*columns, key), given, dealership_id)
        return
    sets = ", ".join(f'"{column}" = ?' for column in columns)
    db.connection().exec_driver_sql(
        f"UPDATE {table.name} SET {sets} WHERE {key} = ? AND dealership_id = ?",  # noqa: S608
        [(*row, dealership_id) for row in given],
    )


def _update_from_copy(
    cursor: Cursor,
    table: Table,
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    dealership_id: int,
) -> None:
    """One statement for all rows: eighty parameters each would be read two hundred times.

    The keys are named besides: a planner without statistics would read the whole dealership.
    """
    *changed, key = columns
    names = _quoted(columns)
    sets = ", ".join(f'"{column}" = given."{column}"' for column in changed)
    cursor.execute(
        f"CREATE TEMP TABLE given ON COMMIT DROP AS SELECT {names} FROM {table.name} WITH NO DATA"  # noqa: S608
    )
    _copy(cursor, "given", names, rows)
    cursor.execute(
        f"UPDATE {table.name} SET {sets} FROM given "  # noqa: S608
        f"WHERE {table.name}.{key} = given.{key} AND {table.name}.{key} = ANY(%s) "
        f"AND {table.name}.dealership_id = %s",
        ([row[-1] for row in rows], dealership_id),
    )
    cursor.execute("DROP TABLE given")


def _copy(cursor: Cursor, table: str, names: str, rows: Iterable[tuple[Any, ...]]) -> None:
    with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _cursor(db: Session) -> Cursor:
    """The driver's own, inside the session's transaction."""
    return cast(Cursor, db.connection().connection.cursor())


def _quoted(columns: Sequence[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)
