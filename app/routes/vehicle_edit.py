"""A vehicle as a form: made by hand, or edited, whoever made it (issue 3.11, C18, C27)."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db import db, unit_of_work
from app.models import Vehicle
from app.parts import parts
from app.routes.access import current_actor, requires
from app.routes.vehicle_forms import Context, sections, typed_of
from app.services import sync_policy, vehicle_editing, vehicle_view, vehicles
from app.services.vehicle_editing import NotSaved, Saved, Typed
from app.services.vehicle_fields import label_of
from app.services.vehicle_input import vin_hint

bp = Blueprint("vehicle_edit", __name__)
LIST: Final = "/d/<slug>/vehicles"
EDIT: Final = f"{LIST}/<int:vehicle_id>/edit"
NAMED_AT_MOST: Final = 3


@bp.get(f"{LIST}/new")
@requires("operator")
def new() -> ResponseReturnValue:
    return _page(None)


@bp.post(f"{LIST}/new")
@requires("operator")
def create() -> ResponseReturnValue:
    """Makes the vehicle, or the same form again with what was typed."""
    typed = typed_of(request.form)
    try:
        with unit_of_work(g.dealership.id) as session:
            saved = vehicle_editing.create(
                session, g.dealership.id, typed, current_actor(), parts().clock.now()
            )
            made = saved.vehicle.id, saved.vehicle.title, saved.vehicle.vin
    except NotSaved as refused:
        return _page(None, typed, refused), 422
    flash(f"{made[1]} was added. No sync changes it.", "success")
    _hint_at(made[2])
    return redirect(url_for("vehicles.one", vehicle_id=made[0]), 303)


@bp.get(EDIT)
@requires("operator")
def edit(vehicle_id: int) -> ResponseReturnValue:
    vehicle = vehicles.get(db.session(), vehicle_id)
    if vehicle.merged_into_id is not None:
        return redirect(url_for("vehicles.one", vehicle_id=vehicle_id))
    return _page(vehicle)


@bp.post(EDIT)
@requires("operator")
def save(vehicle_id: int) -> ResponseReturnValue:
    """Writes what was changed, or the same form with every problem at its field."""
    typed = typed_of(request.form)
    try:
        with unit_of_work(g.dealership.id) as session:
            saved = vehicle_editing.change(
                session, vehicle_id, typed, current_actor(), parts().clock.now()
            )
    except NotSaved as refused:
        vehicle = vehicles.get(db.session(), vehicle_id)
        return _page(vehicle, typed, refused), 409 if refused.meanwhile else 422
    flash(*_told(saved))
    if "vin" in saved.changed:
        _hint_at(saved.vehicle.vin)
    return redirect(url_for("vehicles.one", vehicle_id=vehicle_id), 303)


def _told(saved: Saved) -> tuple[str, str]:
    if not saved.changed:
        return "Nothing was changed, so nothing was saved.", "info"
    words = f"Saved: {_named(saved.changed)}."
    if saved.locked:
        words += f" Kept here from now on: {_named(saved.locked)}."
    if saved.settled:
        words += f" That settles the conflict with EasyCars: {_named(saved.settled)}."
    return words, "success"


def _named(fields: tuple[str, ...]) -> str:
    """Price, Odometer and 3 more fields."""
    labels = [label_of(name) for name in fields]
    more = len(labels) - NAMED_AT_MOST
    if more <= 0:
        return ", ".join(labels)
    return f"{', '.join(labels[:NAMED_AT_MOST])} and {more} more"


def _hint_at(vin: str | None) -> None:
    hint = vin_hint(vin)
    if hint:
        flash(hint, "info")


def _page(
    vehicle: Vehicle | None, typed: Typed | None = None, refused: NotSaved | None = None
) -> str:
    context = _context(vehicle)
    return render_template(
        "vehicles/new.html" if vehicle is None else "vehicles/edit.html",
        vehicle=vehicle,
        synced=context.synced,
        sections=sections(vehicle, context, typed, refused),
        errors=refused.fields if refused else {},
        statuses=vehicles.statuses(db.session()),
        **_addresses(vehicle),
    )


def _addresses(vehicle: Vehicle | None) -> dict[str, Any]:
    if vehicle is None:
        return {"action": url_for(".create"), "back": url_for("vehicles.index")}
    return {
        "action": url_for(".save", vehicle_id=vehicle.id),
        "back": url_for("vehicles.one", vehicle_id=vehicle.id),
    }


def _context(vehicle: Vehicle | None) -> Context:
    if vehicle is None:
        return Context()
    origin = vehicle_view.origin_of(db.session(), vehicle.id)
    if origin is None:
        return Context()
    disputed = vehicle_view.disputed_of(db.session(), vehicle.id)
    says = {name: row.remote for name, row in disputed.items()}
    ruled = sync_policy.read(db.session()).locked
    return Context(True, (origin.link.agreed or {}) | says, ruled, frozenset(disputed))
