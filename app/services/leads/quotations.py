"""Quotations: kept here, sent to EasyCars once through the lane of leads (issue 4 point 7).

EasyCars offers no key against doubles and no way to look a quotation up (easycars-api §7a). So a
call is marked before it leaves, and one that was cut off is never repeated by itself: a person
looks at EasyCars and says whether it is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import unit_of_work
from app.models import EasyCarsCredential, Lead, OutboxMessage, Quotation
from app.services import audit, outbox
from app.services.audit import Actor
from app.services.errors import (
    CannotBeSent,
    ContractBroken,
    CredentialsRejected,
    InputInvalid,
    NotFound,
    NotPossible,
    OutcomeUnknown,
    ProviderUnavailable,
    RequestRefused,
)
from app.services.leads import events, saving, sending
from app.services.leads.sending import Means
from app.services.ports import Clock
from app.services.providers.easycars.lead_api import LeadApi, QuoteSaved
from app.services.providers.easycars.lead_quotation import write_quotation

KIND: Final = "quotation"
WHO: Final = "Forecourt"
STATES: Final = {
    "waiting": "Waiting to send",
    "sent": "Sent",
    "unconfirmed": "Sent, not confirmed",
    "failed": "Not sent",
}
CUT_OFF: Final = (
    "The connection broke before EasyCars answered, so the quotation may be there. Look in "
    "EasyCars before you decide."
)
NOT_CONNECTED: Final = "EasyCars is not connected. The quotation is kept; send it again later."
NUMBER_LENGTH: Final = 20


# -- Saving ------------------------------------------------------------------------------------


def check(db: Session, lead: Lead, content: Mapping[str, Any]) -> None:
    """What EasyCars would refuse, found before anything is kept. Raises CannotBeSent: `fields`
    are named as in the content, "receipts.0.amount_cents" for rows."""
    write_quotation(dict(content) | _numbers(lead, _environment(db)))


def send(
    db: Session, lead_id: int, content: Mapping[str, Any], *, actor: Actor, means: Means
) -> Quotation:
    """A new quotation of a lead; it is in the outbox when the transaction ends.

    `content` is as lead_quotation.py describes it. Raises NotFound, CannotBeSent.
    """
    lead, now = saving.get(db, lead_id), means.clock.now()
    check(db, lead, content)
    quotation = Quotation(
        dealership_id=lead.dealership_id,
        lead_id=lead.id,
        content=dict(content),
        actor=actor.label[:254],
        created_at=now,
    )
    db.add(quotation)
    db.flush()
    events.record(
        db, "quoted", lead=lead, actor=actor.label, now=now, text="Made here, to be sent."
    )
    _audit(db, quotation, "quotation.create", actor)
    _queue(db, quotation, means)
    return quotation


def _queue(db: Session, quotation: Quotation, means: Means) -> None:
    now = means.clock.now()
    quotation.updated_at, quotation.began_at = now, None
    if not sending.is_connected(db, quotation.dealership_id):
        quotation.state, quotation.message = "failed", NOT_CONNECTED
        return
    quotation.state, quotation.message = "waiting", None
    outbox.put(
        db,
        dealership_id=quotation.dealership_id,
        kind=KIND,
        lane=sending.LANE,
        key=f"quotation:{quotation.id}:{int(now.timestamp() * 1000)}",
        recipient="EasyCars",
        payload={"quotation": quotation.id},
        now=now,
    )
    outbox.hurry(db, quotation.dealership_id, sending.LANE, now)
    sending.wake(db, quotation.dealership_id, f"q{quotation.id}-{int(now.timestamp())}", means)


def _audit(db: Session, quotation: Quotation, action: str, actor: Actor, **facts: Any) -> None:
    audit.record(
        db, actor, action, f"quotation {quotation.id}", {"lead": quotation.lead_id} | facts,
        dealership_id=quotation.dealership_id,
    )  # fmt: skip


def get(db: Session, quotation_id: int, *, lock: bool = False) -> Quotation:
    """The quotation, within the session's dealership. Raises NotFound."""
    query = select(Quotation).where(Quotation.id == quotation_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = db.scalar(query)
    if found is None:
        raise NotFound("There is no such quotation.")
    return found


def is_queued(db: Session, quotation: Quotation) -> bool:
    """Whether a message for it still waits; without one only a person sends it again."""
    rows = db.scalars(
        select(OutboxMessage.payload).where(
            OutboxMessage.kind == KIND, OutboxMessage.state == "waiting"
        )
    )
    return any(payload["quotation"] == quotation.id for payload in rows)


# -- A person decides --------------------------------------------------------------------------


def is_there(
    db: Session, quotation_id: int, number: str, *, actor: Actor, means: Means
) -> Quotation:
    """A person found an unconfirmed quotation in EasyCars, under this number.

    Raises NotFound, InputInvalid, NotPossible.
    """
    quotation, now = get(db, quotation_id, lock=True), means.clock.now()
    if quotation.state != "unconfirmed":
        raise NotPossible("This quotation waits for no decision any more.")
    given = number.strip()
    if not given or len(given) > NUMBER_LENGTH or not given.isprintable():
        message = "Enter the number that EasyCars shows, at most 20 characters."
        raise InputInvalid(message, {"quote_number": message})
    _keep_number(db, quotation, given, actor.label, now, "Found in EasyCars by hand.")
    _audit(db, quotation, "quotation.confirm", actor, number=given)
    return quotation


def send_again(db: Session, quotation_id: int, *, actor: Actor, means: Means) -> Quotation:
    """A person wants it sent once more. Raises NotFound, NotPossible."""
    quotation = get(db, quotation_id, lock=True)
    if not may_be_sent_again(db, quotation):
        raise NotPossible("This quotation was sent, or is on its way. Nothing was done.")
    lead = saving.get(db, quotation.lead_id)
    events.record(
        db, "quoted", lead=lead, actor=actor.label, now=means.clock.now(), text="To be sent again."
    )
    _audit(db, quotation, "quotation.send", actor)
    _queue(db, quotation, means)
    return quotation


def may_be_sent_again(db: Session, quotation: Quotation) -> bool:
    """Not while it is at EasyCars or a message for it waits."""
    if quotation.state == "waiting":
        return not is_queued(db, quotation)
    return quotation.state in ("failed", "unconfirmed")


# -- Delivery ----------------------------------------------------------------------------------


def deliver(api: LeadApi, dealership_id: int, quotation_id: int, clock: Clock) -> None:
    """Sends one quotation: marks the call, makes it with no transaction open, keeps the answer.

    Raises ProviderUnavailable and CredentialsRejected for the lane to wait: then it is certain
    that EasyCars did not take it. A call that was cut off ends as "unconfirmed".
    """
    content = _begin(dealership_id, quotation_id, clock)
    if content is None:
        return
    try:
        saved = api.quote(content)
    except (OutcomeUnknown, ContractBroken):
        _end(dealership_id, quotation_id, "unconfirmed", CUT_OFF, clock)
    except (CannotBeSent, RequestRefused) as refused:
        _end(dealership_id, quotation_id, "failed", refused.user_message, clock)
    except (ProviderUnavailable, CredentialsRejected) as waits:
        _not_begun(dealership_id, quotation_id, waits.user_message)
        raise
    else:
        _sent(dealership_id, quotation_id, saved, clock)


def _begin(dealership_id: int, quotation_id: int, clock: Clock) -> dict[str, Any] | None:
    """Marks that the call is about to leave; None when there is nothing to send.

    A mark that is there already means that an earlier call was cut off.
    """
    with unit_of_work(dealership_id) as session:
        try:
            quotation = get(session, quotation_id, lock=True)
        except NotFound:
            return None
        if quotation.state != "waiting":
            return None
        now = clock.now()
        if quotation.began_at is not None:
            _unconfirmed(session, quotation, now)
            return None
        quotation.began_at = quotation.updated_at = now
        quotation.environment = _environment(session)
        lead = saving.get(session, quotation.lead_id)
        return dict(quotation.content) | _numbers(lead, quotation.environment)


def _environment(session: Session) -> str | None:
    query = select(EasyCarsCredential.environment).where(EasyCarsCredential.is_active)
    return session.scalar(query)


def _numbers(lead: Lead, environment: str | None) -> dict[str, Any]:
    """The lead's and customer's numbers as they are now: they may have come after the form.

    A customer with a number goes without fields: a quotation changes no customer.
    """
    if lead.lead_number is None or lead.environment != environment:
        return {}
    known = {"customer": {"customer_no": lead.customer_no}} if lead.customer_no else {}
    return {"lead_number": lead.lead_number, **known}


def _sent(dealership_id: int, quotation_id: int, saved: QuoteSaved, clock: Clock) -> None:
    with unit_of_work(dealership_id) as session:
        quotation = get(session, quotation_id, lock=True)
        said = f" EasyCars says: {saved.warning}" if saved.warning else ""
        text = f"Number {saved.quote_number}.{said}"
        _keep_number(session, quotation, saved.quote_number, WHO, clock.now(), text)
        quotation.message = saved.warning


def _keep_number(
    session: Session, quotation: Quotation, number: str, actor: str, now: datetime, text: str
) -> None:
    quotation.state, quotation.quote_number, quotation.message = "sent", number, None
    quotation.sent_at = quotation.updated_at = now
    quotation.began_at = None
    _story(session, quotation, actor, now, text, {"quote_number": number})


def _end(dealership_id: int, quotation_id: int, state: str, words: str, clock: Clock) -> None:
    with unit_of_work(dealership_id) as session:
        quotation = get(session, quotation_id, lock=True)
        if state == "unconfirmed":
            _unconfirmed(session, quotation, clock.now())
            return
        quotation.state, quotation.message = state, words
        quotation.began_at, quotation.updated_at = None, clock.now()
        _story(session, quotation, WHO, clock.now(), f"Not sent. {words}")


def _unconfirmed(session: Session, quotation: Quotation, now: datetime) -> None:
    quotation.state, quotation.message, quotation.updated_at = "unconfirmed", CUT_OFF, now
    _story(session, quotation, WHO, now, f"Sent, not confirmed. {CUT_OFF}")


def _not_begun(dealership_id: int, quotation_id: int, words: str) -> None:
    """EasyCars certainly did not take it: the lane tries again."""
    with unit_of_work(dealership_id) as session:
        quotation = get(session, quotation_id, lock=True)
        quotation.began_at, quotation.message = None, words


def _story(
    session: Session,
    quotation: Quotation,
    actor: str,
    now: datetime,
    text: str,
    after: Mapping[str, Any] | None = None,
) -> None:
    lead = saving.get(session, quotation.lead_id)
    events.record(session, "quoted", lead=lead, actor=actor, now=now, text=text, after=after)
