"""Customers that may be the same person, with the reasons; nothing is merged by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.models import Customer
from app.services.leads import customers

SHOWN: Final = 100
COLUMNS: Final = (
    Customer.id,
    Customer.name,
    Customer.post_code,
    Customer.email_key,
    Customer.phone_keys,
)


@dataclass(frozen=True, slots=True)
class Twin:
    """Another customer who may be the same, and why."""

    customer: Customer
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two customers who may be the same; `first` was here first."""

    first: Customer
    second: Customer
    reasons: tuple[str, ...]


def signs(row: Any) -> list[str]:
    """What equal customers have in common, in words: each is a reason to look."""
    found = [f"Same email: {row.email_key}"] if row.email_key else []
    found += [f"Same phone: 0{key}" for key in (row.phone_keys or "").split()]
    name, post_code = " ".join(row.name.casefold().split()), (row.post_code or "").strip()
    if name and post_code:
        found.append(f"Same name and post code: {name.title()}, {post_code}")
    return found


def of_customer(db: Session, customer: Customer, limit: int = 20) -> list[Twin]:
    """Who may be the same as this customer, the oldest first."""
    mine = set(signs(customer))
    query = select(Customer).where(
        Customer.id != customer.id, Customer.merged_into_id.is_(None), _may_share(customer)
    )
    others = db.scalars(query.order_by(Customer.id).limit(limit * 5))
    found = [Twin(one, tuple(sign for sign in signs(one) if sign in mine)) for one in others]
    return [twin for twin in found if twin.reasons][:limit]


def _may_share(customer: Customer) -> Any:
    """A first sieve in the database; `signs` decides."""
    keys = (customer.phone_keys or "").split()
    sieve = [Customer.phone_keys.contains(f" {key} ") for key in keys]
    if customer.email_key:
        sieve.append(Customer.email_key == customer.email_key)
    if customer.post_code:
        sieve.append(Customer.post_code == customer.post_code)
    return or_(Customer.id.is_(None), *sieve)


def pairs(db: Session) -> list[Pair]:
    """All pairs to look at, the newest customers first, SHOWN at most.

    Of several alike each later one stands beside the oldest.
    """
    rows = db.execute(
        select(*COLUMNS).where(Customer.merged_into_id.is_(None)).order_by(Customer.id)
    ).all()
    reasons = _shared(rows)
    newest = sorted(reasons, key=lambda pair: (-pair[1], pair[0]))[:SHOWN]
    found = {one.id: one for one in _load(db, {number for pair in newest for number in pair})}
    return [Pair(found[one], found[other], tuple(reasons[one, other])) for one, other in newest]


def _shared(rows: Iterable[Any]) -> dict[tuple[int, int], list[str]]:
    oldest: dict[str, int] = {}
    found: dict[tuple[int, int], list[str]] = {}
    for row in rows:
        for sign in signs(row):
            first = oldest.setdefault(sign, row.id)
            if first != row.id:
                found.setdefault((first, row.id), []).append(sign)
    return found


def _load(db: Session, ids: set[int]) -> Sequence[Customer]:
    return db.scalars(select(Customer).where(Customer.id.in_(ids))).all()


def both(db: Session, first_id: int, second_id: int) -> tuple[Customer, Customer]:
    """Two customers of the session's dealership. Raises NotFound."""
    return customers.get(db, first_id), customers.get(db, second_id)
