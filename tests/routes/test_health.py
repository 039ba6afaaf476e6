"""Row 217 and contract §4: health in bounded time, one entry per part, no secret."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.config import Settings
from app.models import Dealership
from app.services import health
from app.services.health import Part
from tests import factories, run_rows
from tests.conftest import close, invented_settings

URL = "/api/admin/easycars/health"
SERVERS = {"database", "migrations", "redis", "queue", "workers", "scheduler"}
PARTS = SERVERS | {"easycars", "media", "disk", "runs", "outbox"}


@pytest.fixture
def place(app: Flask) -> Dealership:
    with app.app_context():
        return factories.dealership()


@pytest.fixture
def reader(app: Flask, place: Dealership) -> dict[str, str]:
    with app.app_context():
        return factories.bearer(factories.member(place, "viewer"), place, ("sync:read",))


@pytest.mark.both_databases
def test_every_part_answers(client: FlaskClient, reader: dict[str, str]) -> None:
    answer = client.get(URL, headers=reader)
    assert answer.status_code == 200
    parts = answer.json["parts"]
    assert set(parts) == PARTS
    assert answer.json["status"] == "degraded"
    well = {name for name, part in parts.items() if part["state"] == "ok"}
    assert well >= PARTS - {"workers", "scheduler", "disk"}
    for name in ("workers", "scheduler"):
        assert parts[name]["state"] == "degraded"
        assert parts[name]["cure"].startswith("Start ")


def test_it_needs_a_sign_in(client: FlaskClient) -> None:
    assert client.get(URL).status_code == 401


def test_a_failed_run_is_seen_by_its_dealership_only(
    app: Flask, client: FlaskClient, place: Dealership, reader: dict[str, str]
) -> None:
    with app.app_context():
        run_rows.run(place, "failed")
        other = factories.dealership()
        stranger = factories.bearer(factories.member(other), other)
    seen = client.get(URL, headers=reader).json["parts"]["runs"]
    assert (seen["state"], seen["details"]["last"][0]["status"]) == ("degraded", "Failed")
    assert client.get(URL, headers=stranger).json["parts"]["runs"]["details"]["last"] == []


def test_a_run_that_nobody_begins_is_noticed(
    app: Flask, client: FlaskClient, place: Dealership, reader: dict[str, str]
) -> None:
    with app.app_context():
        run_rows.run(place, "queued")
    part = client.get(URL, headers=reader).json["parts"]["queue"]
    assert (part["state"], part["details"]["waiting"]) == ("degraded", 1)


def test_an_open_breaker_is_told_without_asking_easycars(
    app: Flask, client: FlaskClient, reader: dict[str, str]
) -> None:
    circuits = app.extensions["forecourt"].outside.circuits
    for _ in range(20):
        circuits.failed("testmy.easycars.com.au")
    part = client.get(URL, headers=reader).json["parts"]["easycars"]
    assert part["state"] == "degraded"
    assert part["details"]["blockedSeconds"].keys() == {"Test"}


@pytest.fixture
def silent_redis() -> Iterator[str]:
    """Accepts connections and never says a word."""
    import socket

    listener = socket.create_server(("127.0.0.1", 0))
    taken: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                taken.append(listener.accept()[0])
            except OSError:
                return

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
    listener.close()
    for connection in taken:
        connection.close()


def test_a_silent_redis_is_down_in_bounded_time(
    tmp_path: Path, database_url: str, silent_redis: str
) -> None:
    app = create_app(invented_settings(tmp_path, database_url, silent_redis))
    with app.app_context():
        place = factories.dealership()
        reader = factories.bearer(factories.member(place), place)
    began = time.monotonic()
    answer = app.test_client().get(URL, headers=reader)
    assert time.monotonic() - began < 8
    assert (answer.status_code, answer.json["status"]) == (503, "down")
    assert answer.json["parts"]["redis"]["state"] == "down"
    assert answer.json["parts"]["database"]["state"] == "ok"
    close(app)


def test_a_check_that_hangs_is_left_behind() -> None:
    stop = threading.Event()
    checks = {
        "database": lambda: Part("ok", "fine"),
        "media": lambda: Part("ok", str(stop.wait(30))),
        "mail": lambda: (_ for _ in ()).throw(OSError("secret path")),
    }
    began = time.monotonic()
    report = health.gather(checks, 0.3)
    stop.set()
    assert time.monotonic() - began < 2
    assert report.status == "degraded"
    assert list(report.parts) == ["database", "media", "mail"]
    assert "No answer within 0.3 seconds" in report.parts["media"].words
    assert report.parts["mail"].words == "The check failed: OSError."


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ({"database": "ok", "workers": "ok"}, "ok"),
        ({"database": "ok", "workers": "down"}, "degraded"),
        ({"database": "ok", "redis": "degraded"}, "degraded"),
        ({"database": "down"}, "down"),
        ({"redis": "down", "workers": "ok"}, "down"),
    ],
)
def test_the_parts_decide_the_whole(states: dict[str, health.State], status: str) -> None:
    parts = {name: Part(state, "") for name, state in states.items()}
    assert health.Report(parts, 1).status == status


def test_nothing_secret_is_told(app: Flask, client: FlaskClient, reader: dict[str, str]) -> None:
    settings: Settings = app.extensions["forecourt"].settings
    told = client.get(URL, headers=reader).text + client.get("/metrics").text
    for secret in (
        settings.secret_key.reveal(),
        settings.credential_keys[0][1].reveal(),
        settings.database_url,
        str(settings.redis_url),
        str(settings.instance),
    ):
        assert secret not in told


def test_live_and_ready_are_open(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json["status"]) == (200, "ok")
    assert ready.json["parts"] == {"database": "ok", "migrations": "ok"}


def test_not_ready_without_the_tables(tmp_path: Path, redis_url: str) -> None:
    settings = invented_settings(tmp_path, f"sqlite:///{tmp_path / 'empty.db'}", redis_url)
    app = create_app(settings)
    answer = app.test_client().get("/readyz")
    assert (answer.status_code, answer.json["parts"]["migrations"]) == (503, "down")
    assert app.test_client().get("/healthz").status_code == 200
    close(app)


def test_not_ready_and_503_without_a_database(tmp_path: Path, redis_url: str) -> None:
    nowhere = replace(
        invented_settings(tmp_path, "", redis_url),
        database_url="postgresql+psycopg://nobody@127.0.0.1:1/none?connect_timeout=1",
    )
    app = create_app(nowhere)
    client = app.test_client()
    assert client.get("/readyz").status_code == 503
    answer = client.get(URL, headers={"Authorization": "Bearer fct_unknown"})
    assert (answer.status_code, answer.json["errorCode"]) == (503, "database_unavailable")
    assert "127.0.0.1" not in answer.text
    page = client.get("/login")
    assert page.status_code in {200, 503}
    close(app)


def test_metrics_count_what_the_rows_say(
    app: Flask, client: FlaskClient, place: Dealership
) -> None:
    with app.app_context():
        run_rows.run(place, "success", created=7, updated=2)
        run_rows.run(place, "failed", failed=3)
    told = client.get("/metrics")
    assert told.content_type.startswith("text/plain")
    lines = dict(line.rsplit(" ", 1) for line in told.text.splitlines() if not line.startswith("#"))
    failed = 'forecourt_sync_runs_total{provider="easycars",status="failed",stream="stock"}'
    assert lines[failed] == "1.0"
    assert lines['forecourt_sync_records_total{action="created",stream="stock"}'] == "7.0"
    assert lines['forecourt_last_run_duration_seconds{stream="stock"}'] == "60.0"
    assert lines['forecourt_up{part="database"}'] == lines['forecourt_up{part="redis"}'] == "1.0"
    assert lines['forecourt_queue_jobs{queue="sync"}'] == "0.0"
    assert not re.search(place.slug, told.text)


@pytest.mark.parametrize("mode", ["preview", "undo", "remap"])
def test_metrics_of_syncs_leave_out_other_runs(
    app: Flask, client: FlaskClient, place: Dealership, mode: str
) -> None:
    """A preview brings nothing, and an undo is no fresh stock: an alert on age must still come."""
    with app.app_context():
        run_rows.run(place, "success", created=7)
        later = run_rows.START + timedelta(hours=1)
        run_rows.run(place, "success", created=7, mode=mode, created_at=later)
    told = client.get("/metrics").text
    assert 'forecourt_sync_records_total{action="created",stream="stock"} 7.0' in told
    ended = (run_rows.START + timedelta(seconds=60)).timestamp()
    found = re.search(r'last_success_timestamp_seconds{stream="stock"} (\S+)', told)
    assert found is not None
    assert float(found[1]) == ended


def test_metrics_survive_without_redis(tmp_path: Path, database_url: str) -> None:
    app = create_app(invented_settings(tmp_path, database_url, "redis://127.0.0.1:1/0"))
    told = app.test_client().get("/metrics").text
    assert 'forecourt_up{part="redis"} 0.0' in told
    assert 'forecourt_up{part="database"} 1.0' in told
    close(app)
