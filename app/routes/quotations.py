"""Quotations of a lead: made on a form without script, sent by the lane, settled by a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db import db, unit_of_work
from app.models import Lead
from app.parts import parts
from app.routes.access import current_actor, may, requires
from app.routes.customers import means
from app.routes.fragments import page_at
from app.services.errors import CannotBeSent, InputInvalid, NotPossible
from app.services.leads import quotation_form, quotations, saving
from app.services.leads.quotation_fields import PRICE, ROWS, VEHICLE
from app.services.leads.quotation_form import MOST_ROWS

bp = Blueprint("quotations", __name__)
NEW: Final = "/d/<slug>/leads/<int(max=2147483647):lead_id>/quotation"
ONE: Final = "/d/<slug>/quotations/<int(max=2147483647):quotation_id>"


@bp.get(NEW)
@requires("operator")
def new(lead_id: int) -> ResponseReturnValue:
    """The form, filled in with what lead and vehicle say."""
    lead = saving.get(db.session(), lead_id)
    today = parts().clock.now().astimezone(ZoneInfo(g.dealership.timezone)).date()
    content = quotation_form.filled_in(lead, lead.vehicle, today)
    return _form(lead, quotation_form.as_texts(content), content)


def _form(
    lead: Lead,
    typed: Mapping[str, str],
    content: Mapping[str, Any],
    errors: Mapping[str, str] | None = None,
    *,
    more: str | None = None,
) -> str:
    """`more`: the list that gets one more row than the typed ones."""
    counts = {
        rows.name: min(quotation_form.count_rows(typed, rows) + (rows.name == more), MOST_ROWS)
        for rows in ROWS
    }
    return render_template(
        "quotations/new.html",
        lead=lead,
        customer=lead.customer,
        typed=typed,
        errors=dict(errors or {}),
        vehicle_fields=VEHICLE,
        price_fields=PRICE,
        lists=ROWS,
        counts=counts,
        most=MOST_ROWS,
        totals=quotation_form.totals(content),
        page_at=page_at,
    )


@bp.post(NEW)
@requires("operator")
def create(lead_id: int) -> ResponseReturnValue:
    """One more row, the sums, or the quotation: with a problem the form comes back as typed."""
    lead = saving.get(db.session(), lead_id)
    content, errors = quotation_form.read(request.form)
    act = request.form.get("act", "send")
    if act != "send":
        return _form(lead, request.form, content, errors, more=act.removeprefix("add-"))
    if errors:
        return _form(lead, request.form, content, errors), 422
    content["customer"] = quotation_form.customer_of(lead.customer)
    try:
        quotations.check(db.session(), lead, content)
        with unit_of_work(g.dealership.id) as session:
            kept = quotation_form.without_empty_rows(content)
            made = quotations.send(session, lead_id, kept, actor=current_actor(), means=means())
    except CannotBeSent as refused:
        return _form(lead, request.form, content, refused.fields), 422
    if made.state == "failed":
        flash(made.message or "", "warning")
    else:
        flash("The quotation was saved and is on its way to EasyCars.", "success")
    return redirect(url_for(".one", quotation_id=made.id), 303)


@bp.get(ONE)
@requires("viewer")
def one(quotation_id: int) -> ResponseReturnValue:
    """What the quotation holds, and how it stands with EasyCars."""
    return _page(quotation_id)


def _page(quotation_id: int, typed: str = "", errors: Mapping[str, str] | None = None) -> str:
    session = db.session()
    quotation = quotations.get(session, quotation_id)
    lead = saving.get(session, quotation.lead_id)
    return render_template(
        "quotations/one.html",
        quotation=quotation,
        lead=lead,
        customer=lead.customer,
        states=quotations.STATES,
        vehicle_fields=VEHICLE,
        price_fields=PRICE,
        lists=ROWS,
        in_words=quotation_form.in_words,
        totals=quotation_form.totals(quotation.content),
        may_send_again=quotations.may_be_sent_again(session, quotation),
        typed=typed,
        errors=dict(errors or {}),
        may=may,
        page_at=page_at,
    )


@bp.post(f"{ONE}/found")
@requires("operator")
def found(quotation_id: int) -> ResponseReturnValue:
    """A person found an unconfirmed quotation in EasyCars."""
    number = request.form.get("quote_number", "")
    try:
        with unit_of_work(g.dealership.id) as session:
            quotations.is_there(session, quotation_id, number, actor=current_actor(), means=means())
    except InputInvalid as refused:
        return _page(quotation_id, number, refused.fields), 422
    except NotPossible as refused:
        flash(refused.user_message, "info")
    else:
        flash("Noted: the quotation is in EasyCars.", "success")
    return redirect(url_for(".one", quotation_id=quotation_id), 303)


@bp.post(f"{ONE}/send")
@requires("operator")
def send(quotation_id: int) -> ResponseReturnValue:
    """A person wants it sent once more."""
    try:
        with unit_of_work(g.dealership.id) as session:
            sent = quotations.send_again(
                session, quotation_id, actor=current_actor(), means=means()
            )
            refused = sent.message if sent.state == "failed" else None
    except NotPossible as late:
        flash(late.user_message, "info")
    else:
        flash(refused or "The quotation is on its way.", "warning" if refused else "success")
    return redirect(url_for(".one", quotation_id=quotation_id), 303)
