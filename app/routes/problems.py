"""Problems: one for each cause, with what it affects and what to do (C30, contract §5: alerts)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db import db, unit_of_work
from app.models import Problem
from app.parts import parts
from app.routes.access import current_actor, may, requires
from app.routes.pressing import may_open, step_of
from app.services import schedules
from app.services.errors import InputInvalid, NotPossible
from app.services.problems import listing, snoozing
from app.services.problems.listing import TABS
from app.templating import NavItem

bp = Blueprint("problems", __name__)
PAGE = "/d/<slug>/alerts"
ONE = f"{PAGE}/<int(max=2147483647):problem_id>"


@bp.get(PAGE)
@requires("viewer")
def index() -> ResponseReturnValue:
    """One tab: open (worst first), snoozed, or resolved (the last first)."""
    tab = request.args.get("tab", "open")
    tab = tab if tab in TABS else "open"
    found = listing.listed(db.session(), tab, parts().clock.now())
    tabs = [
        NavItem(label, url_for(".index", tab=name), active=name == tab, count=found.counts[name])
        for name, label in TABS.items()
    ]
    return render_template("problems/index.html", rows=found.rows, tab=tab, tabs=tabs, **_means())


@bp.get(ONE)
@requires("viewer")
def one(problem_id: int) -> ResponseReturnValue:
    """One cause with the records that it affects."""
    return _page(listing.get(db.session(), problem_id))


def _page(problem: Problem, errors: dict[str, str] | None = None) -> str:
    return render_template(
        "problems/one.html", problem=problem, may_open=may_open, errors=errors or {}, **_means()
    )


def _means() -> dict[str, Any]:
    return {
        "step_of": step_of,
        "spans": snoozing.SPANS,
        "may_snooze": may("operator"),
        "moment": parts().clock.now(),
    }


@bp.post(f"{ONE}/snooze")
@requires("operator")
def snooze(problem_id: int) -> ResponseReturnValue:
    """Puts a problem aside for an hour, until tomorrow or for a week."""
    span, now = request.form.get("span", ""), parts().clock.now()
    try:
        with unit_of_work(g.dealership.id) as session:
            snoozing.snooze(
                session,
                problem_id,
                span,
                zone=schedules.zone_of(g.dealership),
                actor=current_actor(),
                now=now,
            )
    except InputInvalid as wrong:
        return _page(listing.get(db.session(), problem_id), dict(wrong.fields)), 422
    except NotPossible as late:
        flash(late.user_message, "warning")
        return redirect(url_for(".one", problem_id=problem_id), 303)
    flash("Snoozed. It is under Snoozed until then, or until it is resolved.", "success")
    return redirect(url_for(".index"), 303)


@bp.post(f"{ONE}/wake")
@requires("operator")
def wake(problem_id: int) -> ResponseReturnValue:
    """Ends a snooze."""
    try:
        with unit_of_work(g.dealership.id) as session:
            snoozing.wake(session, problem_id, actor=current_actor(), now=parts().clock.now())
    except NotPossible as late:
        flash(late.user_message, "warning")
    else:
        flash("The problem is shown again.", "success")
    return redirect(url_for(".one", problem_id=problem_id), 303)
