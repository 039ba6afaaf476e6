"""The people of a dealership: who, as what, since when signed in (contract §5)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db import db, unit_of_work
from app.models.accounts import ROLES
from app.parts import parts
from app.routes.access import current_actor, requires
from app.secret import Secret
from app.services import people
from app.services.errors import InputInvalid

bp = Blueprint("people", __name__)
PAGE = "/d/<slug>/settings/people"
ROLE_WORDS = {
    "viewer": ("Viewer", "sees everything, changes nothing"),
    "operator": ("Operator", "also starts and cancels syncs"),
    "admin": ("Administrator", "also manages credentials, settings, people and tokens"),
}


@bp.get(PAGE)
@requires("admin")
def index() -> ResponseReturnValue:
    return _page()


@bp.post(PAGE)
@requires("admin")
def add() -> ResponseReturnValue:
    """Shows a new person's password once, in the answer itself: it is stored nowhere."""
    form = {name: request.form.get(name, "") for name in ("email", "name", "role")}
    try:
        with unit_of_work() as session:
            added = people.add(session, current_actor(), g.dealership.id, **form)
            email = added.member.user.email
    except InputInvalid as error:
        return _page(errors=error.fields or {"": error.user_message}, form=form), 422
    if added.password is None:
        flash(f"{email} can now enter {g.dealership.name}.", "success")
        return redirect(url_for(".index"), 303)
    return _page(shown=(email, added.password.reveal()))


@bp.post(f"{PAGE}/<int:user_id>/role")
@requires("admin")
def change_role(user_id: int) -> ResponseReturnValue:
    try:
        with unit_of_work() as session:
            changed = people.change_role(
                session, current_actor(), g.dealership.id, user_id, request.form.get("role", "")
            )
            email, role = changed.user.email, changed.role
    except InputInvalid as error:
        return _page(errors={"": error.user_message, **error.fields}), 422
    flash(f"{email} is now {ROLE_WORDS[role][0].lower()}.", "success")
    return redirect(url_for(".index"), 303)


@bp.get(f"{PAGE}/<int:user_id>/remove")
@requires("admin")
def ask_remove(user_id: int) -> ResponseReturnValue:
    member = people.member(db.session(), g.dealership.id, user_id)
    return render_template("people/remove.html", member=member)


@bp.post(f"{PAGE}/<int:user_id>/remove")
@requires("admin")
def remove(user_id: int) -> ResponseReturnValue:
    now = parts().clock.now()
    try:
        with unit_of_work() as session:
            email = people.remove(session, current_actor(), g.dealership.id, user_id, now)
    except InputInvalid as error:
        return _page(errors={"": error.user_message}), 422
    flash(f"{email} cannot enter {g.dealership.name} any more.", "success")
    return redirect(url_for(".index" if user_id != g.user.id else "auth.home"), 303)


@bp.get(f"{PAGE}/<int:user_id>/password")
@requires("admin")
def ask_password(user_id: int) -> ResponseReturnValue:
    member = people.member(db.session(), g.dealership.id, user_id)
    return render_template("people/password.html", member=member)


@bp.post(f"{PAGE}/<int:user_id>/password")
@requires("admin")
def new_password(user_id: int) -> ResponseReturnValue:
    now = parts().clock.now()
    try:
        with unit_of_work() as session:
            email = people.member(session, g.dealership.id, user_id).user.email
            password: Secret = people.new_password(
                session, current_actor(), g.dealership.id, user_id, now
            )
    except InputInvalid as error:
        return _page(errors={"": error.user_message}), 422
    return _page(shown=(email, password.reveal()))


def _page(**values: Any) -> str:
    return render_template(
        "people/index.html",
        members=people.members(db.session(), g.dealership.id),
        roles=ROLES,
        role_words=ROLE_WORDS,
        **({"errors": {}, "form": {}, "shown": None} | values),
    )
