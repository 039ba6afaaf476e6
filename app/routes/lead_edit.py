"""Leads changed by people: new, edited, status, contacted, sent again (rows 141, 164, 167)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from app.db import db, unit_of_work
from app.models import Lead, Vehicle
from app.models.leads import UNSENT
from app.parts import parts
from app.routes import lead_forms
from app.routes.access import current_actor, requires
from app.routes.fragments import LARGEST_ID, ids_given
from app.routes.leads import LIST, ONE, details, lead_page, shared, tabs_of
from app.services.errors import InputInvalid, NotPossible
from app.services.leads import fields, listing, saving, view
from app.services.leads.input import read_form
from app.services.leads.sending import Means

bp = Blueprint("lead_edit", __name__)
MOST_AT_ONCE: Final = 5_000
SHOWN_FIRST: Final = 5


def means() -> Means:
    """What saving a lead needs from outside."""
    return Means(parts().queue, parts().clock)


@bp.get(f"{LIST}/new")
@requires("operator")
def new() -> ResponseReturnValue:
    """An empty form; `?vehicle=` names the vehicle it is about."""
    return _new_page(_asked_vehicle(request.args.get("vehicle", type=int)), {})


@bp.post(f"{LIST}/new")
@requires("operator")
def create() -> ResponseReturnValue:
    """Makes the lead and puts it on its way, or the same form again with what was typed."""
    typed = lead_forms.typed_of(request.form)
    vehicle_id = request.form.get("vehicle_id", type=int)
    try:
        values = read_form(typed, lead_forms.FORM_FIELDS)
        with unit_of_work(g.dealership.id) as session:
            lead = saving.create(
                session, g.dealership.id, values, source="Manual", actor=current_actor(),
                means=means(), vehicle_id=_possible(vehicle_id),
            )  # fmt: skip
    except InputInvalid as refused:
        return _new_page(_asked_vehicle(vehicle_id), typed, refused.fields), 422
    flash(f"The lead was saved. {_way_out(lead)}", "success")
    if lead.stock_number and lead.vehicle_id is None:
        flash(f"No vehicle here has the stock number {lead.stock_number}.", "info")
    return _to_lead(lead.id)


def _way_out(lead: Lead) -> str:
    if lead.sync_state == "not_configured":
        return lead.sync_reason or ""
    return "It is on its way to EasyCars."


def _asked_vehicle(vehicle_id: int | None) -> Vehicle | None:
    """The vehicle that an address or a form names, None for one that is not here."""
    if vehicle_id is None:
        return None
    return db.session().scalar(select(Vehicle).where(Vehicle.id == _possible(vehicle_id)))


def _possible(vehicle_id: int | None) -> int | None:
    """A number that can be an id; what cannot is nobody's."""
    return vehicle_id if vehicle_id is None or 0 <= vehicle_id <= LARGEST_ID else 0


def _new_page(
    vehicle: Vehicle | None, typed: Mapping[str, str], errors: Mapping[str, str] | None = None
) -> str:
    return render_template(
        "leads/new.html",
        vehicle=vehicle,
        errors=_in_order(errors or {}),
        person=lead_forms.lines(lead_forms.PERSON, typed),
        about=lead_forms.lines(lead_forms.REQUEST, typed),
        of_vehicle=lead_forms.lines(lead_forms.VEHICLE, typed),
        action=url_for(".create"),
        back=url_for("leads.index"),
        lead=None,
        **shared(),
    )


def _in_order(errors: Mapping[str, str]) -> dict[str, str]:
    """As the fields stand on the page, so that the summary leads from top to bottom. A vehicle that
    is gone is chosen again by its stock number."""
    errors = {"stock_number" if name == "vehicle_id" else name: errors[name] for name in errors}
    known = [name for name in lead_forms.FORM_FIELDS if name in errors]
    return {name: errors[name] for name in dict.fromkeys((*known, *errors))}


@bp.get(f"{ONE}/edit")
@requires("operator")
def edit(lead_id: int) -> ResponseReturnValue:
    lead = saving.get(db.session(), lead_id)
    texts = lead_forms.stored_texts(lead, lead.customer)
    return _edit_page(lead, texts, texts)


@bp.post(f"{ONE}/edit")
@requires("operator")
def save(lead_id: int) -> ResponseReturnValue:
    """Writes what was changed, or the same form with every problem at its field."""
    saving.get(db.session(), lead_id)
    try:
        values = read_form(lead_forms.changed_of(request.form), lead_forms.FORM_FIELDS)
        with unit_of_work(g.dealership.id) as session:
            before = saving.get(session, lead_id, lock=True).revision
            lead = saving.change(session, lead_id, values, actor=current_actor(), means=means())
            is_sent_on = lead.revision != before
    except InputInvalid as refused:
        return _edit_again(lead_id, refused.fields), 422
    if not values:
        flash("Nothing was changed, so nothing was saved.", "info")
    else:
        flash("Saved. EasyCars gets the change." if is_sent_on else "Saved.", "success")
    return _to_lead(lead_id)


def _edit_again(lead_id: int, errors: Mapping[str, str]) -> str:
    lead = saving.get(db.session(), lead_id)
    typed = lead_forms.typed_of(request.form)
    was = {name: request.form.get(lead_forms.WAS + name, "") for name in lead_forms.FORM_FIELDS}
    return _edit_page(lead, lead_forms.stored_texts(lead, lead.customer) | typed, was, errors)


