"""The ground under all JSON routes: one shape of errors, strict pages, no value in a message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Blueprint, Flask, Response, abort
from flask.testing import FlaskClient
from pydantic import Field
from sqlalchemy.exc import OperationalError

from app import create_app
from app.config import Settings
from app.routes.access import open_to_all
from app.routes.api.common import (
    ApiModel,
    LongText,
    PageQuery,
    PlainText,
    ok,
    pagination,
    read_body,
    read_query,
)
from app.services import errors
from tests.conftest import close

CANARY = "canary-5f1d0a-do-not-repeat"


class Body(ApiModel):
    stock_number: PlainText = Field(max_length=20)
    notes: LongText | None = None
    year: int | None = None


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
    app.register_blueprint(_trial())
    yield app
    close(app)


def _trial() -> Blueprint:
    bp = Blueprint("trial", __name__)

    @bp.post("/api/trial")
    @open_to_all("test", csrf=False)
    def body() -> Response:
        return ok(read_body(Body))

    @bp.get("/api/trial/list")
    @open_to_all("test")
    def listing() -> Response:
        query = read_query(PageQuery)
        return ok({"rows": [], "pagination": pagination(query, 150)})

    @bp.get("/<kind>/raise/<name>")
    @open_to_all("test")
    def raising(kind: str, name: str) -> Response:
        raise RAISED[name]

    @bp.get("/api/abort/<int:status>")
    @open_to_all("test")
    def aborting(status: int) -> Response:
        abort(status)

    return bp


RAISED: dict[str, Exception] = {
    "invalid": errors.InputInvalid("Wrong.", {"stock_number": "Too long."}),
    "missing": errors.NotFound("No such vehicle."),
    "forbidden": errors.NotAllowed("Not yours."),
    "unconfigured": errors.NotConfigured("Not connected."),
    "running": errors.AlreadyRunning("Running.", 41),
    "many": errors.TooMany("Too many.", 900),
    "down": errors.ProviderUnavailable("EasyCars does not answer."),
    "rejected": errors.CredentialsRejected("Refused.", "account"),
    "defect": RuntimeError(f"the secret is {CANARY}"),
    "database": OperationalError(f"SELECT {CANARY}", {}, Exception("gone")),
}
JSON_ANSWERS = [
    ("invalid", 400, "invalid_input", {"errors": {"stockNumber": "Too long."}}),
    ("missing", 404, "not_found", {}),
    ("forbidden", 403, "forbidden", {}),
    ("unconfigured", 400, "not_configured", {}),
    ("running", 409, "already_running", {"existingRunId": 41}),
    ("many", 429, "too_many_requests", {"retryAfterSeconds": 900}),
    ("down", 503, "provider_unavailable", {}),
    ("rejected", 401, "AUTHENTICATION_FAIL", {}),
    ("defect", 500, "internal_error", {}),
    ("database", 503, "database_unavailable", {}),
]


def test_a_body_is_read_in_camel_case_and_trimmed(client: FlaskClient) -> None:
    answer = client.post("/api/trial", json={"stockNumber": " 10412 ", "unknown": 1})
    assert answer.json == {"stockNumber": "10412", "notes": None, "year": None}


BAD_BODIES: list[tuple[str, Any, set[str]]] = [
    ("missing member", {}, {"stockNumber"}),
    ("too long", {"stockNumber": CANARY}, {"stockNumber"}),
    ("wrong type", {"stockNumber": 5}, {"stockNumber"}),
    ("control character", {"stockNumber": "1\x002"}, {"stockNumber"}),
    ("two at once", {"stockNumber": "\t\x07", "year": CANARY}, {"stockNumber", "year"}),
    ("line break in notes is fine, NUL is not", {"stockNumber": "1", "notes": "a\n\0"}, {"notes"}),
]


@pytest.mark.parametrize(
    ("_name", "body", "fields"), BAD_BODIES, ids=[row[0] for row in BAD_BODIES]
)
def test_a_bad_body_names_its_members_and_repeats_nothing(
    client: FlaskClient, _name: str, body: Any, fields: set[str]
) -> None:
    answer = client.post("/api/trial", json=body)
    assert answer.status_code == 400
    assert set(answer.json["errors"]) == fields
    assert CANARY not in answer.text


@pytest.mark.parametrize("raw", ["{", "[1]", '"text"', "\xff", "{'a': 1}", "null"])
def test_what_is_not_a_json_object_answers_400(client: FlaskClient, raw: str) -> None:
    answer = client.post("/api/trial", data=raw.encode("latin-1"), content_type="application/json")
    assert answer.status_code == 400
    assert answer.json["errorCode"] == "invalid_input"


def test_another_content_type_answers_415(client: FlaskClient) -> None:
    answer = client.post("/api/trial", data="stockNumber=1")
    assert answer.status_code == 415
    assert answer.json["errorCode"] == "unsupported_media_type"


def test_pages_count_whole_pages(client: FlaskClient) -> None:
    answer = client.get("/api/trial/list?page=2&pageSize=20")
    assert answer.json["pagination"] == {
        "currentPage": 2,
        "pageSize": 20,
        "totalRecords": 150,
        "totalPages": 8,
    }


@pytest.mark.parametrize(
    "query",
    ["pageSize=101", "pageSize=0", "page=0", "page=-1", "page=x", "page=1.5", "page=9999999999"],
)
def test_pages_outside_the_limits_answer_400(client: FlaskClient, query: str) -> None:
    answer = client.get(f"/api/trial/list?{query}")
    assert answer.status_code == 400
    assert set(answer.json["errors"]) == {query.partition("=")[0]}


def test_an_empty_filter_is_no_filter_and_nul_is_refused(client: FlaskClient) -> None:
    assert client.get("/api/trial/list?page=").status_code == 200
    assert client.get("/api/trial/list?page=1%00").status_code == 400


@pytest.mark.parametrize(("name", "status", "code", "more"), JSON_ANSWERS)
def test_every_error_has_one_json_shape(
    client: FlaskClient, name: str, status: int, code: str, more: dict[str, Any]
) -> None:
    answer = client.get(f"/api/raise/{name}", headers={"X-Request-ID": "trial-12345678"})
    body = answer.json
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert (body["status"], body["errorCode"]) == (status, code)
    assert body["message"] == body["detail"]
    assert body["requestId"] == answer.headers["X-Request-ID"] == "trial-12345678"
    assert more.items() <= body.items()
    assert CANARY not in answer.text
    assert "Traceback" not in answer.text


def test_too_many_says_when_to_come_back(client: FlaskClient) -> None:
    assert client.get("/api/raise/many").headers["Retry-After"] == "900"


@pytest.mark.parametrize("status", [400, 403, 404, 405, 413, 415, 429, 500, 503])
def test_the_frameworks_own_errors_have_the_same_shape(client: FlaskClient, status: int) -> None:
    answer = client.get(f"/api/abort/{status}")
    assert answer.status_code == status
    assert {"message", "errorCode", "requestId", "title", "type"} <= set(answer.json)


def test_unknown_addresses_and_verbs(client: FlaskClient) -> None:
    assert client.get("/api/nothing").json["errorCode"] == "not_found"
    wrong_verb = client.put("/api/trial")
    assert wrong_verb.status_code == 405
    assert "POST" in wrong_verb.headers["Allow"]


@pytest.mark.parametrize(("name", "status"), [(row[0], row[1]) for row in JSON_ANSWERS])
def test_people_get_a_page_with_the_reference(client: FlaskClient, name: str, status: int) -> None:
    answer = client.get(f"/page/raise/{name}", headers={"X-Request-ID": "trial-12345678"})
    assert answer.status_code == (422 if name == "invalid" else status)
    assert answer.content_type.startswith("text/html")
    assert answer.text.count("<h1") == 1
    assert "trial-12345678" in answer.text
    assert CANARY not in answer.text


def test_a_fragment_goes_to_the_alerts_and_leaves_the_rest(client: FlaskClient) -> None:
    answer = client.get("/page/raise/running", headers={"HX-Request": "true"})
    assert answer.status_code == 409
    assert answer.headers["HX-Retarget"] == "#alerts"
    assert "<html" not in answer.text
    assert "Running." in answer.text
