"""Undo: of a run, as a run of its own; of one row or field of it, as an edit by hand (C9)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db import db, unit_of_work
from app.models import SyncItem, SyncRun
from app.parts import parts
from app.routes.access import current_actor, may, requires
from app.routes.sync_stock import means
from app.services import item_undo, run_undo
from app.services.errors import AlreadyRunning, InputInvalid, NotPossible
from app.services.item_undo import RowBack
from app.services.sync import runs

bp = Blueprint("undo", __name__)
RUN = "/d/<slug>/runs/<int(max=2147483647):run_id>"
ITEM = f"{RUN}/items/<int(max=2147483647):item_id>"


@bp.get(f"{RUN}/undo")
@requires("operator")
def ask(run_id: int) -> ResponseReturnValue:
    """What an undo would do and what it would leave, before anybody says yes."""
    session = db.session()
    run = runs.get(session, run_id)
    try:
        question = run_undo.question(session, run, parts().clock.now())
    except NotPossible as reason:  # asked again, or from an old page
        flash(reason.user_message, "info")
        return redirect(url_for("runs.show", run_id=run_id), 303)
    return render_template("undo/ask.html", run=run, question=question)


@bp.post(f"{RUN}/undo")
@requires("operator")
def start(run_id: int) -> ResponseReturnValue:
    """Starts the undo; its own page shows how far it is."""
    pause = request.form.get("pause") == "1"
    try:
        with unit_of_work(g.dealership.id) as session:
            actor = current_actor()
            started = run_undo.start(session, run_id, actor=actor, means=means(), pause=pause).id
        flash(f"Run {run_id} is being undone.", "success")
    except AlreadyRunning as running:
        flash("A sync is running. Undo again when it has ended.", "info")
        started = running.run_id
    except NotPossible as reason:
        flash(reason.user_message, "warning")
        started = run_id
    return redirect(url_for("runs.show", run_id=started), 303)


@bp.get(f"{ITEM}/undo")
@requires("operator")
def ask_item(run_id: int, item_id: int) -> str:
    """The fields of one row, each with what it was, what it is and whether it can go back;
    `?field=` chooses one of them."""
    row = item_undo.row_of(db.session(), run_id, item_id, parts().clock.now())
    only = request.args.get("field")
    chosen = {field.name for field in row.possible if only in (None, "", field.name)}
    return _item_page(row, chosen, lock=True)


@bp.post(f"{ITEM}/undo")
@requires("operator")
def put_back(run_id: int, item_id: int) -> ResponseReturnValue:
    """Writes the chosen fields back, and leads to the vehicle."""
    chosen, lock = set(request.form.getlist("fields")), request.form.get("lock") == "1"
    now = parts().clock.now()
    try:
        with unit_of_work(g.dealership.id) as session:
            row = item_undo.put_back(
                session, run_id, item_id, chosen, lock=lock, actor=current_actor(), now=now
            )
    except InputInvalid as wrong:
        row = item_undo.row_of(db.session(), run_id, item_id, now)
        return _item_page(row, chosen, lock=lock, errors=wrong.fields), 422
    back = [field.label for field in row.possible if field.name in chosen]
    flash(f"Put back as before run {run_id}: {', '.join(back)}.", "success")
    return redirect(url_for("vehicles.one", vehicle_id=row.vehicle.id), 303)


def _item_page(
    row: RowBack, chosen: set[str], *, lock: bool, errors: dict[str, str] | None = None
) -> str:
    return render_template("undo/item.html", row=row, chosen=chosen, lock=lock, errors=errors or {})


@bp.app_template_global()
def undo_offer(run: SyncRun) -> dict[str, Any] | None:
    """For the run's page: {"url"} where it can be undone, {"undone_by"} where it was."""
    if run.is_active or run.mode not in run_undo.MODES:
        return None
    undone_by = run_undo.undone_by(db.session(), run)
    if undone_by is not None:
        return {"undone_by": undone_by, "url": url_for("runs.show", run_id=undone_by)}
    if not may("operator") or run_undo.why_not(db.session(), run, parts().clock.now()):
        return None
    return {"undone_by": None, "url": url_for("undo.ask", run_id=run.id)}


@bp.app_template_global()
def item_undo_url(item: SyncItem, run: SyncRun, field: str | None = None) -> str | None:
    """Where one row of a run is put back, None where that makes no sense."""
    if not may("operator") or not item_undo.may_offer(item, run, parts().clock.now()):
        return None
    return url_for("undo.ask_item", run_id=run.id, item_id=item.id, field=field)
