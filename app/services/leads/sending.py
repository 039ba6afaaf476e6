"""Putting a lead on its way: one message in the dealership's lane of the outbox (design §6).

A lane keeps the order and asks EasyCars one thing at a time per account (easycars-api §11 row
19). Leads are never given up: while EasyCars is down the first one is tried again, at most
LONGEST_PAUSE_S apart, and the others go as soon as it got through.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import EasyCarsCredential, Lead, OutboxMessage
from app.services import outbox
from app.services.leads import events
from app.services.ports import Clock, JobQueue, QueueDown

KIND: Final = "lead"
LANE: Final = "easycars-leads"
LONGEST_PAUSE_S: Final = 40.0
PATIENCE: Final = outbox.Patience(first_s=5.0, longest_s=LONGEST_PAUSE_S, gives_up=False)
NOT_CONNECTED: Final = "EasyCars is not connected. The lead is kept and goes out when it is."


@dataclass(frozen=True, slots=True)
class Means:
    """What saving a lead needs from outside."""

    queue: JobQueue
    clock: Clock


def queue(db: Session, lead: Lead, means: Means) -> None:
    """Puts the lead's newest revision into the outbox, and wakes a worker after the commit."""
    now = means.clock.now()
    if not is_connected(db, lead.dealership_id):
        lead.sync_state, lead.sync_reason = "not_configured", NOT_CONNECTED
        return
    if lead.sync_state != "unconfirmed":
        lead.sync_state, lead.sync_reason = "waiting", None
    put = outbox.put(
        db,
        dealership_id=lead.dealership_id,
        kind=KIND,
        lane=LANE,
        key=f"lead:{lead.id}:{lead.revision}",
        recipient="EasyCars",
        payload={"lead": lead.id, "revision": lead.revision},
        now=now,
    )
    if put:
        outbox.hurry(db, lead.dealership_id, LANE, now)
        wake(db, lead.dealership_id, f"{lead.id}-{lead.revision}", means)


def wake(db: Session, dealership_id: int, token: str, means: Means) -> None:
    """Wakes a worker for the lane after the commit; `token` names the cause."""

    def send() -> None:
        try:
            means.queue.leads(dealership_id, token)
        except QueueDown:
            return  # the clock asks for what is due every few seconds

    db.info["after_commit"].append(send)


def is_connected(db: Session, dealership_id: int) -> bool:
    query = select(EasyCarsCredential.id).where(
        EasyCarsCredential.dealership_id == dealership_id, EasyCarsCredential.is_active
    )
    return db.scalar(query) is not None


def with_kept(db: Session) -> list[int]:
    """Dealerships that are connected and have leads from before; in the scope of all of them."""
    connected = select(EasyCarsCredential.dealership_id).where(EasyCarsCredential.is_active)
    query = select(Lead.dealership_id).where(
        Lead.sync_state == "not_configured", Lead.dealership_id.in_(connected)
    )
    return list(db.scalars(query.distinct()))


def queue_kept(db: Session, means: Means) -> int:
    """After a connection was made: the leads that had none to go to, oldest first."""
    found = db.scalars(
        select(Lead).where(Lead.sync_state == "not_configured").order_by(Lead.id)
    ).all()
    for lead in found:
        lead.revision += 1
        queue(db, lead, means)
        events.record(db, "queued", lead=lead, actor="Forecourt", now=means.clock.now())
    return len(found)


@dataclass(frozen=True, slots=True)
class Waiting:
    """How a lead's message stands: attempts so far, the next try, what went wrong last."""

    attempts: int
    next_try_at: datetime
    last_error: str | None
    since: datetime


def waiting_of(db: Session, lead_ids: list[int]) -> dict[int, Waiting]:
    """The message that each of these leads waits with; within the session's dealership."""
    rows = db.scalars(
        select(OutboxMessage)
        .where(OutboxMessage.kind == KIND, OutboxMessage.state == "waiting")
        .order_by(OutboxMessage.id.desc())
    )
    wanted = set(lead_ids)
    return {
        row.payload["lead"]: Waiting(row.attempts, row.next_try_at, row.last_error, row.created_at)
        for row in rows
        if row.payload["lead"] in wanted
    }
