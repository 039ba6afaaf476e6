"""One run: outcome first, then what it did to each record, the technical log last (rows 101, 185).

The card polls while run or photo job work; the part below it follows once, when the run ended.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.db import db, unit_of_work
from app.models import SyncRun
from app.parts import parts
from app.routes.access import current_actor, may, requires
from app.routes.fragments import (
    STOP_POLLING,
    fragment,
    is_fragment,
    key_of_page,
    page_at,
    unchanged,
)
from app.routes.run_card import (
    COUNTS,
    RunCard,
    always,
    card_of,
    count_label,
    has_rows,
    is_live,
)
from app.routes.sync_stock import means
from app.services import held as held_changes
from app.services import manual_sync, outbox, previews, run_items, run_retry, run_words
from app.services.errors import AlreadyRunning, NotAllowed, NotFound
from app.services.run_items import ItemPage, Wanted
from app.services.sync import approval, opening, runs
from app.templating import NavItem, counted

bp = Blueprint("runs", __name__)
bp.add_app_template_global(page_at)
bp.add_app_template_global(run_words.label, "run_label")
bp.add_app_template_global(run_words.noun, "run_noun")
bp.add_app_template_global(run_words.is_outward, "is_outward")
PAGE = "/d/<slug>/runs/<int(max=2147483647):run_id>"
APPROVE_WORD = "remove"


@bp.get(PAGE)
@requires("viewer")
def show(run_id: int) -> ResponseReturnValue:
    run = runs.get(db.session(), run_id)
    return render_template(
        "runs/show.html",
        card=_card(run),
        run=run,
        started_by=run_words.started_by(run),
        may_start=may("operator"),
        may_repeat=_may_repeat(run),
        may_approve=_waits_for_approval(run),
        on_run_page=True,
        **_parts_of(run),
    )


def _may_repeat(run: SyncRun) -> bool:
    """Deliveries repeat themselves; a lead that waits is sent again from its own page."""
    return not run.is_active and run.mode == "sync" and not run_words.is_outward(run)


def _waits_for_approval(run: SyncRun) -> bool:
    """Whether this run's held changes are those that Review asks about."""
    if run.is_active or not run.held:
        return False
    waiting = held_changes.waiting(db.session(), parts().clock.now())
    return waiting is not None and waiting.run.id == run.id


@bp.get(f"{PAGE}/card")
@requires("viewer")
def card(run_id: int) -> ResponseReturnValue:
    """204 while nothing is new; 286 and a card without trigger at the end."""
    run = runs.get(db.session(), run_id)
    if request.args.get("seen") == str(run.version) and is_live(run):
        return unchanged()
    return _card_answer(run)


def _card_answer(run: SyncRun) -> Response:
    answer = fragment(
        "runs/_card.html",
        status=200 if is_live(run) else STOP_POLLING,
        card=_card(run),
        may_start=may("operator"),
        on_run_page=_asked_from_run_page(run),
    )
    if not run.is_active and "active" in request.args:
        answer.headers["HX-Trigger"] = "run-ended"
    return answer


def _asked_from_run_page(run: SyncRun) -> bool:
    asked_from = request.headers.get("HX-Current-URL", "").partition("?")[0]
    return asked_from.endswith(url_for(".show", run_id=run.id))


def _card(run: SyncRun) -> RunCard:
    usual = None
    if run.is_active:
        usual = manual_sync.usual_seconds(db.session(), g.dealership.id, run.stream)
    return card_of(run, usual, parts().clock.now())


@bp.get(f"{PAGE}/parts")
@requires("viewer")
def parts_of(run_id: int) -> ResponseReturnValue:
    """Tabs, rows and log again, after the run ended."""
    run = runs.get(db.session(), run_id)
    return fragment("runs/_parts.html", run=run, **_parts_of(run))


def _parts_of(run: SyncRun) -> dict[str, Any]:
    session, tab, wanted = db.session(), _tab(run), _wanted()
    before, after = key_of_page("before"), key_of_page("after")
    page = run_items.page(session, run.id, tab, wanted=wanted, before=before, after=after)
    is_filtered = wanted != run_items.ALL
    return {
        "tab": tab,
        "tabs": _tabs(run, tab),
        "rows": [(item, run_items.changes(item, run.stream)) for item in page.items],
        "paging": _paging(run, tab, page, wanted),
        "wanted": wanted,
        "found": run_items.count(session, run.id, tab, wanted) if is_filtered else None,
        "fields": run_items.fields(session, run.id, tab, run.stream),
        "warnings": [] if run.is_active else run_items.warnings(session, run.id, run.stream),
        "standing": _standing(run),
        "may_apply": may("operator"),
        "may_bundle": may("admin") and not run.is_active,
        "no_retry": run_retry.why_not(session, run),
        "sees_traces": may("system"),
        "mails": [] if run.is_active else outbox.of_run(db.session(), run.id),
    }


def _standing(run: SyncRun) -> previews.Standing | None:
    """Whether the preview can be applied, until when; None: the run is no preview."""
    if run.mode != "preview":
        return None
    return previews.standing(db.session(), run, parts().clock.now())


def _wanted() -> Wanted:
    """`?q=` part of a stock number or name, `?field=` a changed field."""
    asked = {name: request.args.get(name, "").strip().replace("\0", "") for name in ("q", "field")}
    return Wanted(asked["q"][:200], asked["field"][:100])


