"""What a button does to one vehicle: padlocks, market state, sync and publishing (C6, C18)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from app.db import db, unit_of_work
from app.models import Vehicle
from app.parts import parts
from app.routes.access import current_actor, requires
from app.services import vehicle_acts, vehicle_view, vehicles
from app.services.errors import InputInvalid
from app.services.vehicle_acts import Act
from app.services.vehicle_fields import FIELDS, label_of
from app.services.vehicle_values import value_of

bp = Blueprint("vehicle_acts", __name__)
ONE: Final = "/d/<slug>/vehicles/<int:vehicle_id>"
# Act → what the toast says, and the act that takes it back.
STATES: Final = {
    "exclude": ("No sync changes this vehicle any more.", "include"),
    "include": ("The next sync takes this vehicle in again.", "exclude"),
    "publish": ("Shops may show this vehicle.", "unpublish"),
    "unpublish": ("No shop shows this vehicle any more.", "publish"),
}
# The form that the button sends stands in the header of the vehicle's page.
WITH_UNDO: Final = Markup('{} <button class="btn btn-sm" form="state-{}">Undo</button>')
NOTHING: Final = "It was like that already. Nothing was changed."


@bp.post(f"{ONE}/state")
@requires("operator")
def state(vehicle_id: int) -> ResponseReturnValue:
    """Exclude, include, publish, unpublish: no question, but a way back (ux-brief)."""
    vehicles.get(db.session(), vehicle_id)
    kind = request.form.get("do", "")
    if kind not in STATES:
        raise InputInvalid("Choose what to do with the vehicle.")
    words, back = STATES[kind]
    if _do(vehicle_id, vehicle_acts.flag(kind)):
        flash(WITH_UNDO.format(words, back), "success")
    return _to_vehicle(vehicle_id)


@bp.get(f"{ONE}/lifecycle")
@requires("operator")
def ask_lifecycle(vehicle_id: int) -> ResponseReturnValue:
    vehicle = vehicles.get(db.session(), vehicle_id)
    return _lifecycle_page(vehicle, vehicle.lifecycle, vehicle.lifecycle_reason or "")


@bp.post(f"{ONE}/lifecycle")
@requires("operator")
def set_lifecycle(vehicle_id: int) -> ResponseReturnValue:
    """Listed, Off market or Sold, with the reason that everybody reads."""
    vehicle = vehicles.get(db.session(), vehicle_id)
    chosen, reason = request.form.get("lifecycle", ""), request.form.get("reason", "")
    try:
        done = _do(vehicle_id, vehicle_acts.lifecycle(chosen, reason))
    except InputInvalid as error:
        return _lifecycle_page(vehicle, chosen, reason, error.fields), 422
    if done:
        flash(f"The market state is now {vehicles.LIFECYCLE_WORDS[chosen]}.", "success")
    return _to_vehicle(vehicle_id)


@bp.post(f"{ONE}/lock")
@requires("operator")
def lock(vehicle_id: int) -> ResponseReturnValue:
    """Puts the padlock on fields: `field`, as often as there are fields."""
    vehicle = vehicles.get(db.session(), vehicle_id)
    fields = request.form.getlist("field")
    if _do(vehicle_id, vehicle_acts.lock(fields)):
        labels = ", ".join(label_of(name) for name in fields)
        flash(f"Kept here from now on: {labels}. No sync changes it.", "success")
    elif vehicle_view.origin_of(db.session(), vehicle.id) is None:
        flash("No sync changes this vehicle, so there is nothing to lock.", "info")
    return _to_vehicle(vehicle_id, fields)


@bp.get(f"{ONE}/unlock")
@requires("operator")
def ask_unlock(vehicle_id: int) -> ResponseReturnValue:
    """The question with both values; without `field` about all kept fields of the vehicle."""
    vehicle = vehicles.get(db.session(), vehicle_id)
    rows = _both_values(vehicle, request.args.getlist("field"))
    if not rows:
        flash("No such field is kept here, so there is nothing to unlock.", "info")
        return redirect(url_for("vehicles.one", vehicle_id=vehicle_id))
    return render_template(
        "vehicles/unlock.html",
        vehicle=vehicle,
        rows=rows,
        asked=request.args.getlist("field"),
        differ=sum(1 for row in rows if row["before"] != row["after"]),
    )


@bp.post(f"{ONE}/unlock")
@requires("operator")
def unlock(vehicle_id: int) -> ResponseReturnValue:
    """`do` is take (EasyCars' value comes in at once) or keep (mine, until EasyCars changes it)."""
    vehicles.get(db.session(), vehicle_id)
    choice = request.form.get("do", "")
    if choice not in ("take", "keep"):
        raise InputInvalid("Choose which value to have.")
    fields = request.form.getlist("field") or None
    if _do(vehicle_id, vehicle_acts.unlock(fields, take=choice == "take")):
        words = "EasyCars' value was taken." if choice == "take" else "Your value stays for now."
        flash(f"Unlocked. {words}", "success")
    return _to_vehicle(vehicle_id, fields or [])


def _do(vehicle_id: int, act: Act) -> bool:
    with unit_of_work(g.dealership.id) as session:
        done = vehicle_acts.do(session, vehicle_id, act, current_actor(), parts().clock.now())
    if not done and act.kind != "lock":
        flash(NOTHING, "info")
    return done


def _to_vehicle(vehicle_id: int, fields: Sequence[str] = ()) -> ResponseReturnValue:
    """Back to the vehicle; after an act on one field to where that field stands."""
    place = f"why-{fields[0]}" if len(fields) == 1 and fields[0] in FIELDS else None
    return redirect(url_for("vehicles.one", vehicle_id=vehicle_id, _anchor=place), 303)


def _both_values(vehicle: Vehicle, asked: list[str]) -> list[dict[str, Any]]:
    """Kept fields with the value here and what EasyCars would set, in the catalogue's order."""
    origin = vehicle_view.origin_of(db.session(), vehicle.id)
    agreed = (origin.link.agreed if origin else None) or {}
    locks = set(vehicle.locked_fields or ())
    return [
        {
            "field": label_of(name),
            "before": vehicle_view.in_words(name, value_of(vehicle, name), vehicle),
            "after": vehicle_view.in_words(name, agreed.get(name)),
        }
        for name in FIELDS
        if name in locks and (not asked or name in asked)
    ]


def _lifecycle_page(
    vehicle: Vehicle, chosen: str, reason: str, errors: dict[str, str] | None = None
) -> str:
    return render_template(
        "vehicles/lifecycle.html",
        vehicle=vehicle,
        chosen=chosen,
        reason=reason,
        errors=errors or {},
    )
