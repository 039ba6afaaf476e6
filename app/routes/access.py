"""Who may enter which route. Closed by default: a view without a rule answers 404.

A rule is put on the view by `requires` (pages), `api_requires` (JSON) or `open_to_all`. Before
every request the guard finds the person (session or bearer token), the dealership (404 for
strangers, so that nobody learns what exists) and the role, and scopes `db.session`.

For the view: `g.user` (User), `g.dealership` (Dealership or None), `g.role`, `g.token` (ApiToken
or None), `g.request_id`. Sources: contract §4 and §5, rows 20, 303, B-2b.16, C55, C66, C82.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

import structlog
from flask import Flask, current_app, g, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf.csrf import CSRFError, CSRFProtect

from app.db import ALL_DEALERSHIPS, db, scope, unit_of_work
from app.models import Dealership
from app.parts import parts
from app.routes import way_back
from app.services import dealerships, tokens
from app.services.audit import Actor
from app.services.errors import HubError, InputInvalid, NotAllowed, NotFound

log = structlog.get_logger(__name__)
View = TypeVar("View", bound=Callable[..., Any])
Kind = Literal["page", "json", "open"]

LEVELS = {"person": 0, "viewer": 1, "operator": 2, "admin": 3, "system": 4}
WITHOUT_DEALERSHIP = {"person", "system"}
FRAMEWORK_ENDPOINTS = {"static": "style sheets, scripts and icons, the same for everybody"}
NOT_HERE = "There is no such page, or it is not yours to see."


class SignInNeeded(HubError):
    """Nobody is signed in, or the token is not valid any more."""

    status = 401
    code = "not_signed_in"


class FormRefused(NotAllowed):
    """The request carries no valid CSRF token: the page is from another sign-in."""

    code = "csrf_failed"


@dataclass(frozen=True)
class Rule:
    """Who may use a view. `scope` is what a bearer token needs; `reason` why a view is open."""

    kind: Kind
    role: str = "person"
    scope: str | None = None
    reason: str = ""
    csrf: bool = True


def requires(role: str) -> Callable[[View], View]:
    """A page for `role` and above: person (any signed-in), viewer, operator, admin, system."""
    return _mark(Rule("page", _known(role)))


def api_requires(role: str, scope: str) -> Callable[[View], View]:
    """A JSON route: session with CSRF token, or bearer token that has `scope` (or `admin`)."""
    if scope not in tokens.SCOPES:
        raise ValueError(f"{scope!r} is not a token scope")
    return _mark(Rule("json", _known(role), scope=scope))


def open_to_all(reason: str, *, csrf: bool = True) -> Callable[[View], View]:
    """A view for everybody; `reason` says why. `csrf=False` where no session is used."""
    return _mark(Rule("open", reason=reason, csrf=csrf))


def _known(role: str) -> str:
    if role not in LEVELS:
        raise ValueError(f"{role!r} is not a role")
    return role


def _mark(rule: Rule) -> Callable[[View], View]:
    def mark(view: View) -> View:
        cast(Any, view).access_rule = rule
        return view

    return mark


def rule_of(app: Flask, endpoint: str) -> Rule | None:
    """The rule of an endpoint, None when its view has none (then the guard refuses)."""
    if endpoint in FRAMEWORK_ENDPOINTS:
        return Rule("open", reason=FRAMEWORK_ENDPOINTS[endpoint])
    rule = getattr(app.view_functions[endpoint], "access_rule", None)
    return rule if isinstance(rule, Rule) else None


def register(app: Flask) -> None:
    """Puts the guard before every request and lets `url_for` fill in the dealership."""
    app.before_request(_guard)
    app.url_defaults(_fill_slug)


def _guard() -> ResponseReturnValue | None:
    g.user = g.dealership = g.role = g.token = None
    if request.endpoint is None:
        return None  # no such address: Flask answers 404 or 405 itself
    rule = rule_of(current_app, request.endpoint)
    if rule is None:
        log.error("route_without_rule", endpoint=request.endpoint)
        raise NotFound(NOT_HERE)
    if rule.kind == "open":
        if rule.csrf:
            _check_csrf()
        return None
    return _enter(rule)


def _enter(rule: Rule) -> ResponseReturnValue | None:
    bearer = _bearer() if rule.kind == "json" else None
    if bearer is not None:
        _enter_with_token(bearer, rule)
    elif current_user.is_authenticated:
        g.user = current_user.user
        try:
            _check_csrf()
        except FormRefused:
            again = way_back.ask_again(g.user.id) if rule.kind == "page" else None
            if again is None:
                raise
            return again
        _choose_dealership(rule)
    elif rule.kind == "json":
        raise SignInNeeded("Sign in, or send a valid token.")
    else:
        return way_back.ask_to_sign_in()
    _check_role(rule)
    structlog.contextvars.bind_contextvars(user_id=g.user.id)
    return None


def _bearer() -> str | None:
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    return value.strip() if kind.lower() == "bearer" else None


def _enter_with_token(presented: str, rule: Rule) -> None:
    now = parts().clock.now()
    found = tokens.find(db.session(), presented, now)
    if found is None:
        raise SignInNeeded("This token is not valid: it may have expired or been revoked.")
    g.token, g.user = found, found.user
    named = _named_dealership()
    if named is not None and named != found.dealership.slug:
        raise NotFound(NOT_HERE)
    _open(dealerships.place_of(db.session(), g.user, found.dealership.slug))
    if not tokens.allows(found, rule.scope):
        raise NotAllowed(f"This token does not have the scope {rule.scope}.")
    if tokens.use_is_stale(found, now):
        with unit_of_work() as session:
            tokens.note_use(session, found.id, now)


def _named_dealership() -> str | None:
    """The dealership that a request names, by address, header or query."""
    in_address = (request.view_args or {}).pop("slug", None)
    return in_address or request.headers.get("X-Dealership") or request.args.get("dealership")


def _choose_dealership(rule: Rule) -> None:
    named = _named_dealership()
    if named is not None and (rule.kind == "json" or _in_address()):
        _open(dealerships.place_of(db.session(), g.user, named))
    elif rule.role in WITHOUT_DEALERSHIP:
        if g.user.is_system:
            g.role = "system"
            scope(db.session, ALL_DEALERSHIPS)
    else:
        _open(_only_place())


def _in_address() -> bool:
    return request.url_rule is not None and "slug" in request.url_rule.arguments


def _only_place() -> dealerships.Place | None:
    places = dealerships.places_of(db.session(), g.user)
    if len(places) > 1:
        raise InputInvalid("Say which dealership is meant: add ?dealership= and its short name.")
    return places[0] if places else None


def _open(place: dealerships.Place | None) -> None:
    if place is None:
        raise NotFound(NOT_HERE)
    g.dealership, g.role = place.dealership, place.role
    scope(db.session, place.dealership.id)
    structlog.contextvars.bind_contextvars(dealership=place.dealership.slug)


def _check_role(rule: Rule) -> None:
    if not may(rule.role):
        raise NotAllowed(
            f"This needs the role {rule.role}. Ask an administrator of your dealership for it."
        )


def may(role: str) -> bool:
    """Whether the person of this request has `role` or more, here."""
    return LEVELS[g.get("role") or "person"] >= LEVELS[role]


def _check_csrf() -> None:
    try:
        cast(CSRFProtect, current_app.extensions["csrf"]).protect()
    except CSRFError as refused:
        log.info("csrf_refused", reason=refused.description)
        raise FormRefused(
            "This page was opened in another sign-in, so nothing was changed. "
            "Load the page again, then repeat what you did."
        ) from refused


def _fill_slug(endpoint: str, values: dict[str, Any]) -> None:
    dealership: Dealership | None = g.get("dealership")
    if dealership is None or "slug" in values:
        return
    if current_app.url_map.is_endpoint_expecting(endpoint, "slug"):
        values["slug"] = dealership.slug


def current_actor() -> Actor:
    """Who makes this request, as the audit names them."""
    user, token = g.get("user"), g.get("token")
    label = user.email if user else "nobody"
    if token is not None:
        label = f"{label} (token {token.prefix}…)"
    return Actor(user.id if user else None, label, request.remote_addr, g.get("request_id"))
