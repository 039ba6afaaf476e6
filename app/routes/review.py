"""Review: what waits for a person, the most harmful first (ux-brief, screen 5).

Held changes are approved or kept, all or chosen ones; every act asks first, on a page of its own.
Conflicts have a room of their own (app/routes/conflicts.py).
"""

from __future__ import annotations

from typing import Final

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db import db, unit_of_work
from app.parts import parts
from app.routes.access import current_actor, may, requires
from app.routes.fragments import ids_given, key_of_page
from app.routes.sync_stock import means
from app.services import conflicts, held, manual_sync, review, run_items
from app.services.errors import AlreadyRunning, NotAllowed
from app.templating import counted

bp = Blueprint("review", __name__)
PAGE: Final = "/d/<slug>/review"
HELD: Final = f"{PAGE}/held"
SHOWN_HERE: Final = 5
APPROVE_WORD: Final = "remove"


@bp.get(PAGE)
@requires("viewer")
def index() -> ResponseReturnValue:
    """All parts at a glance, each with its first rows."""
    session, found = db.session(), review.waiting(db.session(), parts().clock.now())
    items, _ = held.rows(session, found.held.run.id, size=SHOWN_HERE) if found.held else ([], None)
    return render_template(
        "review/index.html",
        found=found,
        held_rows=[(item, run_items.changes(item)) for item in items],
        conflicts=conflicts.page(session, size=SHOWN_HERE) if found.conflicts else None,
        may_decide=may("operator"),
    )


@bp.get(HELD)
@requires("viewer")
def held_changes() -> ResponseReturnValue:
    """Every held change, with a box to choose it."""
    session = db.session()
    waiting = held.waiting(session, parts().clock.now())
    items, later = (
        held.rows(session, waiting.run.id, after=key_of_page("after")) if waiting else ([], None)
    )
    return render_template(
        "review/held.html",
        waiting=waiting,
        rows=[(item, run_items.changes(item)) for item in items],
        later=later,
        earlier=key_of_page("after") is not None,
        may_decide=may("operator"),
        errors={},
    )


@bp.get(f"{HELD}/decide")
@requires("operator")
def ask_held() -> ResponseReturnValue:
    """What a decision would do, by number, before anybody says yes (T23)."""
    return _held_question(request.args.get("act", "approve"))


def _held_question(act: str, wrong: str | None = None) -> ResponseReturnValue:
    session = db.session()
    waiting = held.waiting(session, parts().clock.now())
    run_id = request.values.get("run", type=int)
    if waiting is None or waiting.run.id != run_id:
        return _gone_meanwhile()
    only = _chosen_rows()
    count = held.chosen(session, run_id, only)
    if not count.total:
        flash("Choose at least one row first.", "warning")
        return redirect(url_for(".held_changes"), 303)
    return render_template(
        "review/held_question.html",
        act="keep" if act == "keep" else "approve",
        waiting=waiting,
        count=count,
        chosen=sorted(only or ()),
        word=APPROVE_WORD if act != "keep" and count.removals else None,
        errors={"confirm_word": wrong} if wrong else {},
    )


def _chosen_rows() -> frozenset[int] | None:
    """Ids of the chosen rows; None: the whole set."""
    if request.values.get("all"):
        return None
    return frozenset(ids_given("row"))


def _gone_meanwhile() -> ResponseReturnValue:
    flash("A newer sync looked again, or somebody decided. This is what waits now.", "warning")
    return redirect(url_for(".index"), 303)


@bp.post(f"{HELD}/decide")
@requires("operator")
def decide_held() -> ResponseReturnValue:
    """Approves exactly the shown rows, or decides that they stay as they are."""
    if request.form.get("act") == "keep":
        return _keep()
    return _approve()


def _approve() -> ResponseReturnValue:
    session, run_id = db.session(), request.form.get("run", 0, type=int)
    only = held.ids_of(session, run_id, _chosen_rows())
    if len(only) != request.form.get("count", type=int):
        return _gone_meanwhile()
    count = held.chosen(session, run_id, only)
    if count.removals and request.form.get("confirm_word", "").strip().lower() != APPROVE_WORD:
        return _with_status(_held_question("approve", f"Type {APPROVE_WORD} to confirm."), 422)
    try:
        with unit_of_work(g.dealership.id) as writing:
            started = manual_sync.approve(
                writing, run_id, actor=current_actor(), means=means(), only=only
            ).id
        flash(f"Approved. A sync applies {counted(len(only), 'held change')} now.", "success")
    except AlreadyRunning as running:
        flash("A sync is running. Approve again when it has ended.", "info")
        started = running.run_id
    return redirect(url_for("runs.show", run_id=started), 303)


def _with_status(answer: ResponseReturnValue, status: int) -> ResponseReturnValue:
    return (answer, status) if isinstance(answer, str) else answer


def _keep() -> ResponseReturnValue:
    run_id = request.form.get("run", 0, type=int)
    try:
        with unit_of_work(g.dealership.id) as session:
            only = held.ids_of(session, run_id, _chosen_rows())
            if len(only) != request.form.get("count", type=int):
                return _gone_meanwhile()
            kept = held.keep(
                session, run_id, actor=current_actor(), now=parts().clock.now(), only=only
            )
            left = held.waiting(session, parts().clock.now())
    except NotAllowed as refused:
        flash(refused.user_message, "warning")
        return redirect(url_for(".index"), 303)
    flash(_kept_words(kept), "success")
    return redirect(url_for(".held_changes" if left else ".index"), 303)


def _kept_words(kept: held.Kept) -> str:
    said = (
        (kept.removals, "kept listed"),
        (kept.values, "kept as it is here" if kept.values == 1 else "kept as they are here"),
        (kept.new, "left out"),
    )
    words = [f"{count:,} {what}" for count, what in said if count]
    it = "it" if kept.total == 1 else "them"
    return f"Decided: {', '.join(words)}. You are not asked again until EasyCars changes {it}."
