"""Saving a lead: the row, its story, and the message for EasyCars in one transaction (row 140).

Saving never fails because EasyCars is down: what shall leave is a row of the outbox, written with
its cause. Every change that EasyCars shall have counts the lead's `revision` up; a message says
"send this lead", not what: what differs is decided when it is sent.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Lead
from app.services import audit, conflict_by_hand
from app.services.audit import Actor
from app.services.errors import InputInvalid, NotFound, NotPossible
from app.services.leads import alarms, customers, events, sending, vehicles
from app.services.leads.fields import (
    CHANGEABLE,
    CUSTOMER_FIELDS,
    LEAD_FIELDS,
    STATUSES,
    VEHICLE_FIELDS,
    customer_values,
    lead_values,
)
from app.services.leads.sending import Means

NO_CONTACT: Final = "Enter an email address or a phone number: nobody could answer otherwise."
# Leads that come in while nobody looks.
ALARMED: Final = ("Web", "API")
FINAL: Final = "A deleted lead stays deleted: EasyCars does not make it active again."


def create(
    db: Session,
    dealership_id: int,
    values: Mapping[str, Any],
    *,
    source: str,
    actor: Actor,
    means: Means,
    vehicle_id: int | None = None,
) -> Lead:
    """A new lead with its customer; it is in the outbox when the transaction ends.

    `values`: fields of LEAD_FIELDS and CUSTOMER_FIELDS, as input.py reads them. The vehicle is
    found by `vehicle_id` or stock number; what is not given is taken from it.
    Raises InputInvalid.
    """
    _require_person(values)
    now = means.clock.now()
    vehicle = (
        vehicles.by_stock_number(db, values.get("stock_number"))
        if vehicle_id is None
        else vehicles.by_id(db, vehicle_id)
    )
    known = vehicles.facts(vehicle) if vehicle else {}
    given = {name: values[name] for name in LEAD_FIELDS if values.get(name) is not None}
    person = {name: values.get(name) for name in CUSTOMER_FIELDS}
    customer = customers.find_or_create(db, dealership_id, person, actor=actor.label, now=now)
    lead = Lead(
        dealership_id=dealership_id,
        customer_id=customer.id,
        customer=customer,
        vehicle_id=vehicle.id if vehicle else None,
        source=source,
        external_ref=f"FC-{secrets.token_hex(12)}",
        created_by=actor.label[:254],
        created_at=now,
        updated_at=now,
        status_changed_at=now,
        **{"status": "new", **known, **given},
    )
    db.add(lead)
    db.flush()
    events.record(
        db, "created", lead=lead, actor=actor.label, now=now, text=source,
        after=lead_values(lead) | person_given(person),
    )  # fmt: skip
    audit.record(db, actor, "lead.create", f"lead {lead.id}", dealership_id=dealership_id)
    if source in ALARMED:
        alarms.new_lead(db, lead, now)
    sending.queue(db, lead, means)
    return lead


def person_given(person: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in person.items() if value}


def _require_person(values: Mapping[str, Any]) -> None:
    errors: dict[str, str] = {}
    if not values.get("name"):
        errors["name"] = "Enter the customer's name."
    if not any(values.get(name) for name in ("email", "phone", "mobile")):
        errors["email"] = NO_CONTACT
    if errors:
        raise InputInvalid("Some entries are missing.", errors)


def get(db: Session, lead_id: int, *, lock: bool = False) -> Lead:
    """The lead, within the session's dealership; `lock` until the transaction ends.

    Raises NotFound.
    """
    query = select(Lead).where(Lead.id == lead_id)
    if lock:
        query = query.with_for_update(of=Lead).execution_options(populate_existing=True)
    found = db.scalar(query)
    if found is None:
        raise NotFound("There is no such lead.")
    return found


def change(
    db: Session, lead_id: int, values: Mapping[str, Any], *, actor: Actor, means: Means
) -> Lead:
    """Changes fields of a lead and of its customer; equal values change nothing.

    What EasyCars cannot change after the create (vehicle and stock number) stays local once the
    lead was sent; the timeline says so. Raises NotFound, InputInvalid, NotPossible.
    """
    lead = get(db, lead_id, lock=True)
    now = means.clock.now()
    new = _different(lead_values(lead), values, LEAD_FIELDS)
    if "status" in new:
        _check_status(lead, new["status"])
    before = {name: getattr(lead, name) for name in new}
    for name, value in new.items():
        setattr(lead, name, value)
    if "stock_number" in new:
        _relink(db, lead, new)
    if new:
        conflict_by_hand.settle(db, lead, new.keys(), actor, now)
        _note(db, lead, before, new, actor, now)
    person = {name: values[name] for name in CUSTOMER_FIELDS if name in values}
    moved = change_customer(db, lead.customer_id, person, actor=actor, means=means, tell=False)
    if moved or (new and (lead.lead_number is None or CHANGEABLE & set(new))):
        _again(db, lead, means)
    return lead


def _different(
    known: Mapping[str, Any], values: Mapping[str, Any], fields: Iterable[str]
) -> dict[str, Any]:
    return {
        name: values[name] for name in fields if name in values and values[name] != known.get(name)
    }


def _check_status(lead: Lead, status: str | None) -> None:
    if status not in STATUSES:
        message = "Choose one of: " + ", ".join(STATUSES.values()) + "."
        raise InputInvalid(message, {"status": message})
    if lead.status == "deleted":
        raise NotPossible(FINAL)


def _relink(db: Session, lead: Lead, new: Mapping[str, Any]) -> None:
    """Another stock number is another vehicle; what was typed for it stays as typed."""
    vehicle = vehicles.by_stock_number(db, lead.stock_number)
    lead.vehicle_id = vehicle.id if vehicle else None
    for name, value in (vehicles.facts(vehicle) if vehicle else {}).items():
        if name not in new:
            setattr(lead, name, value)


def _note(
    db: Session,
    lead: Lead,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    actor: Actor,
    now: datetime,
) -> None:
    lead.edited_at = lead.updated_at = now
    if "status" in after:
        lead.status_changed_at = now
        if before.get("status") == "new":
            lead.responded_at = lead.responded_at or now
    kind = "status" if set(after) == {"status"} else "edited"
    events.record(
        db, kind, lead=lead, actor=actor.label, now=now, before=before, after=after,
        text=_only_here(lead, after),
    )  # fmt: skip
    details = {"fields": sorted(after)}
    audit.record(
        db, actor, "lead.change", f"lead {lead.id}", details, dealership_id=lead.dealership_id
    )


def _only_here(lead: Lead, after: Mapping[str, Any]) -> str | None:
    stays = set(after) & set(VEHICLE_FIELDS) - CHANGEABLE
    if lead.lead_number is None or not stays:
        return None
    return "EasyCars does not change a lead's vehicle: this stays here only."


def _again(db: Session, lead: Lead, means: Means) -> None:
    lead.revision += 1
    sending.queue(db, lead, means)


def change_customer(
    db: Session,
    customer_id: int,
    values: Mapping[str, Any],
    *,
    actor: Actor,
    means: Means,
    tell: bool = True,
) -> bool:
    """Changes a customer; whether anything differed. Raises NotFound, InputInvalid.

    `tell`: the customer's newest lead that EasyCars knows carries the change there.
    """
    customer = customers.get(db, customer_id, lock=True)
    now = means.clock.now()
    new = _different(customer_values(customer), values, CUSTOMER_FIELDS)
    if not new:
        return False
    _require_person(customer_values(customer) | new)
    before = {name: customer_values(customer).get(name) for name in new}
    customers.put(customer, new)
    customer.edited_at = customer.updated_at = now
    conflict_by_hand.settle(db, customer, new.keys(), actor, now)
    events.record(
        db, "edited", customer=customer, actor=actor.label, now=now, before=before, after=new
    )
    audit.record(
        db, actor, "customer.change", f"customer {customer.id}", {"fields": sorted(new)},
        dealership_id=customer.dealership_id,
    )  # fmt: skip
    if tell and (lead := customers.newest_sent(db, customer.id)):
        _again(db, lead, means)
    return True


def contacted(db: Session, lead_id: int, text: str | None, *, actor: Actor, means: Means) -> Lead:
    """Notes that somebody took care of the customer; the lead is not overdue any more."""
    lead = get(db, lead_id, lock=True)
    now = means.clock.now()
    lead.responded_at = lead.responded_at or now
    lead.updated_at = now
    events.record(
        db, "contacted", lead=lead, actor=actor.label, now=now, text=(text or "").strip() or None
    )
    return lead


def send_again(db: Session, lead_ids: Iterable[int], *, actor: Actor, means: Means) -> int:
    """Tries leads that are not at EasyCars again at once; how many there were to try."""
    found = db.scalars(
        select(Lead)
        .where(Lead.id.in_(list(lead_ids)), Lead.sync_state != "sent")
        .order_by(Lead.id)
        .with_for_update(of=Lead)
    ).all()
    waiting = sending.waiting_of(db, [lead.id for lead in found])
    for lead in found:
        if lead.id not in waiting:
            # Nobody looks for it any more: this person has, and wants it sent.
            lead.began_at = lead.began_after = lead.began_customer = None
        events.record(db, "retried", lead=lead, actor=actor.label, now=means.clock.now())
        _again(db, lead, means)
    if found:
        details = {"leads": [lead.id for lead in found]}
        audit.record(
            db, actor, "lead.send", f"{len(found)} leads", details,
            dealership_id=found[0].dealership_id,
        )  # fmt: skip
    return len(found)
