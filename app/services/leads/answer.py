"""What EasyCars told of one lead: what of it counts, and how it is kept (row 130)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any

import orjson
from sqlalchemy.orm import Session

from app.models import EasyCarsLeadData, ExternalLink, Lead
from app.services.leads.fields import CHANGEABLE, LEAD_FIELDS
from app.services.providers.easycars.lead_api import LeadDraft


@dataclass(frozen=True, slots=True)
class Reading:
    """What one answer did here; `action` as in a run's rows."""

    action: str
    label: str
    lead_id: int | None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    reason: str | None = None
    warnings: list[dict[str, str]] = field(default_factory=list)


def digest_of(draft: LeadDraft) -> bytes:
    told = orjson.dumps(
        [draft.lead, draft.customer, draft.customer_no, draft.remote_status, draft.created],
        option=orjson.OPT_SORT_KEYS,
    )
    return blake2b(told, digest_size=16).digest()


def told(draft: LeadDraft, agreed: Mapping[str, Any]) -> dict[str, Any]:
    """The lead's fields as EasyCars has them. What it cannot change or does not tell is as agreed:
    it drops a stock number that it does not know, and never tells a status (trap T5)."""
    told = {name: agreed[name] for name in LEAD_FIELDS if name in agreed and name not in CHANGEABLE}
    told |= dict(draft.lead)
    status = draft.status or agreed.get("status")
    return told | ({"status": status} if status else {})


def remote_facts(lead: Lead, draft: LeadDraft, now: datetime) -> None:
    lead.easycars_created, lead.easycars_created_at = draft.created, draft.created_at
    if draft.remote_status is not None:
        lead.remote_status, lead.remote_status_at = draft.remote_status, now


def archive(
    session: Session,
    link: ExternalLink,
    lead: Lead,
    draft: LeadDraft,
    run_id: int | None,
    now: datetime,
) -> None:
    """The answer as it came, all 25 fields (row 130)."""
    row = session.get(EasyCarsLeadData, link.id) or EasyCarsLeadData(
        link_id=link.id, dealership_id=lead.dealership_id
    )
    row.lead_id, row.run_id, row.received_at = lead.id, run_id, now
    row.raw = draft.raw.decode("utf-8", "replace")
    for name, value in draft.archive.items():
        setattr(row, name, value)
    session.add(row)
