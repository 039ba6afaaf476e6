"""Reading leads again: one number, one transaction (story 3.4).

EasyCars has no list of leads and tells no time of change (trap T5), so what is known is asked
for again. A lead that we know by its number or by our own ExternalID is compared three ways; one
that we do not know is created. A status that EasyCars does not tell stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import ExternalLink, Lead
from app.services.leads import (
    customers,
    events,
    linking,
    meeting,
    policy,
    saving,
    sending,
    three_way,
)
from app.services.leads.answer import Reading, archive, digest_of, remote_facts, told
from app.services.leads.arriving import receive
from app.services.leads.fields import label_of, lead_values
from app.services.leads.sending import Means
from app.services.providers.easycars.lead_api import LeadDraft
from app.services.providers.easycars.lead_mapping import as_sent
from app.services.sync.plan import Decision, Verb

WHO: Final = "EasyCars"
UNREADABLE: Final = (
    "EasyCars does not show this lead any more. It is kept here as it is; EasyCars shows only "
    "leads that came from this connection."
)


def take(
    session: Session,
    dealership_id: int,
    draft: LeadDraft,
    run_id: int | None,
    environment: str,
    means: Means,
    *,
    is_sending: bool = False,
) -> Reading:
    """Stores an answer in the caller's transaction.

    What of ours EasyCars shall have is put on its way, unless the caller `is_sending` it already.
    """
    now = means.clock.now()
    link = linking.by_number(session, linking.LEADS, environment, draft.lead_number, lock=True)
    if link is None and (lead := _ours(session, draft)) is not None:
        link = _adopt(session, lead, draft, environment, now, run_id)
    if link is None:
        return receive(session, dealership_id, draft, run_id, environment, now)
    lead = saving.get(session, link.entity_id, lock=True)
    lead.read_at = now
    digest = digest_of(draft)
    if link.content_hash == digest:
        return Reading("same", label_of(lead), lead.id)
    reading, is_ours_to_send = _compare(session, lead, link, draft, run_id, now)
    link.content_hash = digest
    archive(session, link, lead, draft, run_id, now)
    if is_ours_to_send and not is_sending:
        lead.revision += 1
        sending.queue(session, lead, means)
    return reading


def _ours(session: Session, draft: LeadDraft) -> Lead | None:
    """A lead of ours whose number was lost on the way."""
    if not draft.external_ref:
        return None
    query = select(Lead).where(Lead.external_ref == draft.external_ref)
    return session.scalar(query.with_for_update(of=Lead))


def _adopt(
    session: Session,
    lead: Lead,
    draft: LeadDraft,
    environment: str,
    now: datetime,
    run_id: int | None,
) -> ExternalLink:
    linking.attach(lead, draft.lead_number, draft.customer_no, environment)
    lead.sync_state, lead.sync_reason, lead.sent_at = "sent", None, lead.sent_at or now
    events.record(
        session, "found", lead=lead, actor=WHO, now=now, text=f"Number {draft.lead_number}.",
        run_id=run_id,
    )  # fmt: skip
    return linking.keep(
        session, linking.LEADS, dealership_id=lead.dealership_id, environment=environment,
        number=draft.lead_number, entity_id=lead.id, agreed=dict(draft.lead) | {"status": "new"},
        now=now, run_id=run_id,
    )  # fmt: skip


def _compare(
    session: Session,
    lead: Lead,
    link: ExternalLink,
    draft: LeadDraft,
    run_id: int | None,
    now: datetime,
) -> tuple[Reading, bool]:
    remote_facts(lead, draft, now)
    here, _ = as_sent(lead_values(lead), {})
    there = told(draft, link.agreed)
    owner = policy.read(session).owner
    compared = three_way.compare(link, here, there, owner, final(lead, there))
    before = {name: getattr(lead, name) for name in compared.taken}
    three_way.settle(session, link, compared, here, there, now=now, run_id=run_id)
    _write(lead, compared.taken, now)
    person = _person(session, lead, draft, run_id, now)
    _tell(session, lead, compared, before, there, run_id, now)
    is_ours_to_send = compared.is_ours_to_send or person.is_ours_to_send
    return _reading(lead, compared, person, before, draft), is_ours_to_send


def final(lead: Lead, there: Mapping[str, Any]) -> frozenset[str]:
    """A lead deleted here is never undeleted, and neither is one deleted there (row 167)."""
    is_final = lead.status == "deleted" and there.get("status") != "deleted"
    return frozenset({"status"}) if is_final else frozenset()


def _write(lead: Lead, taken: Mapping[str, Any], now: datetime) -> None:
    for name, value in taken.items():
        setattr(lead, name, value)
    if taken:
        lead.updated_at = now
    if "status" in taken:
        lead.status_changed_at = now
        lead.responded_at = lead.responded_at or now


def _person(
    session: Session, lead: Lead, draft: LeadDraft, run_id: int | None, now: datetime
) -> three_way.Compared:
    """The customer of the answer; a lead that EasyCars gave to another customer keeps ours."""
    link = (
        linking.by_number(session, linking.CUSTOMERS, lead.environment or "", draft.customer_no)
        if draft.customer_no
        else None
    )
    if link is None and draft.customer_no:
        link = linking.keep(
            session, linking.CUSTOMERS, dealership_id=lead.dealership_id,
            environment=lead.environment or "", number=draft.customer_no,
            entity_id=lead.customer_id, agreed={}, now=now, run_id=run_id,
        )  # fmt: skip
    if link is None or link.entity_id != lead.customer_id:
        return three_way.Compared(Decision(Verb.SAME))
    lead.customer_no = draft.customer_no
    customer = customers.get(session, lead.customer_id, lock=True)
    return meeting.compare(session, customer, link, draft.customer, now=now, run_id=run_id)


def _tell(
    session: Session,
    lead: Lead,
    compared: three_way.Compared,
    before: Mapping[str, Any],
    there: Mapping[str, Any],
    run_id: int | None,
    now: datetime,
) -> None:
    asked = compared.decision.conflicts
    for kind, names, ours, theirs in (
        ("taken", tuple(compared.taken), before, compared.taken),
        ("kept", compared.kept, lead_values(lead), there),
        ("conflict", asked, lead_values(lead), there),
    ):
        if names:
            events.record(
                session, kind, lead=lead, actor=WHO, now=now, run_id=run_id,
                before={name: ours.get(name) for name in names},
                after={name: theirs.get(name) for name in names},
            )  # fmt: skip


def _reading(
    lead: Lead,
    compared: three_way.Compared,
    person: three_way.Compared,
    before: Mapping[str, Any],
    draft: LeadDraft,
) -> Reading:
    verbs = [compared.decision.verb, person.decision.verb]
    order = (Verb.CONFLICT, Verb.UPDATE, Verb.KEEP_LOCAL)
    verb = next((one for one in order if one in verbs), Verb.SAME)
    after = compared.taken | person.taken
    reason = compared.decision.reason or person.decision.reason
    warnings = [one.as_json() for one in draft.warnings]
    return Reading(
        verb.value, label_of(lead), lead.id, dict(before) or None, after or None, reason, warnings
    )


def unreadable(
    session: Session, number: str, environment: str, run_id: int | None, now: datetime
) -> int:
    """EasyCars refuses to show a lead that we know: told once, nothing changes. Returns its id."""
    link = linking.by_number(session, linking.LEADS, environment, number)
    if link is None:
        return 0
    lead = saving.get(session, link.entity_id, lock=True)
    lead.read_at = now
    latest = next((e for e in events.of_lead(session, lead, 1)), None)
    if latest is None or latest.kind != "unreadable":
        events.record(
            session, "unreadable", lead=lead, actor=WHO, now=now, text=UNREADABLE, run_id=run_id
        )
    return lead.id
