"""Connections to PostgreSQL that a test has closed, lent to the next one on the same database.

A backend of PostgreSQL begins with empty caches: starting it takes 15 ms, and its first look at
each table one more. An app has two or three of them. What is lent is as good as new: DISCARD ALL
takes back all that a session can set, which is what a pool such as PgBouncer relies on.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

Connection = psycopg.Connection[Any]
# A handful is what an app asks for; what a test of many threads leaves is closed.
KEPT = 4
# Databases with such a name stay from test to test; nothing stays connected to any other.
COPIES = "forecourt_test_"

_spare: defaultdict[str, list[Connection]] = defaultdict(list)
_places: WeakKeyDictionary[Connection, str] = WeakKeyDictionary()


def pids() -> list[int]:
    """The backends behind the spare connections of this process: nobody left them behind."""
    return [one.info.backend_pid for known in _spare.values() for one in known if not one.closed]


@contextmanager
def closed_connections_lent() -> Iterator[None]:
    """SQLAlchemy's engines ask here while the block runs, and bring back here what they close."""
    connect = PGDialect_psycopg.connect

    def lent(self: PGDialect_psycopg, *words: Any, **options: Any) -> Any:
        if not str(options.get("dbname")).startswith(COPIES):
            return connect(self, *words, **options)
        place = _place(words, options)
        connection = _spare_one(place) or connect(self, *words, **options)
        _places[connection] = place
        return connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PGDialect_psycopg, "connect", lent)
        patch.setattr(PGDialect_psycopg, "do_close", _bring_back)
        yield
    for connection in chain(*_spare.values()):
        connection.close()
    _spare.clear()


def _place(words: tuple[object, ...], options: dict[str, object]) -> str:
    """What was asked for, by whom: a forked child must not share its parent's connections."""
    asked = sorted((name, value) for name, value in options.items() if name != "context")
    return repr((os.getpid(), words, asked))


def _spare_one(place: str) -> Connection | None:
    known = _spare[place]
    while known:
        connection = known.pop()
        with suppress(psycopg.Error):  # its database went meanwhile
            return _as_new(connection)
        connection.close()
    return None


def _as_new(connection: Connection) -> Connection:
    connection._prepared.clear()  # the driver sees only a first DISCARD ALL forget its statements
    connection.autocommit = True
    connection.execute("DISCARD ALL")
    connection.autocommit = False
    connection.read_only = connection.deferrable = connection.isolation_level = None
    return connection


def _bring_back(_dialect: PGDialect_psycopg, connection: Connection) -> None:
    """In order it is kept; in the midst of something, or one too many, it is closed."""
    known = _spare[_places.get(connection, "")]
    is_idle = connection.info.transaction_status == TransactionStatus.IDLE
    if is_idle and connection in _places and len(known) < KEPT:
        known.append(connection)
    else:
        connection.close()
