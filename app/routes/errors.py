"""One mapper from what went wrong to an answer: page, htmx fragment or problem JSON (RFC 9457).

The class of the error decides the status and the words; nothing else in the product writes an
error answer. Tracebacks go to the log and nowhere else. JSON answers carry `message`, `errorCode`
and `requestId` beside the members of RFC 9457 (contract §4).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

import orjson
from flask import Flask, Response, g, make_response, render_template, request
from jinja2 import TemplateError
from markupsafe import escape
from pydantic.alias_generators import to_camel
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from werkzeug.exceptions import HTTPException

from app.db import is_collision
from app.log import get_logger
from app.services.errors import AlreadyRunning, HubError, InputInvalid, TooMany

log = get_logger(__name__)
PROBLEM_JSON = "application/problem+json"

# Statuses with a page of their own; others share one, and faults of ours share 500.html.
PAGES = {401, 403, 404, 409, 422, 429, *range(500, 600)}

# Answers of the web framework itself. 401 and 403 of the access layer come through here too.
HTTP_WORDS = {
    400: ("bad_request", "Forecourt could not read this request."),
    401: ("authentication_required", "Sign in to go on."),
    403: ("forbidden", "Your role does not allow this. Ask an administrator of the dealership."),
    404: ("not_found", "There is nothing at this address, or it belongs to another dealership."),
    405: ("method_not_allowed", "This address does not support that kind of request."),
    413: ("too_large", "What was sent is too large."),
    415: ("unsupported_media_type", "Send JSON with the header Content-Type: application/json."),
    429: ("too_many_requests", "Too many requests in a short time. Wait a moment, then try again."),
    500: ("internal_error", "Something went wrong in Forecourt. Nothing was saved by this step."),
    503: ("unavailable", "Forecourt cannot do this right now. Try again in a minute."),
}
# A person's act and a sync, or two persons' acts, waited for each other.
COLLIDED = (
    "A sync or somebody else changed the same vehicles at the same moment. Nothing was saved by "
    "this step. Do it again."
)


@dataclass(frozen=True)
class Problem:
    """What the answer says, before it takes a shape."""

    status: int
    code: str
    message: str
    fields: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    own_words: bool = True

    @property
    def title(self) -> str:
        return HTTPStatus(self.status).phrase

    @property
    def page_message(self) -> str | None:
        """The error's own sentence; the framework's errors have better words on their page."""
        return self.message if self.own_words else None


def register(app: Flask) -> None:
    """Installs the mapper for our errors, the framework's and everything unforeseen."""
    app.register_error_handler(HubError, hub_error)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(OperationalError, database_away)
    app.register_error_handler(Exception, unforeseen)


def hub_error(error: HubError) -> Response:
    if error.status >= 500:
        log.error("request_failed", error_code=error.code, **_facts(error), exc_info=error)
    else:
        log.info("request_refused", error_code=error.code, **_facts(error))
    return answer(problem_of(error))


def _facts(error: HubError) -> dict[str, Any]:
    """Spread out, so that the log's mask sees every name."""
    return {f"fact_{name}": value for name, value in error.facts.items()}


def http_error(error: HTTPException) -> Response:
    if error.response is not None or error.code is None or error.code < 400:
        return make_response(error.get_response())
    code, message = HTTP_WORDS.get(error.code, ("http_error", error.name + "."))
    headers = {
        name: value
        for name, value in error.get_headers()
        if name.lower() not in ("content-type", "content-length")
    }
    return answer(Problem(error.code, code, message, headers=headers, own_words=False))


def database_away(error: OperationalError) -> Response:
    """The database does not answer, or its lock was not free in time: 503, worth a new try."""
    if is_collision(error):
        log.warning("request_collided", error=type(error.orig).__name__)
        return answer(Problem(409, "changed_meanwhile", COLLIDED))
    log.error("database_away", error=type(error.orig).__name__, exc_info=error)
    return answer(Problem(503, "database_unavailable", HTTP_WORDS[503][1], own_words=False))


