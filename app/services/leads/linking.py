"""What both sides agreed on: links between our leads and customers and EasyCars' numbers.

`agreed` of a lead's link holds the lead's fields as EasyCars has them, of a customer's link the
customer's; a field that EasyCars never told and we never sent is absent (design §1).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import Conflict, Customer, ExternalLink, Lead

PROVIDER: Final = "easycars"
LEADS: Final = "leads"
CUSTOMERS: Final = "customers"
ENTITIES: Final = {LEADS: "lead", CUSTOMERS: "customer"}
UNREAD: Final = bytes(16)


def by_number(
    db: Session, stream: str, environment: str, number: str, *, lock: bool = False
) -> ExternalLink | None:
    """The link of a lead number or customer number; within the session's dealership."""
    query = select(ExternalLink).where(
        ExternalLink.provider == PROVIDER,
        ExternalLink.stream == stream,
        ExternalLink.environment == environment,
        ExternalLink.external_id == number,
    )
    return db.scalar(query.with_for_update() if lock else query)


def by_entity(db: Session, stream: str, environment: str, entity_id: int) -> ExternalLink | None:
    """The newest link of a lead or customer in an environment."""
    query = select(ExternalLink).where(
        ExternalLink.provider == PROVIDER,
        ExternalLink.stream == stream,
        ExternalLink.environment == environment,
        ExternalLink.entity == ENTITIES[stream],
        ExternalLink.entity_id == entity_id,
    )
    return db.scalar(query.order_by(ExternalLink.id.desc()).limit(1))


def keep(  # noqa: PLR0913 - one keyword for each fact of the link
    db: Session,
    stream: str,
    *,
    dealership_id: int,
    environment: str,
    number: str,
    entity_id: int,
    agreed: Mapping[str, Any],
    now: datetime,
    run_id: int | None = None,
) -> ExternalLink:
    """Makes the link, or writes what is agreed now on the known one."""
    link = by_number(db, stream, environment, number, lock=True)
    if link is None:
        link = ExternalLink(
            dealership_id=dealership_id,
            provider=PROVIDER,
            stream=stream,
            environment=environment,
            external_id=number,
            entity=ENTITIES[stream],
            entity_id=entity_id,
            content_hash=UNREAD,
            first_seen_at=now,
        )
        db.add(link)
    link.entity_id = entity_id
    link.agreed = dict(agreed)
    link.changed_at, link.changed_run_id = now, run_id
    db.flush()
    return link


def attach(lead: Lead, number: str, customer_no: str | None, environment: str) -> None:
    """The lead is this one at EasyCars; a create under way has ended."""
    lead.lead_number, lead.environment = number, environment
    lead.customer_no = customer_no or lead.customer_no
    lead.began_at = lead.began_after = lead.began_customer = None


def highest_number(db: Session, environment: str) -> str | None:
    """The highest lead number known here; numbers are text of equal width, "000231"."""
    query = (
        select(ExternalLink.external_id)
        .where(
            ExternalLink.provider == PROVIDER,
            ExternalLink.stream == LEADS,
            ExternalLink.environment == environment,
        )
        .order_by(func.length(ExternalLink.external_id).desc(), ExternalLink.external_id.desc())
        .limit(1)
    )
    return db.scalar(query)


def following(number: str | None, count: int) -> list[str]:
    """The next numbers, written as wide: "000231" → "000232", …; from 1 when none is known.

    Empty when the known number is not made of digits: nobody can tell what follows it.
    """
    known = number or "0" * 6
    if not known.isdecimal():
        return []
    return [f"{int(known) + step:0{len(known)}d}" for step in range(1, count + 1)]


def in_conflict(db: Session, entity: str, entity_id: int) -> frozenset[str]:
    """Fields that wait for a person: neither side's value is sent or taken meanwhile."""
    query = select(Conflict.field).where(
        Conflict.entity == entity, Conflict.entity_id == entity_id, Conflict.state == "open"
    )
    return frozenset(db.scalars(query))


def of_customer(db: Session, customer: Customer, environment: str) -> ExternalLink | None:
    return by_entity(db, CUSTOMERS, environment, customer.id)
