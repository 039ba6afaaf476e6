"""The page EasyCars Stock Sync (story 2.5): where the stock stands, and the button."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db import db, unit_of_work
from app.parts import parts
from app.routes import outside
from app.routes.access import current_actor, may, requires
from app.routes.fragments import fragment, is_fragment, unchanged
from app.routes.run_card import card_of
from app.services import manual_sync, previews, sync_overview
from app.services.errors import AlreadyRunning
from app.services.manual_sync import Means

bp = Blueprint("sync_stock", __name__)
PAGE = "/d/<slug>/sync/stock"
LOOK_FIRST = (
    "First import: you look first. EasyCars is read now, and nothing is saved until you apply "
    "the preview."
)


@bp.get(PAGE)
@requires("viewer")
def index() -> ResponseReturnValue:
    return render_template("sync_stock/index.html", outside=outside.notice(), **_context())


@bp.get(f"{PAGE}/live")
@requires("viewer")
def live() -> ResponseReturnValue:
    """The part that refreshes itself; `?seen=` is the version that the browser has."""
    context = _context()
    if request.args.get("seen") == context["version"]:
        return unchanged()
    return fragment("sync_stock/_live.html", **context)


@bp.post(PAGE)
@requires("operator")
def start() -> ResponseReturnValue:
    """Answers at once with the running card; the work happens in a worker (row 95).

    A first import is a preview, whatever was pressed: people look before it is written (C1).
    """
    try:
        with unit_of_work(g.dealership.id) as session:
            is_first = previews.is_first(session, g.dealership.id, "stock")
            is_preview = is_first or request.form.get("mode") == "preview"
            manual_sync.start(
                session,
                dealership_id=g.dealership.id,
                stream="stock",
                actor=current_actor(),
                trigger="person",
                means=means(),
                mode="preview" if is_preview else "sync",
            )
        if is_first and request.form.get("mode") != "preview":
            flash(LOOK_FIRST, "info")
    except AlreadyRunning as running:
        flash(running.user_message, "info")
    if is_fragment():
        db.session.rollback()  # what was written above shall be read
        return fragment("sync_stock/_live.html", takes_focus=True, **_context())
    return redirect(url_for(".index"), 303)


def means() -> Means:
    """What a start by hand needs."""
    made = parts()
    return Means(made.queue, made.clock, made.settings.manual_syncs_per_hour)


def _context() -> dict[str, Any]:
    now: datetime = parts().clock.now()
    state = sync_overview.overview(db.session(), g.dealership, "stock", parts().settings, now)
    card = card_of(state.latest, state.usual_s, now) if state.latest else None
    return {
        "state": state,
        "card": card,
        "version": state.version(now),
        "may_start": may("operator"),
        "is_first": previews.is_first(db.session(), g.dealership.id, "stock"),
    }
