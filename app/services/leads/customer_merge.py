"""Two customers that are one become one, by a person's word only (issue 4 point 7).

Nothing is deleted: the merged one keeps its row, points to the kept one and is in no list. Its
leads go to the kept one, its EasyCars number only where the kept one has none: at EasyCars nothing
is merged, and of two records there one is followed. Values that the kept one takes over count as
changes made here and are sent with its newest lead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.models import Customer, CustomerMerge, ExternalLink, Lead
from app.services import audit
from app.services.audit import Actor
from app.services.errors import NotAllowed, NotFound
from app.services.leads import customers, events, sending
from app.services.leads.fields import CUSTOMER_FIELDS, customer_values
from app.services.leads.linking import CUSTOMERS, ENTITIES
from app.services.leads.sending import Means


class ChangedMeanwhile(NotAllowed):
    """One of the customers is not as the person saw it."""

    status = 409
    code = "changed_meanwhile"


@dataclass(frozen=True, slots=True)
class Both:
    """Two customers, locked, with the leads and links of the merged one that go to the kept one."""

    kept: Customer
    merged: Customer
    leads: Sequence[Lead]
    links: Sequence[ExternalLink]


def fingerprint(one: Customer, other: Customer) -> str:
    """Tells whether two customers are still as they were shown."""
    both = sorted((one, other), key=lambda row: row.id)
    shown = [[row.id, customer_values(row), row.merged_into_id] for row in both]
    return blake2b(orjson.dumps(shown, option=orjson.OPT_SORT_KEYS), digest_size=12).hexdigest()


def differing(kept: Customer, merged: Customer) -> list[str]:
    """Fields that both have and that differ: for these a person chooses."""
    ours, theirs = customer_values(kept), customer_values(merged)
    return [
        name
        for name in CUSTOMER_FIELDS
        if name in ours and name in theirs and ours[name] != theirs[name]
    ]


def taken_over(kept: Customer, merged: Customer, choices: Mapping[str, str]) -> dict[str, Any]:
    """What the kept one gets: what it lacks, and what was chosen from the merged one.

    `choices`: field → "kept" or "merged"; a field without a choice stays as the kept one has it.
    """
    ours, theirs = customer_values(kept), customer_values(merged)
    chosen = [name for name in differing(kept, merged) if choices.get(name) == "merged"]
    missing = [name for name in CUSTOMER_FIELDS if name in theirs and name not in ours]
    return {name: theirs[name] for name in CUSTOMER_FIELDS if name in {*chosen, *missing}}


def merge(
    db: Session,
    kept_id: int,
    merged_id: int,
    choices: Mapping[str, str],
    *,
    actor: Actor,
    means: Means,
    seen: str | None = None,
) -> CustomerMerge:
    """Merges two customers of the session's dealership in the caller's transaction.

    `choices` as in `taken_over`; `seen`: the fingerprint that the person was shown. Raises
    NotFound, NotAllowed when one is merged already, ChangedMeanwhile.
    """
    both = _opened(db, kept_id, merged_id, seen)
    kept, merged, now = both.kept, both.merged, means.clock.now()
    new = taken_over(kept, merged, choices)
    old = {name: customer_values(kept).get(name) for name in new}
    record = CustomerMerge(
        dealership_id=kept.dealership_id,
        kept_id=kept.id,
        merged_id=merged.id,
        before={
            "values": old,
            "locked": list(kept.locked_fields or ()),
            "links": [link.id for link in both.links],
        },
        lead_ids=[lead.id for lead in both.leads],
        actor=actor.label[:254],
        created_at=now,
    )
    customers.put(kept, new)
    kept.locked_fields = _locks(kept, merged, new)
    record.after = {"values": new, "locked": list(kept.locked_fields)}
    _move(both.leads, both.links, kept)
    merged.merged_into_id = kept.id
    kept.updated_at = merged.updated_at = now
    db.add(record)
    db.flush()
    _tell(db, record, both, actor, means)
    return record


def _opened(db: Session, kept_id: int, merged_id: int, seen: str | None) -> Both:
    """Leads before customers, as a lead's edit locks them."""
    if kept_id == merged_id:
        raise NotFound("Choose two different customers.")
    _leads_of(db, merged_id)
    found = {
        number: customers.get(db, number, lock=True) for number in sorted((kept_id, merged_id))
    }
    kept, merged = found[kept_id], found[merged_id]
    if kept.merged_into_id is not None or merged.merged_into_id is not None:
        raise NotAllowed("One of these customers was merged already. Nothing was changed.")
    if seen is not None and seen != fingerprint(kept, merged):
        raise ChangedMeanwhile(
            "One of these customers changed since you opened the page. Nothing was merged; look "
            "at the values again."
        )
    known = {link.environment for link in links_of(db, kept_id)}
    moving = [link for link in links_of(db, merged_id) if link.environment not in known]
    return Both(kept, merged, _leads_of(db, merged_id), moving)


