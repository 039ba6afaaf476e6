"""Customers as pages show them: the list with its search, one customer's leads, numbers and story.

Everything is read within the session's dealership. Merged customers are in no list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from app.models import Customer, ExternalLink, Lead, LeadEvent
from app.services.leads import events
from app.services.leads.fields import CUSTOMER_FIELDS, LEAD_FIELDS, shown
from app.services.leads.linking import CUSTOMERS, ENTITIES

PAGE_SIZE: Final = 50
SHORTEST_DIGITS: Final = 3
ALL_FIELDS: Final = LEAD_FIELDS | CUSTOMER_FIELDS


@dataclass(frozen=True, slots=True)
class Row:
    """A customer in the list. `numbers`: EasyCars' customer numbers, several after a merge."""

    customer: Customer
    leads: int
    last_lead_at: datetime | None
    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CustomerPage:
    """A page of customers by name, and how many there are in all."""

    rows: Sequence[Row]
    total: int


@dataclass(frozen=True, slots=True)
class Told:
    """One line of a story in words; `changes`: label, value before, value after."""

    event: LeadEvent
    words: str
    changes: Sequence[Mapping[str, str]]


def page(db: Session, text: str = "", number: int = 1, size: int = PAGE_SIZE) -> CustomerPage:
    """Customers whose name, email, phone or EasyCars number contains the text, by name."""
    wanted: list[ColumnElement[bool]] = [Customer.merged_into_id.is_(None)]
    if text.strip():
        wanted.append(_matches(text.strip()))
    total = db.scalar(select(func.count(Customer.id)).where(*wanted)) or 0
    query = select(Customer).where(*wanted).order_by(Customer.name, Customer.id)
    found = db.scalars(query.limit(size).offset((number - 1) * size)).all()
    return CustomerPage(rows_of(db, found), total)


def _matches(text: str) -> ColumnElement[bool]:
    found: list[ColumnElement[bool]] = [
        Customer.name.icontains(text, autoescape=True),
        Customer.email.icontains(text, autoescape=True),
        _has_number(text),
    ]
    digits = re.sub(r"\D", "", text)
    if len(digits) >= SHORTEST_DIGITS and re.fullmatch(r"[\d\s+().-]+", text):
        national = digits.removeprefix("61").lstrip("0") or digits
        found.append(Customer.phone_keys.contains(national, autoescape=True))
    return or_(*found)


def _has_number(text: str) -> ColumnElement[bool]:
    """EasyCars' number of the customer, with or without its leading zeros."""
    query = select(ExternalLink.id).where(
        ExternalLink.stream == CUSTOMERS,
        ExternalLink.entity == ENTITIES[CUSTOMERS],
        ExternalLink.entity_id == Customer.id,
        func.ltrim(ExternalLink.external_id, "0") == text.lstrip("0"),
    )
    return query.exists()


def rows_of(db: Session, found: Sequence[Customer]) -> list[Row]:
    """What the list says of these customers, in their order; two questions in all."""
    ids = [customer.id for customer in found]
    leads = {
        customer_id: (count, last)
        for customer_id, count, last in db.execute(
            select(Lead.customer_id, func.count(Lead.id), func.max(Lead.created_at))
            .where(Lead.customer_id.in_(ids))
            .group_by(Lead.customer_id)
        )
    }
    numbers = numbers_of(db, ids)
    return [_row(one, leads.get(one.id, (0, None)), numbers.get(one.id, [])) for one in found]


def _row(customer: Customer, leads: tuple[int, datetime | None], numbers: Iterable[str]) -> Row:
    count, last = leads
    return Row(customer, count, last, tuple(numbers))


def numbers_of(db: Session, ids: Iterable[int]) -> dict[int, list[str]]:
    """EasyCars' numbers of these customers, their own first, then of those merged into them."""
    owner = func.coalesce(Customer.merged_into_id, Customer.id)
    rows = db.execute(
        select(owner, ExternalLink.external_id)
        .join(Customer, Customer.id == ExternalLink.entity_id)
        .where(
            ExternalLink.stream == CUSTOMERS,
            ExternalLink.entity == ENTITIES[CUSTOMERS],
            or_(Customer.id.in_(found := list(ids)), Customer.merged_into_id.in_(found)),
        )
        .order_by(Customer.merged_into_id.is_not(None), ExternalLink.id.desc())
    )
    numbers: dict[int, list[str]] = {}
    for customer_id, number in rows:
        numbers.setdefault(customer_id, []).append(number)
    return numbers


def leads_of(db: Session, customer_id: int, limit: int = 100) -> Sequence[Lead]:
    """The customer's leads, newest first."""
    query = select(Lead).where(Lead.customer_id == customer_id)
    return db.scalars(query.order_by(Lead.id.desc()).limit(limit)).all()


def story(db: Session, customer_id: int) -> list[Told]:
    """What happened to the customer, newest first, in words."""
    return [told(event) for event in events.of_customer(db, customer_id)]


def told(event: LeadEvent) -> Told:
    """One event in words; names of fields that the catalogue does not know are left out."""
    before, after = event.before or {}, event.after or {}
    changes = [
        {
            "field": ALL_FIELDS[name].label,
            "before": _said(name, before.get(name)),
            "after": _said(name, after.get(name)),
        }
        for name in {**before, **after}
        if name in ALL_FIELDS
    ]
    return Told(event, events.WORDS.get(event.kind, event.kind), changes)


def _said(name: str, value: Any) -> str:
    return shown(ALL_FIELDS[name], value)
