"""Customers: found again by exact email or phone, never overwritten by a new enquiry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.models import Customer, Lead
from app.services.errors import NotFound
from app.services.leads import events
from app.services.leads.fields import CUSTOMER_FIELDS, customer_values

PHONES: Final = ("phone", "mobile")
SHORTEST_NUMBER: Final = 6
_COUNTRY: Final = "61"


def email_key(email: str | None) -> str | None:
    """What equal addresses have in common."""
    return email.strip().casefold() if email else None


def phone_key(number: str | None) -> str | None:
    """An Australian number without its country code and leading zero; None when too short."""
    digits = re.sub(r"\D", "", number or "")
    national = digits[len(_COUNTRY) :] if digits.startswith(_COUNTRY) else digits
    national = national.lstrip("0")
    return national if len(national) >= SHORTEST_NUMBER else None


def put(customer: Customer, values: Mapping[str, Any]) -> None:
    """Writes values and what they are found by."""
    for name, value in values.items():
        setattr(customer, name, value or ("" if name == "name" else None))
    customer.email_key = email_key(customer.email)
    keys = {key for name in PHONES if (key := phone_key(getattr(customer, name)))}
    customer.phone_keys = " ".join(["", *sorted(keys), ""]) if keys else None


def get(db: Session, customer_id: int, *, lock: bool = False) -> Customer:
    """The customer, within the session's dealership. Raises NotFound."""
    query = select(Customer).where(Customer.id == customer_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = db.scalar(query)
    if found is None:
        raise NotFound("There is no such customer.")
    return found


def living(db: Session, customer_id: int) -> Customer:
    """The customer, locked, or the one that it was merged into. Raises NotFound."""
    found = get(db, customer_id, lock=True)
    while found.merged_into_id is not None:
        found = get(db, found.merged_into_id, lock=True)
    return found


def newest_sent(db: Session, customer_id: int) -> Lead | None:
    """The lead by which EasyCars learns of changes of the customer, locked."""
    query = select(Lead).where(
        Lead.customer_id == customer_id, Lead.lead_number.is_not(None), Lead.status != "deleted"
    )
    newest = query.order_by(Lead.id.desc()).limit(1).with_for_update(of=Lead)
    return db.scalar(newest.execution_options(populate_existing=True))


def find(db: Session, values: Mapping[str, Any]) -> Customer | None:
    """The customer with exactly this email; without one, with exactly this phone or mobile.

    An email that differs is another person who shares a phone. The oldest when several fit.
    """
    alive = select(Customer).where(Customer.merged_into_id.is_(None)).order_by(Customer.id)
    email = email_key(values.get("email"))
    if email:
        found = db.scalar(alive.where(Customer.email_key == email).limit(1))
        if found is not None:
            return found
    keys = [key for name in PHONES if (key := phone_key(values.get(name)))]
    if not keys:
        return None
    by_phone = alive.where(or_(*(Customer.phone_keys.contains(f" {key} ") for key in keys)))
    if email:
        by_phone = by_phone.where(Customer.email_key.is_(None))
    return db.scalar(by_phone.limit(1))


def find_or_create(
    db: Session, dealership_id: int, values: Mapping[str, Any], *, actor: str, now: datetime
) -> Customer:
    """The customer of an enquiry. A known one only gets what was empty; what differs stays."""
    found = find(db, values)
    if found is not None:
        fill(db, found, values, actor=actor, now=now)
        return found
    customer = Customer(dealership_id=dealership_id, created_at=now, updated_at=now)
    put(customer, {name: values.get(name) for name in CUSTOMER_FIELDS})
    db.add(customer)
    db.flush()
    return customer


def fill(
    db: Session, customer: Customer, values: Mapping[str, Any], *, actor: str, now: datetime
) -> None:
    """Writes what is empty here."""
    known = customer_values(customer)
    new = {name: value for name, value in values.items() if value and name not in known}
    if not new:
        return
    put(customer, new)
    customer.updated_at = now
    events.record(db, "edited", customer=customer, actor=actor, now=now, before={}, after=new)
