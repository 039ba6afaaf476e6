"""`forecourt dealership | user | token create`: what they print, refuse and leave behind."""

from __future__ import annotations

import pytest
from flask import Flask

from app.cli.accounts import dealership, token, user
from app.db import reading
from app.secret import Secret
from app.services import accounts, passwords

pytestmark = pytest.mark.both_databases


def run(app: Flask, command: object, *words: str, given: str | None = None) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(command, list(words), input=given)
    return result.exit_code, result.output.strip()


def test_from_nothing_to_a_token(app: Flask) -> None:
    assert run(app, dealership, "create", "Harbour City") == (0, "harbour-city")
    assert run(app, dealership, "create", "Other", "--slug", "two") == (0, "two")
    people = ["create", "anna@example.com", "--role", "admin", "--dealership", "harbour-city"]
    status, password = run(app, user, *people, "--dealership", "two")
    assert (status, len(password)) == (0, 23)
    with app.app_context(), reading() as session:
        anna = accounts.by_email(session, "anna@example.com")
        assert anna is not None
        assert passwords.matches(anna.password_hash, Secret(password))
    words = ["create", "--user", "anna@example.com", "--dealership", "two", "--days", "3"]
    status, text = run(app, token, *words, "--scope", "sync:read", "--scope", "stock:read")
    assert status == 0
    answer = app.test_client().get(
        "/api/admin/easycars/credentials", headers={"Authorization": f"Bearer {text}"}
    )
    assert answer.status_code == 403


def test_a_given_password_is_not_printed(app: Flask) -> None:
    words = ["create", "root@example.com", "--role", "system", "--password-stdin"]
    assert run(app, user, *words, given="a long enough sentence\n") == (0, "")
    assert app.test_client().get("/").status_code == 303


@pytest.mark.parametrize(
    ("words", "given", "said"),
    [
        (["a@example.com", "--role", "admin"], None, "Name a dealership"),
        (["a@example.com", "--role", "system", "--dealership", "x"], None, "Name a dealership"),
        (["a@example.com", "--role", "admin", "--dealership", "x"], None, "no dealership x"),
        (["not an address", "--role", "system"], None, "Enter an e-mail address"),
        (["a@example.com", "--role", "system", "--password-stdin"], "short", "at least 12"),
        (["a@example.com", "--role", "king"], None, "Invalid value"),
    ],
)
def test_people_that_are_not_made(
    app: Flask, words: list[str], given: str | None, said: str
) -> None:
    status, output = run(app, user, "create", *words, given=given)
    assert status != 0
    assert said in output
    with app.app_context(), reading() as session:
        assert accounts.by_email(session, "a@example.com") is None


def test_a_token_needs_a_member(app: Flask) -> None:
    run(app, dealership, "create", "One")
    words = ["create", "--user", "x@example.com", "--dealership", "one", "--scope", "admin"]
    status, output = run(app, token, *words)
    assert status == 1
    assert "does not belong" in output
