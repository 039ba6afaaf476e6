"""The dealership's bearer tokens: make, see when used, revoke (contract §5, C59)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db import db, unit_of_work
from app.parts import parts
from app.routes.access import current_actor, requires
from app.services import tokens
from app.services.errors import InputInvalid

bp = Blueprint("tokens", __name__)
PAGE = "/d/<slug>/settings/tokens"
DAYS = [("30", "30 days"), ("90", "90 days"), ("365", "1 year"), ("", "No end")]


@bp.get(PAGE)
@requires("admin")
def index() -> ResponseReturnValue:
    return _page()


@bp.post(PAGE)
@requires("admin")
def create() -> ResponseReturnValue:
    """Shows the token once, in the answer itself: only its hash is stored."""
    try:
        wish = _wish()
        with unit_of_work() as session:
            issued = tokens.issue(
                session,
                current_actor(),
                wish,
                user=g.user,
                dealership_id=g.dealership.id,
                now=parts().clock.now(),
            )
    except InputInvalid as error:
        return _page(errors=error.fields, form=request.form), 422
    return _page(shown=issued.secret.reveal())


def _wish() -> tokens.Wish:
    days = request.form.get("days", "").strip()
    if days and not days.isdecimal():
        raise InputInvalid("No token was made.", {"days": "Enter a number of days."})
    return tokens.Wish(
        request.form.getlist("scopes"),
        int(days) if days else None,
        request.form.get("name", "").strip(),
    )


@bp.post(f"{PAGE}/<int:token_id>/revoke")
@requires("admin")
def revoke(token_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        ended = tokens.revoke(
            session, current_actor(), g.dealership.id, token_id, parts().clock.now()
        )
        prefix = ended.prefix
    flash(f"The token {prefix}… does not work any more.", "success")
    return redirect(url_for(".index"), 303)


def _page(**values: Any) -> str:
    return render_template(
        "tokens/index.html",
        tokens=tokens.listed(db.session(), g.dealership.id),
        scopes=tokens.SCOPES,
        days=DAYS,
        moment=parts().clock.now(),
        **({"errors": {}, "form": {}, "shown": None} | values),
    )
