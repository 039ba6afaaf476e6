"""Leads as a list: tabs, filters, search, and which of them need somebody (rows 141, 159, C53).

A page costs five queries whatever its length: policies, counts, leads with customers and vehicles,
their messages, the head of the lane.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
)
from sqlalchemy.orm import Session, contains_eager, joinedload

from app.models import Customer, Lead, OutboxMessage
from app.models.leads import CLOSED, UNSENT
from app.services.leads import policy, sending
from app.services.leads.customers import phone_key
from app.services.leads.sending import Waiting

TABS: Final = {
    "open": "Open",
    "overdue": "Overdue",
    "unsent": "Not at EasyCars",
    "closed": "Closed",
    "all": "All",
}
# States that no passing of time heals: a person has to look.
STUCK: Final = ("unconfirmed", "failed", "cannot_be_sent")
SEARCHED: Final = (
    Customer.name,
    Customer.email,
    Customer.phone,
    Customer.mobile,
    Lead.stock_number,
    Lead.lead_number,
)
MAX_WORDS: Final = 8


@dataclass(frozen=True, slots=True)
class Deadline:
    """A lead that is New, came before `before` and has had no response is overdue."""

    before: datetime

    @classmethod
    def of(cls, now: datetime, minutes: int) -> Deadline:
        """At this moment, where a person has so many minutes to respond."""
        return cls(now - timedelta(minutes=minutes))

    def where(self) -> ColumnElement[bool]:
        """The same question for a query."""
        return _is_overdue(self.before)

    def passed(self, lead: Lead) -> bool:
        waits = lead.status == "new" and lead.responded_at is None
        return waits and lead.created_at < self.before


def _is_overdue(before: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    return and_(Lead.status == "new", Lead.responded_at.is_(None), Lead.created_at < before)


# Every page asks this one.
_NEEDING: Final = select(func.count(Lead.id)).where(
    or_(_is_overdue(bindparam("before")), Lead.sync_state.in_(STUCK))
)


def deadline(db: Session, now: datetime) -> Deadline:
    """The dealership's own, by its policy."""
    return Deadline.of(now, policy.read(db).overdue_minutes)


@dataclass(frozen=True, slots=True)
class LeadFilter:
    """What a list is narrowed to; None: not. `q`: every word must be found somewhere, or the whole
    is a phone number. `tab`: a key of TABS."""

    q: str | None = None
    tab: str = "all"
    status: str | None = None
    source: str | None = None
    sync_state: str | None = None
    stock_number: str | None = None
    is_overdue: bool | None = None


@dataclass(frozen=True, slots=True)
class LeadRow:
    """One line of a list. `waiting`: its message's next try, when it has one."""

    lead: Lead
    is_overdue: bool
    waiting: Waiting | None

    @property
    def is_unsent(self) -> bool:
        return self.lead.sync_state in UNSENT


@dataclass(frozen=True, slots=True)
class LeadPage:
    """`counts`: leads on each tab under the same filters."""

    rows: Sequence[LeadRow]
    total: int
    page: int
    size: int
    counts: Mapping[str, int]

    @property
    def first(self) -> int:
        return (self.page - 1) * self.size + 1 if self.rows else 0

    @property
    def last(self) -> int:
        return (self.page - 1) * self.size + len(self.rows)

    @property
    def has_more(self) -> bool:
        return self.last < self.total and bool(self.rows)


def page_of(
    db: Session, wanted: LeadFilter, now: datetime, page: int = 1, size: int = 50
) -> LeadPage:
    """A page of the session's dealership, the newest lead first."""
    due = deadline(db, now)
    counts = _counts(db, wanted, due)
    query = (
        narrowed(select(Lead).join(Lead.customer), wanted, due)
        .options(contains_eager(Lead.customer), joinedload(Lead.vehicle))
        .order_by(Lead.id.desc())
    )
    leads = db.scalars(query.limit(size).offset((page - 1) * size)).all()
    return LeadPage(rows_of(db, leads, due), counts[wanted.tab], page, size, counts)


