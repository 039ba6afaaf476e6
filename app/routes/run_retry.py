"""The button "Retry failed": only what failed in a run is tried again (row 185)."""

from __future__ import annotations

from flask import Blueprint, flash, g, redirect, url_for
from flask.typing import ResponseReturnValue

from app.db import unit_of_work
from app.routes.access import current_actor, requires
from app.routes.sync_stock import means
from app.services import run_retry
from app.services.errors import AlreadyRunning, NotPossible
from app.templating import counted

bp = Blueprint("run_retry", __name__)


@bp.post("/d/<slug>/runs/<int(max=2147483647):run_id>/retry-failed")
@requires("operator")
def retry(run_id: int) -> ResponseReturnValue:
    """Leads to the run that tries again; leads that are sent again get theirs when they left."""
    try:
        with unit_of_work(g.dealership.id) as session:
            done = run_retry.retry(session, run_id, actor=current_actor(), means=means())
    except AlreadyRunning as running:
        flash("A sync is running. Try again when it has ended.", "info")
        return redirect(url_for("runs.show", run_id=running.run_id), 303)
    except NotPossible as reason:  # from an old page: somebody did it, or they are sent by now
        flash(reason.user_message, "info")
        return redirect(url_for("runs.show", run_id=run_id), 303)
    if done.run_id is None:
        flash(f"{counted(done.records, 'lead')} will be sent to EasyCars again.", "success")
    return redirect(url_for("runs.show", run_id=done.run_id or run_id), 303)
