"""What the sign-in page and the token route share: checking a pair, counting refusals."""

from __future__ import annotations

import time
from typing import Any

from flask import Response, g, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from app.db import db, unit_of_work
from app.models import User
from app.parts import parts
from app.routes.access import current_actor
from app.secret import Secret
from app.services import sign_in

PER_ADDRESS = "30 per 15 minutes"
PER_EMAIL = "10 per 15 minutes"

# Counts in Redis, so that all processes share; in memory while Redis is away.
limiter = Limiter(
    get_remote_address,
    strategy="moving-window",
    in_memory_fallback_enabled=True,
    key_prefix="forecourt:limit",
)


def email_of_request() -> str:
    """The address that somebody tries, whatever its capitals; form and JSON alike."""
    given: Any = request.form.get("email")
    if given is None and request.is_json:
        body = request.get_json(silent=True)
        given = body.get("email") if isinstance(body, dict) else None
    return str(given or "").strip().lower()[:254]


def was_refused(response: Response) -> bool:
    """Only refusals count: people who sign in often are not locked out."""
    return response.status_code in (401, 422)


limit_address = limiter.limit(PER_ADDRESS, methods=["POST"], deduct_when=was_refused)
limit_email = limiter.limit(
    PER_EMAIL, key_func=email_of_request, methods=["POST"], deduct_when=was_refused
)


def seconds_to_wait() -> int:
    """How long the limit that was just reached lasts."""
    limit = limiter.current_limit
    return max(1, int(limit.reset_at - time.time())) if limit else 60


def checked(email: str, password: Secret) -> User | None:
    """The person of a right pair, else None; both end up in the audit."""
    user = sign_in.check(db.session(), email, password)
    if user is None:
        with unit_of_work() as session:
            sign_in.note_refusal(session, email, current_actor())
        return None
    g.user = user
    with unit_of_work() as session:
        sign_in.note_success(session, user.id, password, current_actor(), parts().clock.now())
    return user
