"""Rows for tests: small functions, each commits. They need an application context.

Three people make most walls testable: an owner, a colleague, a stranger.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from itertools import count
from secrets import token_hex
from typing import Any

from flask import current_app
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer

from app.db import ALL_DEALERSHIPS, unit_of_work
from app.models import Dealership, Membership, User
from app.secret import Secret
from app.services import passwords, tokens
from app.services.audit import Actor

PASSWORD = "a sentence nobody else uses"
ACTOR = Actor(None, "test")
_numbers = count(1)


@lru_cache
def _hashed(password: str) -> str:
    return passwords.hashed(Secret(password))


def dealership(name: str | None = None, slug: str | None = None, **values: Any) -> Dealership:
    number = next(_numbers)
    made = Dealership(
        name=name or f"Dealership {number}", slug=slug or f"dealership-{number}", **values
    )
    return _saved(made)


def user(email: str | None = None, password: str = PASSWORD, **values: Any) -> User:
    address = email or f"person-{next(_numbers)}@example.com"
    return _saved(User(email=address, password_hash=_hashed(password), **values))


def membership(person: User, place: Dealership, role: str = "admin") -> Membership:
    return _saved(Membership(user_id=person.id, dealership_id=place.id, role=role))


def member(place: Dealership, role: str = "admin", email: str | None = None) -> User:
    """A new person with a role at `place`."""
    person = user(email)
    membership(person, place, role)
    return person


def token(
    person: User,
    place: Dealership,
    scopes: Iterable[str] = ("admin",),
    now: datetime | None = None,
    **rest: Any,
) -> str:
    """A bearer token's text; use it as `headers={"Authorization": f"Bearer {text}"}`."""
    with unit_of_work() as session:
        issued = tokens.issue(
            session,
            ACTOR,
            tokens.Wish(scopes, **rest),
            user=person,
            dealership_id=place.id,
            now=now or datetime.now(UTC),
        )
    return issued.secret.reveal()


def bearer(person: User, place: Dealership, scopes: Iterable[str] = ("admin",)) -> dict[str, str]:
    """Headers with a new token."""
    return {"Authorization": f"Bearer {token(person, place, scopes)}"}


def sign_in(client: FlaskClient, person: User) -> FlaskClient:
    """Signs the client in without the cost of a password check; its writes carry the CSRF token."""
    with client.session_transaction() as session:
        session.clear()
        session["_user_id"] = f"{person.id}.{person.session_version}"
        session["_fresh"] = True
    return with_csrf(client)


def with_csrf(client: FlaskClient) -> FlaskClient:
    """Lets every request of the client carry a valid CSRF token, as htmx does."""
    raw = token_hex(20)
    with client.session_transaction() as session:
        session["csrf_token"] = raw
    signer = URLSafeTimedSerializer(current_app.secret_key, salt="wtf-csrf-token")
    client.environ_base["HTTP_X_CSRFTOKEN"] = str(signer.dumps(raw))
    return client


def _saved(row: Any) -> Any:
    with unit_of_work(ALL_DEALERSHIPS) as session:
        session.add(row)
    return row
