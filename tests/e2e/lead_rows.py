"""What the pages of leads have to show: leads on their way, stuck, known and deleted."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.db import unit_of_work
from app.models import Dealership, Lead
from app.parts import parts
from app.services.leads import saving
from app.services.leads.sending import Means
from tests import factories_leads
from tests.e2e.people import ACTOR, Place
from tests.e2e.stack import Stack

ASKED = {
    "name": "Bartholomew Featherstonehaugh-Cholmondeley",
    "email": "bartholomew.featherstonehaugh@a-rather-long-name.example",
    "mobile": "0400 000 001",
    "message": "Is it still available?\nI can come on Saturday.",
    "interest": "test_drive",
}
RAW = '{"LeadNumber":"990001","VehiclePrice":31990.0000,"Notes":null,"CustomerName":"Robin"}'


def leads(stack: Stack, place: Place) -> None:
    """One on its way to EasyCars, one with everything that its tabs show, some in other states."""
    with stack.app.app_context():
        means = Means(parts().queue, parts().clock)
        with unit_of_work(place.id) as db:
            saving.create(db, place.id, ASKED, source="Manual", actor=ACTOR, means=means)
            here = db.get_one(Dealership, place.id)
        factories_leads.lead(here, sync_state="failed", sync_reason="EasyCars refused it.")
        factories_leads.sent_lead(here, lead_number="990002", status="deleted", source="API")
        known = factories_leads.sent_lead(
            here, lead_number="990001", source="EasyCars", message="Call me."
        )
        link = factories_leads.lead_link(known, agreed={"interest": "buy"})
        factories_leads.lead_archive(link, RAW)
        factories_leads.event(known, "received")
        factories_leads.event(known, "status", before={"status": "new"}, after={"status": "won"})


def ids(place: Place) -> dict[str, Any]:
    """Which rows the pages show, as `select` of one id."""
    lead = Lead.__table__.c
    known = (lead.dealership_id == place.id) & (lead.lead_number == "990001")
    return {
        "lead_id": select(lead.id).where(known),
        "customer_id": select(lead.customer_id).where(known),
    }
