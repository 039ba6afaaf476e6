"""Unlocking many fields at once: a counted question, then the act (C18)."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db import db, unit_of_work
from app.parts import parts
from app.routes.access import current_actor, requires
from app.services import mass_unlock
from app.services.errors import InputInvalid, NotFound

bp = Blueprint("unlocking", __name__)
PAGE: Final = "/d/<slug>/settings/sync/unlock"


@bp.get(PAGE)
@requires("admin")
def ask() -> ResponseReturnValue:
    """What would be unlocked, by number, before anybody says yes."""
    return _question(request.args.get("group", ""))


@bp.post(PAGE)
@requires("admin")
def unlock() -> ResponseReturnValue:
    group, expected = request.form.get("group", ""), request.form.get("expected", "")
    take = request.form.get("take") == "easycars"
    try:
        with unit_of_work(g.dealership.id) as session:
            done = mass_unlock.unlock(
                session,
                group,
                expected=int(expected) if expected.isdecimal() and len(expected) < 10 else 0,
                take=take,
                actor=current_actor(),
                now=parts().clock.now(),
            )
    except InputInvalid as error:
        return _question(group, error.user_message), 422
    words = "with EasyCars' values" if take else "with the values they have here"
    flash(
        f"{done.fields} fields of {len(done.vehicles)} vehicles are unlocked, {words}.", "success"
    )
    return redirect(url_for("sync_settings.index"), 303)


def _question(group: str, wrong: str | None = None) -> str:
    try:
        locked = mass_unlock.count(db.session(), group)
    except InputInvalid as error:
        raise NotFound(error.user_message) from error
    return render_template(
        "sync_settings/unlock.html", locked=locked, errors={"": wrong} if wrong else {}
    )
