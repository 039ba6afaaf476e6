"""Leads that wait too long: for an answer, for EasyCars, or for ever (C53, rows 141 and 159)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, literal, select
from sqlalchemy.orm import Session

from app.models import Customer, Lead, LeadPolicy, OutboxMessage
from app.models.types import UtcDateTime
from app.services.leads import listing, policy, sending
from app.services.problems.finding import WHO_ACT, Finding, counted, record
from app.services.problems.ranked import Findings, by_owner, ranked_rows

OVERDUE: Final = "leads-overdue"
STUCK: Final = "leads-stuck"
WAITING: Final = "leads-waiting"
# A lane that is tried in vain for longer than this is worth a word.
LANE_PATIENCE: Final = timedelta(minutes=30)


def _leads(condition: ColumnElement[bool]) -> Select[Any]:
    query = (
        select(Lead.dealership_id.label("owner"), Lead.id.label("id"), Customer.name.label("name"))
        .join(Customer, Customer.id == Lead.customer_id)
        .where(condition)
    )
    return ranked_rows(query, Lead.dealership_id, Lead.id)


def overdue(db: Session, now: datetime) -> Findings:
    """Leads that nobody answered within their dealership's minutes; they have their own mails."""
    return by_owner(db, _leads(_is_late(db, now)), _overdue)


def _is_late(db: Session, now: datetime) -> ColumnElement[bool]:
    """Dealerships with a limit of their own are few; the others share one."""
    by_minutes: dict[int, list[int]] = {}
    for owner, minutes in db.execute(select(LeadPolicy.dealership_id, LeadPolicy.overdue_minutes)):
        by_minutes.setdefault(minutes, []).append(owner)
    usual = _moment(now, policy.Policies().overdue_minutes)
    own = [
        (Lead.dealership_id.in_(owners), _moment(now, minutes))
        for minutes, owners in sorted(by_minutes.items())
    ]
    limit = case(*own, else_=usual) if own else usual
    return and_(Lead.status == "new", Lead.responded_at.is_(None), Lead.created_at < limit)


def _moment(now: datetime, minutes: int) -> Any:
    return literal(now - timedelta(minutes=minutes), UtcDateTime)


def _overdue(rows: list[Any]) -> Finding:
    number = rows[0].number
    waits = "waits" if number == 1 else "wait"
    return Finding(
        OVERDUE,
        f"{counted(number, 'lead')} {waits} for an answer",
        "Nobody has answered within the time that this dealership promises its customers.",
        "Contact the customer and note it on the lead, or change the lead's status.",
        "leads?tab=overdue",
        "Open overdue leads",
        number,
        _lead_records(rows),
    )


def _lead_records(rows: Iterable[Any]) -> list[dict[str, Any]]:
    return [record(row.name, f"leads/{row.id}") for row in rows]


def stuck(db: Session, _now: datetime) -> Findings:
    """Leads that no passing of time brings to EasyCars."""
    states: Any = bindparam("stuck", listing.STUCK, expanding=True, literal_execute=True)
    return by_owner(db, _leads(Lead.sync_state.in_(states)), _stuck)


def _stuck(rows: list[Any]) -> Finding:
    number = rows[0].number
    return Finding(
        STUCK,
        f"{counted(number, 'lead')} did not reach EasyCars",
        "EasyCars refused them, an answer was lost, or something that EasyCars needs is missing.",
        "Open each lead: it says what is missing and offers to send it again.",
        "leads?tab=unsent",
        "Open leads that are not at EasyCars",
        number,
        _lead_records(rows),
        told=WHO_ACT,
    )


def waiting(db: Session, now: datetime) -> Findings:
    """Lanes whose first message has been tried in vain for a while."""
    lane = OutboxMessage.lane == sending.LANE
    query = select(
        OutboxMessage.dealership_id.label("owner"),
        OutboxMessage.id.label("id"),
        OutboxMessage.created_at.label("since"),
        OutboxMessage.attempts.label("attempts"),
        OutboxMessage.last_error.label("error"),
        OutboxMessage.payload.label("payload"),
    ).where(lane, OutboxMessage.state == literal("waiting", literal_execute=True))
    ranked = ranked_rows(query, OutboxMessage.dealership_id, OutboxMessage.id)
    every = by_owner(db, ranked, lambda rows: _waiting(rows, now))
    return {owner: finding for owner, finding in every.items() if finding.affected}


def _waiting(rows: list[Any], now: datetime) -> Finding:
    """`affected` 0: the lane is only at work."""
    first, is_late = rows[0], now - rows[0].since >= LANE_PATIENCE and rows[0].attempts > 0
    numbers = [row.payload["lead"] for row in rows if "lead" in row.payload]
    return Finding(
        WAITING,
        "Leads wait to be sent to EasyCars",
        f"{counted(first.number, 'message')} in the queue. "
        f"{first.error or 'EasyCars did not answer.'} Nothing is lost: each is tried again.",
        "Wait if EasyCars is away for a moment. If it lasts, test the connection.",
        "leads?tab=unsent",
        "Open leads that are not at EasyCars",
        first.number if is_late else 0,
        [record(f"Lead {one}", f"leads/{one}") for one in dict.fromkeys(numbers)],
        told=WHO_ACT,
    )