def _edit_page(
    lead: Lead,
    texts: Mapping[str, str],
    was: Mapping[str, str],
    errors: Mapping[str, str] | None = None,
) -> str:
    sent = lead.lead_number is not None

    def lines(names: tuple[str, ...]) -> list[lead_forms.Line]:
        return lead_forms.lines(names, texts, was, is_sent=sent)

    return render_template(
        "leads/edit.html",
        lead=lead,
        customer=lead.customer,
        standing=view.standing(db.session(), lead, parts().clock.now()),
        tabs=tabs_of(lead, "edit"),
        sources=view.SOURCE_WORDS,
        errors=_in_order(errors or {}),
        person=lines(lead_forms.PERSON),
        about=lines(lead_forms.REQUEST),
        of_vehicle=lines(lead_forms.VEHICLE),
        action=url_for(".save", lead_id=lead.id),
        back=url_for("leads.one", lead_id=lead.id),
        **shared(),
    )


@bp.post(f"{ONE}/status")
@requires("operator")
def status(lead_id: int) -> ResponseReturnValue:
    """Another status. Deleted is final, so it is asked first."""
    wanted = request.form.get("status", "")
    lead = saving.get(db.session(), lead_id)
    if wanted == "deleted" and lead.status != "deleted" and "confirm" not in request.form:
        return redirect(url_for(".ask_to_delete", lead_id=lead_id), 303)
    with unit_of_work(g.dealership.id) as session:
        was = saving.get(session, lead_id, lock=True).status
        saving.change(
            session, lead_id, {"status": wanted}, actor=current_actor(), means=means()
        )  # fmt: skip
    if was == wanted:
        flash("It has this status already. Nothing was changed.", "info")
    else:
        flash(f"The status is now {fields.STATUSES[wanted]}.", "success")
    return _to_lead(lead_id)


@bp.get(f"{ONE}/delete")
@requires("operator")
def ask_to_delete(lead_id: int) -> ResponseReturnValue:
    """The question before a lead is deleted at EasyCars for good (row 167)."""
    lead = saving.get(db.session(), lead_id)
    if lead.status == "deleted":
        raise NotPossible(saving.FINAL)
    return render_template("leads/delete.html", lead=lead, customer=lead.customer)


@bp.post(f"{ONE}/contacted")
@requires("operator")
def contacted(lead_id: int) -> ResponseReturnValue:
    """Somebody took care of the customer; with a note if there is something to say."""
    lead = saving.get(db.session(), lead_id)
    typed = request.form.get("note", "")
    try:
        note = read_form({"message": typed}, ["message"])["message"]
    except InputInvalid as refused:
        wrong = {"errors": {"note": refused.fields["message"]}, "note": typed}
        return lead_page(lead, **(details(lead) | wrong)), 422
    with unit_of_work(g.dealership.id) as session:
        saving.contacted(session, lead_id, note, actor=current_actor(), means=means())
    flash("Noted: the customer was contacted.", "success")
    return _to_lead(lead_id)


@bp.post(f"{ONE}/send")
@requires("operator")
def send(lead_id: int) -> ResponseReturnValue:
    """Tries one lead again at once (row 141)."""
    saving.get(db.session(), lead_id)
    if _send([lead_id]):
        flash("The lead is being sent again. This page tells how it went.", "success")
    else:
        flash("EasyCars has this lead already. Nothing was sent.", "info")
    return _to_lead(lead_id)


def _send(lead_ids: list[int]) -> int:
    with unit_of_work(g.dealership.id) as session:
        return saving.send_again(session, lead_ids, actor=current_actor(), means=means())


@bp.get(f"{LIST}/send")
@requires("operator")
def ask_to_send() -> ResponseReturnValue:
    """The question before several leads are tried again: `id` repeated, or `all`."""
    everything = "all" in request.args
    ids = listing.unsent_ids(db.session()) if everything else ids_given("id")
    return _send_page(ids)


def _send_page(ids: list[int]) -> str:
    query = select(Lead).where(Lead.id.in_(ids[:MOST_AT_ONCE]))
    chosen = db.session().scalars(query.order_by(Lead.id)).all()
    unsent = [lead for lead in chosen if lead.sync_state in UNSENT]
    return render_template(
        "leads/send.html",
        chosen=len(chosen),
        unsent=unsent,
        first=unsent[:SHOWN_FIRST],
        back=url_for("leads.index", tab="unsent"),
    )


@bp.post(f"{LIST}/send")
@requires("operator")
def send_several() -> ResponseReturnValue:
    """Tries the leads of the question again; those that EasyCars has by now are left alone."""
    ids = ids_given("id")[:MOST_AT_ONCE]
    done = _send(ids) if ids else 0
    if not ids:
        flash("No lead was chosen, so nothing was sent.", "info")
    else:
        left = len(ids) - done
        more = f" {left} of them EasyCars has by now." if left else ""
        words = (
            "1 lead is being sent again." if done == 1 else f"{done:,} leads are being sent again."
        )
        flash(words + more, "success" if done else "info")
    return redirect(url_for("leads.index", tab="unsent"), 303)


def _to_lead(lead_id: int) -> ResponseReturnValue:
    return redirect(url_for("leads.one", lead_id=lead_id), 303)
