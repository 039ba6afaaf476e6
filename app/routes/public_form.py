"""The public enquiry form of a dealership: a page without session and script, also in a frame.

It answers pages, a dealership's own HTML form, and JSON (`{"ok": true}`, or what to correct). The
stamp in the page stands for the CSRF token. No answer tells anything of a lead.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Final, TypeVar, cast

from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import RateLimitExceeded
from sqlalchemy import exc
from werkzeug.exceptions import RequestEntityTooLarge

from app.db import ALL_DEALERSHIPS, reading, unit_of_work
from app.log import get_logger
from app.parts import parts
from app.routes.access import open_to_all
from app.routes.signing_in import limiter, seconds_to_wait
from app.services.audit import Actor
from app.services.errors import InputInvalid, NotFound
from app.services.leads import web_form
from app.services.leads.sending import Means
from app.services.leads.web_form import NAMES, STAMP, TRAP, Form, Stamps
from app.templating import duration

bp = Blueprint("public_form", __name__)
log = get_logger(__name__)
View = TypeVar("View", bound=Callable[..., Any])
REASON: Final = "customers write to a dealership without signing in; a signed stamp is the token"
BIGGEST_BODY: Final = 256 * 1024
# Tries from one address, then leads of one form; each has a part that only stamped pages use, so
# that a flood without stamps leaves the page its room.
TRIES, TRIES_WITHOUT_STAMP = "20 per 10 minutes", "5 per 10 minutes"
LEADS, LEADS_WITHOUT_STAMP = "120 per hour", "30 per hour"
TOO_MANY: Final = "Many enquiries came in a short time, and yours was not sent."
TOO_LARGE: Final = "What you wrote is too long to be sent."
AWAY: Final = "The form does not work right now. Load the page again in a minute."
NOT_SAVED: Final = "Your enquiry could not be saved: our database does not answer. Try in a minute."
NO_OBJECT: Final = "Send a JSON object with the members of the form."
# This page alone may stand in somebody else's frame; nothing in it belongs to a signed-in person.
FRAMED: Final = {
    "frame_options": None,
    "content_security_policy": {
        "default-src": "'self'",
        "script-src": "'none'",
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "*",
    },
}


def framed(view: View) -> View:
    """Lets other sites show the view in a frame."""
    cast(Any, view).talisman_view_options = dict(FRAMED)
    return view


@bp.url_value_preprocessor
def _take_key(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    g.form_key = (values or {}).pop("form_key", "")


@bp.before_request
def _read() -> None:
    """What was sent, its stamp and whose form it is, before the limits ask for any of it."""
    request.max_content_length = request.max_form_memory_size = BIGGEST_BODY
    g.sent, g.form, g.form_taken = {}, None, False
    if request.method == "POST":
        given: Any = request.get_json(silent=True) if request.is_json else request.form
        g.no_object = not isinstance(given, dict)
        known = () if g.no_object else (*NAMES, TRAP, STAMP)
        g.sent = {name: given[name] for name in known if name in given}
    g.stamp = _stamps().read(g.sent.get(STAMP), g.form_key, parts().clock.now())
    with reading(ALL_DEALERSHIPS) as db:
        g.form = web_form.find(db, g.form_key)


@bp.after_request
def _for_scripts(response: Response) -> Response:
    """A dealership's page may send from a script; what it reads back holds nothing of anybody."""
    if request.method in {"POST", "OPTIONS"}:
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Allow-Headers"] = "Content-Type"
        response.headers["Access-Control-Allow-Methods"] = "POST"
    return response


def _network() -> str:
    """Who asks. A household has 2^64 addresses of the new kind: they count as one."""
    given = request.remote_addr or ""
    try:
        address = ip_address(given)
    except ValueError:
        return given
    if isinstance(address, IPv6Address) and not address.ipv4_mapped:
        return str(ip_network((int(address), 64), strict=False))
    return given


limit_tries = limiter.limit(
    lambda: TRIES if g.stamp == "good" else TRIES_WITHOUT_STAMP,
    key_func=_network,
    methods=["POST"],
)
limit_leads = limiter.limit(
    lambda: LEADS if g.stamp == "good" else LEADS_WITHOUT_STAMP,
    key_func=lambda: f"form:{g.form_key}",
    methods=["POST"],
    deduct_when=lambda _: g.form_taken,
)


@bp.get("/forms/<form_key>")
@framed
@open_to_all(REASON)
def show() -> ResponseReturnValue:
    typed = {"stock": request.args.get("stock", "")[:100], "page": _came_from(), "interest": "buy"}
    return _page(g.form, typed, vehicle=_vehicle(typed["stock"]))


