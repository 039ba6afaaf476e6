"""The page EasyCars Lead Sync (story 3.5): both directions, what waits, and the button."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db import db, unit_of_work
from app.parts import parts
from app.routes.access import current_actor, may, requires
from app.routes.fragments import fragment, is_fragment, page_at, unchanged
from app.routes.run_card import card_of
from app.routes.sync_stock import means
from app.services import manual_sync, schedules
from app.services.errors import AlreadyRunning, InputInvalid
from app.services.leads import adding, policy, sync_overview
from app.services.leads.fields import SYNC_STATES
from app.services.leads.sync_overview import Line, Queue

bp = Blueprint("sync_leads", __name__)
PAGE = "/d/<slug>/sync/leads"
BUSY = "A lead sync is running. Add the lead when it has ended."


@bp.get(PAGE)
@requires("viewer")
def index() -> ResponseReturnValue:
    return _page()


@bp.get(f"{PAGE}/live")
@requires("viewer")
def live() -> ResponseReturnValue:
    """The part that refreshes itself; `?seen=` is the version that the browser has."""
    context = _context()
    if request.args.get("seen") == context["version"]:
        return unchanged()
    return fragment("sync_leads/_live.html", **context)


@bp.post(PAGE)
@requires("operator")
def start() -> ResponseReturnValue:
    """Answers at once with the running card; the work happens in a worker (row 155)."""
    try:
        with unit_of_work(g.dealership.id) as session:
            manual_sync.start(
                session,
                dealership_id=g.dealership.id,
                stream="leads",
                actor=current_actor(),
                trigger="person",
                means=means(),
            )
    except AlreadyRunning as running:
        flash(running.user_message, "info")
    if is_fragment():
        db.session.rollback()  # what was written above shall be read
        return fragment("sync_leads/_live.html", takes_focus=True, **_context())
    return redirect(url_for(".index"), 303)


@bp.post(f"{PAGE}/add")
@requires("operator")
def add() -> ResponseReturnValue:
    """Reads one lead by its number, and leads to the run that does it."""
    typed = request.form.get("lead_number", "").replace("\0", "")
    try:
        with unit_of_work(g.dealership.id) as session:
            run = adding.add(session, g.dealership.id, typed, current_actor(), means())
            run_id = run.id
    except AlreadyRunning:
        return _page(typed, {"lead_number": BUSY}), 409
    except InputInvalid as error:
        return _page(typed, error.fields), 422
    return redirect(url_for("runs.show", run_id=run_id), 303)


def _page(typed: str | None = None, errors: dict[str, str] | None = None) -> str:
    return render_template(
        "sync_leads/index.html",
        typed=typed,
        errors=errors or {},
        policies=policy.read(db.session()),
        may_configure=may("admin"),
        **_context(),
    )


def _context() -> dict[str, Any]:
    now: datetime = parts().clock.now()
    state = sync_overview.overview(db.session(), g.dealership, parts().settings, now)
    latest = state.inbound.latest
    return {
        "state": state,
        "card": card_of(latest, state.inbound.usual_s, now) if latest else None,
        "version": state.version(now),
        "waiting_tiles": _tiles(state.queue),
        "lines": [(line, _address(line)) for line in state.lines],
        "may_start": may("operator"),
        "now": now,
    }


def _tiles(queue: Queue) -> list[tuple[str, int, str, str]]:
    """Each number leads to the leads that it counts."""
    tones = {"waiting": "info", "not_configured": "neutral"}
    return [
        (
            label,
            queue.by_state[state],
            page_at("leads", tab="unsent", state=state),
            tones.get(state, "warning"),
        )
        for state, label in SYNC_STATES.items()
        if queue.by_state.get(state)
    ]


def _address(line: Line) -> str:
    """A single run's page, or the history of the days on which the folded deliveries ran."""
    if line.runs == 1:
        return url_for("runs.show", run_id=line.run_id)
    zone = schedules.zone_of(g.dealership)
    days: dict[str, Any] = {
        "from": line.since.astimezone(zone).date(),
        "to": line.at.astimezone(zone).date(),
    }
    return url_for("history.index", type="leads", direction="outbound", **days)
