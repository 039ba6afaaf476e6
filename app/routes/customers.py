"""Customers: the list, one customer, edited by hand (issue 4 point 7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db import db, unit_of_work
from app.models import Customer
from app.parts import parts
from app.routes import lead_forms
from app.routes.access import current_actor, may, requires
from app.routes.fragments import page_at
from app.routes.vehicles import Pages
from app.services.errors import InputInvalid
from app.services.leads import (
    customer_list,
    customer_locks,
    customer_merge,
    customer_twins,
    customer_unmerge,
    customers,
    fields,
    linking,
    saving,
)
from app.services.leads.customer_list import PAGE_SIZE, CustomerPage
from app.services.leads.input import read_form
from app.services.leads.sending import Means

bp = Blueprint("customers", __name__)
LIST: Final = "/d/<slug>/customers"
ONE: Final = f"{LIST}/<int(max=2147483647):customer_id>"
MAX_PAGE: Final = 100_000
LONGEST: Final = 100


def means() -> Means:
    """What saving needs from outside."""
    return Means(parts().queue, parts().clock)


@bp.get(LIST)
@requires("viewer")
def index() -> ResponseReturnValue:
    """The list by name; search and page number are in the address."""
    text = request.args.get("q", "").replace("\0", "").strip()[:LONGEST]
    number = min(max(request.args.get("page", 1, type=int), 1), MAX_PAGE)
    found = customer_list.page(db.session(), text, number)
    if not found.rows and number > 1:
        return redirect(url_for(".index", q=text or None))
    return render_template(
        "customers/index.html", found=found, text=text, pages=_pages(found, text, number)
    )


def _pages(found: CustomerPage, text: str, number: int) -> Pages:
    def address(page: int) -> str:
        return url_for(".index", q=text or None, page=page)

    first = (number - 1) * PAGE_SIZE + 1
    last = first + len(found.rows) - 1
    before = address(number - 1) if number > 1 else None
    after = address(number + 1) if last < found.total else None
    noun = "customer" if found.total == 1 else "customers"
    return Pages(first if found.total else 0, last, found.total, noun, before, after)


@bp.get(ONE)
@requires("viewer")
def one(customer_id: int) -> ResponseReturnValue:
    """One customer: fields, leads, who may be the same, what happened."""
    session = db.session()
    customer = customers.get(session, customer_id)
    merged = customer.merged_into_id is not None
    return render_template(
        "customers/one.html",
        customer=customer,
        numbers=customer_list.numbers_of(session, [customer_id]).get(customer_id, []),
        leads=customer_list.leads_of(session, customer_id),
        twins=[] if merged else customer_twins.of_customer(session, customer),
        conflicts=sorted(linking.in_conflict(session, "customer", customer_id)),
        story=customer_list.story(session, customer_id),
        fields=fields.CUSTOMER_FIELDS,
        statuses=fields.STATUSES,
        sync_words=fields.SYNC_STATES,
        merged=_merged(customer),
        may=may,
        page_at=page_at,
    )


def _merged(customer: Customer) -> dict[str, Any] | None:
    """For the page of a merged customer: where it went, and how to take that back."""
    if customer.merged_into_id is None:
        return None
    session = db.session()
    record = customer_merge.of_customer(session, customer.id)
    return {
        "kept": customers.get(session, customer.merged_into_id),
        "merge": record,
        "refused": customer_unmerge.refusal(session, record) if record else None,
    }


@bp.get(f"{ONE}/edit")
@requires("operator")
def edit(customer_id: int) -> ResponseReturnValue:
    customer = customers.get(db.session(), customer_id)
    if customer.merged_into_id is not None:
        return redirect(url_for(".one", customer_id=customer_id))
    texts = _stored(customer)
    return _edit_page(customer, texts, texts)


def _stored(customer: Customer) -> dict[str, str]:
    return {name: getattr(customer, name) or "" for name in fields.CUSTOMER_FIELDS}


def _edit_page(
    customer: Customer,
    texts: Mapping[str, str],
    was: Mapping[str, str],
    errors: Mapping[str, str] | None = None,
) -> str:
    return render_template(
        "customers/edit.html",
        customer=customer,
        lines=lead_forms.lines(lead_forms.PERSON, texts, was, is_sent=True),
        errors=dict(errors or {}),
        back=url_for(".one", customer_id=customer.id),
    )


@bp.post(f"{ONE}/edit")
@requires("operator")
def save(customer_id: int) -> ResponseReturnValue:
    """Writes what was changed, or the same form with every problem at its field."""
    customer = customers.get(db.session(), customer_id)
    if customer.merged_into_id is not None:
        flash("This customer was merged meanwhile. Nothing was changed.", "warning")
        return redirect(url_for(".one", customer_id=customer_id), 303)
    try:
        values = read_form(lead_forms.changed_of(request.form), lead_forms.PERSON)
        with unit_of_work(g.dealership.id) as session:
            changed = saving.change_customer(
                session, customer_id, values, actor=current_actor(), means=means()
            )
            lead = customers.newest_sent(session, customer_id) if changed else None
    except InputInvalid as refused:
        was = {name: request.form.get(lead_forms.WAS + name, "") for name in lead_forms.PERSON}
        texts = _stored(customer) | lead_forms.typed_of(request.form)
        return _edit_page(customer, texts, was, refused.fields), 422
    if not changed:
        flash("Nothing was changed, so nothing was saved.", "info")
    else:
        flash("Saved. EasyCars gets the change." if lead else "Saved.", "success")
    return redirect(url_for(".one", customer_id=customer_id), 303)


@bp.post(f"{ONE}/kept")
@requires("operator")
def keep(customer_id: int) -> ResponseReturnValue:
    """Which fields no sync changes."""
    with unit_of_work(g.dealership.id) as session:
        changed = customer_locks.keep_here(
            session,
            customer_id,
            request.form.getlist("field"),
            actor=current_actor(),
            now=parts().clock.now(),
        )
    flash("Saved." if changed else "Nothing was changed.", "success" if changed else "info")
    return redirect(url_for(".one", customer_id=customer_id), 303)
