"""Pages of the system role: dealerships, accounts, the switch for automatic syncs (contract §5)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db import ALL_DEALERSHIPS, db, unit_of_work
from app.parts import parts
from app.routes.access import current_actor, requires
from app.secret import Secret
from app.services import accounts, dealerships, passwords, system_settings
from app.services.errors import InputInvalid

bp = Blueprint("system", __name__)
OWN_ACCOUNT = "You cannot do this to your own account. Ask another system administrator."


@bp.get("/system/")
@requires("system")
def index() -> ResponseReturnValue:
    return render_template(
        "system/index.html",
        switch=system_settings.auto_sync(db.session()),
        allowed=parts().settings.auto_sync_enabled,
    )


@bp.post("/system/auto-sync")
@requires("system")
def auto_sync() -> ResponseReturnValue:
    on = request.form.get("on") == "1"
    with unit_of_work(ALL_DEALERSHIPS) as session:
        system_settings.set_auto_sync(session, current_actor(), on, parts().clock.now())
    words = (
        "Schedules start syncs again." if on else "No schedule starts a sync until you allow it."
    )
    flash(words, "success")
    return redirect(url_for(".index"), 303)


@bp.get("/system/dealerships")
@requires("system")
def all_dealerships() -> ResponseReturnValue:
    return _dealerships()


@bp.post("/system/dealerships")
@requires("system")
def create_dealership() -> ResponseReturnValue:
    form = {name: request.form.get(name, "").strip() for name in ("name", "slug", "timezone")}
    try:
        with unit_of_work(ALL_DEALERSHIPS) as session:
            made = dealerships.create(
                session,
                current_actor(),
                name=form["name"],
                slug=form["slug"] or None,
                timezone=form["timezone"],
            )
            name = made.name
    except InputInvalid as error:
        return _dealerships(errors=error.fields, form=form), 422
    flash(f"{name} was created.", "success")
    return redirect(url_for(".all_dealerships"), 303)


@bp.post("/system/dealerships/<int:dealership_id>/active")
@requires("system")
def dealership_active(dealership_id: int) -> ResponseReturnValue:
    active = request.form.get("active") == "1"
    with unit_of_work(ALL_DEALERSHIPS) as session:
        dealership = dealerships.get(session, dealership_id)
        dealerships.set_active(session, current_actor(), dealership, active)
        name = dealership.name
    flash(f"{name} is {'open' if active else 'closed'} now.", "success")
    return redirect(url_for(".all_dealerships"), 303)


@bp.get("/system/users")
@requires("system")
def users() -> ResponseReturnValue:
    return _users()


@bp.post("/system/users")
@requires("system")
def create_user() -> ResponseReturnValue:
    """A system administrator; people of dealerships are added on their People page."""
    form = {name: request.form.get(name, "") for name in ("email", "name")}
    password = passwords.generated()
    try:
        with unit_of_work(ALL_DEALERSHIPS) as session:
            user = accounts.create(
                session, current_actor(), password=password, is_system=True, **form
            )
    except InputInvalid as error:
        return _users(errors=error.fields, form=form), 422
    return _users(shown=(user.email, password.reveal()))


@bp.post("/system/users/<int:user_id>/active")
@requires("system")
def user_active(user_id: int) -> ResponseReturnValue:
    active = request.form.get("active") == "1"
    if user_id == g.user.id:
        return _users(errors={"": OWN_ACCOUNT}), 422
    with unit_of_work(ALL_DEALERSHIPS) as session:
        user = accounts.get(session, user_id)
        accounts.set_active(session, current_actor(), user, active)
    flash(f"{user.email} can{'' if active else 'not'} sign in now.", "success")
    return redirect(url_for(".users"), 303)


@bp.post("/system/users/<int:user_id>/password")
@requires("system")
def user_password(user_id: int) -> ResponseReturnValue:
    if user_id == g.user.id:
        return _users(errors={"": "Change your own password under Your account."}), 422
    password: Secret = passwords.generated()
    with unit_of_work(ALL_DEALERSHIPS) as session:
        user = accounts.get(session, user_id)
        accounts.set_password(session, current_actor(), user, password, parts().clock.now())
    return _users(shown=(user.email, password.reveal()))


def _dealerships(**values: Any) -> str:
    return render_template(
        "system/dealerships.html",
        places=dealerships.places_of(db.session(), g.user),
        **({"errors": {}, "form": {}} | values),
    )


def _users(**values: Any) -> str:
    return render_template(
        "system/users.html",
        users=accounts.listed(db.session()),
        **({"errors": {}, "form": {}, "shown": None} | values),
    )
