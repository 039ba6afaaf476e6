"""Finding a lead again whose create was cut off: is it at EasyCars, and under which number?

Two kinds of evidence. A customer whom EasyCars did not know before and does not know now: the
create, which would have made the customer, did not happen. The numbers that follow the highest
one known before: our own leads can be read by number and carry our ExternalID (easycars-api §12).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.db import reading
from app.services.errors import RequestRefused
from app.services.leads import linking, meeting, saving
from app.services.providers.easycars.lead_api import LeadApi, LeadDraft, LeadSaved

if TYPE_CHECKING:
    from app.services.leads.job import Job

# Numbers in a row that cannot be read: leads of other sources lie between ours.
GAP: Final = 25
MOST: Final = 200
THERE: Final = (
    "EasyCars did not answer when this lead was sent, and now knows the customer, so the lead is "
    "probably there. Look it up in EasyCars and enter its number, or send it again."
)
UNCLEAR: Final = (
    "EasyCars did not answer when this lead was sent. It was not found among the numbers that "
    "followed, but that is no proof. Look it up in EasyCars and enter its number, or send it again."
)


@dataclass(frozen=True, slots=True)
class Found:
    """`saved`: it is there. `is_certain`: it is surely not. Otherwise a person decides."""

    saved: LeadSaved | None = None
    is_certain: bool = False
    words: str = ""


def find(api: LeadApi, dealership_id: int, job: Job) -> Found:
    """Looks for the lead of `job`. Raises ProviderUnavailable: then nothing is known yet."""
    with reading(dealership_id) as session:
        lead = saving.get(session, job.lead_id)
        after, was_new = lead.began_after, lead.began_customer == "new"
        taken = linking.highest_number(session, job.environment)
    if was_new and meeting.look_up(api, job.customer) is None:
        return Found(is_certain=True)
    draft = _walk(api, after, taken, job.external_ref)
    if draft is not None:
        return Found(LeadSaved(draft.lead_number, draft.customer_no))
    if was_new:
        return Found(words=THERE)
    return Found(is_certain=after is not None, words=UNCLEAR)


def _walk(api: LeadApi, after: str | None, taken: str | None, ours: str) -> LeadDraft | None:
    """Reads the numbers after the last one known until ours is found or GAP cannot be read."""
    unread = 0
    for number in linking.following(after, MOST):
        try:
            draft = api.read(number)
        except RequestRefused:
            unread += 1
            if unread >= GAP and (taken is None or number >= taken):
                return None
            continue
        unread = 0
        if draft.external_ref == ours:
            return draft
    return None
