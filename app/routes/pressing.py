"""The open problems around a page: banner, number in the navigation, where their steps lead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from flask import Flask, Response, current_app, g, request
from flask.globals import request_ctx
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter, RequestRedirect

from app import templating
from app.db import db
from app.log import get_logger
from app.models import Problem
from app.parts import parts
from app.routes.access import may, rule_of
from app.routes.fragments import page_at
from app.services.problems import listing, sweep

log = get_logger(__name__)


def register(app: Flask) -> None:
    """What a person just did may have ended a problem: it must not wait for the clock."""
    app.after_request(_look_again)


def pressing() -> Sequence[Problem]:
    """Open problems of this dealership that nobody snoozed; asked once a request."""
    if "pressing" not in g:
        g.pressing = listing.pressing(db.session(), parts().clock.now())
    return cast(Sequence[Problem], g.pressing)


def shown(rows: Sequence[Problem]) -> list[templating.Problem]:
    """Problems as the banner tells them."""
    return [
        templating.Problem(
            one.title,
            one.next_step,
            page_at(f"alerts/{one.id}"),
            since=one.opened_at,
            severity=one.severity,
            detail=one.detail,
            step=step_of(one),
        )
        for one in rows
    ]


def step_of(problem: Problem) -> tuple[str, str] | None:
    """Words and address of the next step; None where this person may not take it."""
    return (problem.link, page_at(problem.path)) if may_open(problem.path) else None


def may_open(path: str) -> bool:
    """Whether a page below the dealership's address exists and this person may see it."""
    adapter = cast(MapAdapter, request_ctx.url_adapter)
    try:
        endpoint, _values = adapter.match(page_at(path).partition("?")[0], method="GET")
    except (RequestRedirect, HTTPException):
        return False
    rule = rule_of(current_app, endpoint)
    return rule is not None and may(rule.role)


def _look_again(response: Response) -> Response:
    """Only where something is open, after a write that went through; never at its cost."""
    acted = request.method not in ("GET", "HEAD", "OPTIONS") and response.status_code < 400
    place = g.get("dealership")
    if not acted or place is None:
        return response
    try:
        db.session.rollback()  # what the act wrote shall be read
        if listing.is_any_open(db.session()):
            sweep.sweep(parts().settings, parts().clock.now(), only=place.id)
    except Exception as exc:  # noqa: BLE001 - the act itself is done and must be answered
        log.warning("problems_not_looked_for", kind=type(exc).__name__)
    return response
