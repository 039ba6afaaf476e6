"""The pages of people, tokens, audit and system: what they do, show once, refuse and write down."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.db import ALL_DEALERSHIPS, reading, unit_of_work
from app.models import ApiToken, AuditEvent, Dealership, Membership, SystemSetting, User
from app.services import audit
from tests import factories

PEOPLE, TOKENS = "/d/ours/settings/people", "/d/ours/settings/tokens"


@pytest.fixture
def ours(app: Flask) -> Dealership:
    with app.app_context():
        return factories.dealership("Ours", "ours")


@pytest.fixture
def owner(app: Flask, ours: Dealership) -> User:
    with app.app_context():
        return factories.member(ours, "admin", "owner@example.com")


@pytest.fixture
def client(app: Flask, owner: User) -> FlaskClient:
    with app.app_context():
        return factories.sign_in(app.test_client(), owner)


def rows(app: Flask, statement: Any) -> list[Any]:
    with app.app_context(), reading(ALL_DEALERSHIPS) as session:
        return list(session.scalars(statement))


def actions(app: Flask) -> list[str]:
    return rows(app, select(AuditEvent.action).order_by(AuditEvent.id))


def shown_once(page: str, element: str) -> str:
    found = re.search(rf'<code id="{element}">([^<]+)</code>', page)
    assert found
    return found[1]


def test_a_new_person_gets_a_password_that_works(app: Flask, client: FlaskClient) -> None:
    form = {"email": "Ben@Example.com", "name": "Ben", "role": "viewer"}
    answer = client.post(PEOPLE, data=form)
    assert answer.status_code == 200
    password = shown_once(answer.text, "password-once")
    assert password not in client.get(PEOPLE).text
    fresh = app.test_client()
    with app.app_context():
        factories.with_csrf(fresh)
    entered = fresh.post("/login", data={"email": "ben@example.com", "password": password})
    assert entered.status_code == 303
    assert actions(app)[:2] == ["user.create", "person.add"]
    assert password not in str(rows(app, select(AuditEvent.details)))


def test_somebody_with_an_account_keeps_their_password(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        factories.user("ben@example.com")
    answer = client.post(PEOPLE, data={"email": "ben@example.com", "role": "operator"})
    assert answer.status_code == 303
    again = client.post(PEOPLE, data={"email": "ben@example.com", "role": "operator"})
    assert again.status_code == 422
    assert "is a member already" in again.text


@pytest.mark.parametrize(
    "form",
    [
        {"email": "no address", "role": "viewer"},
        {"email": "", "role": "viewer"},
        {"email": "a@example.com", "role": "system"},
        {"email": "a@example.com", "role": ""},
        {"email": "a@example.com", "role": "viewer", "name": "x" * 201},
    ],
)
def test_people_that_are_not_added(app: Flask, client: FlaskClient, form: dict[str, str]) -> None:
    answer = client.post(PEOPLE, data=form)
    assert answer.status_code == 422
    assert "<title>Error: People" in answer.text
    assert len(rows(app, select(User))) == 1


def test_roles_change_and_are_written_down(
    app: Flask, client: FlaskClient, ours: Dealership
) -> None:
    with app.app_context():
        ben = factories.member(ours, "viewer")
    assert client.post(f"{PEOPLE}/{ben.id}/role", data={"role": "admin"}).status_code == 303
    event = rows(app, select(AuditEvent))[-1]
    assert (event.action, event.actor) == ("person.change_role", "owner@example.com")
    assert event.details == {"before": "viewer", "after": "admin"}


@pytest.mark.both_databases
@pytest.mark.parametrize("way", ["role", "remove"])
def test_the_last_administrator_stays(
    app: Flask, client: FlaskClient, owner: User, way: str
) -> None:
    answer = client.post(f"{PEOPLE}/{owner.id}/{way}", data={"role": "viewer"})
    assert answer.status_code == 422
    assert "last administrator" in answer.text
    assert rows(app, select(Membership.role)) == ["admin"]


def test_removing_a_person_ends_their_tokens_here(
    app: Flask, client: FlaskClient, ours: Dealership
) -> None:
    with app.app_context():
        ben = factories.member(ours, "admin")
        factories.token(ben, ours)
    assert "Remove" in client.get(f"{PEOPLE}/{ben.id}/remove").text
    assert client.post(f"{PEOPLE}/{ben.id}/remove").status_code == 303
    assert len(rows(app, select(Membership))) == 1
    assert rows(app, select(ApiToken.revoked_at)) != [None]


def test_a_lost_password_is_replaced(app: Flask, client: FlaskClient, ours: Dealership) -> None:
    with app.app_context():
        ben = factories.member(ours, "viewer")
        session_of_ben = factories.sign_in(app.test_client(), ben)
    assert client.get(f"{PEOPLE}/{ben.id}/password").status_code == 200
    answer = client.post(f"{PEOPLE}/{ben.id}/password")
    assert len(shown_once(answer.text, "password-once")) == 23
    assert session_of_ben.get("/account").status_code == 303


def test_nobody_takes_over_an_account_that_works_elsewhere(
    app: Flask, client: FlaskClient, ours: Dealership
) -> None:
    with app.app_context():
        ben = factories.member(ours, "viewer")
        factories.membership(ben, factories.dealership(), "admin")
    answer = client.post(f"{PEOPLE}/{ben.id}/password")
    assert answer.status_code == 422
    assert "also works elsewhere" in answer.text


def test_a_token_is_shown_once_works_and_is_revoked(app: Flask, client: FlaskClient) -> None:
    form = {"name": "website", "scopes": ["stock:read", "sync:read"], "days": "90"}
    text = shown_once(client.post(TOKENS, data=form).text, "token-once")
    page = client.get(TOKENS).text
    assert text not in page
    assert text[:12] in page
    bearer = {"Authorization": f"Bearer {text}"}
    url = "/api/admin/easycars/credentials"
    assert app.test_client().get(url, headers=bearer).status_code == 403
    token = rows(app, select(ApiToken))[0]
    assert client.post(f"{TOKENS}/{token.id}/revoke").status_code == 303
    assert "Revoked" in client.get(TOKENS).text
    assert app.test_client().get(url, headers=bearer).status_code == 401
    assert text not in str(rows(app, select(AuditEvent.details)))


@pytest.mark.parametrize(
    ("form", "fault"),
    [
        ({"days": "30"}, "Choose at least one scope"),
        ({"scopes": ["everything"]}, "There is no scope everything"),
        ({"scopes": ["admin"], "days": "0"}, "Enter a number of days"),
        ({"scopes": ["admin"], "days": "-1"}, "Enter a number of days"),
        ({"scopes": ["admin"], "days": "99999"}, "Enter a number of days"),
        ({"scopes": ["admin"], "name": "x" * 101}, "at most 100 characters"),
    ],
)
def test_tokens_that_are_not_made(
    app: Flask, client: FlaskClient, form: dict[str, Any], fault: str
) -> None:
    answer = client.post(TOKENS, data=form)
    assert answer.status_code == 422
    assert fault in answer.text
    assert rows(app, select(ApiToken)) == []


@pytest.mark.both_databases
def test_the_audit_pages_by_key_and_filters_in_the_address(
    app: Flask, client: FlaskClient, ours: Dealership, owner: User
) -> None:
    actor = audit.Actor(owner.id, owner.email, "203.0.113.9", "request-1")
    with app.app_context(), unit_of_work(ours.id) as session:
        for number in range(120):
            audit.record(
                session, actor, f"kind.{number % 2}", f"n{number:03}", dealership_id=ours.id
            )
    first = client.get("/d/ours/audit").text
    assert subjects(first) == [f"n{number:03}" for number in range(119, 69, -1)]
    assert "203.0.113.9" in first
    second = client.get(link(first, "next")).text
    third = client.get(link(second, "next")).text
    assert subjects(third)[-1] == "n000"
    assert 'rel="next"' not in third
    assert subjects(client.get(link(third, "prev")).text) == subjects(second)
    kind = client.get(f"/d/ours/audit?action=kind.1&person={owner.id}").text
    assert len(subjects(kind)) == 50
    assert "action=kind.1" in link(kind, "next")
    assert subjects(client.get("/d/ours/audit?person=999").text) == []
    assert client.get("/d/ours/audit?before=x&person=9999999999999999999999").status_code == 200


def subjects(page: str) -> list[str]:
    return re.findall(r">(n\d{3})<", page)


def link(page: str, relation: str) -> str:
    found = re.search(rf'href="([^"]+)" rel="{relation}"', page)
    assert found
    return found[1].replace("&amp;", "&")


@pytest.fixture
def system(app: Flask) -> FlaskClient:
    with app.app_context():
        person = factories.user("root@example.com", is_system=True)
        return factories.sign_in(app.test_client(), person)


def test_the_global_switch_moves(app: Flask, system: FlaskClient) -> None:
    assert system.post("/system/auto-sync", data={"on": "0"}).status_code == 303
    assert "No schedule starts a sync" in system.get("/system/").text
    assert rows(app, select(SystemSetting.value)) == [False]
    system.post("/system/auto-sync", data={"on": "1"})
    assert rows(app, select(SystemSetting.value)) == [True]
    assert actions(app) == ["system.auto_sync"] * 2


def test_dealerships_are_made_and_closed(app: Flask, system: FlaskClient) -> None:
    form = {"name": "Harbour City Motors", "timezone": "Australia/Perth"}
    for _ in range(2):
        assert system.post("/system/dealerships", data=form).status_code == 303
    slugs = ["harbour-city-motors", "harbour-city-motors-2"]
    made = rows(app, select(Dealership).order_by(Dealership.id))
    assert [one.slug for one in made] == slugs
    system.post(f"/system/dealerships/{made[0].id}/active", data={"active": "0"})
    assert rows(app, select(Dealership.is_active).order_by(Dealership.id)) == [False, True]
    for wrong in ({"slug": "Nö"}, {"timezone": "Mars"}, {"name": ""}, {"slug": slugs[0]}):
        assert system.post("/system/dealerships", data=form | wrong).status_code == 422


def test_accounts_are_made_disabled_and_reset(
    app: Flask, system: FlaskClient, owner: User, client: FlaskClient
) -> None:
    made = system.post("/system/users", data={"email": "second@example.com"})
    assert len(shown_once(made.text, "password-once")) == 23
    assert system.post(f"/system/users/{owner.id}/password").status_code == 200
    assert client.get("/account").status_code == 303
    assert system.post(f"/system/users/{owner.id}/active", data={"active": "0"}).status_code == 303
    assert "Disabled" in system.get("/system/users").text
    root = rows(app, select(User.id).where(User.email == "root@example.com"))[0]
    assert system.post(f"/system/users/{root}/active", data={"active": "0"}).status_code == 422


@pytest.mark.parametrize("password", [factories.PASSWORD, "wrong"])
def test_programs_sign_in_for_a_token(app: Flask, owner: User, password: str) -> None:
    body = {"email": "Owner@example.com", "password": password}
    answer = app.test_client().post("/api/auth/token", json=body)
    if password == "wrong":
        assert (answer.status_code, answer.json["errorCode"]) == (401, "not_signed_in")
        return
    assert answer.status_code == 200
    assert set(answer.json) == {"token", "expiresAt", "dealershipId"}
    headers = {"Authorization": f"Bearer {answer.json['token']}"}
    found = app.test_client().get("/api/admin/easycars/credentials", headers=headers)
    assert found.status_code == 404


def test_programs_of_several_dealerships_name_one(app: Flask, owner: User) -> None:
    with app.app_context():
        factories.membership(owner, factories.dealership(slug="second"))
        factories.dealership(slug="theirs")
    body = {"email": owner.email, "password": factories.PASSWORD}
    client = app.test_client()
    assert client.post("/api/auth/token", json=body).status_code == 400
    second = body | {"dealership": "second"}
    assert client.post("/api/auth/token", json=second).status_code == 200
    theirs = body | {"dealership": "theirs"}
    assert client.post("/api/auth/token", json=theirs).status_code == 404


def test_programs_wait_after_too_many_wrong_tries(app: Flask, owner: User) -> None:
    body, client = {"email": owner.email, "password": "wrong"}, app.test_client()
    tries = [client.post("/api/auth/token", json=body) for _ in range(11)]
    assert [one.status_code for one in tries] == [401] * 10 + [429]
    assert int(tries[-1].headers["Retry-After"]) > 0
    assert tries[-1].json["errorCode"] == "too_many_requests"


def test_navigation_shows_what_the_role_may_open(app: Flask, ours: Dealership) -> None:
    with app.app_context():
        viewer = factories.sign_in(app.test_client(), factories.member(ours, "viewer"))
        admin = factories.sign_in(app.test_client(), factories.member(ours, "admin"))
    assert PEOPLE in admin.get("/d/ours/audit").text
    refused = viewer.get("/d/ours/audit")
    assert refused.status_code == 403
    assert PEOPLE not in refused.text
