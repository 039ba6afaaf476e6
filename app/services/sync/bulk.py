"""Writing many rows at once: COPY on PostgreSQL, executemany on SQLite (design §4.2).

Rows are tuples in the order of `columns`. JSON columns take text that is JSON already: what was
encoded once is not encoded again for each table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import Table, text
from sqlalchemy.orm import Session

Converter = Callable[[Any], Any]


def json_text(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def allocate_ids(db: Session, table: Table, count: int) -> range | list[int]:
    """Fresh primary keys. SQLite's writer is alone, so that counting on is safe there."""
    key = next(iter(table.primary_key.columns)).name
    if db.get_bind().dialect.name == "postgresql":
        found = db.execute(
            text(
                "SELECT nextval(pg_get_serial_sequence(:name, :key)) "
                "FROM generate_series(1, :count)"
            ),
            {"name": table.name, "key": key, "count": count},
        )
        return [row[0] for row in found]
    top = db.connection().exec_driver_sql(
        f"SELECT COALESCE(MAX({key}), 0) FROM {table.name}"  # noqa: S608 - names are ours
    )
    first = int(top.scalar_one()) + 1
    return range(first, first + count)


def insert_rows(
    db: Session, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    if not rows:
        return
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
        [_for_sqlite(row) for row in rows],
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
        given if postgresql else [_for_sqlite(row) for row in given],
    )


def _for_sqlite(row: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(
        _SQLITE[kind](value) if (kind := type(value)) in _SQLITE else value for value in row
    )


@lru_cache(maxsize=16)
def _moment(value: datetime) -> str:
    """As SQLAlchemy stores it; one batch writes one moment thousands of times."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


_SQLITE: dict[type, Converter] = {datetime: _moment, Decimal: float}