def rows_of(db: Session, leads: Sequence[Lead], due: Deadline) -> list[LeadRow]:
    """Adds what each lead waits for: two queries for all of them, none when all were sent."""
    waiting = waiting_of(db, [lead.id for lead in leads if lead.sync_state in UNSENT])
    return [LeadRow(lead, due.passed(lead), waiting.get(lead.id)) for lead in leads]


def waiting_of(db: Session, lead_ids: list[int]) -> dict[int, Waiting]:
    """What these leads wait with. Whoever stands behind another waits at least as long, for the
    same reason: a lane sends in order."""
    if not lead_ids:
        return {}
    found = sending.waiting_of(db, lead_ids)
    head = _head(db) if found else None
    if head is None:
        return found
    return {
        lead_id: replace(
            own,
            next_try_at=max(own.next_try_at, head.next_try_at),
            last_error=own.last_error or head.last_error,
        )
        for lead_id, own in found.items()
    }


def _head(db: Session) -> OutboxMessage | None:
    query = select(OutboxMessage).where(
        OutboxMessage.lane == sending.LANE, OutboxMessage.state == "waiting"
    )
    return db.scalar(query.order_by(OutboxMessage.id).limit(1))


def _counts(db: Session, wanted: LeadFilter, due: Deadline) -> dict[str, int]:
    """Tab → leads, all tabs in one look."""
    sums = [func.sum(case((_of_tab(tab, due), 1), else_=0)).label(tab) for tab in TABS]
    query = narrowed(
        select(*sums).select_from(Lead).join(Lead.customer), replace(wanted, tab="all"), due
    )
    row = db.execute(query).one()
    return {tab: int(number or 0) for tab, number in zip(TABS, row, strict=True)}


def narrowed(query: Select[Any], wanted: LeadFilter, due: Deadline) -> Select[Any]:
    """The query, which joins the customer, with the filter's conditions."""
    exact = {
        Lead.status: wanted.status,
        Lead.source: wanted.source,
        Lead.sync_state: wanted.sync_state,
        Lead.stock_number: wanted.stock_number,
    }
    query = query.where(*(column == value for column, value in exact.items() if value is not None))
    if wanted.tab != "all":
        query = query.where(_of_tab(wanted.tab, due))
    if wanted.is_overdue is not None:
        query = query.where(due.where() if wanted.is_overdue else ~due.where())
    return query.where(_about(wanted.q)) if wanted.q else query


def _of_tab(tab: str, due: Deadline) -> ColumnElement[bool]:
    return {
        "open": Lead.status.not_in(CLOSED),
        "overdue": due.where(),
        "unsent": Lead.sync_state.in_(UNSENT),
        "closed": Lead.status.in_(CLOSED),
        "all": Lead.id.is_not(None),
    }[tab]


def _about(q: str) -> ColumnElement[bool]:
    """Every word somewhere; a phone number also as it is written elsewhere."""
    words = [
        or_(*(func.lower(column).contains(word, autoescape=True) for column in SEARCHED))
        for word in q.lower().split()[:MAX_WORDS]
    ]
    key = phone_key(q) if not any(char.isalpha() or char == "@" for char in q) else None
    by_phone = [Customer.phone_keys.contains(f" {key} ", autoescape=True)] if key else []
    return or_(and_(*words), *by_phone)


def unsent_ids(db: Session) -> list[int]:
    """Every lead that EasyCars lacks or lacks a change of, oldest first."""
    query = select(Lead.id).where(Lead.sync_state.in_(UNSENT)).order_by(Lead.id)
    return list(db.scalars(query))


def needing(db: Session, due: Deadline) -> int:
    """How many leads need a person: overdue, or stuck on the way to EasyCars."""
    return db.scalar(_NEEDING, {"before": due.before}) or 0
