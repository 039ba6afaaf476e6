"""Settings, history: how long runs are kept, what goes and what stays (row 188)."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db import db, unit_of_work
from app.models.history import LEAST_DAYS, MOST_DAYS
from app.parts import parts
from app.routes.access import current_actor, requires
from app.services import history_policy, retention
from app.services.errors import InputInvalid

bp = Blueprint("history_keeping", __name__)
PAGE: Final = "/d/<slug>/settings/history"


@bp.get(PAGE)
@requires("admin")
def index() -> ResponseReturnValue:
    return _page()


@bp.post(PAGE)
@requires("admin")
def save() -> ResponseReturnValue:
    typed, now = request.form.get("days", ""), parts().clock.now()
    try:
        with unit_of_work(g.dealership.id) as session:
            history_policy.save(session, g.dealership.id, typed, current_actor(), now)
    except InputInvalid as error:
        return _page(typed, error.fields), 422
    flash("How long history is kept was saved. The next clearing goes by it.", "success")
    return redirect(url_for(".index"), 303)


def _page(typed: str | None = None, errors: dict[str, str] | None = None) -> str:
    session, now = db.session(), parts().clock.now()
    keeping = history_policy.read(session, g.dealership.id)
    return render_template(
        "history/keeping.html",
        keeping=keeping,
        shown=keeping.days if typed is None else typed,
        before=retention.cutoff(g.dealership, keeping.days, now),
        limits=(LEAST_DAYS, MOST_DAYS),
        errors=errors or {},
    )
