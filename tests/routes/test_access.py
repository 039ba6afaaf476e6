"""Who may do what: roles, tokens, tenants, headers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import ApiToken, Dealership
from app.services import accounts, dealerships, people, tokens
from tests import factories

pytestmark = pytest.mark.both_databases
HEALTH = "/api/admin/easycars/health"
CREDENTIALS = "/api/admin/easycars/credentials"
ROLES = ["viewer", "operator", "admin"]


@pytest.fixture
def ours(app: Flask) -> Dealership:
    with app.app_context():
        return factories.dealership("Ours", "ours")


def as_role(app: Flask, place: Dealership, role: str) -> FlaskClient:
    with app.app_context():
        person = factories.user(is_system=True) if role == "system" else None
        return factories.sign_in(app.test_client(), person or factories.member(place, role))


@pytest.mark.parametrize("role", ROLES)
def test_a_lower_role_is_told_so(app: Flask, ours: Dealership, role: str) -> None:
    answer = as_role(app, ours, role).get("/d/ours/settings/people")
    assert answer.status_code == (200 if role == "admin" else 403)
    if role != "admin":
        assert "needs the role admin" in answer.text


def test_system_people_enter_every_dealership(app: Flask, ours: Dealership) -> None:
    assert as_role(app, ours, "system").get("/d/ours/settings/people").status_code == 200


@pytest.mark.parametrize("slug", ["theirs", "nowhere", "OURS", "ours%20"])
def test_foreign_and_unknown_dealerships_look_alike(
    app: Flask, ours: Dealership, slug: str
) -> None:
    with app.app_context():
        factories.dealership("Theirs", "theirs")
    client = as_role(app, ours, "admin")
    answers = [client.get(f"/d/{name}/audit") for name in (slug, "never-was")]
    assert [answer.status_code for answer in answers] == [404, 404]
    words = [answer.text.partition("<main")[2].split("Reference")[0] for answer in answers]
    assert "not yours to see" in words[0]
    assert words[0] == words[1]


def test_a_closed_dealership_is_gone_for_its_people(app: Flask, ours: Dealership) -> None:
    client = as_role(app, ours, "admin")
    with app.app_context():
        bearer = factories.bearer(factories.member(ours), ours)
        with unit_of_work() as session:
            place = dealerships.by_slug(session, "ours")
            dealerships.set_active(session, factories.ACTOR, place, False)
    assert client.get("/d/ours/audit").status_code == 404
    assert app.test_client().get(CREDENTIALS, headers=bearer).status_code == 404
    assert as_role(app, ours, "system").get("/d/ours/audit").status_code == 200


def test_a_removed_person_is_out_at_once(app: Flask, ours: Dealership) -> None:
    with app.app_context():
        factories.member(ours, "admin")
        person = factories.member(ours, "admin")
        client = factories.sign_in(app.test_client(), person)
        bearer = factories.bearer(person, ours)
        with unit_of_work() as session:
            people.remove(session, factories.ACTOR, ours.id, person.id, datetime.now(UTC))
    assert client.get("/d/ours/audit").status_code == 404
    assert app.test_client().get(CREDENTIALS, headers=bearer).status_code == 401


def ask(app: Flask, bearer: dict[str, str], url: str = CREDENTIALS, **rest: Any) -> Any:
    return app.test_client().get(url, headers=bearer, **rest)


def test_a_valid_token_enters(app: Flask, ours: Dealership) -> None:
    with app.app_context():
        bearer = factories.bearer(factories.member(ours), ours)
    answer = ask(app, bearer)
    assert (answer.status_code, answer.json["errorCode"]) == (404, "not_found")  # none saved yet
    assert "credentials" in answer.json["message"].lower()


@pytest.mark.parametrize(
    "header",
    [
        "Bearer ",
        "Bearer nonsense",
        "Bearer fct_" + "x" * 43,
        "Bearer fct_" + "x" * 5000,
        "bearer x",
    ],
)
def test_wrong_tokens_are_nobody(app: Flask, ours: Dealership, header: str) -> None:
    client = as_role(app, ours, "admin")  # a good session does not help a bad token
    answer = client.get(CREDENTIALS, headers={"Authorization": header})
    assert answer.status_code == 401


def test_expired_and_revoked_tokens_are_nobody(app: Flask, ours: Dealership) -> None:
    now = datetime.now(UTC)
    with app.app_context():
        person = factories.member(ours)
        old = factories.token(person, ours, now=now - timedelta(days=2), days=1)
        revoked = factories.token(person, ours)
        with unit_of_work() as session:
            row = session.scalar(select(ApiToken).order_by(ApiToken.id.desc()))
            assert row is not None
            tokens.revoke(session, factories.ACTOR, ours.id, row.id, now)
    for text in (old, revoked):
        assert ask(app, {"Authorization": f"Bearer {text}"}).status_code == 401


def test_tokens_of_disabled_people_are_nobody(app: Flask, ours: Dealership) -> None:
    with app.app_context():
        person = factories.member(ours)
        bearer = factories.bearer(person, ours)
        with unit_of_work() as session:
            accounts.set_active(session, factories.ACTOR, accounts.get(session, person.id), False)
    assert ask(app, bearer).status_code == 401


def test_scopes_and_roles_both_count(app: Flask, ours: Dealership) -> None:
    with app.app_context():
        admin, viewer = factories.member(ours, "admin"), factories.member(ours, "viewer")
        narrow = factories.bearer(admin, ours, ["sync:read"])
        weak = factories.bearer(viewer, ours, ["admin"])
    assert "does not have the scope admin" in ask(app, narrow).json["message"]
    assert ask(app, narrow).status_code == 403
    assert "needs the role admin" in ask(app, weak).json["message"]


def test_tokens_open_no_pages(app: Flask, ours: Dealership) -> None:
    with app.app_context():
        bearer = factories.bearer(factories.member(ours), ours)
    assert ask(app, bearer, "/d/ours/audit").status_code == 303


def test_a_token_needs_no_csrf_but_a_session_does(app: Flask, ours: Dealership) -> None:
    with app.app_context():
        bearer = factories.bearer(factories.member(ours), ours)
    written = app.test_client().post(CREDENTIALS, json={}, headers=bearer)
    assert written.status_code == 400
    client = as_role(app, ours, "admin")
    assert client.post(CREDENTIALS, json={}).status_code == 400
    del client.environ_base["HTTP_X_CSRFTOKEN"]
    refused = client.post(CREDENTIALS, json={})
    assert (refused.status_code, refused.json["errorCode"]) == (403, "csrf_failed")


def test_the_last_use_is_written_once_a_minute(app: Flask, ours: Dealership) -> None:
    with app.app_context():
        bearer = factories.bearer(factories.member(ours), ours)

    def used() -> datetime:
        ask(app, bearer)
        with app.app_context(), reading() as session:
            moment = session.scalars(select(ApiToken.last_used_at)).one()
            assert moment is not None
            return moment

    first = used()
    assert used() == first
    with app.app_context(), unit_of_work() as session:
        session.scalars(select(ApiToken)).one().last_used_at = first - timedelta(seconds=61)
    assert used() >= first


def test_people_of_several_dealerships_say_which(app: Flask, ours: Dealership) -> None:
    with app.app_context():
        person = factories.member(ours)
        factories.membership(person, factories.dealership("Second", "second"))
        client = factories.sign_in(app.test_client(), person)
    assert client.get(CREDENTIALS).status_code == 400
    for named in (
        client.get(f"{CREDENTIALS}?dealership=second"),
        client.get(CREDENTIALS, headers={"X-Dealership": "ours"}),
    ):
        assert named.status_code == 404
        assert "credentials" in named.json["message"].lower()
    listed = client.get("/").text
    assert "/d/ours/" in listed
    assert "/d/second/" in listed
    assert "Never run" in listed


def test_people_without_dealership_are_told(app: Flask) -> None:
    with app.app_context():
        client = factories.sign_in(app.test_client(), factories.user())
    assert "do not belong to a dealership" in client.get("/").text
    assert client.get(CREDENTIALS).status_code == 404


def test_every_answer_carries_the_headers(app: Flask, ours: Dealership) -> None:
    client = as_role(app, ours, "admin")
    for url in ("/login", "/d/ours/audit", "/nowhere", CREDENTIALS, "/healthz"):
        answer = client.get(url, headers={"X-Request-ID": "from-outside-1"})
        assert answer.headers["X-Request-ID"] == "from-outside-1", url
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "no-store" in answer.headers["Cache-Control"], url


@pytest.mark.parametrize("asked", ["", "short", "x" * 65, "with space and more", "new\tline-xx"])
def test_request_ids_that_we_do_not_take_over(client: FlaskClient, asked: str) -> None:
    given = client.get("/login", headers={"X-Request-ID": asked}).headers["X-Request-ID"]
    assert given != asked
    assert len(given) == 32


def test_session_cookies_are_safe(client: FlaskClient) -> None:
    cookie = client.get("/login").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
