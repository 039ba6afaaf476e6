"""Taking a merge of customers back: both as they were, with their leads and EasyCars numbers.

Not overwritten is what changed on the kept customer since; it is listed. A lead that came since
the merge stays with the kept customer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Customer, CustomerMerge, ExternalLink, Lead
from app.services import audit
from app.services.audit import Actor
from app.services.errors import NotAllowed
from app.services.leads import customer_merge, customers, events
from app.services.leads.fields import CUSTOMER_FIELDS, customer_values
from app.services.leads.sending import Means


@dataclass(frozen=True, slots=True)
class Restoration:
    """What an unmerge writes to the kept customer, what it leaves because it changed since, and
    how many leads go back and stay."""

    values: Mapping[str, Any]
    left: Sequence[str]
    leads_back: int
    leads_staying: int


def refusal(db: Session, record: CustomerMerge) -> str | None:
    """Why this merge cannot be taken back, in a sentence; None when it can."""
    if record.undone_at is not None:
        return "This merge was taken back already."
    later = customer_merge.later_one(db, record)
    if later is not None:
        return (
            f"Customer {later.merged_id} was merged into customer {later.kept_id} later. "
            "Take that merge back first."
        )
    return None


def restoration(db: Session, record: CustomerMerge) -> Restoration:
    """What the unmerge would do, for the question before it."""
    kept = customers.get(db, record.kept_id)
    values, left = _values(kept, record)
    here = db.scalars(select(Lead.id).where(Lead.customer_id == kept.id)).all()
    back = len(set(here) & set(record.lead_ids))
    return Restoration(values, left, back, len(here) - back)


def _values(kept: Customer, record: CustomerMerge) -> tuple[dict[str, Any], list[str]]:
    """What goes back, and which fields changed since."""
    now, before, after = customer_values(kept), record.before["values"], record.after["values"]
    back = {name: before.get(name) for name, value in after.items() if now.get(name) == value}
    return back, [name for name in CUSTOMER_FIELDS if name in after and name not in back]


def unmerge(db: Session, merge_id: int, *, actor: Actor, means: Means) -> list[str]:
    """Takes the merge back in the caller's transaction; the fields that were left as they are
    because they changed since. Raises NotFound, NotAllowed."""
    record = customer_merge.get(db, merge_id, lock=True)
    if reason := refusal(db, record):
        raise NotAllowed(reason)
    leads = _leads_back(db, record)
    ids = sorted((record.kept_id, record.merged_id))
    found = {number: customers.get(db, number, lock=True) for number in ids}
    kept, merged, now = found[record.kept_id], found[record.merged_id], means.clock.now()
    values, left = _values(kept, record)
    was = {name: customer_values(kept).get(name) for name in values}
    customers.put(kept, values)
    kept.locked_fields = _locks(kept, record)
    for lead in leads:
        lead.customer = merged
    for link in _links_back(db, record):
        link.entity_id = merged.id
    merged.merged_into_id = None
    kept.updated_at = merged.updated_at = record.undone_at = now
    record.undone_by = actor.label[:254]
    db.flush()
    _tell(db, record, kept, merged, (was, values), left, actor)
    if values:
        customer_merge.send_newest(db, kept, means)
    return left


def _leads_back(db: Session, record: CustomerMerge) -> Sequence[Lead]:
    query = select(Lead).where(Lead.id.in_(record.lead_ids), Lead.customer_id == record.kept_id)
    return db.scalars(query.order_by(Lead.id).with_for_update(of=Lead)).all()


def _links_back(db: Session, record: CustomerMerge) -> list[ExternalLink]:
    noted = set(record.before["links"])
    return [link for link in customer_merge.links_of(db, record.kept_id) if link.id in noted]


def _locks(kept: Customer, record: CustomerMerge) -> list[str]:
    """Without the padlocks that came with the merge; those set or opened since stay so."""
    brought = set(record.after["locked"]) - set(record.before["locked"])
    return [name for name in kept.locked_fields or () if name not in brought]


def _tell(
    db: Session,
    record: CustomerMerge,
    kept: Customer,
    merged: Customer,
    changed: tuple[Mapping[str, Any], Mapping[str, Any]],
    left: Sequence[str],
    actor: Actor,
) -> None:
    now, (before, after) = record.undone_at or record.created_at, changed
    labels = ", ".join(CUSTOMER_FIELDS[name].label for name in left)
    stays = f" Changed since and kept: {labels}." if left else ""
    text = f"{customer_merge.name_of(merged)} is a customer of its own again.{stays}"
    events.record(
        db, "unmerged", customer=kept, actor=actor.label, now=now, text=text, before=before,
        after=after,
    )  # fmt: skip
    alone = f"Taken apart from {customer_merge.name_of(kept)}."
    events.record(db, "unmerged", customer=merged, actor=actor.label, now=now, text=alone)
    facts = {"merge": record.id, "unmerged": merged.id, "left_as_changed_since": list(left)}
    audit.record(
        db, actor, "customer.unmerge", f"customer {kept.id}", facts,
        dealership_id=kept.dealership_id,
    )  # fmt: skip
