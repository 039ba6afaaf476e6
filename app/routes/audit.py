"""The audit of a dealership: newest first, filter and place in the address (rows 24, 318)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db import db
from app.routes.access import requires
from app.services import audit

bp = Blueprint("audit", __name__)
LARGEST_ID = 2**63 - 1


@bp.get("/d/<slug>/audit")
@requires("admin")
def index() -> ResponseReturnValue:
    session, dealership_id = db.session(), g.dealership.id
    action, person = request.args.get("action") or None, _number("person")
    found = audit.page(
        session,
        dealership_id,
        action=action,
        user_id=person,
        before=_number("before"),
        after=_number("after"),
    )
    kept: dict[str, Any] = {"action": action, "person": person}
    return render_template(
        "audit/index.html",
        events=found.events,
        newer_url=found.newer and url_for(".index", after=found.newer, **kept),
        older_url=found.older and url_for(".index", before=found.older, **kept),
        actions=audit.actions(session, dealership_id),
        people=audit.people(session, dealership_id),
        action=action,
        person=person,
    )


def _number(name: str) -> int | None:
    """An id of the address; anything else counts as not given."""
    text = request.args.get(name, "")
    return int(text) if text.isdecimal() and int(text) <= LARGEST_ID else None
