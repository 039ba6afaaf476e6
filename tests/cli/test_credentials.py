"""`forecourt credentials set`, `keys rotate` and `doctor` (contract §2, rows 15 and 313)."""

from __future__ import annotations

import base64
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from app.adapters import doctor as examining
from app.cli import credentials as commands
from app.db import ALL_DEALERSHIPS, reading, unit_of_work
from app.models import AuditEvent, Dealership, EasyCarsCredential
from app.secret import Secret
from app.services import credentials as service
from app.services.credential_encryption import CredentialEncryptionService
from app.services.credential_input import CredentialInput
from app.services.health import Part
from tests import factories

SECRET = "canary-cli-secret-77"
KEYS = {"EASYCARS_ACCOUNT_NUMBER": "EC100777", "EASYCARS_ACCOUNT_SECRET": SECRET}
SET = ["set", "easycars", "--dealership", "harbour", "--environment", "Test"]


@pytest.fixture(autouse=True)
def no_keys_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLIENT_ID", "CLIENT_SECRET", "ACCOUNT_NUMBER", "ACCOUNT_SECRET"):
        monkeypatch.delenv(f"EASYCARS_{name}", raising=False)


@pytest.fixture
def place(app: Flask) -> Dealership:
    with app.app_context():
        return factories.dealership("Harbour Cars", "harbour")


def give(monkeypatch: pytest.MonkeyPatch, keys: dict[str, str]) -> None:
    for name, value in keys.items():
        monkeypatch.setenv(name, value)


