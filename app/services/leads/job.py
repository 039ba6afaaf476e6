"""One lead on its way: as it stood when its delivery began, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from app.db import reading
from app.models import Customer, Lead
from app.services.errors import NotFound, ProviderUnavailable
from app.services.leads import linking, meeting, saving
from app.services.leads.fields import CHANGEABLE, customer_values, label_of, lead_values
from app.services.providers.easycars.lead_mapping import as_sent

# A slow EasyCars may still be at work on a call that we gave up: looking at once would miss it.
SETTLING: Final = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Sent:
    """What a delivery did, for the run that tells of it. `action` as in a run's rows."""

    lead_id: int
    label: str
    action: str
    number: str | None = None
    reason: str | None = None
    after: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Job:
    """One lead as it stood when its delivery began, detached from any session."""

    lead_id: int
    revision: int
    environment: str
    number: str | None
    customer_no: str | None
    external_ref: str
    lead: dict[str, Any]
    customer: dict[str, Any]
    began_at: datetime | None
    label: str


def read_job(dealership_id: int, environment: str, lead_id: int, now: datetime) -> Job | None:
    """The lead as it is now; None when it is gone. Raises ProviderUnavailable while a create that
    was cut off may still be at work."""
    with reading(dealership_id) as session:
        try:
            lead = saving.get(session, lead_id)
        except NotFound:
            return None
        is_there = lead.lead_number is not None and lead.environment == environment
        if lead.began_at is not None and now - lead.began_at < SETTLING:
            raise ProviderUnavailable("EasyCars may still be at work on this lead.")
        return Job(
            lead.id,
            lead.revision,
            environment,
            lead.lead_number if is_there else None,
            meeting.number_of(session, lead.customer, environment),
            lead.external_ref,
            lead_values(lead),
            customer_values(lead.customer),
            lead.began_at,
            label_of(lead),
        )


def differences(
    session: Session, lead: Lead, customer: Customer, job: Job
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What EasyCars does not have of the lead and of its customer.

    Left out: what EasyCars cannot change, what waits for a person, and what is empty here (no
    call says "empty this", easycars-api §7).
    """
    mine, person = as_sent(lead_values(lead), customer_values(customer))
    link = linking.by_entity(session, linking.LEADS, job.environment, lead.id)
    there = link.agreed if link else {}
    waits = linking.in_conflict(session, "lead", lead.id)
    changed = {
        name: value
        for name, value in mine.items()
        if name in CHANGEABLE - waits and value != there.get(name)
    }
    return changed, _customer_differences(session, customer, person, job)


def _customer_differences(
    session: Session, customer: Customer, person: Mapping[str, Any], job: Job
) -> dict[str, Any]:
    link = linking.by_entity(session, linking.CUSTOMERS, job.environment, customer.id)
    if link is None:
        return {}
    waits = linking.in_conflict(session, "customer", customer.id)
    return {
        name: value
        for name, value in person.items()
        if name not in waits and value != link.agreed.get(name)
    }
