"""Leads and customers as the conflict pages know them (C21, row 168)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, selectinload

from app.models import Conflict, Customer, Lead, LeadEvent
from app.services.conflict_shape import ChangedHere, FieldInfo, Settled, last_changes
from app.services.errors import InputInvalid
from app.services.leads import customers, events, sending
from app.services.leads.fields import (
    CUSTOMER_FIELDS,
    LEAD_FIELDS,
    LeadField,
    customer_values,
    lead_values,
)
from app.services.leads.input import Unreadable, read_value
from app.services.leads.sending import Means

EVENTS_READ: Final = 200
# Kinds of events whose values a person gave.
BY_HAND: Final = ("created", "edited", "status", "resolved", "merged", "unmerged")
NEVER_EMPTY: Final = {"status": "Choose a status.", "name": "Enter the customer's name."}
STAYS_DELETED: Final = "A deleted lead stays deleted: keep Deleted for the status."


class _Fields:
    """What the fields of leads and customers have in common."""

    catalogue: Mapping[str, LeadField]

    def fields(self) -> Iterable[FieldInfo]:
        for one in self.catalogue.values():
            yield FieldInfo(one.name, one.label, one.kind, None, one.choices)

    def read(self, name: str, text: str) -> Any:
        """Raises Unreadable (a ValueError) in words."""
        value = read_value(name, text)
        if value is None and name in NEVER_EMPTY:
            raise Unreadable(NEVER_EMPTY[name])
        return value

    def typed(self, name: str, value: Any) -> str:
        """A value as its input shows it."""
        return as_typed(self.catalogue[name], value)

    def options(self, name: str, value: Any) -> Mapping[str, str]:  # noqa: ARG002 - see Kind
        """What can be chosen; empty: anything can be typed."""
        return self.catalogue[name].choices


def as_typed(one: LeadField, value: Any) -> str:
    """A value as its input shows it: dollars, "yes" or "no", and "" when it is not given."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value / 100:,.2f}" if one.kind == "money" else str(value)


class Leads(_Fields):
    """Conflicts of leads."""

    noun = "lead"
    path = "leads"
    number = "lead number"
    catalogue = LEAD_FIELDS

    def load(self, db: Session, ids: Sequence[int], *, lock: bool = False) -> dict[int, Lead]:
        query = select(Lead).where(Lead.id.in_(ids)).options(selectinload(Lead.customer))
        if lock:
            query = query.order_by(Lead.id).with_for_update(of=Lead)
            query = query.execution_options(populate_existing=True)
        return {lead.id: lead for lead in db.scalars(query)}

    def visible(self) -> ColumnElement[bool]:
        return select(Lead.id).where(Lead.id == Conflict.entity_id).exists()

    def label(self, record: Lead) -> str:
        about = " ".join(filter(None, (record.vehicle_make, record.vehicle_model)))
        named = record.customer.name or f"Lead {record.id}"
        return f"{named}, {about}" if about else named

    def values(self, record: Lead) -> dict[str, Any]:
        return lead_values(record)

    def locked(self, record: Lead) -> frozenset[str]:  # noqa: ARG002 - see Kind
        """Nothing: whose value of a lead counts is a policy of the dealership."""
        return frozenset()

    def put(
        self,
        record: Lead,
        changes: Mapping[str, Any],
        agreed: Mapping[str, Any],  # noqa: ARG002 - see Kind
    ) -> None:
        """Writes the values. Raises InputInvalid for what would bring a deleted lead back."""
        if record.status == "deleted" and "status" in changes:
            raise InputInvalid(STAYS_DELETED, {"status": STAYS_DELETED})
        for name, value in changes.items():
            setattr(record, name, value)

    def edits(self, db: Session, record_id: int) -> dict[str, ChangedHere]:
        """The last hand-made change of each field, among the newest events of the lead."""
        return _by_hand(db, LeadEvent.lead_id == record_id)

    def note(self, db: Session, record: Lead, settled: Settled) -> None:
        record.updated_at = settled.now
        if "status" in settled.after:
            record.status_changed_at = settled.now
            if settled.before.get("status") == "new":
                record.responded_at = record.responded_at or settled.now
        _tell(db, settled, lead=record)

    def differs_now(self, db: Session, record: Lead, means: Means) -> None:
        """The next delivery compares with what EasyCars said, and sends ours."""
        record.revision += 1
        sending.queue(db, record, means)


class Customers(_Fields):
    """Conflicts of customers. Merged ones wait for nobody."""

    noun = "customer"
    path = "customers"
    number = "customer number"
    catalogue = CUSTOMER_FIELDS

    def load(self, db: Session, ids: Sequence[int], *, lock: bool = False) -> dict[int, Customer]:
        query = select(Customer).where(Customer.id.in_(ids))
        if lock:
            query = query.order_by(Customer.id).with_for_update()
            query = query.execution_options(populate_existing=True)
        return {customer.id: customer for customer in db.scalars(query)}

    def visible(self) -> ColumnElement[bool]:
        query = select(Customer.id).where(
            Customer.id == Conflict.entity_id, Customer.merged_into_id.is_(None)
        )
        return query.exists()

    def label(self, record: Customer) -> str:
        return record.name or record.email or f"Customer {record.id}"

    def values(self, record: Customer) -> dict[str, Any]:
        return customer_values(record)

    def locked(self, record: Customer) -> frozenset[str]:
        return frozenset(record.locked_fields or ())

    def put(
        self,
        record: Customer,
        changes: Mapping[str, Any],
        agreed: Mapping[str, Any],  # noqa: ARG002 - see Kind
    ) -> None:
        customers.put(record, changes)

    def edits(self, db: Session, record_id: int) -> dict[str, ChangedHere]:
        """The last hand-made change of each field, among the customer's newest events."""
        return _by_hand(db, LeadEvent.customer_id == record_id)

    def note(self, db: Session, record: Customer, settled: Settled) -> None:
        record.updated_at = settled.now
        _tell(db, settled, customer=record)

    def differs_now(self, db: Session, record: Customer, means: Means) -> None:
        """The customer's newest lead that EasyCars knows carries the difference there."""
        lead = customers.newest_sent(db, record.id)
        if lead is not None:
            lead.revision += 1
            sending.queue(db, lead, means)


def _by_hand(db: Session, of_record: ColumnElement[bool]) -> dict[str, ChangedHere]:
    query = select(LeadEvent.after, LeadEvent.actor, LeadEvent.created_at)
    newest = query.where(of_record, LeadEvent.kind.in_(BY_HAND)).order_by(LeadEvent.id.desc())
    return last_changes(db.execute(newest.limit(EVENTS_READ)))


def _tell(
    db: Session, settled: Settled, *, lead: Lead | None = None, customer: Customer | None = None
) -> None:
    """The act in the story of a lead or a customer."""
    events.record(
        db,
        "resolved",
        lead=lead,
        customer=customer,
        actor=settled.actor.label,
        now=settled.now,
        text=settled.reason,
        before=settled.before,
        after=settled.after,
        run_id=settled.run_id,
    )
