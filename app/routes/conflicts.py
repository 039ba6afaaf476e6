"""Conflicts: settled field by field, or for many at once (story 4.4, C21).

Every act is a plain form; settling many asks first, on a page of its own, and can be undone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from secrets import token_hex
from typing import Any, Final, Literal

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.db import db, unit_of_work
from app.parts import parts
from app.routes.access import current_actor, may, requires
from app.routes.fragments import ids_given
from app.services import conflict_many, conflict_resolving, conflict_undo, conflicts
from app.services.conflict_many import Selection
from app.services.conflict_records import KINDS
from app.services.conflict_settling import Choice, Moved
from app.services.conflicts import Record
from app.services.errors import InputInvalid, NotFound
from app.services.leads.sending import Means
from app.templating import counted

bp = Blueprint("conflicts", __name__)
CONFLICTS: Final = "/d/<slug>/review/conflicts"
CONFLICT: Final = f"{CONFLICTS}/<int(max=2147483647):conflict_id>"
MAX_PAGE: Final = 10_000
UNDO: Final = "The list of conflicts offers Undo for 24 hours."
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
        nouns={entity: kind.noun for entity, kind in KINDS.items()},
        acts=[(act, _told_of(act.records)) for act in _acts()],
        may_decide=may("operator"),
    )


def _acts() -> Sequence[conflict_undo.Act]:
    return conflict_undo.acts(db.session(), parts().clock.now())


def _told_of(records: Sequence[tuple[str, int]]) -> str:
    return _told([(number, KINDS[entity].noun) for entity, number in records])


def _pages(found: conflicts.WaitingPage, number: int) -> dict[str, Any]:
    first = (number - 1) * conflicts.PAGE_SIZE + 1
    last = first + len(found.rows) - 1
    return {
        "first": first if found.total else 0,
        "last": last,
        "total": found.total,
        "noun": _noun(found.counts, found.total),
        "newer_url": url_for(".conflict_list", page=number - 1) if number > 1 else None,
        "older_url": url_for(".conflict_list", page=number + 1) if last < found.total else None,
        "newer": "Previous",
        "older": "Next",
    }


def _noun(counts: Mapping[str, int], total: int) -> str:
    """What the list holds: vehicles, leads, customers, or records of several kinds."""
    noun = KINDS[next(iter(counts))].noun if len(counts) == 1 else "record"
    return noun if total == 1 else f"{noun}s"


@bp.get(f"{CONFLICTS}/decide")
@requires("operator")
def ask_conflicts() -> ResponseReturnValue:
    """How many records and fields the same choice would settle."""
    take: Take = "easycars" if request.args.get("take") == "easycars" else "local"
    chosen = _chosen_conflicts()
    found = [conflict_many.select_many(db.session(), entity, chosen) for entity in KINDS]
    selections = [one for one in found if one.records]
    if not selections:
        flash("Choose at least one line first.", "warning")
        return redirect(url_for(".conflict_list"), 303)
    return render_template(
        "review/conflicts_question.html",
        take=take,
        records=_told([(one.records, KINDS[one.entity].noun) for one in selections]),
        fields=sum(one.fields for one in selections),
        marks={f"mark-{one.entity}": one.mark for one in selections},
        goes_out=any(one.entity != "vehicle" for one in selections),
        chosen=chosen,
    )


def _told(counts: Sequence[tuple[int, str]]) -> str:
    """2 vehicles and 1 lead."""
    words = [counted(number, noun) for number, noun in counts]
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _chosen_conflicts() -> list[int] | None:
    return None if request.values.get("all") else ids_given("conflict")


@bp.post(f"{CONFLICTS}/decide")
@requires("operator")
def decide_conflicts() -> ResponseReturnValue:
    """Settles many, exactly as the question showed them."""
    form = request.form
    take: Take = "easycars" if form.get("take") == "easycars" else "local"
    try:
        with unit_of_work(g.dealership.id) as session:
            act = token_hex(8)
            asked = [entity for entity in KINDS if f"mark-{entity}" in form]
            done = [_decide(session, entity, take, act) for entity in asked]
    except (Moved, InputInvalid) as refused:
        flash(refused.user_message, "warning")
        return redirect(url_for(".conflict_list"), 303)
    if done:
        whose = "EasyCars' values were taken" if take == "easycars" else "Our values stay"
        records = _told([(one.records, KINDS[one.entity].noun) for one in done])
        fields = counted(sum(one.fields for one in done), "field")
        flash(f"{whose}: {fields} of {records}. {UNDO}", "success")
    return redirect(url_for(".conflict_list"), 303)


def _decide(session: Session, entity: str, take: Take, act: str) -> Selection:
    return conflict_many.resolve_many(
        session,
        entity,
        _chosen_conflicts(),
        take,
        mark=request.form[f"mark-{entity}"],
        actor=current_actor(),
        means=_means(),
        dealership_id=g.dealership.id,
        act=act,
    )


@bp.post(f"{CONFLICTS}/undo")
@requires("operator")
def undo() -> ResponseReturnValue:
    """Takes back what was settled together; what moved since stays as it is and is counted."""
    try:
        with unit_of_work(g.dealership.id) as session:
            done = conflict_undo.undo(
                session,
                request.form.get("act", ""),
                actor=current_actor(),
                means=_means(),
                dealership_id=g.dealership.id,
            )
    except NotFound as refused:
        flash(refused.user_message, "warning")
        return redirect(url_for(".conflict_list"), 303)
    flash(*_undone_words(done))
    return redirect(url_for(".conflict_list"), 303)


def _undone_words(done: conflict_undo.Undone) -> tuple[str, str]:
    waits = "waits" if done.fields == 1 else "wait"
    said = [f"Undone: {counted(done.fields, 'field')} {waits} for a decision again."]
    if done.left:
        was = "was" if done.left == 1 else "were"
        said.append(f"{counted(done.left, 'field')} {was} left alone: changed since.")
    return " ".join(said), "warning" if done.left else "success"


def _means() -> Means:
    return Means(parts().queue, parts().clock)


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
                means=_means(),
            )
    except InputInvalid as wrong:
        return _conflict_page(conflict_id, wrong.fields or {"": wrong.user_message}), 422
    except Moved as moved:
        db.session.rollback()  # what somebody else wrote shall be read
        return _conflict_page(conflict_id, {"": moved.user_message}, keep_typed=False), 409
    left = len(record.fields) - count
    rest = f" {counted(left, 'field')} still open." if left else ""
    flash(f"Settled {counted(count, 'field')} of {record.label}.{rest} {UNDO}", "success")
    return redirect(_next_after(conflict_id, left), 303)


def _choices(record: Record) -> dict[str, Choice]:
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
