"""Migrations on both databases: one head, nothing forgotten, down and up with rows (1.1.7)."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import func, inspect, select, text

from app.db import Base, db
from tests.factories import member
from tests.services.sync.memory import Yard

pytestmark = pytest.mark.both_databases


@pytest.fixture
def migrated(app: Flask) -> Flask:
    with app.app_context():
        yield app


def revisions() -> list[str]:
    """Oldest first."""
    script = ScriptDirectory("migrations")
    return [found.revision for found in script.walk_revisions()][::-1]


def test_there_is_one_head() -> None:
    assert len(ScriptDirectory("migrations").get_heads()) == 1


def test_models_and_migrations_agree(migrated: Flask) -> None:
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_every_constraint_has_a_name(migrated: Flask) -> None:
    found = inspect(db.engine)
    for table in Base.metadata.tables:
        for key in found.get_foreign_keys(table):
            assert key["name"], f"{table}: {key['constrained_columns']}"
        for unique in found.get_unique_constraints(table):
            assert unique["name"], f"{table}: {unique['column_names']}"


def test_each_step_down_and_up_again_keeps_the_rows(migrated: Flask) -> None:
    fill()
    before = counts()
    for revision in revisions()[-2::-1]:
        downgrade(revision=revision)
        upgrade()
        assert counts() == before, f"rows are gone after a way back to {revision}"
    assert before["vehicle"] == before["external_link"] == 3


def fill() -> None:
    """A dealership with a person, a run, vehicles and what hangs on them."""
    yard = Yard()
    member(yard.dealership)
    yard.stream.feed = [{"no": f"S{number}", "make": "Mazda"} for number in range(3)]
    assert yard.sync().created == 3


def counts() -> dict[str, int]:
    with db.engine.connect() as connection:
        return {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in Base.metadata.tables.items()
        }


def test_all_the_way_down_leaves_nothing_and_up_again_works(migrated: Flask) -> None:
    fill()
    downgrade(revision="base")
    assert set(inspect(db.engine).get_table_names()) == {"alembic_version"}
    upgrade()
    assert set(Base.metadata.tables) <= set(inspect(db.engine).get_table_names())
    assert "easycar_sync_log" in inspect(db.engine).get_view_names()


def test_the_required_sync_log_shows_the_run(migrated: Flask) -> None:
    yard = Yard()
    yard.stream.feed = [{"no": "S1"}, {"no": ""}]
    run = yard.sync()
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE sync_run SET provider = 'easycars'"))
        row = connection.execute(text("SELECT * FROM easycar_sync_log")).mappings().one()
    assert (row["sync_type"], row["status"], row["sync_direction"]) == (
        "Stock",
        "Warning",
        "Inbound",
    )
    assert (row["records_processed"], row["records_created"], row["records_failed"]) == (2, 1, 1)
    assert row["id"] == run.id
