"""Makes a used copy of the migrated database as good as new, without a new connection each time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from tests import lending

# What a test may leave behind without spoiling the next one: rows. Anything else shows here.
SHAPE = """
    SELECT (SELECT count(*) FROM pg_class), (SELECT max(oid) FROM pg_class),
           (SELECT count(*) FROM pg_attribute WHERE NOT attisdropped),
           (SELECT count(*) FROM pg_constraint), (SELECT count(*) FROM pg_proc)
"""
# Spare connections wait for the next test; everybody else is still there by mistake.
ALONE = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid <> ALL(%s)
"""
# One question for all tables, which of them have rows; the first asks the catalogue for its words.
WORDS = """
    SELECT string_agg(format('SELECT %L WHERE EXISTS (SELECT FROM %I)', 'DELETE FROM ' ||
                             quote_ident(tablename), tablename), ' UNION ALL ')
    FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'
"""
RESTART = """
    SELECT setval(seqrelid, seqstart, false) FROM pg_sequence
    WHERE pg_sequence_last_value(seqrelid) IS NOT NULL
"""


@dataclass
class Emptier:
    """Looks after one copy; remembers what it was like at first."""

    connection: psycopg.Connection[Any]
    shape: object = None
    filled: str = ""

    @classmethod
    def of_fresh_copy(cls, address: str) -> Emptier:
        emptier = cls(psycopg.connect(address, autocommit=True))
        emptier.shape = emptier._shape()
        (emptier.filled,) = emptier.connection.execute(WORDS).fetchone() or ("",)
        return emptier

    def is_clean_again(self) -> bool:
        """Ends what still runs and deletes all rows; False when it takes more than that."""
        try:
            self.connection.execute(ALONE, [lending.pids()])
            if self._shape() != self.shape:
                return False
            self._empty()
        except psycopg.Error:  # no superuser on a given server, or nothing left to empty
            return False
        return True

    def _shape(self) -> object:
        return self.connection.execute(SHAPE, prepare=True).fetchone()

    def _empty(self) -> None:
        """The triggers stay out of it, and so does the order of the tables."""
        filled = self.connection.execute(self.filled, prepare=True).fetchall()
        self.connection.execute("SET session_replication_role = replica")
        for (deletion,) in filled:
            self.connection.execute(deletion, prepare=True)
        self.connection.execute(RESTART, prepare=True)
