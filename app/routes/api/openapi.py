"""The description of the machine interface, made from the code: /api/openapi.json, /api/docs.

Every JSON route carries `@describe`, above the access decorator:

    @bp.get("/api/admin/easycars/leads")
    @describe("List the leads", query=LeadQuery, answers={200: LeadList})
    @api_requires("viewer", scope="stock:read")
    def index() -> Response: ...

`answers` maps a status to a pydantic model, to None (no body) or to a JSON schema as a dict. The
errors that any route can give are added here. A test compares routes and description.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar

from flask import Blueprint, Response, current_app, render_template
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from werkzeug.routing import Rule

from app.routes.access import Rule as AccessRule
from app.routes.access import open_to_all, rule_of
from app.routes.api.common import ProblemBody, ok
from app.routes.errors import PROBLEM_JSON

bp = Blueprint("api_docs", __name__)
View = TypeVar("View", bound=Callable[..., Any])
Answer = type[BaseModel] | dict[str, Any] | None
REFS = "#/components/schemas/{model}"
COMMON_ERRORS = (400, 401, 403, 404, 429, 500)
PATH_PART = re.compile(r"<(?:(?P<kind>\w+)(?:\([^)]*\))?:)?(?P<name>\w+)>")
KINDS = {"int": {"type": "integer", "minimum": 0}, "float": {"type": "number"}}


@dataclass(frozen=True)
class Description:
    """What one route takes and gives."""

    summary: str
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    answers: Mapping[int, Answer] = field(default_factory=dict)
    tag: str | None = None

    def models(self) -> Iterator[type[BaseModel]]:
        for found in (self.body, *self.answers.values()):
            if isinstance(found, type):
                yield found


def describe(
    summary: str,
    *,
    body: type[BaseModel] | None = None,
    answers: Mapping[int, Answer],
    query: type[BaseModel] | None = None,
    tag: str | None = None,
) -> Callable[[View], View]:
    """Marks a view with its description; `tag` groups it, by default the path's third word."""
    description = Description(summary, body, query, dict(answers), tag)

    def mark(view: View) -> View:
        view.__openapi__ = description  # type: ignore[attr-defined]
        return view

    return mark


def described_routes() -> Iterator[tuple[Rule, str, Description]]:
    """(rule, method, description) of every JSON route; a test fails for one without."""
    for rule in current_app.url_map.iter_rules():
        found = getattr(current_app.view_functions[rule.endpoint], "__openapi__", None)
        if not rule.rule.startswith("/api/") or not isinstance(found, Description):
            continue
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule, method.lower(), found


def specification() -> dict[str, Any]:
    """The whole OpenAPI 3.1 document."""
    routes = list(described_routes())
    paths: dict[str, dict[str, Any]] = {}
    for rule, method, description in sorted(routes, key=lambda found: (found[0].rule, found[1])):
        paths.setdefault(path_of(rule), {})[method] = _operation(rule, method, description)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Forecourt", "version": "1", "description": INTRODUCTION},
        "paths": paths,
        "components": {
            "schemas": _schemas([description for _, _, description in routes]),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "session"},
            },
        },
    }


INTRODUCTION = (
    "JSON in and out, camelCase, moments in UTC. Send a bearer token in the header Authorization, "
    "or the browser's session with the header X-CSRFToken. Errors are RFC 9457 problem documents "
    "that also carry message, errorCode and requestId. A token belongs to one dealership; what "
    "belongs to another answers 404."
)


def path_of(rule: Rule) -> str:
    """/vehicles/<int:vehicle_id> → /vehicles/{vehicle_id}."""
    return PATH_PART.sub(lambda found: "{" + found["name"] + "}", rule.rule)


def _operation(rule: Rule, method: str, description: Description) -> dict[str, Any]:
    view = current_app.view_functions[rule.endpoint]
    operation: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{method}{path_of(rule)}").strip("_"),
        "summary": description.summary,
        "description": " ".join((view.__doc__ or "").split()),
        "tags": [description.tag or _tag(rule)],
        "parameters": _path_parameters(rule) + _query_parameters(description.query),
        "responses": _responses(description),
        "security": _security(rule_of(current_app, rule.endpoint)),
    }
    if description.body is not None:
        operation["requestBody"] = {"content": _json_content(description.body)}
    return operation


def _security(rule: AccessRule | None) -> list[dict[str, list[str]]]:
    """Open, or a token with the scope, or the session."""
    if rule is None or rule.kind == "open":
        return []
    return [{"bearer": [rule.scope] if rule.scope else []}, {"session": []}]


def _tag(rule: Rule) -> str:
    words = [word for word in rule.rule.split("/")[2:] if not word.startswith("<")]
    return " ".join(words[:3] if words[0] == "admin" else words[:1]).replace("admin ", "")


def _path_parameters(rule: Rule) -> list[dict[str, Any]]:
    return [
        {
            "name": found["name"],
            "in": "path",
            "required": True,
            "schema": KINDS.get(found["kind"] or "", {"type": "string"}),
        }
        for found in PATH_PART.finditer(rule.rule)
    ]


def _query_parameters(query: type[BaseModel] | None) -> list[dict[str, Any]]:
    if query is None:
        return []
    schema = query.model_json_schema(by_alias=True, ref_template=REFS)
    definitions = schema.get("$defs", {})
    return [
        {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", []),
            "schema": _inlined(part, definitions),
        }
        for name, part in schema.get("properties", {}).items()
    ]


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """Query parameters carry their schema with them instead of pointing at it."""
    if isinstance(schema, list):
        return [_inlined(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {name: _inlined(part, definitions) for name, part in schema.items()}


def _responses(description: Description) -> dict[str, Any]:
    responses = {
        str(status): {
            "description": HTTPStatus(status).phrase,
            **({"content": _json_content(answer)} if answer is not None else {}),
        }
        for status, answer in description.answers.items()
    }
    problem = {PROBLEM_JSON: {"schema": {"$ref": REFS.format(model="ProblemBody")}}}
    for status in COMMON_ERRORS:
        missing = {"description": HTTPStatus(status).phrase, "content": problem}
        responses.setdefault(str(status), missing)
    return dict(sorted(responses.items()))


def _json_content(answer: type[BaseModel] | dict[str, Any]) -> dict[str, Any]:
    schema = answer if isinstance(answer, dict) else {"$ref": REFS.format(model=answer.__name__)}
    return {"application/json": {"schema": schema}}


def _schemas(descriptions: list[Description]) -> dict[str, Any]:
    """Every model by its class name; two classes of one name would hide each other: refused."""
    models: dict[str, type[BaseModel]] = {ProblemBody.__name__: ProblemBody}
    for model in (model for description in descriptions for model in description.models()):
        if models.setdefault(model.__name__, model) is not model:
            raise ValueError(f"two API models are called {model.__name__}")
    _, schema = models_json_schema(
        [(model, "validation") for model in models.values()], by_alias=True, ref_template=REFS
    )
    return dict(schema["$defs"])


@bp.get("/api/openapi.json")
@describe("This description", answers={200: {"type": "object"}}, tag="documentation")
@open_to_all("describes the interface, holds no data")
def document() -> Response:
    """OpenAPI 3.1, generated from the routes."""
    return ok(specification())


@bp.get("/api/docs")
@describe("This description as a page", answers={200: {"type": "string"}}, tag="documentation")
@open_to_all("describes the interface, holds no data")
def page() -> str:
    """The same as a page for people, drawn by the server without any script."""
    return render_template("api_docs/index.html", specification=specification())
