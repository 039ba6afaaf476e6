"""Applying a preview, or putting it away (C2). sync_stock.py starts one, runs.py shows it."""

from __future__ import annotations

from flask import Blueprint, flash, g, redirect, url_for
from flask.typing import ResponseReturnValue

from app.db import unit_of_work
from app.parts import parts
from app.routes.access import current_actor, requires
from app.routes.runs import PAGE
from app.routes.sync_stock import means
from app.services import manual_sync
from app.services.errors import AlreadyRunning, NotAllowed

bp = Blueprint("previews", __name__)


@bp.post(f"{PAGE}/apply")
@requires("operator")
def apply(run_id: int) -> ResponseReturnValue:
    """Starts the run that writes what the preview showed, and leads to it."""
    leads_to = run_id
    try:
        with unit_of_work(g.dealership.id) as session:
            started = manual_sync.apply(session, run_id, actor=current_actor(), means=means())
            leads_to = started.id
    except AlreadyRunning as running:
        flash("A run is at work. Apply the preview when that one has ended.", "info")
        leads_to = running.run_id
    except NotAllowed as refused:
        flash(refused.user_message, "warning")
    return redirect(url_for("runs.show", run_id=leads_to), 303)


@bp.post(f"{PAGE}/discard")
@requires("operator")
def discard(run_id: int) -> ResponseReturnValue:
    """Puts the preview away. Nothing was changed by it, so there is nothing to ask."""
    with unit_of_work(g.dealership.id) as session:
        was_open = manual_sync.discard(session, run_id, actor=current_actor(), clock=parts().clock)
    if was_open:
        flash("The preview was discarded. Nothing was changed.", "success")
    return redirect(url_for("runs.show", run_id=run_id), 303)
