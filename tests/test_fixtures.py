"""The test bed itself: real servers, a fresh database a test, no way out."""

from __future__ import annotations

import socket

import httpx
import pytest
from sqlalchemy import create_engine, inspect, text

from tests.servers import OutsideWorldForbidden


def first_value(url: str, statement: str) -> object:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            return connection.execute(text(statement)).scalar()
    finally:
        engine.dispose()


@pytest.mark.parametrize("_round", [1, 2])
def test_each_test_gets_an_empty_migrated_database(any_database: str, _round: int) -> None:
    assert first_value(any_database, "SELECT count(*) FROM dealership") == 0
    engine = create_engine(any_database)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE left_behind (n integer)"))
        assert inspect(connection).has_table("left_behind")
    engine.dispose()


@pytest.mark.both_databases
def test_the_marker_runs_a_test_on_both(database_kind: str, database_url: str) -> None:
    assert database_url.startswith(database_kind)


def test_postgresql_is_the_real_one(database_url: str) -> None:
    assert "PostgreSQL" in str(first_value(database_url, "SELECT version()"))


def test_no_test_reaches_the_outside() -> None:
    with pytest.raises(OutsideWorldForbidden):
        httpx.get("http://192.0.2.1/")
    with pytest.raises(OutsideWorldForbidden):
        socket.getaddrinfo("example.invalid", 80)


def test_the_loopback_stays_open(live_server: str) -> None:
    assert httpx.get(f"{live_server}/healthz").status_code == 200
