"""Forms that somebody was filling in when the sign-in ended: kept by script, shown again (C82)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from flask import Blueprint, Flask, Response, g, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from app.db import db, unit_of_work
from app.parts import parts
from app.routes import form_filling, way_back
from app.routes.access import open_to_all
from app.routes.way_back import KEPT, MOST_BODY
from app.services import kept_forms
from app.services.kept_forms import Form

bp = Blueprint("kept", __name__)
REASON: Final = "the sign-in has ended; a signed token and a cookie of our own pages stand for it"


@bp.post("/signed-out")
@open_to_all(REASON, csrf=False)
def keep() -> ResponseReturnValue:
    """Keeps what stands in the forms of a page when its poll learns that the sign-in ended.

    JSON: {"page": path, "token": CSRF token of the page, "forms": [{"action", "fields": [[name,
    value]]}]}. Answers {"login": the sign-in page that leads back}.
    """
    small = (request.content_length or 0) <= MOST_BODY
    body = request.get_json(silent=True) if small else None
    given: dict[str, Any] = body if isinstance(body, dict) else {}
    asked = way_back.own_path(str(given.get("page", "")))
    forms = list(_forms(given.get("forms")))
    kept = way_back.keep(forms, str(given.get("token", "")))
    return jsonify(login=way_back.login_page(asked, kept, typed=bool(forms)))


def _forms(given: object) -> Iterator[Form]:
    for one in given if isinstance(given, list) else []:
        fields = one.get("fields") if isinstance(one, dict) else None
        pairs = [pair for pair in fields if _is_pair(pair)] if isinstance(fields, list) else []
        action = str(one.get("action", "")) if isinstance(one, dict) else ""
        yield Form(action, tuple((name, value) for name, value in pairs))


def _is_pair(pair: object) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair)


def register(app: Flask) -> None:
    """Puts what was kept into the page that asks for it, and forgets it when it was sent."""
    app.after_request(_put_back)
    app.after_request(way_back.remember_person)


def _put_back(response: Response) -> Response:
    user = g.get("user")
    if user is None or g.get("token") is not None:
        return response
    if request.method == "POST" and f"{KEPT}=" in (request.referrer or ""):
        _forget(user.id, request.referrer or "", response)
    elif request.method == "GET" and KEPT in request.args and response.mimetype == "text/html":
        _show(user.id, response)
    return response


def _show(user_id: int, response: Response) -> None:
    if request.headers.get("HX-Request") or response.direct_passthrough:
        return
    made = parts()
    token, now = request.args[KEPT], made.clock.now()
    found = kept_forms.find(db.session(), user_id, token, crypto=made.crypto, now=now)
    filled = form_filling.fill(response.get_data(as_text=True), request.path, found or [])
    words = render_template("_kept.html", kept=found is not None, unplaced=filled.unplaced)
    response.set_data(filled.before + words + filled.after)


def _forget(user_id: int, referrer: str, response: Response) -> None:
    """What was typed is sent: it stands in the record, or in the page that refuses it."""
    token = referrer.partition(f"{KEPT}=")[2].partition("&")[0].partition("#")[0]
    if token and response.status_code < 400:
        with unit_of_work() as session:
            kept_forms.forget(session, user_id, token)
