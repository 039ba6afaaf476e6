"""Fields of a customer that no sync changes, chosen by a person."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.orm import Session

from app.services import audit
from app.services.audit import Actor
from app.services.leads import customers, events
from app.services.leads.fields import CUSTOMER_FIELDS


def keep_here(
    db: Session, customer_id: int, names: Collection[str], *, actor: Actor, now: datetime
) -> bool:
    """From now on exactly these fields are left alone by syncs; whether that changed anything.

    Names that are no fields of a customer do not count. Raises NotFound.
    """
    customer = customers.get(db, customer_id, lock=True)
    wanted = [name for name in CUSTOMER_FIELDS if name in names]
    if set(wanted) == set(customer.locked_fields or ()):
        return False
    customer.locked_fields, customer.updated_at = wanted, now
    labels = ", ".join(CUSTOMER_FIELDS[name].label for name in wanted)
    text = f"Kept here, whatever EasyCars says: {labels}." if labels else "No field is kept here."
    events.record(db, "edited", customer=customer, actor=actor.label, now=now, text=text)
    audit.record(
        db, actor, "customer.lock", f"customer {customer.id}", {"fields": wanted},
        dealership_id=customer.dealership_id,
    )  # fmt: skip
    return True
