"""Alembic's environment: the app's engine, named constraints, safe SQLite table rebuilds."""

from alembic import context
from flask import current_app
from sqlalchemy import Connection, text

from app.db import Base, db

LOCK_TIMEOUT = "SET lock_timeout = '10s'"


def run_offline() -> None:
    """Prints the SQL instead of running it."""
    context.configure(
        url=current_app.config["SQLALCHEMY_DATABASE_URI"],
        target_metadata=Base.metadata,
        literal_binds=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def run_online() -> None:
    with db.engine.connect() as connection:
        prepare(connection)
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            compare_type=True,
            render_as_batch=connection.dialect.name == "sqlite",
        )
        with context.begin_transaction():
            context.run_migrations()
            check_foreign_keys(connection)


def prepare(connection: Connection) -> None:
    """Batch mode rebuilds tables; with foreign keys on, that silently deletes the child rows."""
    if connection.dialect.name == "sqlite":
        connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")
    elif connection.dialect.name == "postgresql":
        connection.execute(text(LOCK_TIMEOUT))
        connection.commit()


def check_foreign_keys(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    broken = connection.execute(text("PRAGMA foreign_key_check")).fetchall()
    if broken:
        raise RuntimeError(f"the migration would leave rows without their parent: {broken[:5]}")


if context.is_offline_mode():
    run_offline()
else:
    run_online()
