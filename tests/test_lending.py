"""Connections lent to the next test are as good as new."""

from __future__ import annotations

from sqlalchemy import create_engine, text


def seen_by_an_app(url: str, times: int) -> tuple[object, object]:
    """Asks, and leaves a setting behind; what is asked often is prepared by the driver."""
    engine = create_engine(url)
    with engine.connect() as connection:
        for _ in range(times):
            zone = connection.execute(text("SELECT current_setting('TimeZone')")).scalar()
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar()
        connection.execute(text("SET TimeZone = 'Australia/Perth'"))
        connection.commit()
    engine.dispose()
    return zone, pid


def test_a_lent_connection_keeps_neither_settings_nor_statements(database_url: str) -> None:
    found = [seen_by_an_app(database_url, times) for times in (1, 1, 8, 8)]
    assert {zone for zone, _pid in found} == {"UTC"}
    assert len({pid for _zone, pid in found}) == 1
