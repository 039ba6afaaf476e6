"""What the pages of customers and quotations have to show: twins, a merge, a quotation."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.db import unit_of_work
from app.models import Customer, CustomerMerge, Dealership, Lead, Quotation
from app.parts import parts
from app.services.leads import customer_merge
from app.services.leads.sending import Means
from tests import factories_leads
from tests.e2e.people import ACTOR, Place
from tests.e2e.stack import Stack

SHARED = "one.address.that.two.people.seem.to.have@a-rather-long-name.example"
CONTENT = {
    "vehicle_make": "Mazda",
    "vehicle_model": "CX-5",
    "selling_price_cents": 3_199_000,
    "rego_state": "NSW",
    "tax_rate": "0.1",
    "special_conditions": "Floor mats and a full tank. " * 20,
    "trade_ins": [{"make": "Kia", "model": "Rio", "allowance_cents": 800_000}],
    "extras": [{"extra_type": "dealer_delivery", "amount_cents": 150_000}],
    "receipts": [{"amount_cents": 50_000, "payment_method": "eftpos"}],
}


def customers(stack: Stack, place: Place) -> None:
    """Two that look alike, two that were merged, and a quotation that a person has to settle."""
    with stack.app.app_context():
        with unit_of_work(place.id) as db:
            here = db.get_one(Dealership, place.id)
        one, other, kept, merged = (
            factories_leads.customer(here, email=email, city=f"City {number}")
            for number, email in enumerate((SHARED, SHARED, None, None))
        )
        for who in (one, other, merged):
            factories_leads.lead(here, customer=who, sync_state="sent")
        means = Means(parts().queue, parts().clock)
        with unit_of_work(place.id) as db:
            customer_merge.merge(db, kept.id, merged.id, {}, actor=ACTOR, means=means)
            asked = db.scalars(select(Lead).where(Lead.customer_id == one.id)).one()
            db.add(
                Quotation(
                    dealership_id=place.id,
                    lead_id=asked.id,
                    content=CONTENT,
                    state="unconfirmed",
                    message="The connection broke before EasyCars answered.",
                    actor=ACTOR.label,
                )
            )


def ids(place: Place) -> dict[str, Any]:
    """Which rows the pages show, as `select` of one id."""
    customer, merge = Customer.__table__.c, CustomerMerge.__table__.c
    quotation = Quotation.__table__.c
    twins = select(customer.id).where(
        customer.dealership_id == place.id, customer.email_key == SHARED
    )
    return {
        "customer_id": twins.order_by(customer.id),
        "other_customer_id": twins.order_by(customer.id.desc()),
        "customer_merge_id": select(merge.id).where(merge.dealership_id == place.id),
        "quotation_id": select(quotation.id).where(quotation.dealership_id == place.id),
    }
