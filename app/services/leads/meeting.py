"""Our customer and EasyCars': found by exact email or phone, linked, compared (row 147)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from app.models import Customer, ExternalLink
from app.services.leads import customers, events, linking, policy, three_way
from app.services.leads.fields import customer_values
from app.services.providers.easycars.lead_api import Contact, LeadApi
from app.services.providers.easycars.lead_mapping import as_sent

if TYPE_CHECKING:
    from app.services.leads.job import Job


@dataclass(frozen=True, slots=True)
class Known:
    """A customer as EasyCars has it."""

    customer_no: str
    customer: Mapping[str, Any] = field(default_factory=dict)


def number_of(session: Session, customer: Customer, environment: str) -> str | None:
    """The customer's number at EasyCars, None while it is not linked."""
    link = linking.by_entity(session, linking.CUSTOMERS, environment, customer.id)
    return link.external_id if link else None


def look_up(api: LeadApi, customer: Mapping[str, Any]) -> Known | None:
    """EasyCars' customer with exactly this email, else with exactly this phone or mobile.

    Somebody with another email is another person who shares a phone.
    """
    email = customer.get("email")
    if email:
        for contact in api.contacts(email=email):
            return Known(contact.customer_no, contact.customer)
    for number in filter(None, (customer.get("mobile"), customer.get("phone"))):
        for contact in api.contacts(phone=number):
            if _may_be(contact, email):
                return Known(contact.customer_no, contact.customer)
    return None


def _may_be(contact: Contact, email: str | None) -> bool:
    theirs = contact.customer.get("email")
    return not (email and theirs) or customers.email_key(theirs) == customers.email_key(email)


def link(
    session: Session,
    customer: Customer,
    customer_no: str,
    known: Known | None,
    job: Job,
    now: datetime,
) -> None:
    """Links after a create. A customer that EasyCars knew before is compared field by field:
    what is empty here is filled, what differs follows the dealership's policy."""
    found = linking.by_number(session, linking.CUSTOMERS, job.environment, customer_no, lock=True)
    if found is not None:
        return
    _, sent = as_sent({}, job.customer)
    made = linking.keep(
        session, linking.CUSTOMERS, dealership_id=customer.dealership_id,
        environment=job.environment, number=customer_no, entity_id=customer.id,
        agreed={} if known else sent, now=now,
    )  # fmt: skip
    text = f"Customer number {customer_no}."
    events.record(session, "linked", customer=customer, actor="Forecourt", now=now, text=text)
    if known:
        compare(session, customer, made, known.customer, now=now, run_id=None)


def compare(
    session: Session,
    customer: Customer,
    link: ExternalLink,
    remote: Mapping[str, Any],
    *,
    now: datetime,
    run_id: int | None,
) -> three_way.Compared:
    """Takes over, keeps or asks, field by field; what is not told by EasyCars stays."""
    told = {name: value for name, value in remote.items() if value}
    there = {**{name: value for name, value in link.agreed.items() if name not in told}, **told}
    _, here = as_sent({}, customer_values(customer))
    locked = frozenset(customer.locked_fields or ())
    owner = policy.read(session).customer
    compared = three_way.compare(link, here, there, owner, locked)
    three_way.settle(session, link, compared, here, there, now=now, run_id=run_id)
    if compared.taken:
        before = {name: getattr(customer, name) for name in compared.taken}
        customers.put(customer, compared.taken)
        customer.updated_at = now
        events.record(
            session, "taken", customer=customer, actor="EasyCars", now=now, before=before,
            after=compared.taken, run_id=run_id,
        )  # fmt: skip
    return compared
