"""POST /api/auth/token: address and password in, a bearer token out (contract §4)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from flask import Blueprint, Response
from flask_limiter import RateLimitExceeded
from pydantic import Field, SecretStr

from app.db import db, unit_of_work
from app.models import User
from app.parts import parts
from app.routes import errors, signing_in
from app.routes.access import SignInNeeded, current_actor, open_to_all
from app.routes.api.common import ApiModel, PlainText, ok, read_body
from app.routes.api.openapi import describe
from app.secret import Secret
from app.services import dealerships, sign_in, tokens
from app.services.dealerships import Place
from app.services.errors import InputInvalid, NotFound, TooMany

bp = Blueprint("api_auth", __name__)
DAYS = 1


class TokenRequest(ApiModel):
    """`dealership` is the short name; needed only by people with several."""

    email: Annotated[PlainText, Field(max_length=254)]
    password: Annotated[SecretStr, Field(max_length=1024)]
    dealership: Annotated[PlainText, Field(max_length=63)] | None = None


class TokenAnswer(ApiModel):
    token: str
    expires_at: datetime
    dealership_id: int


@bp.post("/api/auth/token")
@describe("Sign in and get a token", body=TokenRequest, answers={200: TokenAnswer})
@open_to_all("programs sign in here with address and password", csrf=False)
@signing_in.limit_address
@signing_in.limit_email
def create() -> Response:
    """A token for a day with all scopes, for the person's dealership. 401 for a wrong pair."""
    body = read_body(TokenRequest)
    user = signing_in.checked(body.email.lower(), Secret(body.password.get_secret_value()))
    if user is None:
        raise SignInNeeded(sign_in.REFUSED)
    place = _place(user, body.dealership)
    with unit_of_work() as session:
        issued = tokens.issue(
            session,
            current_actor(),
            tokens.Wish(["admin"], days=DAYS, name="signed in by a program"),
            user=user,
            dealership_id=place.dealership.id,
            now=parts().clock.now(),
        )
    answer = TokenAnswer(
        token=issued.secret.reveal(),
        expires_at=issued.token.expires_at,
        dealership_id=place.dealership.id,
    )
    return ok(answer.model_dump(by_alias=True))


@bp.errorhandler(RateLimitExceeded)
def too_many(_error: RateLimitExceeded) -> Response:
    words = "Too many tries to sign in. Your account is fine; wait, then try again."
    return errors.hub_error(TooMany(words, signing_in.seconds_to_wait()))


def _place(user: User, slug: str | None) -> Place:
    if slug:
        found = dealerships.place_of(db.session(), user, slug)
        if found is None:
            raise NotFound("There is no such dealership, or it is not yours.")
        return found
    places = dealerships.places_of(db.session(), user)
    if len(places) != 1:
        words = "Name the dealership: you belong to several." if places else "You belong to none."
        raise InputInvalid("No token was made.", {"dealership": words})
    return places[0]
