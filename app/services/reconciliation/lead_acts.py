"""Taking EasyCars' side of a lead, or sending ours (row 197).

Both change what was agreed: what EasyCars was found to have is what it has. Taking writes its
values here; sending leaves ours, so that the difference goes out as every later change does. A
record whose value moved since the reconciliation is left alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Conflict, Difference, ExternalLink, Lead
from app.services import manual_sync
from app.services.audit import Actor
from app.services.conflict_shape import Settled
from app.services.leads import customers, linking, saving
from app.services.leads.conflict_kinds import STAYS_DELETED, Customers, Leads
from app.services.leads.fields import (
    CHANGEABLE,
    CUSTOMER_FIELDS,
    LEAD_FIELDS,
    customer_values,
    lead_values,
)
from app.services.leads.sending import Means
from app.services.providers.easycars.lead_mapping import as_sent
from app.services.reconciliation import vehicle_takes
from app.services.reconciliation.words import DIFFERING, HERE_ONLY, LEADS, THERE_ONLY
from app.services.sync.opening import NUMBERS

NOTHING_TO_TAKE: Final = "EasyCars does not have this lead, so there is nothing to take."
NOT_SENT_TWICE: Final = (
    "EasyCars has a number for this lead and does not show it. Sending it again would make a "
    "second one; look in EasyCars."
)
NOT_HERE: Final = "The lead is not here. Take it from EasyCars first."
FINAL: Final = "The lead is deleted in EasyCars, and EasyCars does not make it active again."
ONLY_HERE: Final = (
    "EasyCars does not let these fields of a lead be changed, or cannot be told to empty them."
)
MOVED: Final = "It was changed here since the reconciliation. Run the reconciliation again."
NAME_NEEDED: Final = "A customer needs a name, and EasyCars has none."
INCOMPLETE: Final = "The lead cannot be sent as it is. Open it and complete it."
GONE: Final = "The lead is not here any more."
TAKEN: Final = "Taken from EasyCars after a reconciliation."


@dataclass
class Result:
    changed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    run_id: int | None = None

    def note(self, why_not: str | None) -> None:
        if why_not is None:
            self.changed += 1
        else:
            self.skipped[why_not] += 1


def why_not_take(difference: Difference) -> str | None:
    """Why EasyCars' side cannot be taken; None when it can."""
    if difference.kind == HERE_ONLY:
        return NOTHING_TO_TAKE
    both = difference.fields.get("name")
    return NAME_NEEDED if difference.kind == DIFFERING and both and not both["there"] else None


def why_not_push(difference: Difference) -> str | None:
    """Why ours cannot be sent; None when it can."""
    if difference.kind == THERE_ONLY:
        return NOT_HERE
    if difference.kind == HERE_ONLY:
        return NOT_SENT_TWICE if difference.external_id else None
    if (difference.fields.get("status") or {}).get("there") == "deleted":
        return FINAL
    return None if _sendable(difference) else ONLY_HERE


def _sendable(difference: Difference) -> dict[str, Any]:
    """Field → EasyCars' value, of the fields that EasyCars can be told."""
    return {
        name: both["there"]
        for name, both in difference.fields.items()
        if both["here"] is not None and (name in CHANGEABLE or name in CUSTOMER_FIELDS)
    }


# -- Taking ----------------------------------------------------------------------------------------


def take(
    db: Session, dealership_id: int, rows: Sequence[Difference], *, actor: Actor, means: Means
) -> Result:
    """Writes EasyCars' values; leads that are not here come with a run that reads them by number.

    Raises NotConfigured, AlreadyRunning.
    """
    result = Result()
    now = means.clock.now()
    for row in rows:
        if row.kind == DIFFERING:
            result.note(_take_one(db, row, actor, now))
    unknown = [row for row in rows if row.kind == THERE_ONLY]
    if unknown:
        run = manual_sync.start(
            db,
            dealership_id=dealership_id,
            stream=LEADS,
            actor=actor,
            trigger="person",
            means=manual_sync.Means(means.queue, means.clock, None),
            scope={NUMBERS: [row.record_key for row in unknown]},
        )
        vehicle_takes.mark(db, unknown, run.id)
        result.run_id, result.changed = run.id, result.changed + len(unknown)
    return result


