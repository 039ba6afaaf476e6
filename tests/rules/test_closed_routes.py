"""House rule: every route is closed by a rule, or open for a reason that somebody agreed to."""

from __future__ import annotations

import pytest
from flask import Flask
from werkzeug.routing import Rule as Route

from app.routes.access import rule_of
from tests import factories

# A new open route is added here by hand, together with the question whether it has to be open.
OPEN = {
    "kept.keep",
    "static",
    "auth.login",
    "auth.enter",
    "auth.logout",
    "auth.theme",
    "api_auth.create",
    "api_docs.document",
    "api_docs.page",
    "health.alive",
    "health.ready",
    "health.metrics",
    "public_form.show",
    "public_form.send",
    "public_form.thanks",
}
FILLING = {"slug": "nobody", "filename": "x"}


def every_route(app: Flask) -> list[Route]:
    return list(app.url_map.iter_rules())


def address(app: Flask, route: Route) -> str:
    values = {name: FILLING.get(name, 1) for name in route.arguments}
    return app.url_map.bind("localhost").build(route.endpoint, values)


def test_every_route_has_a_rule(app: Flask) -> None:
    without = {route.endpoint for route in every_route(app) if not rule_of(app, route.endpoint)}
    assert without == set()


def test_only_the_listed_routes_are_open(app: Flask) -> None:
    rules = {route.endpoint: rule_of(app, route.endpoint) for route in every_route(app)}
    is_open = {name for name, rule in rules.items() if rule and rule.kind == "open"}
    assert is_open == OPEN
    assert all(rules[name].reason for name in is_open)


def test_rules_fit_their_addresses(app: Flask) -> None:
    """Pages of a dealership need a role in it; JSON lives below /api and only there."""
    for route in every_route(app):
        rule = rule_of(app, route.endpoint)
        assert rule is not None
        if "slug" in route.arguments:
            assert rule.role != "person", route
        elif rule.kind == "page":
            assert rule.role in ("person", "system"), route
        if rule.kind == "json":
            assert route.rule.startswith("/api/"), route


def test_nobody_enters_a_closed_route_signed_out(app: Flask) -> None:
    client = app.test_client()
    with app.test_request_context():
        asked = [
            (route, address(app, route)) for route in every_route(app) if route.endpoint not in OPEN
        ]
    for route, url in asked:
        for method in route.methods - {"HEAD", "OPTIONS"}:
            answer = client.open(url, method=method)
            if url.startswith("/api/") and rule_of(app, route.endpoint).kind == "json":
                assert answer.status_code == 401, (method, url)
                assert answer.json["errorCode"] == "not_signed_in"
            else:
                assert answer.status_code == 303, (method, url)
                assert answer.location.startswith("/login"), (method, url)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_every_write_of_a_session_needs_the_csrf_token(app: Flask, method: str) -> None:
    with app.app_context():
        place = factories.dealership(slug="nobody")
        person = factories.member(place, "admin")
        system = factories.user(is_system=True)
        clients = [factories.sign_in(app.test_client(), one) for one in (person, system)]
    for client in clients:
        del client.environ_base["HTTP_X_CSRFTOKEN"]
    with app.test_request_context():
        asked = [
            (address(app, route), rule_of(app, route.endpoint))
            for route in every_route(app)
            if method in route.methods and route.endpoint not in OPEN
        ]
    for url, rule in asked:
        client = clients[1] if rule.role == "system" else clients[0]
        answer = client.open(url, method=method, headers={"X-Dealership": "nobody"})
        assert answer.status_code == 403, (method, url)
        words = answer.json["errorCode"] if url.startswith("/api/") else answer.text
        assert "csrf_failed" in words or "another sign-in" in words, (method, url)


def test_a_view_without_a_rule_is_refused(app: Flask) -> None:
    app.view_functions["forgotten"] = lambda: "secret"
    app.url_map.add(Route("/forgotten", endpoint="forgotten", methods=["GET"]))
    assert app.test_client().get("/forgotten").status_code == 404