@bp.post("/forms/<form_key>")
@framed
@open_to_all(REASON, csrf=False)
@limit_tries
@limit_leads
def send() -> ResponseReturnValue:
    if g.no_object:
        raise InputInvalid(NO_OBJECT)
    actor = Actor(None, "Web form", request.remote_addr, g.get("request_id"))
    means = Means(parts().queue, parts().clock)
    with unit_of_work(g.form.dealership_id) as db:
        outcome = web_form.take(db, g.form, g.sent, stamp=g.stamp, actor=actor, means=means)
    g.form_taken = outcome == "taken"
    if _wants_json():
        return {"ok": True}, 201
    return redirect(url_for(".thanks", form_key=g.form_key), 303)


@bp.get("/forms/<form_key>/thanks")
@framed
@open_to_all(REASON)
def thanks() -> ResponseReturnValue:
    return render_template("forms/thanks.html", form=g.form)


@bp.errorhandler(InputInvalid)
def invalid(refused: InputInvalid) -> ResponseReturnValue:
    """422 on the form itself, with the words at the fields and all that was typed."""
    if _wants_json():
        fields = {name: words for name, words in refused.fields.items() if name}
        return {"ok": False, "message": refused.user_message, "fields": fields}, 422
    errors = refused.fields or {"": refused.user_message}
    return _page(g.form, g.sent, errors, _vehicle(g.sent.get("stock"))), 422


@bp.errorhandler(RateLimitExceeded)
def too_many(_error: RateLimitExceeded) -> ResponseReturnValue:
    wait = seconds_to_wait()
    web_form.note_spam(g.form, "too many")
    words = f"{TOO_MANY} Try again in {duration(wait)}."
    return _not_sent(words, 429, g.form, {"Retry-After": str(wait)})


@bp.errorhandler(RequestEntityTooLarge)
def too_large(_error: RequestEntityTooLarge) -> ResponseReturnValue:
    return _not_sent(TOO_LARGE, 413, None)


@bp.errorhandler(exc.OperationalError)
@bp.errorhandler(exc.InterfaceError)
@bp.errorhandler(exc.TimeoutError)
def away(error: Exception) -> ResponseReturnValue:
    """The database does not answer: said as it is, with what was typed kept for another try."""
    log.error("database_away", error=type(error).__name__, exc_info=error)
    words = NOT_SAVED if request.method == "POST" else AWAY
    return _not_sent(words, 503, g.form, {"Retry-After": "60"})


@bp.errorhandler(NotFound)
def closed(error: NotFound) -> ResponseReturnValue:
    if _wants_json():
        return {"ok": False, "message": error.user_message}, 404
    return render_template("forms/closed.html", message=error.user_message), 404


def _not_sent(
    words: str, status: int, form: Form | None, headers: dict[str, str] | None = None
) -> ResponseReturnValue:
    """A refusal that is nobody's entry: the form again where there is something to send again."""
    if _wants_json():
        return {"ok": False, "message": words}, status, headers or {}
    if request.method == "GET" or not g.sent:
        return render_template("forms/closed.html", message=words), status, headers or {}
    return _page(form, g.sent, {"": words}), status, headers or {}


def _page(
    form: Form | None,
    typed: dict[str, Any],
    errors: dict[str, str] | None = None,
    vehicle: str | None = None,
) -> str:
    """The form; `form` is None when nobody can tell whose it is."""
    texts = {name: value for name, value in typed.items() if isinstance(value, str)}
    return render_template(
        "forms/enquiry.html",
        form=form,
        action=url_for(".send", form_key=g.form_key),
        typed=texts,
        errors=errors or {},
        vehicle=vehicle,
        stamp=_stamp(),
        stamp_name=STAMP,
        trap_name=TRAP,
        interests=list(web_form.INTERESTS.items()),
        longest=web_form.LONGEST_MESSAGE,
    )


def _vehicle(stock: Any) -> str | None:
    with reading(g.form.dealership_id) as db:
        return web_form.vehicle_title(db, stock)


def _stamp() -> str:
    """The page's own stamp while it is good; in place of an old one, one that is good at once."""
    if g.stamp in ("good", "early"):
        return str(g.sent[STAMP])
    looked = web_form.SHORTEST_LOOK if g.stamp == "late" else web_form.SHORTEST_LOOK * 0
    return _stamps().issue(g.form_key, parts().clock.now(), looked=looked)


def _stamps() -> Stamps:
    return Stamps(parts().settings.secret_key)


def _came_from() -> str:
    """The page of the dealership that leads here or shows the form in a frame, if it says so."""
    found = request.referrer or ""
    return "" if found.startswith(request.host_url) else found[:400]


def _wants_json() -> bool:
    """Who sends JSON gets JSON, and who asks for it rather than for a page."""
    best = request.accept_mimetypes.best_match(["text/html", "application/json"])
    return request.is_json or best == "application/json"
