"""The database: engine set-up, units of work, and the wall between dealerships.

Reading: `db.session`, one per request, opens a read-only transaction.
Writing: `with unit_of_work(dealership_id) as session`, which commits at its end.

The wall between dealerships stands in app/tenancy.py; its names are offered here too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from sqlalchemy import Connection, Engine, MetaData, event
from sqlalchemy.orm import DeclarativeBase, Session

from app.tenancy import (
    ALL_DEALERSHIPS,
    TenantOwned,
    TenantScopeMissing,
    scope,
)
from app.tenancy_reading import is_tenant_table

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

# PostgreSQL's serialization failure and deadlock.
COLLIDED = ("40001", "40P01")

__all__ = [
    "ALL_DEALERSHIPS",
    "Base",
    "TenantOwned",
    "TenantScopeMissing",
    "db",
    "init_database",
    "is_collision",
    "is_tenant_table",
    "reading",
    "scope",
    "unit_of_work",
]


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)


class ReadSession(FlaskSession):
    """The request's session: its transactions read only, so a GET can never write."""

    def get_bind(self, *args: Any, **kwargs: Any) -> Engine | Connection:
        bind = super().get_bind(*args, **kwargs)
        if isinstance(bind, Engine):
            return _readonly(bind)
        return bind


_readonly_engines: dict[int, Engine] = {}


def _readonly(engine: Engine) -> Engine:
    known = _readonly_engines.get(id(engine))
    if known is None or known.pool is not engine.pool:
        options: dict[str, Any] = {"readonly": True}
        if engine.dialect.name == "postgresql":
            options["postgresql_readonly"] = True
        known = _readonly_engines[id(engine)] = engine.execution_options(**options)
    return known


db = SQLAlchemy(model_class=Base, session_options={"class_": ReadSession}, disable_autonaming=True)


@contextmanager
def unit_of_work(dealership_id: int | str | None = None) -> Iterator[Session]:
    """One transaction: commits at the end, rolls back on any exception.

    `dealership_id` sets the scope at once (`ALL_DEALERSHIPS` for system work). Callables in
    `session.info["after_commit"]` run after the commit: an enqueued job must find its row.
    """
    with Session(db.engine, expire_on_commit=False) as session:
        later: list[Any] = []
        session.info["after_commit"] = later
        if dealership_id is not None:
            scope(session, dealership_id)
        with session.begin():
            yield session
    for call in later:
        call()


@contextmanager
def reading(dealership_id: int | str | None = None) -> Iterator[Session]:
    """A read-only session for work outside a request."""
    with Session(_readonly(db.engine), expire_on_commit=False) as session:
        if dealership_id is not None:
            scope(session, dealership_id)
        yield session


def is_collision(fault: BaseException) -> bool:
    """Whether two transactions waited for each other's rows and the database ended this one, so
    that nothing of it was stored and it can be done again."""
    found = getattr(fault, "orig", None) or fault
    return getattr(found, "sqlstate", None) in COLLIDED


@event.listens_for(Engine, "connect")
def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """WAL and our own BEGIN: the driver's default loses updates silently (stack §5)."""
    if not isinstance(connection, sqlite3.Connection):
        return
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "journal_size_limit=67108864",
        "cache_size=-16384",  # 16 MB for each connection; more was no faster
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@event.listens_for(Engine, "begin")
def _begin_sqlite(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    readonly = connection.get_execution_options().get("readonly", False)
    connection.exec_driver_sql("BEGIN" if readonly else "BEGIN IMMEDIATE")


def init_database(app: Flask, database_url: str) -> None:
    """Binds the engine to the app; forked children drop the parent's connections."""
    # hide_parameters: a failing statement must not write its values into logs.
    options: dict[str, Any] = {"pool_pre_ping": True, "hide_parameters": True}
    if database_url.startswith("sqlite"):
        options["connect_args"] = {"timeout": 30}
    else:
        options |= {"pool_size": 10, "max_overflow": 20}
    app.config["SQLALCHEMY_DATABASE_URI"] = database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options
    db.init_app(app)
