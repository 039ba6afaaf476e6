"""Dealerships, and which of them a person may enter as what (contract §5, C61)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from zoneinfo import available_timezones

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from app.models import Dealership, Membership, User
from app.services import audit
from app.services.audit import Actor
from app.services.errors import InputInvalid, NotFound


@dataclass(frozen=True)
class Place:
    """A dealership that a person may enter, and as what."""

    dealership: Dealership
    role: str


# Every request asks one of these, and every page both.
_NAMED: Final = (
    select(Dealership, Membership.role)
    .outerjoin(
        Membership,
        (Membership.dealership_id == Dealership.id) & (Membership.user_id == bindparam("person")),
    )
    .where(Dealership.slug == bindparam("named"))
)
_ENTERED: Final = (
    select(Dealership, Membership.role)
    .join(Membership, Membership.dealership_id == Dealership.id)
    .where(Membership.user_id == bindparam("person"), Dealership.is_active)
    .order_by(func.lower(Dealership.name))
)


def place_of(db: Session, user: User, slug: str) -> Place | None:
    """The active dealership behind `slug` when the person belongs there, else None."""
    row = db.execute(_NAMED, {"person": user.id, "named": slug}).one_or_none()
    if row is None:
        return None
    if user.is_system:
        return Place(row[0], "system")
    return Place(row[0], row[1]) if row[1] and row[0].is_active else None


def places_of(db: Session, user: User) -> list[Place]:
    """Every dealership that the person may enter, by name."""
    if user.is_system:
        every = db.scalars(select(Dealership).order_by(func.lower(Dealership.name)))
        return [Place(dealership, "system") for dealership in every]
    rows = db.execute(_ENTERED, {"person": user.id})
    return [Place(dealership, role) for dealership, role in rows]


def create(
    db: Session, actor: Actor, *, name: str, slug: str | None = None, timezone: str
) -> Dealership:
    """Makes a dealership. `slug` None is made from the name. Raises InputInvalid."""
    wanted = slug or free_slug(db, name)
    faults = _faults(db, name.strip(), wanted, timezone)
    if faults:
        raise InputInvalid("The dealership was not created.", faults)
    dealership = Dealership(name=name.strip(), slug=wanted, timezone=timezone)
    db.add(dealership)
    db.flush()
    facts = {"name": dealership.name, "timezone": timezone}
    audit.record(db, actor, "dealership.create", wanted, facts, dealership_id=dealership.id)
    return dealership


def _faults(db: Session, name: str, slug: str, timezone: str) -> Mapping[str, str]:
    faults = {}
    if not 1 <= len(name) <= 200:
        faults["name"] = "Enter a name of at most 200 characters."
    if not re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", slug):
        faults["slug"] = "Use small letters, digits and hyphens, at most 63."
    elif db.scalar(select(Dealership.id).where(Dealership.slug == slug)) is not None:
        faults["slug"] = f"{slug} is taken by another dealership."
    if timezone not in available_timezones():
        faults["timezone"] = "Enter a time zone such as Australia/Sydney."
    return faults


def free_slug(db: Session, name: str) -> str:
    """A short name for addresses, made from the name; numbered when it is taken."""
    base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:50].strip("-") or "dealership"
    taken = set(db.scalars(select(Dealership.slug).where(Dealership.slug.startswith(base))))
    numbered = (f"{base}-{number}" for number in range(2, len(taken) + 3))
    return base if base not in taken else next(slug for slug in numbered if slug not in taken)


def set_active(db: Session, actor: Actor, dealership: Dealership, active: bool) -> None:
    """Opens or closes a dealership; closed ones answer 404 to all but system people."""
    if dealership.is_active == active:
        return
    dealership.is_active = active
    action = "dealership.open" if active else "dealership.close"
    audit.record(db, actor, action, dealership.slug, dealership_id=dealership.id)


def by_slug(db: Session, slug: str) -> Dealership:
    """A dealership by its short name. Raises NotFound."""
    found = db.scalar(select(Dealership).where(Dealership.slug == slug))
    if found is None:
        raise NotFound(f"There is no dealership {slug}.")
    return found


def get(db: Session, dealership_id: int) -> Dealership:
    """A dealership by id. Raises NotFound."""
    found = db.get(Dealership, dealership_id)
    if found is None:
        raise NotFound("There is no such dealership.")
    return found
