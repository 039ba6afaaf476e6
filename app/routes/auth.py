"""Sign in and out, the look, one's own password, and the way from `/` to a dealership."""

from __future__ import annotations

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import RateLimitExceeded
from flask_login import current_user

from app.db import ALL_DEALERSHIPS, db, reading, unit_of_work
from app.parts import parts
from app.routes import sessions, signing_in
from app.routes.access import current_actor, open_to_all, requires
from app.routes.way_back import KEPT, own_path
from app.secret import Secret
from app.services import accounts, dealerships, overview, passwords, sign_in
from app.services.errors import InputInvalid
from app.templating import THEME_COOKIE, THEMES

bp = Blueprint("auth", __name__)
YEAR = 365 * 86_400


@bp.get("/login")
@open_to_all("people who are not signed in sign in here")
def login() -> ResponseReturnValue:
    if current_user.is_authenticated:
        return redirect(_next(request.args), 303)
    return _login_page(request.args.get("next", ""), ended=request.args.get("ended"))


@bp.post("/login")
@open_to_all("people who are not signed in sign in here")
@signing_in.limit_address
@signing_in.limit_email
def enter() -> ResponseReturnValue:
    email, password = signing_in.email_of_request(), Secret(request.form.get("password", ""))
    user = signing_in.checked(email, password)
    if user is None:
        wanted = request.form.get("next", "")
        return _login_page(wanted, email=email, errors={"": sign_in.REFUSED}), 422
    sessions.start(user)
    return redirect(_next(request.form), 303)


@bp.errorhandler(RateLimitExceeded)
def too_many(_error: RateLimitExceeded) -> ResponseReturnValue:
    """429 on the sign-in page itself, with the time to wait; what was typed stays."""
    wait = signing_in.seconds_to_wait()
    email, wanted = signing_in.email_of_request(), request.form.get("next", "")
    return _login_page(wanted, email=email, retry_after=wait), 429, {"Retry-After": str(wait)}


@bp.post("/logout")
@open_to_all("ending a session that is over already must not fail", csrf=False)
def logout() -> ResponseReturnValue:
    sessions.end()
    return redirect(url_for(".login"), 303)


@bp.post("/theme")
@open_to_all("the look is a cookie of the browser, also before sign-in")
def theme() -> ResponseReturnValue:
    answer = make_response(redirect(_next(request.form), 303))
    chosen = request.form.get("theme")
    if chosen in THEMES:
        secure = parts().settings.production
        answer.set_cookie(
            THEME_COOKIE, chosen, max_age=YEAR, secure=secure, httponly=True, samesite="Lax"
        )
    return answer


@bp.get("/")
@requires("person")
def home() -> ResponseReturnValue:
    """The one dealership, or the list of all that the person may enter."""
    places = dealerships.places_of(db.session(), g.user)
    if len(places) == 1 and not g.user.is_system:
        return redirect(f"/d/{places[0].dealership.slug}/", 303)
    with reading(ALL_DEALERSHIPS) as session:
        glances = overview.glances(session, places, parts().settings, parts().clock.now())
    return render_template("system/home.html", glances=glances)


@bp.get("/account")
@requires("person")
def account() -> ResponseReturnValue:
    return render_template("auth/account.html")


@bp.post("/account/password")
@requires("person")
@signing_in.limit_address
def change_password() -> ResponseReturnValue:
    """A new password ends every other session of the person; this one goes on."""
    try:
        _change_password(
            Secret(request.form.get("current", "")), Secret(request.form.get("new", ""))
        )
    except InputInvalid as error:
        return render_template("auth/account.html", errors=error.fields), 422
    flash(
        "Your password was changed. Other devices are signed out, and your tokens ended.", "success"
    )
    return redirect(url_for(".account"), 303)


def _change_password(current: Secret, new: Secret) -> None:
    if not passwords.matches(g.user.password_hash, current):
        raise InputInvalid("Nothing was changed.", {"current": "This is not your password."})
    passwords.check(new, g.user.email, field="new")
    with unit_of_work() as session:
        user = accounts.get(session, g.user.id)
        accounts.set_password(session, current_actor(), user, new, parts().clock.now())
    sessions.start(user)


def _login_page(wanted: str, **values: object) -> str:
    way = own_path(wanted) or ""
    return render_template("auth/login.html", next=way, kept=f"{KEPT}=" in way, **values)


def _next(given: object) -> str:
    wanted = given.get("next", "") if hasattr(given, "get") else ""
    return own_path(wanted) or url_for(".home")
