"""One act on many vehicles: chosen on the list, asked with the number, told with the number (C71).

The question's address carries what was selected: ticked ids, a page's ids, or the filter with the
number that the list showed. Everything works without script.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from app.db import db, unit_of_work
from app.parts import parts
from app.routes import ticked, vehicle_filters
from app.routes.access import current_actor, requires
from app.routes.fragments import LARGEST_ID
from app.services import vehicle_acts, vehicle_bulk, vehicles
from app.services.errors import InputInvalid
from app.services.vehicle_acts import CHOSEN_STATES, Act
from app.services.vehicle_bulk import Selection, SelectionMoved
from app.services.vehicle_fields import GROUPS, label_of

bp = Blueprint("vehicle_bulk", __name__)
BULK: Final = "/d/<slug>/vehicles/bulk"
# Act → its words on the list, and the verb of the question ("Exclude 12 vehicles from sync").
ACTS: Final = {
    "exclude": ("Exclude from sync", "Exclude {} from sync"),
    "include": ("Include in sync", "Include {} in sync"),
    "publish": ("Publish", "Publish {}"),
    "unpublish": ("Take off shops", "Take {} off shops"),
    "lifecycle": ("Set market state", "Set the market state of {}"),
    "lock": ("Keep a group of fields", "Keep a group of fields of {}"),
    "unlock": ("Stop keeping a group of fields", "Stop keeping a group of fields of {}"),
}
# What each means for the vehicles, and how it is taken back.
MEANING: Final = {
    "exclude": "No sync changes them any more, and none counts them as missing. “Include in sync” "
    "takes it back.",
    "include": "The next sync takes in what EasyCars has for them. “Exclude from sync” stops it.",
    "publish": "Shops may show them. “Take off shops” takes it back.",
    "unpublish": "No shop shows them any more. They stay here. “Publish” takes it back.",
    "lifecycle": "The market state is set by hand and the reason shows on each vehicle. It can be "
    "set again at any time.",
    "lock": "No sync changes these fields any more. Vehicles of no feed are left as they are.",
    "unlock": "The next syncs may change these fields again. Values that are taken from EasyCars "
    "replace yours; the timeline of each vehicle keeps them.",
}
SHOWN: Final = 10


@bp.get(BULK)
@requires("operator")
def ask() -> ResponseReturnValue:
    """The question, with the number, the filter in words and the first vehicles."""
    return _question(request.args, {})


@bp.post(BULK)
@requires("operator")
def do() -> ResponseReturnValue:
    """Does it to exactly the vehicles that were counted; the result has an address of its own."""
    try:
        selection, act = _selection(request.form), _act(request.form)
        with unit_of_work(g.dealership.id) as session:
            done = vehicle_bulk.do(session, selection, act, current_actor(), parts().clock.now())
    except SelectionMoved as moved:
        return _question(request.form, {"": moved.user_message}), 409
    except InputInvalid as error:
        return _question(request.form, error.fields or {"": error.user_message}), 422
    return redirect(url_for(".result", event=done.event_id), 303)


@bp.get(f"{BULK}/result")
@requires("operator")
def result() -> ResponseReturnValue:
    """What a bulk act did, read from the audit: the address can be kept."""
    event_id = request.args.get("event", type=int)
    if event_id is None or not 0 < event_id <= LARGEST_ID:
        return redirect(url_for("vehicles.index"))
    event = vehicle_bulk.result(db.session(), g.dealership.id, event_id)
    told: Mapping[str, Any] = event.details
    return render_template(
        "vehicles/bulk_result.html",
        event=event,
        done=ACTS.get(told.get("act", ""), ("Change vehicles", ""))[0],
        matched=told.get("matched", 0),
        changed=told.get("changed", 0),
        fields=[label_of(name) for name in told.get("fields", ())],
        state=vehicles.LIFECYCLE_WORDS.get(told.get("lifecycle", "")),
    )


def _question(sent: MultiDict[str, str], errors: dict[str, str]) -> str:
    action = sent.get("action", "")
    try:
        selection = _selection(sent)
    except InputInvalid as error:
        selection, errors = Selection(0, ()), errors | error.fields
    found = vehicle_bulk.count(db.session(), selection)
    return render_template(
        "vehicles/bulk.html",
        errors=errors | _problems(action, selection, found, errors),
        action=action if action in ACTS else None,
        verb=ACTS.get(action, ("", "Change {}"))[1],
        meaning=MEANING.get(action),
        found=found,
        first=vehicle_bulk.first(db.session(), selection, SHOWN) if found else [],
        selection=selection,
        narrowed=vehicle_filters.words(selection.wanted),
        hidden=_hidden(sent, selection, found),
        states=CHOSEN_STATES.items(),
        groups=GROUPS.items(),
        typed=sent,
        list_url=url_for("vehicles.index", **vehicle_filters.given(selection.wanted)),
    )


def _problems(
    action: str, selection: Selection, found: int, errors: Mapping[str, str]
) -> dict[str, str]:
    """What stands in the way of the question itself; a moved count was told already."""
    problems = {} if action in ACTS else {"action": "Choose what to do with the vehicles."}
    if errors:
        return problems
    try:
        vehicle_bulk.check(selection, found)
    except SelectionMoved as moved:
        problems[""] = moved.user_message
    except InputInvalid as error:
        problems |= error.fields
    return problems


def _hidden(
    sent: MultiDict[str, str], selection: Selection, found: int
) -> Iterable[tuple[str, Any]]:
    """What the question sends along: the same selection, with the number that it now shows."""
    yield "expected", found
    yield "action", sent.get("action", "")
    if selection.ids is None:
        yield "select", "all"
        yield from vehicle_filters.given(selection.wanted).items()
    else:
        yield "select", "ticked"
        for vehicle_id in selection.ids:
            yield "id", vehicle_id


def _selection(sent: MultiDict[str, str]) -> Selection:
    """What was chosen on the list. Raises InputInvalid when that cannot be read."""
    choice = sent.get("select", "")
    if choice == "all":
        wanted = vehicle_filters.wanted_of(sent)
        return Selection(ticked.number(sent.get("expected", "")), None, wanted)
    ids = ticked.ids(sent, "page_id" if choice == "page" else "id")
    if choice == "ticked" and "expected" in sent:
        return Selection(ticked.number(sent["expected"]), ids)
    return Selection(len(ids), ids)


def _act(sent: MultiDict[str, str]) -> Act:
    """The chosen act with its answers. Raises InputInvalid."""
    action = sent.get("action", "")
    if action in vehicle_acts.FLAGS:
        return vehicle_acts.flag(action)
    if action == "lifecycle":
        return _lifecycle(sent)
    if action not in ACTS:
        raise InputInvalid("Nothing was chosen.", {"action": "Choose what to do."})
    fields = vehicle_acts.group_fields(sent.get("group", ""))
    if action == "lock":
        return vehicle_acts.lock(fields)
    if sent.get("values") not in ("take", "keep"):
        text = "Choose which values to have."
        raise InputInvalid(text, {"values": text})
    return vehicle_acts.unlock(fields, take=sent["values"] == "take")


def _lifecycle(sent: MultiDict[str, str]) -> Act:
    """The state is sent as `state`: `lifecycle` is a filter of the selection."""
    try:
        return vehicle_acts.lifecycle(sent.get("state", ""), sent.get("reason"))
    except InputInvalid as error:
        told = {("state" if name == "lifecycle" else name): w for name, w in error.fields.items()}
        raise InputInvalid(error.user_message, told) from None
