"""Review: what waits for a person, the most harmful first (ux-brief, screen 5).

Held changes are approved or kept, conflicts settled field by field or for many at once. Every act
is a plain form, every larger one asks first, on a page of its own.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db import db, unit_of_work
from app.parts import parts
from app.routes.access import current_actor, may, requires
from app.routes.fragments import LARGEST_ID, key_of_page
from app.routes.sync_stock import means
from app.services import conflict_resolving, conflicts, held, manual_sync, review, run_items
from app.services.conflict_records import KINDS
from app.services.conflict_resolving import Moved
from app.services.conflicts import Record
from app.services.errors import AlreadyRunning, InputInvalid, NotAllowed
from app.templating import counted

bp = Blueprint("review", __name__)
PAGE: Final = "/d/<slug>/review"
CONFLICTS: Final = f"{PAGE}/conflicts"
CONFLICT: Final = f"{CONFLICTS}/<int(max=2147483647):conflict_id>"
HELD: Final = f"{PAGE}/held"
SHOWN_HERE: Final = 5
APPROVE_WORD: Final = "remove"
MAX_PAGE: Final = 10_000
Take = Literal["local", "easycars"]
ALIKE: Final[dict[str, Take]] = {"all-local": "local", "all-easycars": "easycars"}


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


# -- Held changes ------------------------------------------------------------------------------


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
    return frozenset(_ids("row"))


def _ids(name: str) -> list[int]:
    found = request.values.getlist(name, type=int)
    return [number for number in found if 0 <= number <= LARGEST_ID]


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


# -- Conflicts ---------------------------------------------------------------------------------


@bp.get(CONFLICTS)
@requires("viewer")
def conflict_list() -> ResponseReturnValue:
    """Records with open conflicts, price first, then the oldest."""
    number = min(max(request.args.get("page", 1, type=int), 1), MAX_PAGE)
    found = conflicts.page(db.session(), number)
    if not found.rows and number > 1:
        return redirect(url_for(".conflict_list"))
    return render_template(
        "review/conflicts.html",
        found=found,
        pages=_pages(found, number),
        may_decide=may("operator"),
    )


def _pages(found: conflicts.WaitingPage, number: int) -> dict[str, Any]:
    first = (number - 1) * conflicts.PAGE_SIZE + 1
    last = first + len(found.rows) - 1
    return {
        "first": first if found.total else 0,
        "last": last,
        "total": found.total,
        "noun": "vehicle" if found.total == 1 else "vehicles",
        "newer_url": url_for(".conflict_list", page=number - 1) if number > 1 else None,
        "older_url": url_for(".conflict_list", page=number + 1) if last < found.total else None,
        "newer": "Previous",
        "older": "Next",
    }


@bp.get(f"{CONFLICTS}/decide")
@requires("operator")
def ask_conflicts() -> ResponseReturnValue:
    """How many vehicles and fields the same choice would settle."""
    take: Take = "easycars" if request.args.get("take") == "easycars" else "local"
    chosen = _chosen_conflicts()
    selection = conflict_resolving.select_many(db.session(), "vehicle", chosen)
    if not selection.records:
        flash("Choose at least one vehicle first.", "warning")
        return redirect(url_for(".conflict_list"), 303)
    return render_template(
        "review/conflicts_question.html",
        take=take,
        selection=selection,
        chosen=chosen,
    )


def _chosen_conflicts() -> list[int] | None:
    return None if request.values.get("all") else _ids("conflict")


@bp.post(f"{CONFLICTS}/decide")
@requires("operator")
def decide_conflicts() -> ResponseReturnValue:
    """Settles many, exactly as the question showed them."""
    take: Take = "easycars" if request.form.get("take") == "easycars" else "local"
    try:
        with unit_of_work(g.dealership.id) as session:
            done = conflict_resolving.resolve_many(
                session,
                "vehicle",
                _chosen_conflicts(),
                take,
                mark=request.form.get("mark", ""),
                actor=current_actor(),
                now=parts().clock.now(),
                dealership_id=g.dealership.id,
            )
    except Moved as moved:
        flash(moved.user_message, "warning")
        return redirect(url_for(".conflict_list"), 303)
    whose = "EasyCars' values were taken" if take == "easycars" else "Our values stay"
    what = f"{counted(done.fields, 'field')} of {counted(done.records, 'vehicle')}"
    flash(f"{whose}: {what}.", "success")
    return redirect(url_for(".conflict_list"), 303)


@bp.get(CONFLICT)
@requires("viewer")
def conflict(conflict_id: int) -> ResponseReturnValue:
    """One record side by side."""
    return _conflict_page(conflict_id)


def _conflict_page(
    conflict_id: int,
    errors: dict[str, str] | None = None,
    outcomes: list[conflict_resolving.Outcome] | None = None,
    keep_typed: bool = True,
    alike: Take | None = None,
) -> str:
    row = conflicts.get(db.session(), conflict_id)
    record = conflicts.record_of(db.session(), row)
    if record is None:
        return render_template("review/settled.html", conflict=row)
    typed = dict(request.form) if keep_typed else {}
    if alike:
        typed |= {f"take-{field.info.name}": alike for field in record.fields}
    return render_template(
        "review/conflict.html",
        conflict=row,
        record=record,
        kind=KINDS[record.entity],
        typed=typed,
        outcomes=outcomes,
        errors=errors or {},
        may_decide=may("operator"),
    )


@bp.post(CONFLICT)
@requires("operator")
def resolve(conflict_id: int) -> ResponseReturnValue:
    """Shows the result, or applies it; what moved meanwhile is shown anew."""
    row = conflicts.get(db.session(), conflict_id)
    record = conflicts.record_of(db.session(), row)
    if record is None:
        flash("This was settled already.", "info")
        return redirect(url_for(".conflict", conflict_id=conflict_id), 303)
    if request.form.get("act") in ALIKE:
        return _conflict_page(conflict_id, alike=ALIKE[request.form["act"]])
    try:
        choices = _choices(record)
        if request.form.get("act") == "preview":
            outcomes = conflict_resolving.preview(record, choices)
            return _conflict_page(conflict_id, outcomes=outcomes)
        with unit_of_work(g.dealership.id) as session:
            count = conflict_resolving.resolve(
                session,
                record.entity,
                record.entity_id,
                choices,
                actor=current_actor(),
                now=parts().clock.now(),
            )
    except InputInvalid as wrong:
        return _conflict_page(conflict_id, wrong.fields or {"": wrong.user_message}), 422
    except Moved as moved:
        db.session.rollback()  # what somebody else wrote shall be read
        return _conflict_page(conflict_id, {"": moved.user_message}, keep_typed=False), 409
    left = len(record.fields) - count
    rest = f" {counted(left, 'field')} still open." if left else ""
    flash(f"Settled {counted(count, 'field')} of {record.label}.{rest}", "success")
    return redirect(_next_after(conflict_id, left), 303)


def _choices(record: Record) -> dict[str, conflict_resolving.Choice]:
    names = [field.info.name for field in record.fields]
    form = request.form
    return conflict_resolving.read_choices(
        record,
        {name: form.get(f"take-{name}", "") for name in names},
        {name: form.get(f"value-{name}", "") for name in names},
        {name: form.get(f"mark-{name}", "") for name in names},
    )


def _next_after(conflict_id: int, left: int) -> str:
    return url_for(".conflict", conflict_id=conflict_id) if left else url_for(".conflict_list")
