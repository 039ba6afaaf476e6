"""Signing in and out: the pair, the limits, the way back, what ends a session."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import create_app
from app.config import Settings
from app.db import ALL_DEALERSHIPS, reading, unit_of_work
from app.models import ApiToken, AuditEvent, User
from app.secret import Secret
from app.services import accounts, passwords
from tests import factories
from tests.conftest import close

pytestmark = pytest.mark.both_databases
NEW = "another sentence that is long"


@pytest.fixture
def anna(app: Flask) -> User:
    with app.app_context():
        return factories.member(factories.dealership("Ours", "ours"), "admin", "anna@example.com")


def token_of(client: FlaskClient, url: str = "/login") -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(url).text)
    assert found
    return found[1]


def enter(client: FlaskClient, email: str, password: str, **rest: str) -> Any:
    form = {"email": email, "password": password, "csrf_token": token_of(client), **rest}
    return client.post("/login", data=form)


def events(app: Flask) -> list[tuple[str, str, str]]:
    with app.app_context(), reading(ALL_DEALERSHIPS) as session:
        rows = session.scalars(select(AuditEvent).order_by(AuditEvent.id))
        return [(row.action, row.outcome, row.subject) for row in rows]


def test_sign_in_leads_to_the_one_dealership(app: Flask, client: FlaskClient, anna: User) -> None:
    answer = enter(client, " Anna@Example.COM ", factories.PASSWORD)
    assert (answer.status_code, answer.location) == (303, "/")
    assert client.get("/").location == "/d/ours/"
    assert ("sign_in", "done", "anna@example.com") in events(app)
    with app.app_context(), reading() as session:
        assert accounts.get(session, anna.id).last_sign_in_at is not None


@pytest.mark.parametrize(
    ("email", "password"),
    [("anna@example.com", "wrong"), ("nobody@example.com", factories.PASSWORD), ("", "")],
)
def test_a_wrong_pair_keeps_the_address_and_not_the_password(
    app: Flask, client: FlaskClient, anna: User, email: str, password: str
) -> None:
    answer = enter(client, email, password, next="/d/ours/audit")
    assert answer.status_code == 422
    assert "<title>Error: Sign in" in answer.text
    assert f'value="{email}"' in answer.text
    assert 'value="/d/ours/audit"' in answer.text
    assert not password or password not in answer.text
    assert events(app)[-1] == ("sign_in", "refused", email)
    assert client.get("/").status_code == 303


def test_disabled_people_do_not_get_in(app: Flask, client: FlaskClient, anna: User) -> None:
    with app.app_context(), unit_of_work() as session:
        accounts.set_active(session, factories.ACTOR, accounts.get(session, anna.id), False)
    assert enter(client, anna.email, factories.PASSWORD).status_code == 422


def test_sign_in_without_csrf_token_is_refused(client: FlaskClient, anna: User) -> None:
    form = {"email": anna.email, "password": factories.PASSWORD}
    assert client.post("/login", data=form).status_code == 403


def test_nothing_set_before_sign_in_survives_it(client: FlaskClient, anna: User) -> None:
    with client.session_transaction() as session:
        session["planted"] = "by somebody else"
    before = token_of(client)
    enter(client, anna.email, factories.PASSWORD)
    with client.session_transaction() as session:
        assert "planted" not in session
        assert session.get("csrf_token") is None
    refused = client.post("/account/password", data={"csrf_token": before})
    assert refused.status_code == 403


@pytest.mark.parametrize(
    ("wanted", "led_to"),
    [
        ("/d/ours/audit?person=3", "/d/ours/audit?person=3"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\nb", "/"),
        ("audit", "/"),
        ("", "/"),
    ],
)
def test_the_way_back_stays_on_this_site(
    client: FlaskClient, anna: User, wanted: str, led_to: str
) -> None:
    assert enter(client, anna.email, factories.PASSWORD, next=wanted).location == led_to


def test_a_signed_out_page_leads_back_to_itself(client: FlaskClient, anna: User) -> None:
    asked = client.get("/d/ours/audit?action=sign_in")
    assert asked.location == "/login?next=/d/ours/audit?action%3Dsign_in"
    form = client.get(asked.location).text
    assert 'name="next" value="/d/ours/audit?action=sign_in"' in form


def test_a_poll_after_the_session_moves_the_whole_page(client: FlaskClient, anna: User) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://localhost/d/ours/runs/7?tab=failed"}
    answer = client.get("/d/ours/running", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/login?next=/d/ours/runs/7?tab%3Dfailed&ended=1"
    assert "You were signed out" in client.get(answer.headers["HX-Redirect"]).text
    foreign = client.get("/d/ours/running", headers=headers | {"HX-Current-URL": "http://evil/x"})
    assert foreign.headers["HX-Redirect"] == "/login?ended=1"


def test_a_program_without_session_gets_a_problem(client: FlaskClient) -> None:
    answer = client.get("/api/admin/easycars/health")
    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"


def test_too_many_wrong_tries_for_one_address(client: FlaskClient, anna: User) -> None:
    form = {"email": anna.email, "password": "wrong", "csrf_token": token_of(client)}
    tries = [client.post("/login", data=form).status_code for _ in range(11)]
    assert tries == [422] * 10 + [429]
    paused = client.post("/login", data=form | {"password": factories.PASSWORD})
    assert paused.status_code == 429
    assert 0 < int(paused.headers["Retry-After"]) <= 900
    assert "Too many tries" in paused.text
    assert re.search(r"Try again in 1[45] min", paused.text)
    other = client.post("/login", data=form | {"email": "other@example.com"})
    assert other.status_code == 422


def test_too_many_wrong_tries_from_one_place(client: FlaskClient, anna: User) -> None:
    form = {"password": "wrong", "csrf_token": token_of(client)}
    tries = [
        client.post("/login", data=form | {"email": f"{number}@example.com"}).status_code
        for number in range(31)
    ]
    assert tries == [422] * 30 + [429]


def test_right_tries_are_never_too_many(app: Flask, anna: User) -> None:
    for _ in range(12):
        assert enter(app.test_client(), anna.email, factories.PASSWORD).status_code == 303


def test_limits_hold_in_memory_while_redis_is_away(settings: Settings) -> None:
    app = create_app(replace(settings, redis_url="redis://127.0.0.1:1/0"))
    try:
        client = app.test_client()
        form = {"email": "away@example.com", "password": "x", "csrf_token": token_of(client)}
        tries = [client.post("/login", data=form).status_code for _ in range(11)]
    finally:
        close(app)
    assert tries == [422] * 10 + [429]


def test_a_new_password_ends_other_sessions_and_tokens(app: Flask, anna: User) -> None:
    with app.app_context():
        here, there = (factories.sign_in(app.test_client(), anna) for _ in range(2))
    form = {"current": factories.PASSWORD, "new": NEW}
    assert here.post("/account/password", data=form).status_code == 303
    assert here.get("/account").status_code == 200
    assert there.get("/account").status_code == 303
    assert enter(app.test_client(), anna.email, NEW).status_code == 303
    with app.app_context(), reading() as session:
        assert session.scalars(select(ApiToken).where(ApiToken.revoked_at.is_(None))).all() == []


@pytest.mark.parametrize(
    ("form", "fault"),
    [
        ({"current": "wrong", "new": NEW}, "This is not your password"),
        ({"current": factories.PASSWORD, "new": "short"}, "Use at least 12 characters"),
        ({"current": factories.PASSWORD, "new": "anna anna anna"}, "harder to guess"),
        ({"current": factories.PASSWORD, "new": "aaaaaaaaaaaaaa"}, "harder to guess"),
    ],
)
def test_passwords_that_are_not_changed(
    app: Flask, anna: User, form: dict[str, str], fault: str
) -> None:
    with app.app_context():
        client = factories.sign_in(app.test_client(), anna)
    answer = client.post("/account/password", data=form)
    assert answer.status_code == 422
    assert fault in answer.text


def test_sign_out_ends_the_session(app: Flask, anna: User) -> None:
    with app.app_context():
        client = factories.sign_in(app.test_client(), anna)
    assert client.post("/logout").location == "/login"
    assert client.get("/account").status_code == 303
    assert client.post("/logout").status_code == 303


@pytest.mark.parametrize("signed", ["", "x.1", "1", "1.x", "99999.1", "-1.1", "1.1.1"])
def test_broken_session_cookies_are_nobody(app: Flask, anna: User, signed: str) -> None:
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = signed
    assert client.get("/account").status_code == 303


def test_unknown_people_cost_as_much_as_known_ones(
    app: Flask, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted, not timed: the slow check runs exactly once whoever asks."""
    checks: list[str] = []

    class Counting:
        def verify(self, stored: str, _given: str) -> bool:
            checks.append(stored)
            return True

    monkeypatch.setattr(passwords, "_hasher", Counting())
    assert passwords.matches("stored", Secret("x"))
    monkeypatch.setattr(passwords, "_nobodys", lambda: "made up")
    assert not passwords.matches(None, Secret("x"))
    assert checks == ["stored", "made up"]


def test_the_theme_is_a_cookie(client: FlaskClient) -> None:
    client.get("/login")
    form = {"theme": "dark", "next": "/login", "csrf_token": token_of(client)}
    answer = client.post("/theme", data=form)
    assert (answer.status_code, answer.location) == (303, "/login")
    assert 'data-bs-theme="dark"' in client.get("/login").text
    client.post("/theme", data=form | {"theme": "<script>"})
    assert 'data-bs-theme="dark"' in client.get("/login").text
