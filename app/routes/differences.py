"""What is done about differences: one by one, or many after a question (rows 197, 198, T6).

The question's address carries what was selected, as on the list of vehicles: ticked ids, a page's
ids, or the filter with the number that the list showed. Everything works without script.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from werkzeug.datastructures import MultiDict

from app.db import db, reading, unit_of_work
from app.models import Difference
from app.parts import parts
from app.routes import ticked
from app.routes.access import current_actor, may, requires
from app.routes.fragments import key_of_page
from app.routes.reconciliation_filters import given, in_words, list_url, wanted_of
from app.services import reconciliation_outlook
from app.services.errors import AlreadyRunning, InputInvalid, NotConfigured
from app.services.leads.sending import Means
from app.services.reconciliation import acts, listing, words
from app.services.reconciliation.acts import Done, Selection
from app.services.vehicle_bulk import SelectionMoved
from app.templating import counted

bp = Blueprint("differences", __name__)
LIST: Final = "/d/<slug>/reconciliation"
ONE: Final = f"{LIST}/<int(max=2147483647):difference_id>"
# Act → its words on the list, and the verb of the question ("Ignore 12 differences").
ACTS: Final = {
    "take": ("Sync from EasyCars", "Sync {} from EasyCars"),
    "push": ("Push to EasyCars", "Push {} to EasyCars"),
    "ignore": ("Ignore", "Ignore {}"),
    "reopen": ("Open again", "Open {} again"),
}
LIST_IT: Final = "list"  # one vehicle; among many "push" does it
MEANING: Final = {
    "take": "What EasyCars has replaces what is here, kept and edited values too; the history "
    "keeps yours. Vehicles are taken over by one sync, which can be undone on its page. A vehicle "
    "that EasyCars does not have goes off market.",
    "push": "Leads are sent to EasyCars, where they replace what is there. Vehicles go on the "
    "change list, because EasyCars takes no vehicles from other programs: somebody enters them by "
    "hand, and they leave the list when EasyCars shows them.",
    "ignore": "They leave the list and come back when a value changes. “Open again” takes it back.",
    "reopen": "They are open differences again.",
}
DONE: Final = {
    "take": "Taken from EasyCars: {}.",
    "push": "On the way to EasyCars, or on the change list: {}.",
    LIST_IT: "On the change list: {}.",
    "ignore": "Ignored until a value changes: {}.",
    "reopen": "Open again: {}.",
}
# The form that the button sends stands on the list and on the page of a difference.
UNDO: Final = Markup('{} <button class="btn btn-sm" form="undo-form" formaction="{}">Undo</button>')
SEE: Final = Markup('{} <a href="{}">See them</a>')
BY_SYNC: Final = Markup('<a href="{}">Sync {}</a> takes over {}. They are resolved when it ends.')
SHOWN: Final = 10


@bp.get(ONE)
@requires("viewer")
def one(difference_id: int) -> ResponseReturnValue:
    """One difference: both sides, since when, what can be done."""
    return _one(listing.get(db.session(), difference_id))


def _one(difference: Difference, errors: dict[str, str] | None = None) -> str:
    return render_template(
        "reconciliation/one.html",
        difference=difference,
        lines=words.lines(difference),
        path=words.path_of(difference),
        conflict_id=reconciliation_outlook.open_conflict(db.session(), difference),
        typed=request.form,
        errors=errors or {},
        may_act=may("operator"),
    )


@bp.post(ONE)
@requires("operator")
def act(difference_id: int) -> ResponseReturnValue:
    """One act on one difference, without a question; ignoring offers the way back."""
    session = db.session()
    difference = listing.get(session, difference_id)
    chosen = request.form.get("act", "")
    try:
        if not (chosen == LIST_IT and difference.stream == words.STOCK):
            _known(chosen)
        done = _do(chosen, Selection(1, (difference_id,)))
    except InputInvalid as error:
        return _one(difference, error.fields or {"": error.user_message}), 422
    except (AlreadyRunning, NotConfigured, SelectionMoved) as refused:
        flash(refused.user_message, "warning")
        return redirect(_back(difference_id), 303)
    undo = url_for(".act", difference_id=difference_id) if chosen == "ignore" else None
    _tell(chosen, done, undo)
    return redirect(_back(difference_id), 303)


def _back(difference_id: int) -> str:
    """Where the button was pressed: on a page of its own, or on the list as it was."""
    if request.form.get("back") == "one":
        return url_for(".one", difference_id=difference_id)
    if request.form.get("back") == "list":
        return url_for(".change_list")
    keys = {name: request.form.get(name, type=int) for name in ("before", "after")}
    return list_url(given(wanted_of(request.form)) | keys)


def _tell(chosen: str, done: Done, undo: str | None = None, see: str | None = None) -> None:
    """What was done, and for how many it was not possible, each with its reason."""
    what = counted(done.changed, "difference")
    text: str = DONE[chosen].format(what)
    if done.run_id is not None:
        text = BY_SYNC.format(url_for("runs.show", run_id=done.run_id), done.run_id, what)
    if done.changed:
        text = UNDO.format(text, undo) if undo else SEE.format(text, see) if see else text
        flash(text, "success")
    for reason, number in done.skipped.items():
        flash(f"Not possible for {counted(number, 'difference')}: {reason}", "warning")


@bp.get(f"{LIST}/decide")
@requires("operator")
def ask() -> ResponseReturnValue:
    """The question, with the number, what of it is possible, and the first records."""
    return _question(request.args, {})


@bp.post(f"{LIST}/decide")
@requires("operator")
def do() -> ResponseReturnValue:
    """Does it to exactly the differences that were counted."""
    form = request.form
    try:
        selection = _selection(form)
        done = _do(_known(form.get("action", "")), selection)
    except SelectionMoved as moved:
        return _question(form, {"": moved.user_message}), 409
    except InputInvalid as error:
        return _question(form, error.fields or {"": error.user_message}), 422
    except (AlreadyRunning, NotConfigured) as refused:
        return _question(form, {"": refused.user_message}), refused.status
    where = list_url({"status": "ignored"}) if form["action"] == "ignore" else None
    _tell(form["action"], done, see=where)
    return redirect(list_url(given(selection.wanted)), 303)


def _do(chosen: str, selection: Selection) -> Done:
    made, person = parts(), current_actor()
    means, now = Means(made.queue, made.clock), made.clock.now()
    with unit_of_work(g.dealership.id) as session:
        place = (session, g.dealership.id, selection)
        if chosen == "take":
            return acts.take(*place, actor=person, means=means)
        if chosen in ("push", LIST_IT):
            return acts.push(*place, actor=person, means=means)
        if chosen == "ignore":
            reason = request.form.get("reason", "")
            return acts.ignore(*place, reason=reason, actor=person, now=now)
        return acts.reopen(*place, actor=person, now=now)


def _known(chosen: str) -> str:
    if chosen not in ACTS:
        text = "Choose what to do with the differences."
        raise InputInvalid(text, {"action": text})
    return chosen


def _question(sent: MultiDict[str, str], errors: dict[str, str]) -> str:
    action = sent.get("action", "")
    try:
        selection = _selection(sent)
    except InputInvalid as error:
        selection, errors = Selection(0, ()), errors | error.fields
    with reading(g.dealership.id) as session:  # reads in chunks that it forgets
        outlook = reconciliation_outlook.outlook(session, selection, action)
    if action not in ACTS:
        errors = errors | {"action": "Choose what to do with the differences."}
    return render_template(
        "reconciliation/decide.html",
        errors=errors,
        action=action if action in ACTS else None,
        verb=ACTS.get(action, ("", "Act on {}"))[1],
        meaning=MEANING.get(action),
        outlook=outlook,
        selection=selection,
        narrowed=in_words(selection.wanted),
        hidden=list(_hidden(sent, selection, outlook.found)),
        typed=sent,
        list_url=list_url(given(selection.wanted)),
    )


def _hidden(
    sent: MultiDict[str, str], selection: Selection, found: int
) -> Iterator[tuple[str, Any]]:
    """What the question sends along: the same selection, with the number that it now shows."""
    yield "expected", found
    yield "action", sent.get("action", "")
    yield from given(selection.wanted).items()
    yield "select", "all" if selection.ids is None else "ticked"
    for difference_id in selection.ids or ():
        yield "id", difference_id


def _selection(sent: MultiDict[str, str]) -> Selection:
    """What was chosen on the list. Raises InputInvalid when that cannot be read."""
    choice, wanted = sent.get("select", ""), wanted_of(sent)
    if choice == "all":
        return Selection(ticked.number(sent.get("expected", "")), None, wanted)
    ids = ticked.ids(sent, "page_id" if choice == "page" else "id")
    expected = ticked.number(sent["expected"]) if request.method == "POST" else len(ids)
    return Selection(expected, ids, wanted)


@bp.get(f"{LIST}/change-list")
@requires("viewer")
def change_list() -> ResponseReturnValue:
    """What staff enter in EasyCars by hand; what EasyCars shows already is ticked off."""
    session, after = db.session(), key_of_page("before")
    found = listing.page(session, listing.Wanted(status="listed"), before=after)
    return render_template(
        "reconciliation/change_list.html",
        found=found,
        shown=reconciliation_outlook.entered_lately(session, parts().clock.now()),
        older=found.older,
        may_act=may("operator"),
    )
