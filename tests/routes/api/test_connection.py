"""Rows 25 to 33 and 297: Test connection against the simulator, over real HTTP."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app.config import Settings
from app.db import ALL_DEALERSHIPS, reading
from app.models import AuditEvent, Dealership, EasyCarsCredential
from app.simulator import (
    DEMO_ACCOUNT_NUMBER,
    DEMO_ACCOUNT_SECRET,
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    SINGLE_PAIR_NUMBER,
    RunningSimulator,
    account_secret,
    running_simulator,
)
from tests import factories
from tests.conftest import invented_settings

PATHS = ("/api/admin/easycars/test-connection", "/api/admin/easycars/credentials/test-connection")
URL = PATHS[0]
GOOD = {
    "accountNumber": DEMO_ACCOUNT_NUMBER,
    "accountSecret": DEMO_ACCOUNT_SECRET,
    "clientId": DEMO_CLIENT_ID,
    "clientSecret": DEMO_CLIENT_SECRET,
    "environment": "Test",
}
pytestmark = pytest.mark.simulator


@pytest.fixture(scope="module")
def shared_simulator() -> Iterator[RunningSimulator]:
    with running_simulator(vehicles=20, photos="fast") as simulator:
        yield simulator


@pytest.fixture
def simulator(shared_simulator: RunningSimulator) -> RunningSimulator:
    shared_simulator.reset()
    shared_simulator.forget_calls()
    return shared_simulator


@pytest.fixture
def settings(
    tmp_path: Path, database_url: str, redis_url: str, simulator: RunningSimulator
) -> Settings:
    return replace(
        invented_settings(tmp_path, database_url, redis_url),
        easycars_test_base_url=simulator.test_base_url,
        easycars_production_base_url=simulator.production_base_url,
    )


@pytest.fixture
def place(app: Flask) -> Dealership:
    with app.app_context():
        return factories.dealership()


@pytest.fixture
def admin(app: Flask, place: Dealership) -> dict[str, str]:
    with app.app_context():
        return factories.bearer(factories.member(place), place)


def count(app: Flask, model: Any) -> int:
    with app.app_context(), reading(ALL_DEALERSHIPS) as db:
        return db.scalar(select(func.count()).select_from(model)) or 0


@pytest.mark.parametrize("path", PATHS)
def test_both_paths_tell_of_success(client: FlaskClient, admin: dict[str, str], path: str) -> None:
    answer = client.post(path, json=GOOD, headers=admin)
    assert answer.status_code == 200, answer.text
    body = answer.json
    assert body["success"] is True
    assert body["message"] == "Successfully connected to EasyCars Test API"
    assert (body["access"], body["account"]) == ("passed", "passed")
    assert body["tokenExpiresAt"].endswith("Z")
    assert body["tokenExpiresAt"] > body["testedAt"]


def test_the_token_comes_first_then_one_call_with_the_account(
    client: FlaskClient, admin: dict[str, str], simulator: RunningSimulator
) -> None:
    client.post(URL, json=GOOD, headers=admin)
    calls = simulator.calls()["recent"]
    assert [call["endpoint"] for call in calls] == ["RequestToken", "GetAdvertisementStocks"]
    assert calls[1]["account"] == DEMO_ACCOUNT_NUMBER


def test_the_environment_decides_the_address(
    app: Flask, client: FlaskClient, admin: dict[str, str]
) -> None:
    answer = client.post(URL, json=GOOD | {"environment": "Production"}, headers=admin)
    assert answer.json["message"] == "Successfully connected to EasyCars Production API"


def test_one_pair_alone_serves_as_both(client: FlaskClient, admin: dict[str, str]) -> None:
    secret = account_secret(SINGLE_PAIR_NUMBER)
    pair = {"accountNumber": SINGLE_PAIR_NUMBER, "accountSecret": secret}
    answer = client.post(URL, json=pair, headers=admin)
    assert (answer.status_code, answer.json["account"]) == (200, "passed")


REFUSED = [
    ("client pair", {"clientSecret": "wrong"}, "refused", "not_verified", "Client"),
    ("account pair", {"accountSecret": "wrong"}, "passed", "refused", "Account"),
]


@pytest.mark.parametrize(
    ("_name", "change", "access", "account", "word"), REFUSED, ids=[row[0] for row in REFUSED]
)
def test_a_refusal_says_which_pair(
    client: FlaskClient,
    admin: dict[str, str],
    _name: str,
    change: dict[str, str],
    access: str,
    account: str,
    word: str,
) -> None:
    answer = client.post(URL, json=GOOD | change, headers=admin)
    body = answer.json
    assert answer.status_code == 401
    assert (body["success"], body["errorCode"]) == (False, "AUTHENTICATION_FAIL")
    assert (body["access"], body["account"]) == (access, account)
    assert word in body["message"]
    assert body["requestId"] == answer.headers["X-Request-ID"]


def test_nothing_is_saved_and_each_attempt_is_audited(
    app: Flask, client: FlaskClient, admin: dict[str, str]
) -> None:
    before = count(app, EasyCarsCredential)
    client.post(URL, json=GOOD, headers=admin)
    client.post(URL, json=GOOD | {"accountSecret": "wrong"}, headers=admin)
    assert count(app, EasyCarsCredential) == before == 0
    with app.app_context(), reading(ALL_DEALERSHIPS) as db:
        events = db.scalars(
            select(AuditEvent)
            .where(AuditEvent.action == "credentials.test")
            .order_by(AuditEvent.id)
        ).all()
    assert [(event.outcome, event.details["account"]) for event in events] == [
        ("done", "passed"),
        ("failed", "refused"),
    ]
    told = str([event.details for event in events])
    assert not any(value in told for name, value in GOOD.items() if name != "environment")


def test_empty_values_are_taken_from_what_is_stored(
    app: Flask, client: FlaskClient, admin: dict[str, str]
) -> None:
    client.post("/api/admin/easycars/credentials", json=GOOD, headers=admin)
    for body in ({}, {"accountSecret": "  "}, {"accountNumber": DEMO_ACCOUNT_NUMBER}):
        answer = client.post(URL, json=body, headers=admin)
        assert answer.json["success"] is True, body
    tested = client.get("/api/admin/easycars/credentials", headers=admin).json
    assert tested["testPassed"] is True
    wrong = client.post(URL, json={"accountSecret": "wrong"}, headers=admin)
    assert wrong.status_code == 401
    still = client.get("/api/admin/easycars/credentials", headers=admin).json
    assert still == tested


def test_a_failed_test_of_what_is_stored_keeps_the_last_good_one(
    client: FlaskClient, admin: dict[str, str], simulator: RunningSimulator
) -> None:
    client.post("/api/admin/easycars/credentials", json=GOOD, headers=admin)
    client.post(URL, headers=admin)
    good = client.get("/api/admin/easycars/credentials", headers=admin).json
    simulator.scenario("refused-client")
    client.post(URL, headers=admin)
    bad = client.get("/api/admin/easycars/credentials", headers=admin).json
    assert (bad["testPassed"], bad["testedAt"]) == (False, good["testedAt"])
    assert bad["updatedAt"] == good["updatedAt"]


def test_without_stored_values_the_missing_ones_are_named(
    client: FlaskClient, admin: dict[str, str], simulator: RunningSimulator
) -> None:
    answer = client.post(URL, json={"accountSecret": " "}, headers=admin)
    assert answer.status_code == 400
    assert set(answer.json["errors"]) == {"accountNumber", "accountSecret"}
    assert simulator.calls()["recent"] == []


TROUBLE = ("http-500", "html-error", "connection-reset", "http-503", "http-429")


@pytest.mark.parametrize("scenario", TROUBLE)
def test_trouble_of_easycars_is_not_blamed_on_the_keys(
    client: FlaskClient, admin: dict[str, str], simulator: RunningSimulator, scenario: str
) -> None:
    simulator.scenario(scenario)
    began = time.monotonic()
    answer = client.post(URL, json=GOOD, headers=admin)
    assert time.monotonic() - began < 10
    assert answer.status_code in {502, 503, 504}
    assert answer.json["success"] is False
    assert answer.json["access"] == "not_verified"
    assert answer.json["errorCode"] != "AUTHENTICATION_FAIL"
    assert "EasyCars" in answer.json["message"]


@pytest.mark.parametrize("endpoint", ["RequestToken", "GetAdvertisementStocks"])
def test_it_ends_within_ten_seconds_when_the_server_says_nothing(
    client: FlaskClient, admin: dict[str, str], simulator: RunningSimulator, endpoint: str
) -> None:
    simulator.scenario("never-answers", endpoint=endpoint)
    began = time.monotonic()
    answer = client.post(URL, json=GOOD, headers=admin)
    assert time.monotonic() - began < 10
    assert answer.json["account"] == "not_verified"
    if endpoint == "RequestToken":
        assert (answer.status_code, answer.json["success"]) == (503, False)
    else:
        assert (answer.status_code, answer.json["access"]) == (200, "passed")
        assert "too long" in answer.json["message"]


def test_it_ends_within_ten_seconds_when_bytes_drip(
    app: Flask, client: FlaskClient, admin: dict[str, str]
) -> None:
    """Each byte resets a read timeout: only a deadline over the whole call helps."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
            while not stop.wait(0.3):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    made = app.extensions["forecourt"]
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/TestECService"
    made.outside.settings = replace(made.settings, easycars_test_base_url=address)
    began = time.monotonic()
    answer = client.post(URL, json=GOOD, headers=admin)
    assert time.monotonic() - began < 10
    assert answer.json["success"] is False
    stop.set()
    thread.join(2)
    listener.close()