def _leads_of(db: Session, customer_id: int) -> Sequence[Lead]:
    query = select(Lead).where(Lead.customer_id == customer_id).order_by(Lead.id)
    locked = query.with_for_update(of=Lead).execution_options(populate_existing=True)
    return db.scalars(locked).all()


def links_of(db: Session, customer_id: int) -> Sequence[ExternalLink]:
    """The customer's numbers at EasyCars, locked."""
    query = select(ExternalLink).where(
        ExternalLink.stream == CUSTOMERS,
        ExternalLink.entity == ENTITIES[CUSTOMERS],
        ExternalLink.entity_id == customer_id,
    )
    return db.scalars(query.order_by(ExternalLink.id).with_for_update()).all()


def _locks(kept: Customer, merged: Customer, new: Mapping[str, Any]) -> list[str]:
    """A value brings its padlock along."""
    brought = set(new) & set(merged.locked_fields or ())
    return [name for name in CUSTOMER_FIELDS if name in {*(kept.locked_fields or ()), *brought}]


def _move(leads: Sequence[Lead], links: Sequence[ExternalLink], owner: Customer) -> None:
    for lead in leads:
        lead.customer = owner
    for link in links:
        link.entity_id = owner.id


def _tell(db: Session, record: CustomerMerge, both: Both, actor: Actor, means: Means) -> None:
    """Both stories and the audit; EasyCars hears of new values through the newest lead."""
    kept, merged, now = both.kept, both.merged, record.created_at
    old, new = record.before["values"], record.after["values"]
    moved = f" {len(both.leads)} moved along." if both.leads else ""
    text = f"{name_of(merged)} was merged into this customer. Leads:{moved or ' none.'}"
    events.record(
        db, "merged", customer=kept, actor=actor.label, now=now, text=text, before=old, after=new
    )
    gone = f"Merged into {name_of(kept)}."
    events.record(db, "merged", customer=merged, actor=actor.label, now=now, text=gone)
    facts = {"merged": merged.id, "fields": sorted(new), "leads": record.lead_ids}
    audit.record(
        db, actor, "customer.merge", f"customer {kept.id}", facts, dealership_id=kept.dealership_id
    )
    if new:
        send_newest(db, kept, means)


def name_of(customer: Customer) -> str:
    """How a customer is called in a sentence."""
    return f"{customer.name or customer.email or 'Customer'} (customer {customer.id})"


def send_newest(db: Session, customer: Customer, means: Means) -> None:
    """The customer's newest lead that EasyCars knows carries the changes there."""
    lead = customers.newest_sent(db, customer.id)
    if lead is not None:
        lead.revision += 1
        sending.queue(db, lead, means)


# -- Reading -----------------------------------------------------------------------------------


def get(db: Session, merge_id: int, *, lock: bool = False) -> CustomerMerge:
    """A merge of the session's dealership. Raises NotFound."""
    query = select(CustomerMerge).where(CustomerMerge.id == merge_id)
    found = db.scalar(query.with_for_update() if lock else query)
    if found is None:
        raise NotFound("There is no such merge here.")
    return found


def of_customer(db: Session, merged_id: int) -> CustomerMerge | None:
    """The merge by which this customer went into another and still is."""
    query = select(CustomerMerge).where(
        CustomerMerge.merged_id == merged_id, CustomerMerge.undone_at.is_(None)
    )
    return db.scalar(query.order_by(CustomerMerge.id.desc()).limit(1))


def standing(db: Session, limit: int = 100) -> list[CustomerMerge]:
    """Merges that were not taken back, newest first."""
    query = select(CustomerMerge).where(CustomerMerge.undone_at.is_(None))
    return list(db.scalars(query.order_by(CustomerMerge.id.desc()).limit(limit)))


def later_one(db: Session, record: CustomerMerge) -> CustomerMerge | None:
    """A newer merge that one of the two is part of; it must be taken back first."""
    both = (record.kept_id, record.merged_id)
    query = select(CustomerMerge).where(
        CustomerMerge.id > record.id,
        CustomerMerge.undone_at.is_(None),
        or_(CustomerMerge.kept_id.in_(both), CustomerMerge.merged_id.in_(both)),
    )
    return db.scalar(query.order_by(CustomerMerge.id.desc()).limit(1))
