"""The lane of one dealership: what waits for EasyCars, one after the other, in order.

Any number of workers may be woken: a message is leased to one of them, and the one behind it
waits. A message that cannot be delivered now stays first in the lane and is tried again; one that
concerns a single lead (refused, cannot be sent) ends there, and the lane goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import ALL_DEALERSHIPS, reading, unit_of_work
from app.log import get_logger
from app.models import Lead, SyncItem, SyncRun
from app.services import conflict_mail, outbox
from app.services.errors import CredentialsRejected, HubError, NotConfigured, OutcomeUnknown
from app.services.http_failures import CircuitOpen
from app.services.leads import outbound, quotations, sending
from app.services.leads.job import SETTLING, Sent
from app.services.leads.sending import Means
from app.services.outbox import Message
from app.services.problems import run_causes
from app.services.sync import runs

log = get_logger(__name__)
KINDS: Final = (sending.KIND, quotations.KIND)
# Longer than the calls of one delivery, with their repeats, may take.
LEASE: Final = timedelta(seconds=60)
LIMIT_S: Final = 45.0
AT_ONCE: Final = 500
LONGEST_ASKED_S: Final = 900.0
# Refused credentials that are tried too often may lock the account (C14).
REFUSED_S: Final = 600.0
RESTING: Final = "EasyCars is not answering."
FAULTS_BEFORE_GIVING_UP: Final = 8
COUNTERS: Final = {"create": "created", "update": "updated", "refuse": "failed"}
# Before our lead's id, in the rows of a delivery.
SENT_LEAD: Final = "lead-"


@dataclass(frozen=True, slots=True)
class Way:
    """How EasyCars is reached: the open account and its environment."""

    api: Any
    environment: str
    within: Callable[[float], AbstractContextManager[Any]]


# Opens a dealership's way. Raises NotConfigured or EncryptionError.
Open = Callable[[int], AbstractContextManager[Way]]


@dataclass
class Delivered:
    """What one job did, told as one run (row 158)."""

    started_at: datetime
    sent: list[Sent] = field(default_factory=list)
    stopped_by: str | None = None


def deliver(dealership_id: int, open_way: Open, means: Means, limit: int = AT_ONCE) -> Delivered:
    """Delivers what is due in the dealership's lane; returns what was done.

    Never raises for what EasyCars answered: the message waits and its lead says why.
    """
    done = Delivered(means.clock.now())
    try:
        _while_due(dealership_id, open_way, means, limit, done)
    finally:
        if done.sent:
            _tell(dealership_id, done, means)
        else:
            _tell_conflicts(dealership_id, done, means)
    return done


def _while_due(
    dealership_id: int, open_way: Open, means: Means, limit: int, done: Delivered
) -> None:
    message = _claim(dealership_id, means)
    if message is None:
        return
    try:
        with open_way(dealership_id) as way:
            while message is not None and limit > 0 and _one(way, message, means, done):
                limit -= 1
                message = _claim(dealership_id, means) if limit else None
    except NotConfigured:
        _not_connected(dealership_id, means)


def _claim(dealership_id: int, means: Means) -> Message | None:
    now = means.clock.now()
    with reading(ALL_DEALERSHIPS) as session:
        if dealership_id not in due(session, now):
            return None
    with unit_of_work(ALL_DEALERSHIPS) as session:
        return outbox.claim(session, now, KINDS, dealership_id, lease=LEASE)


def due(session: Session, now: datetime) -> set[int]:
    """Dealerships whose lane is due; in the scope of all dealerships."""
    return set(outbox.due_dealerships(session, now, KINDS))


def _one(way: Way, message: Message, means: Means, done: Delivered) -> bool:
    """Delivers one message; False when the lane has to wait."""
    try:
        with way.within(LIMIT_S):
            sent = _send(way, message, means)
    except HubError as exc:
        return _wait(message, exc, means, done)
    except Exception as exc:
        log.exception("lead_not_sent", message_id=message.id)
        return _fault(message, exc, means)
    if sent is not None:
        done.sent.append(sent)
    with unit_of_work(message.dealership_id) as session:
        outbox.sent(session, message, means.clock.now())
    return True


def _send(way: Way, message: Message, means: Means) -> Sent | None:
    if message.kind == quotations.KIND:
        quotations.deliver(
            way.api, message.dealership_id, int(message.payload["quotation"]), means.clock
        )
        return None
    lead_id = int(message.payload["lead"])
    return outbound.deliver(way.api, message.dealership_id, way.environment, lead_id, means)


def _wait(message: Message, exc: HubError, means: Means, done: Delivered) -> bool:
    """The lane waits: EasyCars is away, or the answer was lost and is looked for next."""
    words = RESTING if isinstance(exc, CircuitOpen) else exc.user_message
    done.stopped_by, now = words, means.clock.now()
    with unit_of_work(message.dealership_id) as session:
        outbox.failed(
            session, message, words, now, patience=sending.PATIENCE,
            pause_s=_pause(message, exc, now),
        )  # fmt: skip
        if message.kind == sending.KIND:
            _say_why(session, int(message.payload["lead"]), words)
        if isinstance(exc, CredentialsRejected):
            run_causes.refused(session, run_causes.DELIVERIES, words, now)
    log.warning("lead_waits", message_id=message.id, attempt=message.attempts, code=exc.code)
    return False


def _pause(message: Message, exc: HubError, now: datetime) -> float:
    """What is known, else the usual one from the beginning of the try: a host that lets one wait
    until the limit is found within a minute of its return as well."""
    known = _known_pause(exc)
    if known is not None:
        return known
    tried = now - (message.leased_until - LEASE)
    return sending.PATIENCE.pause_s(message.attempts, tried)


def _known_pause(exc: HubError) -> float | None:
    """What EasyCars, the breaker or the look-up of a lost answer asks for; None: the usual."""
    if isinstance(exc, OutcomeUnknown):
        return SETTLING.total_seconds()
    if isinstance(exc, CredentialsRejected):
        return REFUSED_S
    asked = getattr(exc, "retry_after", None)
    return None if asked is None else min(float(asked), LONGEST_ASKED_S)


def _say_why(session: Session, lead_id: int, words: str) -> None:
    lead = session.scalar(select(Lead).where(Lead.id == lead_id))
    if lead is not None and lead.sync_state == "waiting":
        lead.sync_reason = words


def _fault(message: Message, exc: Exception, means: Means) -> bool:
    """A fault of ours must not hold up the others for ever."""
    words = f"Fault in Forecourt: {type(exc).__name__}. Give us the lead's number."
    final = message.attempts >= FAULTS_BEFORE_GIVING_UP
    with unit_of_work(message.dealership_id) as session:
        outbox.failed(
            session, message, words, means.clock.now(), final=final, patience=sending.PATIENCE
        )
        if final and message.kind == sending.KIND:
            lead = session.scalar(select(Lead).where(Lead.id == int(message.payload["lead"])))
            if lead is not None:
                lead.sync_state, lead.sync_reason = "failed", words
    return final


def _not_connected(dealership_id: int, means: Means) -> None:
    """The connection was removed: what waits is kept on the leads until there is one."""
    with unit_of_work(dealership_id) as session:
        outbox.drop_lane(session, dealership_id, sending.LANE, means.clock.now())
        for lead in session.scalars(select(Lead).where(Lead.sync_state == "waiting")):
            lead.sync_state, lead.sync_reason = "not_configured", sending.NOT_CONNECTED


def _tell(dealership_id: int, done: Delivered, means: Means) -> None:
    """One finished run for the whole job, with a row for each lead."""
    counts = dict.fromkeys(COUNTERS.values(), 0)
    for one in done.sent:
        counts[COUNTERS[one.action]] += 1
    with unit_of_work(dealership_id) as session:
        now = means.clock.now()
        run = runs.finished(
            session,
            SyncRun(
                dealership_id=dealership_id, provider="easycars", stream="leads",
                direction="outbound", mode="sync", trigger="schedule", actor="Forecourt",
                created_at=done.started_at, started_at=done.started_at, completed_at=now,
                total=len(done.sent), **counts,
            ),
            "warning" if counts["failed"] or done.stopped_by else "success",
            _words(counts, done.stopped_by),
        )  # fmt: skip
        session.add_all(_items(run, done.sent, now))
        conflict_mail.adopt(session, run)
        conflict_mail.tell(session, run, now)
        if counts["created"] or counts["updated"]:
            run_causes.let_in(session, run_causes.DELIVERIES, now, "Leads were sent again.")


def _tell_conflicts(dealership_id: int, done: Delivered, means: Means) -> None:
    with unit_of_work(dealership_id) as session:
        conflict_mail.tell_delivery(session, dealership_id, done.started_at, means.clock.now())


def _words(counts: dict[str, int], stopped_by: str | None) -> str:
    names = {"created": "created at EasyCars", "updated": "updated", "failed": "not sent"}
    words = ", ".join(f"{counts[name]} {words}" for name, words in names.items() if counts[name])
    return f"Leads sent to EasyCars: {words}." + (f" Then: {stopped_by}" if stopped_by else "")


def _items(run: SyncRun, sent: list[Sent], now: datetime) -> list[SyncItem]:
    """The last word about each lead; a job may send one twice (created, then its status)."""
    last = {one.lead_id: one for one in sent}
    return [
        SyncItem(
            dealership_id=run.dealership_id, run_id=run.id, external_id=f"{SENT_LEAD}{one.lead_id}",
            label=one.label[:300], action=one.action, entity_id=one.lead_id,
            after=dict(one.after) or None, reason=one.reason, created_at=now,
        )
        for one in last.values()
    ]  # fmt: skip
