"""Sending one lead: create, update, or find again what was cut off (row 133-142).

Network and database take turns. A create is marked in a transaction of its own before the call
leaves; whoever finds the mark later knows that the answer was lost, and looks before sending
again. EasyCars offers no key against doubles (easycars-api §7), so this look-up is what keeps a
lead from being created twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from app.db import reading, unit_of_work
from app.models import Lead
from app.services.errors import (
    CannotBeSent,
    HubError,
    OutcomeUnknown,
    RequestRefused,
)
from app.services.leads import events, inbound, linking, lost_answer, meeting, saving, sending
from app.services.leads.fields import (
    label_of_field,
)
from app.services.leads.job import Job, Sent, differences, read_job
from app.services.leads.sending import Means
from app.services.providers.easycars.lead_api import LeadApi, LeadSaved
from app.services.providers.easycars.lead_mapping import as_sent

WHO: Final = "Forecourt"
# Stands for a customer's number while the lead alone is checked: that needs no network.
NOT_ASKED: Final = "0"


def deliver(
    api: LeadApi, dealership_id: int, environment: str, lead_id: int, means: Means
) -> Sent | None:
    """Brings EasyCars what it does not have of a lead; None: it has everything.

    Raises ProviderUnavailable, OutcomeUnknown, CredentialsRejected for the lane to wait; what
    concerns this lead alone (refused, cannot be sent) is kept on it and ends here.
    """
    job = read_job(dealership_id, environment, lead_id, means.clock.now())
    if job is None:
        return None
    try:
        if job.number is not None:
            return _update(api, dealership_id, job, means)
        if job.began_at is not None:
            return _look(api, dealership_id, job, means)
        return _create(api, dealership_id, job, means)
    except (CannotBeSent, RequestRefused) as exc:
        return _refused(dealership_id, job, exc, means)


# -- Create ---------------------------------------------------------------------------------------


def _create(api: LeadApi, dealership_id: int, job: Job, means: Means) -> Sent:
    """Asks whether EasyCars knows the customer, marks the attempt, calls, keeps the number."""
    api.check_create(job.lead, job.customer, customer_no=job.customer_no or NOT_ASKED)
    known = meeting.look_up(api, job.customer) if job.customer_no is None else None
    customer_no = job.customer_no or (known.customer_no if known else None)
    api.check_create(job.lead, job.customer, customer_no=customer_no)
    _begin(dealership_id, job, customer_no, means)
    try:
        saved = api.create(
            job.lead,
            {} if customer_no else job.customer,
            external_ref=job.external_ref,
            customer_no=customer_no,
        )
    except OutcomeUnknown as exc:
        _unconfirmed(dealership_id, job, exc.user_message, means)
        raise
    except HubError:
        _not_begun(dealership_id, job)
        raise
    return created(dealership_id, job, saved, means, known)


def _begin(dealership_id: int, job: Job, customer_no: str | None, means: Means) -> None:
    with unit_of_work(dealership_id) as session:
        lead = saving.get(session, job.lead_id, lock=True)
        lead.began_at = means.clock.now()
        lead.began_after = linking.highest_number(session, job.environment)
        lead.began_customer = "known" if customer_no else "new"


def _not_begun(dealership_id: int, job: Job) -> None:
    """EasyCars certainly did not take it: nothing to look for."""
    with unit_of_work(dealership_id) as session:
        lead = saving.get(session, job.lead_id, lock=True)
        lead.began_at = lead.began_after = lead.began_customer = None


def _unconfirmed(dealership_id: int, job: Job, error: str, means: Means) -> None:
    with unit_of_work(dealership_id) as session:
        lead = saving.get(session, job.lead_id, lock=True)
        if lead.sync_state != "unconfirmed":
            events.record(
                session, "unconfirmed", lead=lead, actor=WHO, now=means.clock.now(), text=error
            )
        lead.sync_state = "unconfirmed"
        lead.sync_reason = f"{error} Forecourt looks for it before it sends again."


def created(
    dealership_id: int,
    job: Job,
    saved: LeadSaved,
    means: Means,
    known: meeting.Known | None = None,
    kind: str = "sent",
) -> Sent:
    """Keeps the number: from here on the lead is linked."""
    lead_agreed, _ = as_sent(job.lead, job.customer)
    with unit_of_work(dealership_id) as session:
        now = means.clock.now()
        lead = saving.get(session, job.lead_id, lock=True)
        linking.attach(lead, saved.lead_number, saved.customer_no, job.environment)
        linking.keep(
            session, linking.LEADS, dealership_id=dealership_id, environment=job.environment,
            number=saved.lead_number, entity_id=lead.id, agreed=lead_agreed | {"status": "new"},
            now=now,
        )  # fmt: skip
        if saved.customer_no:
            meeting.link(session, lead.customer, saved.customer_no, known, job, now)
        _done(session, lead, job, means)
        text = " ".join(filter(None, (f"Number {saved.lead_number}.", remarks(saved))))
        events.record(session, kind, lead=lead, actor=WHO, now=now, text=text)
    after = {"lead_number": saved.lead_number}
    return Sent(job.lead_id, job.label, "create", saved.lead_number, remarks(saved), after)


def remarks(saved: LeadSaved) -> str | None:
    """What EasyCars said beside yes, and what of ours was cut or left out."""
    said = [f"EasyCars says: {saved.warning}"] if saved.warning else []
    ours = [f"{label_of_field(one.field)}: {one.text}" for one in saved.warnings]
    return " ".join([*said, *ours]) or None


def _done(session: Session, lead: Lead, job: Job, means: Means) -> None:
    """What was sent is there; what differs still (a status, a later edit) goes next."""
    lead.sync_state, lead.sync_reason = "sent", None
    lead.sent_at = means.clock.now()
    lead.sent_revision = max(lead.sent_revision, job.revision)
    session.flush()
    if lead.revision == job.revision and any(differences(session, lead, lead.customer, job)):
        lead.revision += 1
        sending.queue(session, lead, means)


# -- Update ---------------------------------------------------------------------------------------


def _update(api: LeadApi, dealership_id: int, job: Job, means: Means) -> Sent | None:
    """Sends what differs, nothing else (row 164); without a difference nothing is asked.

    What EasyCars has is read first: somebody may have changed the same field there.
    """
    if any(_of_now(dealership_id, job)):
        _compare_first(api, dealership_id, job, means)
    changed, person = _of_now(dealership_id, job)
    if not changed and not person:
        _up_to_date(dealership_id, job)
        return None
    number = str(job.number)
    saved = api.update(number, changed, person or None, customer_no=job.customer_no)
    with unit_of_work(dealership_id) as session:
        now = means.clock.now()
        lead = saving.get(session, job.lead_id, lock=True)
        before = _agree(session, job, changed, person, now)
        _done(session, lead, job, means)
        events.record(
            session, "updated", lead=lead, actor=WHO, now=now, before=before,
            after=changed | person, text=remarks(saved),
        )  # fmt: skip
    return Sent(job.lead_id, job.label, "update", number, remarks(saved), changed | person)


def _of_now(dealership_id: int, job: Job) -> tuple[dict[str, Any], dict[str, Any]]:
    with reading(dealership_id) as session:
        lead = saving.get(session, job.lead_id)
        return differences(session, lead, lead.customer, job)


def _compare_first(api: LeadApi, dealership_id: int, job: Job, means: Means) -> None:
    """Takes over, keeps or asks as a reading does. A lead that is not shown is sent unread."""
    try:
        draft = api.read(str(job.number))
    except RequestRefused:
        return
    with unit_of_work(dealership_id) as session:
        inbound.take(session, dealership_id, draft, None, job.environment, means, is_sending=True)


def _agree(
    session: Session, job: Job, changed: Mapping[str, Any], person: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """EasyCars has these values now; returns what it had before."""
    before: dict[str, Any] = {}
    for stream, number, new in (
        (linking.LEADS, job.number, changed),
        (linking.CUSTOMERS, job.customer_no, person),
    ):
        link = linking.by_number(session, stream, job.environment, str(number), lock=True)
        if link is None or not new:
            continue
        before |= {name: link.agreed.get(name) for name in new}
        link.agreed = link.agreed | dict(new)
        link.changed_at = now
        link.content_hash = linking.UNREAD
    return before


def _up_to_date(dealership_id: int, job: Job) -> None:
    with unit_of_work(dealership_id) as session:
        lead = saving.get(session, job.lead_id, lock=True)
        lead.sync_state, lead.sync_reason = "sent", None
        lead.sent_revision = max(lead.sent_revision, job.revision)


# -- What concerns this lead alone ----------------------------------------------------------------


def _look(api: LeadApi, dealership_id: int, job: Job, means: Means) -> Sent:
    """An earlier create was cut off: is the lead there?"""
    found = lost_answer.find(api, dealership_id, job)
    if found.saved is not None:
        return created(dealership_id, job, found.saved, means, kind="found")
    if found.is_certain:
        _not_begun(dealership_id, job)
        return _create(api, dealership_id, job, means)
    return _unsure(dealership_id, job, found.words, means)


def _unsure(dealership_id: int, job: Job, words: str, means: Means) -> Sent:
    """Neither there nor surely not there: a person decides, nothing is sent twice."""
    with unit_of_work(dealership_id) as session:
        lead = saving.get(session, job.lead_id, lock=True)
        lead.sync_state, lead.sync_reason = "unconfirmed", words
        events.record(
            session, "unconfirmed", lead=lead, actor=WHO, now=means.clock.now(), text=words
        )
    return Sent(job.lead_id, job.label, "refuse", reason=words)


def _refused(
    dealership_id: int, job: Job, exc: CannotBeSent | RequestRefused, means: Means
) -> Sent:
    state = "cannot_be_sent" if isinstance(exc, CannotBeSent) else "failed"
    with unit_of_work(dealership_id) as session:
        lead = saving.get(session, job.lead_id, lock=True)
        lead.sync_state, lead.sync_reason = state, exc.user_message
        events.record(
            session, "not_sent", lead=lead, actor=WHO, now=means.clock.now(),
            text=exc.user_message,
        )  # fmt: skip
    return Sent(job.lead_id, job.label, "refuse", job.number, exc.user_message)
