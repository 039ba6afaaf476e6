"""Headers, cookies, CSRF, limits and the guard: what stands before every request (design §9)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import cast
from uuid import uuid4

import structlog
from flask import Flask, Response, g, request
from flask_talisman import Talisman
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from app.config import Settings
from app.parts import Parts
from app.routes import access, sessions, signing_in

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
# No inline script or style anywhere; Tabler's style sheet has small pictures in data: addresses.
CONTENT_POLICY = {
    "default-src": "'self'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


def init_security(app: Flask) -> None:
    """Puts all walls before `app`; the request id comes first, the guard last."""
    settings = cast(Parts, app.extensions["forecourt"]).settings
    _believe_proxies(app, settings.trusted_proxies)
    app.before_request(_begin_request)
    app.after_request(_finish_response)
    _init_cookies(app, settings)
    _init_headers(app, settings)
    sessions.login_manager().init_app(app)
    CSRFProtect(app)
    _init_limits(app, settings)
    access.register(app)


def _believe_proxies(app: Flask, count: int) -> None:
    """Takes address, scheme and host from the last `count` proxies; from nobody else."""
    if count:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=count, x_proto=count, x_host=count
        )


def _begin_request() -> None:
    asked = request.headers.get("X-Request-ID", "")
    g.request_id = asked if REQUEST_ID.fullmatch(asked) else uuid4().hex
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _finish_response(response: Response) -> Response:
    """Names the request; keeps what people may see out of shared and lasting caches."""
    response.headers["X-Request-ID"] = g.get("request_id") or uuid4().hex
    if request.endpoint != "static" and "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "private, no-store"
    return response


def _init_cookies(app: Flask, settings: Settings) -> None:
    app.config.update(
        # A __Host- cookie is refused by browsers without TLS or with a Domain.
        SESSION_COOKIE_NAME="__Host-forecourt" if settings.production else "forecourt",
        SESSION_COOKIE_SECURE=settings.production,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(hours=12),
        # The guard asks for the token itself: bearer requests need none. It lives as long as
        # the session, so a form left open over lunch still works.
        WTF_CSRF_CHECK_DEFAULT=False,
        WTF_CSRF_TIME_LIMIT=None,
    )


def _init_headers(app: Flask, settings: Settings) -> None:
    # The proxy in front redirects to TLS; doing it here would turn away its plain health checks.
    Talisman(
        app,
        force_https=False,
        frame_options="DENY",
        content_security_policy=CONTENT_POLICY,
        session_cookie_secure=settings.production,
        permissions_policy={"camera": "()", "geolocation": "()", "microphone": "()"},
    )


def _init_limits(app: Flask, settings: Settings) -> None:
    app.config["RATELIMIT_STORAGE_URI"] = settings.redis_url or "memory://"
    patience = {"socket_connect_timeout": 1, "socket_timeout": 1}
    app.config["RATELIMIT_STORAGE_OPTIONS"] = patience if settings.redis_url else {}
    signing_in.limiter.init_app(app)
