"""Rows of leads and customers for tests: small functions, each commits."""

from __future__ import annotations

from itertools import count
from secrets import token_hex
from typing import Any

from app.models import (
    Customer,
    Dealership,
    EasyCarsLeadData,
    ExternalLink,
    Lead,
    LeadEvent,
    OutboxMessage,
)
from app.services.leads import customers, sending
from tests.factories import _saved
from tests.factories_vehicles import NOON

_numbers = count(1)


def customer(place: Dealership, **values: Any) -> Customer:
    """A customer with an email and a mobile of its own; a value given as None is not given."""
    number = next(_numbers)
    defaults = {
        "name": f"Robin Walker {number}",
        "email": f"robin{number}@example.com",
        "mobile": f"0400 000 {number:03}",
        "created_at": NOON,
        "updated_at": NOON,
    }
    made = Customer(dealership_id=place.id, locked_fields=[])
    customers.put(made, defaults | values)
    return _saved(made)


def lead(place: Dealership, **values: Any) -> Lead:
    """A new web-form lead that waits to be sent; its customer is made unless given.

    Give `customer_id` or `customer` (a row), `vehicle_id`; a value given as None is not given.
    """
    who = values.pop("customer", None)
    if who is not None:
        values["customer_id"] = who.id
    elif "customer_id" not in values:
        values["customer_id"] = customer(place).id
    defaults = {
        "source": "Web",
        "status": "new",
        "interest": "buy",
        "message": "Is it still available?",
        "external_ref": f"FC-{token_hex(12)}",
        "sync_state": "waiting",
        "created_at": NOON,
        "updated_at": NOON,
        "status_changed_at": NOON,
    }
    return _saved(Lead(dealership_id=place.id, **(defaults | values)))


def sent_lead(place: Dealership, **values: Any) -> Lead:
    """A lead that EasyCars has, under a number of its own."""
    number = next(_numbers)
    known = {
        "sync_state": "sent",
        "environment": "Test",
        "lead_number": f"{number:06}",
        "customer_no": f"{number + 5000:06}",
        "sent_revision": 1,
        "sent_at": NOON,
    }
    return lead(place, **(known | values))


def message(of: Lead, **values: Any) -> OutboxMessage:
    """The outbox row that the lead waits with."""
    defaults = {
        "kind": sending.KIND,
        "lane": sending.LANE,
        "key": f"lead:{of.id}:{of.revision}",
        "recipient": "EasyCars",
        "payload": {"lead": of.id, "revision": of.revision},
        "state": "waiting",
        "attempts": 0,
        "next_try_at": NOON,
        "created_at": NOON,
    }
    return _saved(OutboxMessage(dealership_id=of.dealership_id, **(defaults | values)))


def lead_link(of: Lead, **values: Any) -> ExternalLink:
    """The lead's EasyCars link; `agreed` holds what both sides agreed on last."""
    defaults = {
        "provider": "easycars",
        "stream": "leads",
        "environment": "Test",
        "external_id": of.lead_number or f"X{of.id}",
        "content_hash": b"\0" * 16,
        "agreed": {},
        "photo_urls": [],
        "photos_wanted": False,
        "first_seen_at": NOON,
        "changed_at": NOON,
    }
    return _saved(
        ExternalLink(
            dealership_id=of.dealership_id,
            entity="lead",
            entity_id=of.id,
            **(defaults | values),
        )
    )


def lead_archive(of: ExternalLink, raw: str = "{}", **values: Any) -> EasyCarsLeadData:
    """The lead as EasyCars told it last."""
    return _saved(
        EasyCarsLeadData(
            link_id=of.id,
            dealership_id=of.dealership_id,
            lead_id=of.entity_id,
            received_at=NOON,
            raw=raw,
            **values,
        )
    )


def event(of: Lead, kind: str = "created", **values: Any) -> LeadEvent:
    """A line of the lead's story."""
    defaults = {"actor": "pat@example.com", "created_at": NOON}
    return _saved(
        LeadEvent(dealership_id=of.dealership_id, lead_id=of.id, kind=kind, **(defaults | values))
    )