def _take_one(db: Session, row: Difference, actor: Actor, now: datetime) -> str | None:
    """Why not, None when it was taken."""
    held = _hold(db, row)
    if isinstance(held, str):
        return held
    if "status" in row.fields and held.lead.status == "deleted":
        return STAYS_DELETED
    for part in held.parts:
        there = {name: row.fields[name]["there"] for name in part.names}
        before = part.kind.values(part.record)
        part.kind.put(part.record, there, part.link.agreed)
        was = {name: before.get(name) for name in there}
        part.kind.note(db, part.record, Settled(was, there, actor, now, TAKEN, row.run_id))
        _agree(db, part, there, "easycars", actor, now)
    _resolve(row, "taken", now)
    return None


# -- Sending ---------------------------------------------------------------------------------------


def push(db: Session, rows: Sequence[Difference], *, actor: Actor, means: Means) -> Result:
    """Puts ours on the way to EasyCars, through the dealership's lane of the outbox."""
    result = Result()
    for row in rows:
        send = _send_again if row.kind == HERE_ONLY else _send_fields
        result.note(send(db, row, actor, means))
    return result


def _send_again(db: Session, row: Difference, actor: Actor, means: Means) -> str | None:
    lead = db.scalar(select(Lead).where(Lead.id == row.entity_id))
    if lead is None:
        return GONE
    if lead.sync_state == "cannot_be_sent":
        return INCOMPLETE
    saving.send_again(db, [lead.id], actor=actor, means=means)
    _resolve(row, "pushed", means.clock.now())
    return None


def _send_fields(db: Session, row: Difference, actor: Actor, means: Means) -> str | None:
    """What EasyCars cannot be told stays as an open difference."""
    held = _hold(db, row)
    if isinstance(held, str):
        return held
    sendable, now = _sendable(row), means.clock.now()
    for part in held.parts:
        there = {name: sendable[name] for name in part.names if name in sendable}
        _agree(db, part, there, "local", actor, now)
    Leads().differs_now(db, held.lead, means)
    rest = {name: both for name, both in row.fields.items() if name not in sendable}
    if rest:
        row.fields = rest
    else:
        _resolve(row, "pushed", now)
    return None


# -- The records behind a difference ---------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """The lead or its customer, its link, and which differing fields are its own."""

    kind: Leads | Customers
    record: Any
    link: ExternalLink
    names: Sequence[str]


@dataclass(frozen=True)
class Held:
    lead: Lead
    parts: Sequence[Part]


def _hold(db: Session, row: Difference) -> Held | str:
    """Links and records, held until the transaction ends; a reason when they are not as found."""
    lead = db.scalar(select(Lead).where(Lead.id == row.entity_id))
    if lead is None:
        return GONE
    environment = lead.environment or ""
    links = {
        stream: linking.by_number(db, stream, environment, number, lock=True)
        for stream, number in (
            (linking.LEADS, lead.lead_number),
            (linking.CUSTOMERS, lead.customer_no),
        )
        if number
    }
    lead = saving.get(db, lead.id, lock=True)
    customer = customers.get(db, lead.customer_id, lock=True)
    parts = []
    for kind, record, stream, catalogue, values in (
        (Leads(), lead, linking.LEADS, LEAD_FIELDS, as_sent(lead_values(lead), {})[0]),
        (
            Customers(),
            customer,
            linking.CUSTOMERS,
            CUSTOMER_FIELDS,
            as_sent({}, customer_values(customer))[1],
        ),
    ):
        link, names = links.get(stream), [name for name in row.fields if name in catalogue]
        if not names:
            continue
        if link is None or any(values.get(name) != row.fields[name]["here"] for name in names):
            return MOVED
        parts.append(Part(kind, record, link, names))
    return Held(lead, parts)


def _agree(
    db: Session,
    part: Part,
    there: Mapping[str, Any],
    resolution: str,
    actor: Actor,
    now: datetime,
) -> None:
    """EasyCars has these values: agreed from now on, and their conflicts are settled."""
    if not there:
        return
    kept = {name: value for name, value in part.link.agreed.items() if name not in there}
    told = {name: value for name, value in there.items() if value is not None}
    part.link.agreed, part.link.changed_at = kept | told, now
    query = select(Conflict).where(
        Conflict.link_id == part.link.id, Conflict.field.in_(there), Conflict.state == "open"
    )
    for conflict in db.scalars(query.with_for_update()):
        conflict.state, conflict.resolution, conflict.resolved_at = "resolved", resolution, now
        conflict.resolved_by, conflict.resolved_by_id = actor.label[:254], actor.user_id


def _resolve(row: Difference, how: str, now: datetime) -> None:
    row.status, row.resolution, row.resolved_at = "resolved", how, now
