"""Rows 16 to 24, 291, 298, 313: the credential routes, their walls and their traces."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import IntegrityError

from app.db import ALL_DEALERSHIPS, reading, unit_of_work
from app.models import AuditEvent, Dealership, EasyCarsCredential, Schedule, SyncRun
from app.secret import Secret
from app.services import credentials as service
from app.services.credential_encryption import CredentialEncryptionService, EncryptionError
from tests import factories

URL = "/api/admin/easycars/credentials"
SECRET = "canary-account-secret-41b7"
CLIENT_SECRET = "canary-client-secret-9c02"
NUMBER = "EC100777"
BODY = {"accountNumber": NUMBER, "accountSecret": SECRET, "environment": "Test", "yardCode": "100"}


@pytest.fixture
def place(app: Flask) -> Dealership:
    with app.app_context():
        return factories.dealership()


@pytest.fixture
def admin(app: Flask, place: Dealership) -> dict[str, str]:
    with app.app_context():
        return factories.bearer(factories.member(place, "admin", "owner@example.com"), place)


def rows(app: Flask, model: Any) -> list[Any]:
    with app.app_context(), reading(ALL_DEALERSHIPS) as db:
        return list(db.scalars(select(model).order_by(model.id)))


def create(client: FlaskClient, admin: dict[str, str], **changes: Any) -> dict[str, Any]:
    answer = client.post(URL, json=BODY | changes, headers=admin)
    assert answer.status_code == 201, answer.text
    return answer.json


def test_nobody_gets_in_without_signing_in(client: FlaskClient, place: Dealership) -> None:
    for method, address in [
        ("get", URL),
        ("post", URL),
        ("put", f"{URL}/1"),
        ("delete", f"{URL}/1"),
        ("post", f"{URL}/1/reveal"),
        ("post", f"{URL}/test-connection"),
        ("post", "/api/admin/easycars/test-connection"),
    ]:
        answer = getattr(client, method)(address, json=BODY)
        assert answer.status_code == 401, address
        assert answer.json["errorCode"] == "not_signed_in"


@pytest.mark.both_databases
def test_save_read_change_delete(app: Flask, client: FlaskClient, admin: dict[str, str]) -> None:
    saved = create(client, admin)
    assert saved["accountNumber"] == "***777"
    assert (saved["environment"], saved["yardCode"], saved["isActive"]) == ("Test", "100", True)
    read = client.get(URL, headers=admin)
    assert (read.status_code, read.json) == (200, saved)
    changed = client.put(f"{URL}/{saved['id']}", json={"yardCode": ""}, headers=admin)
    assert changed.status_code == 200
    assert changed.json["yardCode"] is None
    assert changed.json["updatedAt"] >= saved["updatedAt"]
    assert client.delete(f"{URL}/{saved['id']}", headers=admin).status_code == 204
    gone = client.get(URL, headers=admin)
    assert gone.status_code == 404
    assert gone.json["message"] == "No EasyCars credentials configured for this dealership"


def test_secrets_never_come_back(client: FlaskClient, admin: dict[str, str]) -> None:
    pair = {"clientId": "C-1", "clientSecret": CLIENT_SECRET}
    answers = [client.post(URL, json=BODY | pair, headers=admin)]
    number = answers[0].json["id"]
    answers += [
        client.get(URL, headers=admin),
        client.put(f"{URL}/{number}", json={"accountSecret": SECRET + "x"}, headers=admin),
        client.post(f"{URL}/{number}/reveal", headers=admin),
        client.put(f"{URL}/{number}", json={"accountSecret": SECRET * 9}, headers=admin),
        client.delete(f"{URL}/{number}", headers=admin),
    ]
    for answer in answers:
        shown = answer.text + str(answer.headers)
        assert SECRET not in shown
        assert CLIENT_SECRET not in shown


def test_the_table_holds_ciphertexts_only(
    app: Flask, client: FlaskClient, admin: dict[str, str]
) -> None:
    create(client, admin, clientId="C-1", clientSecret=CLIENT_SECRET)
    row = rows(app, EasyCarsCredential)[0]
    sealed = [getattr(row, f"{name}_encrypted") for name in service.KEY_FIELDS]
    assert all(text.startswith("vt1.") for text in sealed)
    assert len(set(sealed)) == 4
    assert not any(secret in str(sealed) for secret in (SECRET, NUMBER, CLIENT_SECRET))


def test_one_row_per_dealership(app: Flask, client: FlaskClient, admin: dict[str, str]) -> None:
    first = create(client, admin)
    second = create(client, admin, accountNumber="EC999888", environment="Production")
    assert second["id"] == first["id"]
    assert (second["accountNumber"], second["environment"]) == ("***888", "Production")
    row = rows(app, EasyCarsCredential)[0]
    copy = {
        name: getattr(row, name)
        for name in ("dealership_id", "account_number_encrypted", "account_secret_encrypted")
    }
    with app.app_context(), pytest.raises(IntegrityError), unit_of_work(ALL_DEALERSHIPS) as db:
        db.add(EasyCarsCredential(**copy, environment="Test"))


def keys_of(app: Flask, place: Dealership) -> dict[str, str]:
    with app.app_context(), reading(place.id) as db:
        crypto = app.extensions["forecourt"].crypto
        keys, _ = service.keys_for(db, place.id, crypto)
        return {name: value.reveal() for name, value in keys.items()}


def test_empty_values_keep_what_is_stored(
    app: Flask, client: FlaskClient, admin: dict[str, str], place: Dealership
) -> None:
    saved = create(client, admin, clientId="C-1", clientSecret=CLIENT_SECRET)
    body = {"accountNumber": "EC200", "accountSecret": "", "clientSecret": "   "}
    assert client.put(f"{URL}/{saved['id']}", json=body, headers=admin).status_code == 200
    assert keys_of(app, place) == {
        "account_number": "EC200",
        "account_secret": SECRET,
        "client_id": "C-1",
        "client_secret": CLIENT_SECRET,
    }


def test_null_removes_the_client_pair_and_post_replaces_all(
    app: Flask, client: FlaskClient, admin: dict[str, str], place: Dealership
) -> None:
    pair = {"clientId": "C-1", "clientSecret": CLIENT_SECRET}
    saved = create(client, admin, **pair)
    client.put(f"{URL}/{saved['id']}", json=dict.fromkeys(pair), headers=admin)
    assert "client_id" not in keys_of(app, place)
    create(client, admin, **pair)
    replaced = create(client, admin, yardCode=None)
    assert "client_id" not in keys_of(app, place)
    assert (replaced["hasClientPair"], replaced["yardCode"]) == (False, None)


@pytest.mark.parametrize(
    ("change", "void"),
    [
        ({"accountSecret": "another"}, True),
        ({"accountNumber": "EC5"}, True),
        ({"environment": "Production"}, True),
        ({"clientId": "a", "clientSecret": "b"}, True),
        ({"yardCode": "7"}, False),
        ({"accountSecret": SECRET}, False),
        ({}, False),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else str(value),
)
def test_a_changed_key_needs_a_new_test(
    app: Flask, client: FlaskClient, admin: dict[str, str], change: dict[str, str], void: bool
) -> None:
    saved = create(client, admin)
    with app.app_context(), unit_of_work(ALL_DEALERSHIPS) as db:
        db.execute(update(EasyCarsCredential).values(test_passed=True, tested_at=datetime.now(UTC)))
    answer = client.put(f"{URL}/{saved['id']}", json=change, headers=admin)
    assert (answer.json["testPassed"] is None) == void
    assert (answer.json["testedAt"] is None) == void


BAD_INPUT = [
    ("no number", {"accountNumber": ""}, {"accountNumber"}),
    ("blank number", {"accountNumber": "   "}, {"accountNumber"}),
    ("null number", {"accountNumber": None}, {"accountNumber"}),
    ("no secret", {"accountSecret": ""}, {"accountSecret"}),
    ("neither", {"accountNumber": "", "accountSecret": ""}, {"accountNumber", "accountSecret"}),
    ("number of 51", {"accountNumber": "x" * 51}, {"accountNumber"}),
    ("secret of 101", {"accountSecret": "x" * 101}, {"accountSecret"}),
    ("line break inside", {"accountSecret": "a\nb"}, {"accountSecret"}),
    ("NUL inside", {"accountSecret": "a\0b"}, {"accountSecret"}),
    ("blank inside", {"accountNumber": "EC 100"}, {"accountNumber"}),
    ("escape character", {"yardCode": "\x1b[0m"}, {"yardCode"}),
    ("wrong environment", {"environment": "Staging"}, {"environment"}),
    ("yard of 51", {"yardCode": "1" * 51}, {"yardCode"}),
    ("half a client pair", {"clientId": "only"}, {"clientSecret"}),
    ("number as number", {"accountNumber": 100001}, {"accountNumber"}),
]


@pytest.mark.parametrize(
    ("_name", "change", "fields"), BAD_INPUT, ids=[row[0] for row in BAD_INPUT]
)
def test_bad_input_names_the_field_and_saves_nothing(
    app: Flask,
    client: FlaskClient,
    admin: dict[str, str],
    _name: str,
    change: dict[str, Any],
    fields: set[str],
) -> None:
    answer = client.post(URL, json=BODY | change, headers=admin)
    assert answer.status_code == 400
    assert set(answer.json["errors"]) == fields
    assert rows(app, EasyCarsCredential) == []


@pytest.mark.parametrize(
    "pair",
    [("EC100001", "0f9d5c1e"), ("1B0C" * 9, "9E2F" * 9), ("x" * 50, "y" * 100), (" EC1 ", " s ")],
    ids=["vendor's form", "two of 36", "the longest", "with blanks around"],
)
def test_no_form_of_number_is_required(
    app: Flask, client: FlaskClient, admin: dict[str, str], place: Dealership, pair: tuple[str, str]
) -> None:
    create(client, admin, accountNumber=pair[0], accountSecret=pair[1])
    assert keys_of(app, place)["account_number"] == pair[0].strip()
    assert keys_of(app, place)["account_secret"] == pair[1].strip()


@pytest.mark.parametrize(
    ("role", "own", "status"),
    [
        ("viewer", True, 403),
        ("operator", True, 403),
        ("admin", True, 200),
        ("viewer", False, 404),
        ("operator", False, 404),
        ("admin", False, 404),
    ],
)
def test_only_an_admin_of_this_dealership(
    app: Flask, admin: dict[str, str], role: str, own: bool, status: int, place: Dealership
) -> None:
    number = create(app.test_client(), admin)["id"]
    with app.app_context():
        home = place if own else factories.dealership()
        client = factories.sign_in(app.test_client(), factories.member(home, role))
    address = {"X-Dealership": place.slug}
    calls = [
        client.get(URL, headers=address),
        client.put(f"{URL}/{number}", json={}, headers=address),
        client.post(f"{URL}/{number}/reveal", headers=address),
    ]
    assert [call.status_code for call in calls] == [status] * 3
    removed = client.delete(f"{URL}/{number}", headers=address)
    assert removed.status_code == (204 if status == 200 else status)


def test_anothers_id_answers_404(app: Flask, client: FlaskClient, admin: dict[str, str]) -> None:
    number = create(client, admin)["id"]
    with app.app_context():
        elsewhere = factories.dealership()
        stranger = factories.bearer(factories.member(elsewhere), elsewhere)
    create(client, stranger, accountNumber="EC555444")
    for answer in (
        client.put(f"{URL}/{number}", json={"environment": "Production"}, headers=stranger),
        client.delete(f"{URL}/{number}", headers=stranger),
        client.post(f"{URL}/{number}/reveal", headers=stranger),
        client.put(f"{URL}/99999999999999999999", json={}, headers=stranger),
    ):
        assert answer.status_code == 404
    assert client.get(URL, headers=admin).json["environment"] == "Test"


def test_a_token_without_the_scope_is_refused(
    app: Flask, client: FlaskClient, place: Dealership
) -> None:
    with app.app_context():
        reader = factories.bearer(factories.member(place), place, ("sync:read", "stock:write"))
    assert client.get(URL, headers=reader).status_code == 403


def test_every_act_is_audited_without_secrets(
    app: Flask, client: FlaskClient, admin: dict[str, str], place: Dealership
) -> None:
    number = create(client, admin)["id"]
    client.put(f"{URL}/{number}", json={"accountSecret": "x" + SECRET}, headers=admin)
    client.post(f"{URL}/{number}/reveal", headers=admin)
    client.delete(f"{URL}/{number}", headers=admin)
    events = [event for event in rows(app, AuditEvent) if event.action.startswith("credentials.")]
    assert [event.action.partition(".")[2] for event in events] == [
        "save", "update", "reveal", "delete",
    ]  # fmt: skip
    for event in events:
        assert event.actor.startswith("owner@example.com")
        assert (event.dealership_id, event.address) == (place.id, "127.0.0.1")
        assert event.request_id
        told = f"{event.subject} {event.details}"
        assert not any(value in told for value in (SECRET, NUMBER))
    assert events[1].details["changed"] == ["Account Secret/SecretKey"]


def test_the_whole_number_only_on_request(client: FlaskClient, admin: dict[str, str]) -> None:
    number = create(client, admin)["id"]
    assert NUMBER not in client.get(URL, headers=admin).text
    assert client.post(f"{URL}/{number}/reveal", headers=admin).json == {"accountNumber": NUMBER}


def test_a_short_number_is_not_given_away_by_its_end(
    client: FlaskClient, admin: dict[str, str]
) -> None:
    assert create(client, admin, accountNumber="EC12")["accountNumber"] == "***"


def test_deleting_stops_schedules_and_runs_and_keeps_history(
    app: Flask, client: FlaskClient, admin: dict[str, str], place: Dealership
) -> None:
    number = create(client, admin)["id"]
    with app.app_context(), unit_of_work(place.id) as db:
        plan = {"dealership_id": place.id, "provider": "easycars"}
        db.add(Schedule(**plan, stream="stock", cron="0 2 * * *"))
        db.add(Schedule(**plan, stream="leads", cron="0 * * * *", enabled=False))
        db.add(SyncRun(**plan, stream="stock", trigger="person", credential_id=number))
    assert client.delete(f"{URL}/{number}", headers=admin).status_code == 204
    assert [(plan.stream, plan.enabled) for plan in rows(app, Schedule)] == [
        ("stock", False),
        ("leads", False),
    ]
    run = rows(app, SyncRun)[0]
    assert (run.status, run.credential_id) == ("cancelled", None)
    create(client, admin)
    assert [plan.enabled for plan in rows(app, Schedule)] == [True, False]


def test_old_values_are_encrypted_anew_when_they_are_used(
    app: Flask, client: FlaskClient, admin: dict[str, str], place: Dealership
) -> None:
    create(client, admin)
    made = app.extensions["forecourt"]
    newest = ("t2", key(2))
    crypto = CredentialEncryptionService([newest, *made.settings.credential_keys])
    before = rows(app, EasyCarsCredential)[0]
    with app.app_context():
        with reading(place.id) as db:
            service.keys_for(db, place.id, crypto)
            db.execute(text("SELECT 1"))
        assert rows(app, EasyCarsCredential)[0].account_secret_encrypted.startswith("vt1.")
        with unit_of_work(place.id) as db:
            service.keys_for(db, place.id, crypto)
    after = rows(app, EasyCarsCredential)[0]
    assert after.account_secret_encrypted.startswith("vt2.")
    assert after.account_number_encrypted.startswith("vt2.")
    assert after.updated_at == before.updated_at
    with app.app_context(), reading(place.id) as db:
        keys, _ = service.keys_for(db, place.id, CredentialEncryptionService([newest]))
        assert keys["account_secret"].reveal() == SECRET


def key(number: int) -> Secret:
    return Secret(base64.b64encode(bytes([number] * 32)).decode())


def test_after_the_loss_of_a_key_the_credentials_can_be_entered_again(
    app: Flask, client: FlaskClient, admin: dict[str, str], place: Dealership
) -> None:
    create(client, admin)
    lost = CredentialEncryptionService([("t9", key(9))])
    with app.app_context(), reading(place.id) as db, pytest.raises(EncryptionError):
        service.keys_for(db, place.id, lost)
    app.extensions["forecourt"].crypto = lost
    read = client.get(URL, headers=admin)
    assert (read.status_code, read.json["accountNumber"]) == (200, "***")
    number = read.json["id"]
    refused = client.put(f"{URL}/{number}", json={"yardCode": "1"}, headers=admin)
    assert refused.status_code == 400
    again = {"accountNumber": NUMBER, "accountSecret": SECRET}
    assert client.put(f"{URL}/{number}", json=again, headers=admin).status_code == 200
    assert client.get(URL, headers=admin).json["accountNumber"] == "***777"


def test_a_value_copied_to_another_dealership_does_not_open(
    app: Flask, client: FlaskClient, admin: dict[str, str]
) -> None:
    create(client, admin)
    with app.app_context():
        elsewhere = factories.dealership()
        stranger = factories.bearer(factories.member(elsewhere), elsewhere)
        create(client, stranger)
        mine, theirs = rows(app, EasyCarsCredential)
        with unit_of_work(ALL_DEALERSHIPS) as db:
            target = db.get(EasyCarsCredential, theirs.id)
            assert target is not None
            target.account_secret_encrypted = mine.account_secret_encrypted
        with reading(elsewhere.id) as db, pytest.raises(EncryptionError):
            service.keys_for(db, elsewhere.id, app.extensions["forecourt"].crypto)


def test_many_saves_at_once_leave_one_row(
    app: Flask, admin: dict[str, str], place: Dealership
) -> None:
    def save(number: int) -> int:
        client = app.test_client()
        return client.post(URL, json=BODY | {"yardCode": str(number)}, headers=admin).status_code

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(save, range(8)))
    assert set(statuses) <= {201, 409}
    assert 201 in statuses
    with app.app_context(), reading(place.id) as db:
        assert db.scalar(select(func.count(EasyCarsCredential.id))) == 1


def test_updated_at_moves_with_a_change(
    app: Flask, client: FlaskClient, admin: dict[str, str]
) -> None:
    number = create(client, admin)["id"]
    long_ago = datetime.now(UTC) - timedelta(days=3)
    with app.app_context(), unit_of_work(ALL_DEALERSHIPS) as db:
        db.execute(update(EasyCarsCredential).values(updated_at=long_ago))
    client.put(f"{URL}/{number}", json={"accountSecret": "new"}, headers=admin)
    assert rows(app, EasyCarsCredential)[0].updated_at > long_ago
