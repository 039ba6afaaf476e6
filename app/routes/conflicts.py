"""Conflicts: settled field by field, or for many at once (story 4.4, C21).

Every act is a plain form; settling many asks first, on a page of its own.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db import db, unit_of_work
from app.parts import parts
from app.routes.access import current_actor, may, requires
from app.routes.fragments import ids_given
from app.services import conflict_resolving, conflicts
from app.services.conflict_records import KINDS
from app.services.conflict_resolving import Moved
from app.services.conflicts import Record
from app.services.errors import InputInvalid
from app.templating import counted

bp = Blueprint("conflicts", __name__)
CONFLICTS: Final = "/d/<slug>/review/conflicts"
CONFLICT: Final = f"{CONFLICTS}/<int(max=2147483647):conflict_id>"
MAX_PAGE: Final = 10_000
Take = Literal["local", "easycars"]
ALIKE: Final[dict[str, Take]] = {"all-local": "local", "all-easycars": "easycars"}


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
    return None if request.values.get("all") else ids_given("conflict")


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
