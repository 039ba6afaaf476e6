"""The story of a lead and of a customer: one line for each thing that happened (row 169)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from app.models import Customer, Lead, LeadEvent

# Kind → how it is called on the timeline.
WORDS: Final = {
    "created": "Lead created",
    "edited": "Changed here",
    "status": "Status changed here",
    "contacted": "Customer contacted",
    "overdue": "Overdue",
    "queued": "Waiting to be sent to EasyCars",
    "sent": "Sent to EasyCars",
    "updated": "Changes sent to EasyCars",
    "found": "Found at EasyCars",
    "unconfirmed": "Sent, not confirmed",
    "not_sent": "Not sent",
    "retried": "Sent again by hand",
    "received": "Received from EasyCars",
    "taken": "Changed at EasyCars, taken over",
    "kept": "Changed at EasyCars, ours kept",
    "conflict": "Changed here and at EasyCars",
    "resolved": "Conflict settled",
    "unreadable": "EasyCars does not show this lead",
    "quoted": "Quotation",
    "linked": "Customer linked with EasyCars",
    "merged": "Customers merged",
    "unmerged": "Customers taken apart",
}


def record(  # noqa: PLR0913 - one keyword for each fact of the event
    db: Session,
    kind: str,
    *,
    lead: Lead | None = None,
    customer: Customer | None = None,
    actor: str,
    now: datetime,
    text: str | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    run_id: int | None = None,
) -> LeadEvent:
    """Adds one line in the caller's transaction. `kind` is a key of WORDS; `before` and `after`
    hold changed fields only, as JSON values. Names a lead, a customer, or both."""
    owner = lead or customer
    if owner is None or kind not in WORDS:
        raise ValueError(f"an event needs its record and a known kind, not {kind!r}")
    event = LeadEvent(
        dealership_id=owner.dealership_id,
        lead_id=lead.id if lead else None,
        customer_id=customer.id if customer else None,
        kind=kind,
        text=text,
        before=dict(before) if before else None,
        after=dict(after) if after else None,
        actor=actor[:254],
        run_id=run_id,
        created_at=now,
    )
    db.add(event)
    return event


def of_lead(db: Session, lead: Lead, limit: int = 200) -> Sequence[LeadEvent]:
    """A lead's story with what happened to its customer, newest first."""
    customer_only = and_(LeadEvent.lead_id.is_(None), LeadEvent.customer_id == lead.customer_id)
    query = select(LeadEvent).where(or_(LeadEvent.lead_id == lead.id, customer_only))
    return db.scalars(query.order_by(LeadEvent.id.desc()).limit(limit)).all()


def of_customer(db: Session, customer_id: int, limit: int = 200) -> Sequence[LeadEvent]:
    """A customer's own story, newest first."""
    query = select(LeadEvent).where(LeadEvent.customer_id == customer_id)
    return db.scalars(query.order_by(LeadEvent.id.desc()).limit(limit)).all()