def run(app: Flask, command: object, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(command, arguments)


def rows(app: Flask) -> list[EasyCarsCredential]:
    with app.app_context(), reading(ALL_DEALERSHIPS) as db:
        return list(db.scalars(select(EasyCarsCredential).order_by(EasyCarsCredential.id)))


def key(number: int) -> tuple[str, Secret]:
    return f"n{number}", Secret(base64.b64encode(bytes([number] * 32)).decode())


def stored_keys(app: Flask, place: Dealership) -> dict[str, str]:
    with app.app_context(), reading(place.id) as db:
        keys, _ = service.keys_for(db, place.id, app.extensions["forecourt"].crypto)
        return {name: value.reveal() for name, value in keys.items()}


def test_keys_come_from_the_environment(
    app: Flask, place: Dealership, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(monkeypatch, KEYS)
    done = run(app, commands.credentials, *SET, "--yard-code", "100")
    assert done.exit_code == 0, done.output
    assert stored_keys(app, place) == {"account_number": "EC100777", "account_secret": SECRET}
    assert rows(app)[0].yard_code == "100"
    assert SECRET not in done.output
    with app.app_context(), reading(ALL_DEALERSHIPS) as db:
        event = db.scalars(select(AuditEvent).where(AuditEvent.action == "credentials.save")).one()
    assert event.actor == "command line"


def test_a_mounted_file_serves_too(
    app: Flask, place: Dealership, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n")
    mounted = {"EASYCARS_ACCOUNT_SECRET_FILE": str(tmp_path / "secret")}
    give(monkeypatch, {"EASYCARS_ACCOUNT_NUMBER": "EC1"} | mounted)
    assert run(app, commands.credentials, *SET).exit_code == 0
    assert stored_keys(app, place)["account_secret"] == SECRET


def test_what_is_missing_is_named(app: Flask, place: Dealership) -> None:
    done = run(app, commands.credentials, *SET)
    assert done.exit_code != 0
    assert "Account Number/PublicID" in done.output
    assert rows(app) == []


def test_an_unknown_dealership_is_named(
    app: Flask, place: Dealership, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(monkeypatch, KEYS)
    done = run(app, commands.credentials, *SET[:3], "nowhere", *SET[4:])
    assert (done.exit_code, "no dealership called 'nowhere'" in done.output) == (1, True)


def test_secrets_are_no_arguments(app: Flask) -> None:
    shown = run(app, commands.credentials, "set", "--help").output
    assert "--account" not in shown
    assert "--secret" not in shown


def store(app: Flask, count: int) -> list[Dealership]:
    made = app.extensions["forecourt"]
    with app.app_context():
        places = [factories.dealership() for _ in range(count)]
        for number, place in enumerate(places):
            given = {"account_number": f"EC{number}", "account_secret": f"{SECRET}-{number}"}
            with unit_of_work(place.id) as db:
                entered = CredentialInput.of({**given, "environment": "Test"})
                service.save(db, place.id, entered, made.crypto, factories.ACTOR, made.clock)
    return places


def with_keys(app: Flask, *numbers: int) -> None:
    old = app.extensions["forecourt"].settings.credential_keys
    made = [key(number) for number in numbers]
    app.extensions["forecourt"].crypto = CredentialEncryptionService([*made, *old])


@pytest.mark.both_databases
def test_rotation_as_documented(app: Flask) -> None:
    """New key first; dry run; rotate; the old key is not needed any more."""
    places = store(app, 3)
    before = [row.updated_at for row in rows(app)]
    with_keys(app, 1)
    dry = run(app, commands.keys, "rotate", "--dry-run")
    assert "6 values of 3 dealerships use an older key." in dry.output
    assert all(row.account_secret_encrypted.startswith("vt1.") for row in rows(app))
    done = run(app, commands.keys, "rotate")
    assert "6 values are now encrypted with key 'n1'." in done.output
    assert "0 values are now" in run(app, commands.keys, "rotate").output
    app.extensions["forecourt"].crypto = CredentialEncryptionService([key(1)])
    assert stored_keys(app, places[2])["account_secret"] == f"{SECRET}-2"
    assert [row.updated_at for row in rows(app)] == before
    assert SECRET not in dry.output + done.output


def test_an_interrupted_rotation_goes_on(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    places = store(app, 3)
    with_keys(app, 1)
    crypto = app.extensions["forecourt"].crypto
    with app.app_context(), unit_of_work(ALL_DEALERSHIPS) as db:
        changed, last = service.rotate(db, crypto, batch=1)
    assert (changed, last) == (2, rows(app)[0].id)
    assert "4 values are now" in run(app, commands.keys, "rotate").output
    assert stored_keys(app, places[0])["account_secret"] == f"{SECRET}-0"


def test_rotation_without_the_old_key_changes_nothing(app: Flask) -> None:
    store(app, 2)
    app.extensions["forecourt"].crypto = CredentialEncryptionService([key(2)])
    done = run(app, commands.keys, "rotate")
    assert done.exit_code == 1
    assert "Add the missing key to CREDENTIAL_KEYS" in done.output
    assert all(row.account_secret_encrypted.startswith("vt1.") for row in rows(app))


def test_the_doctor_says_what_is_missing_and_the_cure(app: Flask, place: Dealership) -> None:
    done = run(app, commands.doctor)
    assert done.exit_code == 1
    lines = done.output.splitlines()
    assert any(line.startswith("ok    database") for line in lines)
    assert any(line.startswith("LOOK  workers") for line in lines)
    assert any("Start workers: forecourt worker" in line for line in lines)
    for name in ("keys", "migrations", "redis", "media", "mail", "outside"):
        assert any(f"ok    {name}" in line for line in lines), done.output


def test_the_doctor_is_content_when_all_is_well(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examining, "checks", lambda made: {"database": lambda: Part("ok", "Up.")})
    done = run(app, commands.doctor)
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "All is well.")


def test_the_doctor_finds_credentials_that_do_not_open(app: Flask) -> None:
    places = store(app, 2)
    app.extensions["forecourt"].crypto = CredentialEncryptionService([key(2)])
    done = run(app, commands.doctor)
    words = f"The credentials of dealerships {[place.id for place in places]} do not open"
    assert f"DOWN  keys         {words}" in done.output
    with_keys(app, 3)
    assert "forecourt keys rotate" in run(app, commands.doctor).output


@pytest.fixture
def nobody_listens() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


def test_the_doctor_reaches_out_only_where_somebody_is_connected(
    app: Flask, nobody_listens: str
) -> None:
    made = app.extensions["forecourt"]
    made.outside.settings = replace(
        made.settings, easycars_test_base_url=f"http://{nobody_listens}/TestECService"
    )
    with app.app_context():
        assert examining.outside(made).words == "No dealership is connected yet."
    store(app, 1)
    with app.app_context():
        part = examining.outside(made)
    assert (part.state, part.words) == ("degraded", f"Cannot reach {nobody_listens}.")
