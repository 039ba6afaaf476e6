"""One lead as EasyCars tells it beside ours: what differs, and how serious it is (row 195).

A status that EasyCars does not tell is the one that it was told last (trap T5). The severity of a
field is the answer of `plan.decide`, as for a reading: what it would write is outdated here, what
it would keep or ask about is conflicting.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy.orm import Session

from app.models import ExternalLink, Lead
from app.services.leads import inbound, linking, policy
from app.services.leads.answer import told
from app.services.leads.fields import (
    CUSTOMER_FIELDS,
    LEAD_FIELDS,
    customer_values,
    label_of,
    lead_values,
)
from app.services.providers.easycars.lead_api import LeadDraft
from app.services.providers.easycars.lead_mapping import as_sent
from app.services.reconciliation.comparing import Found, Sides, outdated, sides
from app.services.reconciliation.words import (
    CONFLICTING,
    DIFFERING,
    HERE_ONLY,
    MISSING,
    OUTDATED,
    THERE_ONLY,
)
from app.services.sync.plan import Policy

# What names a lead that only one side has, and tells somebody what it is about.
NAMING: Final[tuple[str, ...]] = (
    "status", "interest", "message", "stock_number", "vehicle_make", "vehicle_model",
    "vehicle_year", "name", "email", "phone", "mobile",
)  # fmt: skip
NOT_SHOWN: Final = (
    "EasyCars does not show this lead any more, or shows it to another connection only."
)


def there_only(draft: LeadDraft) -> Found:
    """A lead of EasyCars that is not here."""
    values = {**draft.lead, **draft.customer}
    fields = {name: sides(None, values[name]) for name in NAMING if values.get(name) is not None}
    vehicle = (str(values.get("vehicle_make") or ""), str(values.get("vehicle_model") or ""))
    about = " ".join(filter(None, vehicle))
    label = ", ".join(filter(None, (values.get("name"), about))) or f"Lead {draft.lead_number}"
    return Found(THERE_ONLY, MISSING, draft.lead_number, label, draft.lead_number, None, fields)


def here_only(lead: Lead, note: str | None) -> Found:
    """A lead of ours that EasyCars does not have, or does not show."""
    values = lead_values(lead) | customer_values(lead.customer)
    fields = {name: sides(values[name], None) for name in NAMING if values.get(name) is not None}
    key = lead.lead_number or f"lead:{lead.id}"
    return Found(HERE_ONLY, MISSING, key, label_of(lead), lead.lead_number, lead.id, fields, note)


def differing(db: Session, lead: Lead, link: ExternalLink, draft: LeadDraft) -> Found | None:
    """What a lead and its customer have differently; None when nothing."""
    policies = policy.read(db)
    here, _ = as_sent(lead_values(lead), {})
    there = told(draft, link.agreed)
    fields, taken = _compared(
        LEAD_FIELDS, link.agreed, here, there, policies.owner, inbound.final(lead, there)
    )
    person = _person(db, lead, draft, policies.customer)
    if person is not None:
        fields, taken = fields | person[0], taken | person[1]
    if not fields:
        return None
    severity = OUTDATED if fields.keys() <= taken else CONFLICTING
    number = draft.lead_number
    return Found(DIFFERING, severity, number, label_of(lead), number, lead.id, fields)


def _person(
    db: Session, lead: Lead, draft: LeadDraft, owner: Policy
) -> tuple[Sides, set[str]] | None:
    """The same of the customer; None for another customer than the one that EasyCars names."""
    if not draft.customer_no:
        return None
    environment = lead.environment or ""
    link = linking.by_number(db, linking.CUSTOMERS, environment, draft.customer_no)
    if link is None or link.entity_id != lead.customer_id:
        return None
    there = link.agreed | {name: value for name, value in draft.customer.items() if value}
    _, here = as_sent({}, customer_values(lead.customer))
    locked = frozenset(lead.customer.locked_fields or ())
    return _compared(CUSTOMER_FIELDS, link.agreed, here, there, owner, locked)


def _compared(
    names: Mapping[str, Any],
    agreed: Mapping[str, Any],
    here: Mapping[str, Any],
    there: Mapping[str, Any],
    owner: Policy,
    locked: frozenset[str],
) -> tuple[Sides, set[str]]:
    fields = {
        name: sides(here.get(name), there.get(name))
        for name in names
        if here.get(name) != there.get(name)
    }
    return fields, outdated(agreed, here, there, owner, locked)