def unforeseen(error: Exception) -> Response:
    """A defect: all of it into the log, none of it into the answer."""
    log.error("request_crashed", error=type(error).__name__, exc_info=error)
    code, message = HTTP_WORDS[500]
    return answer(Problem(500, code, message, own_words=False))


def problem_of(error: HubError) -> Problem:
    """Which status, code and members a product error becomes; pages and JSON differ in one case.

    Invalid input is 422 for a form that htmx swaps in place and 400 for programs (row 22).
    """
    if isinstance(error, InputInvalid):
        status = 400 if wants_json() else error.status
        fields = {to_camel(name): words for name, words in error.fields.items()}
        return Problem(status, error.code, error.user_message, fields=fields)
    if isinstance(error, AlreadyRunning):
        extra = {"existingRunId": error.run_id}
        return Problem(error.status, error.code, error.user_message, extra=extra)
    if isinstance(error, TooMany):
        extra = {"retryAfterSeconds": error.retry_after}
        headers = {"Retry-After": str(error.retry_after)}
        return Problem(error.status, error.code, error.user_message, extra=extra, headers=headers)
    return Problem(error.status, error.code, error.user_message)


def answer(problem: Problem) -> Response:
    """Gives the problem the shape that the asker understands."""
    if wants_json():
        made = problem_json(problem)
    elif request.headers.get("HX-Request") == "true":
        made = _fragment(problem)
    else:
        made = _page(problem)
    made.status_code = problem.status
    made.headers.extend(problem.headers)
    made.headers["Cache-Control"] = "no-store"
    return made


def problem_json(problem: Problem) -> Response:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.message,
        "message": problem.message,
        "errorCode": problem.code,
        "requestId": request_id(),
        **problem.extra,
    }
    if problem.fields:
        body["errors"] = problem.fields
    return Response(orjson.dumps(body), problem.status, content_type=PROBLEM_JSON)


def wants_json() -> bool:
    """Programs get JSON: everything below /api, and only there."""
    return request.path.startswith("/api/")


def request_id() -> str:
    """The id of this request, as in the log and in the X-Request-ID header."""
    if "request_id" not in g:
        g.request_id = secrets.token_hex(8)
    return str(g.request_id)


def _fragment(problem: Problem) -> Response:
    """A message for the alert region; the part that asked keeps its content.

    Signed out during a poll: the whole page goes to the sign-in, not a form into a card.
    """
    made = _rendered("errors/_message.html", problem)
    made.headers["HX-Retarget"] = "#alerts"
    made.headers["HX-Reswap"] = "innerHTML"
    if problem.status == HTTPStatus.UNAUTHORIZED:
        came_from = urlsplit(request.headers.get("HX-Current-URL", ""))
        place = came_from.path + (f"?{came_from.query}" if came_from.query else "")
        made.headers["HX-Redirect"] = f"/login?next={quote(place or '/', safe='')}"
    return made


def _page(problem: Problem) -> Response:
    own = f"errors/{min(problem.status, 500)}.html"
    return _rendered(own if problem.status in PAGES else "errors/page.html", problem)


def _rendered(template: str, problem: Problem) -> Response:
    """The template, or plain words when even that fails: the database may be what is down."""
    fragment = template.endswith("_message.html")
    try:
        html = render_template(
            template,
            message=problem.message if fragment else problem.page_message,
            reference=request_id(),
            retry_after=problem.extra.get("retryAfterSeconds"),
            heading=problem.title,
            happened=problem.message,
            means="Nothing was changed.",
            next_step="Go back, look at what was sent, and try again.",
        )
    except (TemplateError, SQLAlchemyError, HubError, LookupError, RuntimeError) as error:
        log.warning("error_page_failed", error=type(error).__name__, reason=str(error)[:200])
        html = _plain(problem)
    return Response(html, problem.status, content_type="text/html; charset=utf-8")


def _plain(problem: Problem) -> str:
    return (
        f"<!doctype html><html lang=en-AU><title>{problem.title}</title>"
        f"<h1>{problem.title}</h1><p>{escape(problem.message)}</p>"
        f"<p>Reference <code>{escape(request_id())}</code></p><p><a href=/>Start page</a></p>"
    )
