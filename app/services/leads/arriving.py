"""A lead that EasyCars shows and we do not know: stored with its customer (row 145-147)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from app.models import Customer, Lead
from app.services.leads import alarms, customers, events, linking, meeting, vehicles
from app.services.leads.answer import Reading, archive, digest_of, remote_facts, told
from app.services.leads.fields import label_of, lead_values
from app.services.providers.easycars.lead_api import LeadDraft

WHO: Final = "EasyCars"


def receive(
    session: Session,
    dealership_id: int,
    draft: LeadDraft,
    run_id: int | None,
    environment: str,
    now: datetime,
) -> Reading:
    """Stores a lead that we do not know, with its customer, in the caller's transaction."""
    vehicle = vehicles.by_stock_number(session, draft.lead.get("stock_number"))
    customer = _customer(session, dealership_id, draft, environment, now, run_id)
    lead = Lead(
        dealership_id=dealership_id,
        customer_id=customer.id,
        customer=customer,
        vehicle_id=vehicle.id if vehicle else None,
        source="EasyCars",
        external_ref=f"EC-{environment}-{draft.lead_number}"[:50],
        environment=environment,
        lead_number=draft.lead_number,
        customer_no=draft.customer_no,
        sync_state="sent",
        sent_revision=1,
        created_by=WHO,
        created_at=draft.created_at or now,
        updated_at=now,
        status_changed_at=now,
        read_at=now,
        **({"status": draft.status or "new"} | dict(draft.lead)),
    )
    remote_facts(lead, draft, now)
    session.add(lead)
    session.flush()
    link = linking.keep(
        session, linking.LEADS, dealership_id=dealership_id, environment=environment,
        number=draft.lead_number, entity_id=lead.id, agreed=told(draft, {}), now=now,
        run_id=run_id,
    )  # fmt: skip
    link.content_hash = digest_of(draft)
    archive(session, link, lead, draft, run_id, now)
    after = lead_values(lead)
    text = f"Number {draft.lead_number}."
    events.record(
        session, "received", lead=lead, actor=WHO, now=now, after=after, text=text, run_id=run_id
    )
    alarms.new_lead(session, lead, now)
    warnings = [one.as_json() for one in draft.warnings]
    return Reading("create", label_of(lead), lead.id, None, after, warnings=warnings)


def _customer(
    session: Session,
    dealership_id: int,
    draft: LeadDraft,
    environment: str,
    now: datetime,
    run_id: int | None,
) -> Customer:
    """By EasyCars' number first, then as for any enquiry; linked either way."""
    number = draft.customer_no
    link = linking.by_number(session, linking.CUSTOMERS, environment, number) if number else None
    if link is not None:
        customer = customers.living(session, link.entity_id)
        if customer.id == link.entity_id:
            meeting.compare(session, customer, link, draft.customer, now=now, run_id=run_id)
        return customer
    customer = customers.find_or_create(session, dealership_id, draft.customer, actor=WHO, now=now)
    if number:
        made = linking.keep(
            session, linking.CUSTOMERS, dealership_id=dealership_id, environment=environment,
            number=number, entity_id=customer.id, agreed={}, now=now, run_id=run_id,
        )  # fmt: skip
        meeting.compare(session, customer, made, draft.customer, now=now, run_id=run_id)
    return customer
