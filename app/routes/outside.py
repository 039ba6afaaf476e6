"""Vehicles outside of what the connection asks for: the question and its answers (T15)."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db import db, unit_of_work
from app.parts import parts
from app.routes.access import current_actor, may, requires
from app.services import outside_scope
from app.services.errors import InputInvalid, NotConfigured
from app.services.outside_scope import PARTS, Part, Place, Question
from app.templating import NavItem, counted

bp = Blueprint("outside", __name__)
PAGE: Final = "/d/<slug>/sync/outside"
LABELS: Final = {"undecided": "To decide", "kept": "Kept listed", "taken": "Taken off the market"}
LATER: Final = "Nothing was decided. These vehicles stay as they are, and no sync removes them."


def notice() -> Question | None:
    """The open question for other pages; None when nothing waits for an answer."""
    place = outside_scope.place_of(db.session(), g.dealership.id, parts().crypto)
    asked = outside_scope.question(db.session(), place) if place else None
    return asked if asked and (asked.is_open or not asked.is_known) else None


@bp.get(PAGE)
@requires("viewer")
def index() -> ResponseReturnValue:
    return _page()


@bp.post(PAGE)
@requires("operator")
def decide() -> ResponseReturnValue:
    """One answer for all vehicles of a part: exactly those that were counted, or none."""
    choice, expected = request.form.get("choice", ""), request.form.get("expected", "")
    if choice == "later":
        flash(LATER, "info")
        return redirect(url_for("sync_stock.index"), 303)
    try:
        with unit_of_work(g.dealership.id) as session:
            done = outside_scope.decide(
                session,
                _place(session),
                _part(request.form.get("part", "")),
                choice,
                expected=int(expected) if expected.isdecimal() and len(expected) < 10 else 0,
                actor=current_actor(),
                now=parts().clock.now(),
            )
    except InputInvalid as error:
        return _page(error.fields or {"": error.user_message}), 422
    one = done == 1
    stay, off = ("stays", "is") if one else ("stay", "are")
    what = f"{stay} listed" if choice == "keep" else f"{off} off the market"
    flash(f"{counted(done, 'vehicle')} {what}. You can change this here.", "success")
    return redirect(url_for(".index", show="kept" if choice == "keep" else "taken"), 303)


def _page(errors: dict[str, str] | None = None) -> str:
    session = db.session()
    place = outside_scope.place_of(session, g.dealership.id, parts().crypto)
    if place is None:
        return render_template("outside/index.html", question=None, errors=errors or {})
    asked = outside_scope.question(session, place)
    part = _part(request.values.get("show") or request.form.get("part") or _first(asked))
    after = request.args.get("after", "")
    found, later = outside_scope.vehicles(
        session, place, part, int(after) if after.isdecimal() and len(after) < 10 else None
    )
    return render_template(
        "outside/index.html",
        question=asked,
        part=part,
        tabs=[_tab(name, asked, part) for name in PARTS],
        vehicles=found,
        later=url_for(".index", show=part, after=later) if later else None,
        count=getattr(asked, part),
        may_decide=may("operator"),
        errors=errors or {},
    )


def _tab(name: Part, asked: Question, part: Part) -> NavItem:
    url = url_for(".index", show=name)
    return NavItem(LABELS[name], url, active=name == part, count=getattr(asked, name))


def _first(asked: Question) -> Part:
    return next((name for name in PARTS if getattr(asked, name)), "undecided")


def _part(text: str) -> Part:
    return next((name for name in PARTS if name == text), "undecided")


def _place(session: Any) -> Place:
    place = outside_scope.place_of(session, g.dealership.id, parts().crypto)
    if place is None:
        raise NotConfigured("EasyCars is not connected, so nothing is outside of it.")
    return place