def _tab(run: SyncRun) -> str:
    """The tab that was asked for, else the first one that needs a look, else one with rows."""
    asked = request.args.get("tab", "")
    if asked in run_items.TABS:
        return asked
    worst_first = ("failed", "held", "conflicts", "missing", "updated", "created", "unchanged")
    shown = (name for name in worst_first if has_rows(run, name) and getattr(run, name))
    return next(shown, "created" if has_rows(run, "created") else "failed")


def _tabs(run: SyncRun, tab: str) -> list[NavItem]:
    return [
        NavItem(
            count_label(run, name, label),
            url_for(".show", run_id=run.id, tab=name),
            active=name == tab,
            count=getattr(run, name),
        )
        for name, label, _ in COUNTS
        if has_rows(run, name) and (name in always(run) or getattr(run, name) or name == tab)
    ]


def _paging(run: SyncRun, tab: str, page: ItemPage, wanted: Wanted) -> dict[str, str | None]:
    asked: dict[str, Any] = {"q": wanted.text or None, "field": wanted.field or None}

    def link(**key: int | None) -> str | None:
        given: dict[str, Any] = {name: value for name, value in key.items() if value is not None}
        return url_for(".show", run_id=run.id, tab=tab, **asked, **given) if given else None

    return {"earlier": link(before=page.before), "later": link(after=page.after)}


@bp.post(f"{PAGE}/cancel")
@requires("operator")
def cancel(run_id: int) -> ResponseReturnValue:
    """Stops after the current batch; what was done stays (C12)."""
    with unit_of_work(g.dealership.id) as session:
        run = manual_sync.cancel(session, run_id, current_actor(), parts().clock)
    flash(*_cancel_words(run))
    if is_fragment():
        db.session.rollback()  # what was written above shall be read
        return _card_answer(runs.get(db.session(), run_id))
    return redirect(url_for(".show", run_id=run_id), 303)


def _cancel_words(run: SyncRun) -> tuple[str, str]:
    if run.is_active:
        return f"{run_words.title(run)} stops after the current batch.", "info"
    if run.status == "cancelled":
        return f"{run_words.title(run)} was cancelled.", "success"
    return f"{run_words.title(run)} had ended already.", "info"


@bp.post(f"{PAGE}/retry")
@requires("operator")
def retry(run_id: int) -> ResponseReturnValue:
    """Starts the same again, linked to this run. Leads to the run that works now."""
    run = runs.get(db.session(), run_id)
    if run_words.is_outward(run):
        raise NotFound("A delivery is not started again: each lead that waits is tried by itself.")
    try:
        with unit_of_work(g.dealership.id) as session:
            started = manual_sync.start(
                session,
                dealership_id=g.dealership.id,
                stream=run.stream,
                actor=current_actor(),
                trigger="retry",
                means=means(),
                parent_id=run.id,
                mode=_mode_again(session, run),
                scope=_scope_again(run),
            ).id
    except AlreadyRunning as running:
        flash(running.user_message, "info")
        started = running.run_id
    return redirect(url_for(".show", run_id=started), 303)


def _mode_again(session: Session, run: SyncRun) -> str:
    """As long as no import of stock ever ended, people look first (C1)."""
    if run.stream != "stock":
        return "sync"
    is_first = previews.is_first(session, run.dealership_id, run.stream)
    return "preview" if is_first or run.mode == "preview" else "sync"


def _scope_again(run: SyncRun) -> dict[str, Any]:
    """Which leads were read; nothing else of a run's scope is asked for twice."""
    return {opening.NUMBERS: run.scope[opening.NUMBERS]} if opening.NUMBERS in run.scope else {}


@bp.get(f"{PAGE}/approve")
@requires("operator")
def ask_approval(run_id: int) -> ResponseReturnValue:
    """What would be let through, by number and row by row, before anybody says yes (T23)."""
    run = runs.get(db.session(), run_id)
    try:
        return _approval_question(run)
    except NotAllowed as reason:  # from an old page: it was decided, or is too old
        flash(reason.user_message, "info")
        return redirect(url_for(".show", run_id=run_id), 303)


def _approval_question(run: SyncRun, wrong: str | None = None) -> str:
    session = db.session()
    held = approval.held_by(session, run, parts().clock.now())
    items, later = held_changes.rows(session, run.id, after=key_of_page("after"))
    return render_template(
        "runs/approve.html",
        run=run,
        held=held,
        word=APPROVE_WORD if held.removals else None,
        rows=[(item, run_items.changes(item)) for item in items],
        later=url_for(".ask_approval", run_id=run.id, after=later) if later else None,
        errors={"confirm_word": wrong} if wrong else {},
    )


@bp.post(f"{PAGE}/approve")
@requires("operator")
def approve(run_id: int) -> ResponseReturnValue:
    """Starts the sync that applies exactly what was held and shown."""
    run = runs.get(db.session(), run_id)
    held = approval.held_by(db.session(), run, parts().clock.now())
    typed = request.form.get("confirm_word", "").strip().lower()
    if held.removals and typed != APPROVE_WORD:
        return _approval_question(run, f"Type {APPROVE_WORD} to confirm."), 422
    try:
        with unit_of_work(g.dealership.id) as session:
            started = manual_sync.approve(session, run_id, actor=current_actor(), means=means()).id
        flash(f"Approved. A sync applies {counted(held.total, 'held change')} now.", "success")
    except AlreadyRunning as running:
        flash("A sync is running. Approve again when it has ended.", "info")
        started = running.run_id
    return redirect(url_for(".show", run_id=started), 303)
