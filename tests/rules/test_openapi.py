"""The description of the machine interface and the routes agree, in both directions."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

CONTRACT = {
    ("post", "/api/admin/easycars/credentials/test-connection"),
    ("post", "/api/admin/easycars/test-connection"),
    ("post", "/api/admin/easycars/credentials"),
    ("get", "/api/admin/easycars/credentials"),
    ("put", "/api/admin/easycars/credentials/{credential_id}"),
    ("delete", "/api/admin/easycars/credentials/{credential_id}"),
    ("get", "/api/admin/easycars/health"),
}


@pytest.fixture
def specification(client: FlaskClient) -> dict[str, Any]:
    answer = client.get("/api/openapi.json")
    assert answer.status_code == 200
    return dict(answer.json)


def operations(specification: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method, path): operation
        for path, methods in specification["paths"].items()
        for method, operation in methods.items()
    }


def routes(app: Flask) -> set[tuple[str, str]]:
    return {
        (method.lower(), re.sub(r"<(?:[^:>]+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def test_every_route_is_described_and_nothing_else(
    app: Flask, specification: dict[str, Any]
) -> None:
    assert set(operations(specification)) == routes(app)


def test_the_contract_is_served(specification: dict[str, Any]) -> None:
    assert set(operations(specification)) >= CONTRACT


def test_operations_are_complete(specification: dict[str, Any]) -> None:
    every = operations(specification)
    ids = [operation["operationId"] for operation in every.values()]
    assert len(ids) == len(set(ids))
    for (method, path), operation in every.items():
        assert operation["summary"], path
        named = {
            parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"
        }
        assert named == set(re.findall(r"{(\w+)}", path)), path
        good = [status for status in operation["responses"] if status < "400"]
        assert good, (method, path)


def test_every_reference_leads_somewhere(specification: dict[str, Any]) -> None:
    def references(part: Any) -> set[str]:
        if isinstance(part, dict):
            own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
            return own.union(*(references(value) for value in part.values()))
        if isinstance(part, list):
            return set().union(*(references(value) for value in part))
        return set()

    known = {f"#/components/schemas/{name}" for name in specification["components"]["schemas"]}
    assert references(specification) <= known


def test_bearer_scopes_are_those_of_the_routes(specification: dict[str, Any]) -> None:
    shown = operations(specification)["get", "/api/admin/easycars/health"]["security"]
    assert shown == [{"bearer": ["sync:read"]}, {"session": []}]
    assert operations(specification)["get", "/api/openapi.json"]["security"] == []


def test_a_forgotten_description_is_noticed(app: Flask, client: FlaskClient) -> None:
    app.add_url_rule("/api/forgotten", view_func=lambda: "", endpoint="forgotten")
    described = operations(client.get("/api/openapi.json").json)
    assert routes(app) - set(described) == {("get", "/api/forgotten")}


def test_the_page_shows_every_operation_without_script(
    client: FlaskClient, specification: dict[str, Any]
) -> None:
    page = client.get("/api/docs")
    assert page.status_code == 200
    assert page.content_type.startswith("text/html")
    for operation in operations(specification).values():
        assert f'id="{operation["operationId"]}"' in page.text
    assert page.text.count("<h1") == 1
    scripts = re.findall(r"<script([^>]*)>", page.text)
    assert all('src="/static/' in attributes for attributes in scripts)
    assert "http://" not in page.text
    assert "https://" not in page.text
