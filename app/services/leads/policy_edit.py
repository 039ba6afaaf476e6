"""Changing what a dealership decided about its leads, from what a person typed; audited.

Each form of the page saves its own part. Raises InputInvalid with a text for each wrong field.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.models import LeadPolicy, User
from app.models.types import utc_now
from app.services import audit
from app.services.audit import Actor
from app.services.errors import InputInvalid
from app.services.leads import policy
from app.services.leads.policy import Policies

LEAST_MINUTES: Final = 5
MOST_MINUTES: Final = 10_080
OWNERS: Final = {
    "ask": "Ask me",
    "easycars": "EasyCars",
    "local": "Forecourt",
}
OWNED: Final = {
    "status_owner": "Status of a lead",
    "field_owner": "Other fields of a lead",
    "customer_owner": "Fields of a customer",
}
# Field of a form → smallest and largest number, and what to say when it is another one.
ALARM_NUMBERS: Final = {
    "overdue_minutes": (
        LEAST_MINUTES,
        MOST_MINUTES,
        "Enter whole minutes from 5 to 10080, which are 7 days.",
    ),
}
READING_NUMBERS: Final = {
    "reads_per_run": (10, 2000, "Enter a whole number of leads from 10 to 2000."),
    "discovery_gap": (1, 100, "Enter a whole number from 1 to 100."),
    "discovery_calls": (1, 500, "Enter a whole number of calls from 1 to 500."),
}
NUMBERS: Final = ALARM_NUMBERS | READING_NUMBERS
KEY_BYTES: Final = 18


def save_owners(
    db: Session, dealership_id: int, typed: Mapping[str, str], actor: Actor, now: datetime
) -> None:
    """Who wins for status, other lead fields and customer fields (row 168)."""
    wrong = {
        name: "Choose one of the offered answers."
        for name in OWNED
        if typed.get(name) not in OWNERS
    }
    if wrong:
        raise InputInvalid("Some answers do not exist.", wrong)
    _save(db, dealership_id, {name: typed[name] for name in OWNED}, actor, now)


def save_alarm(
    db: Session, dealership_id: int, typed: Mapping[str, str], actor: Actor, now: datetime
) -> None:
    """After how many minutes an unanswered lead is overdue, and whether mails tell (C53)."""
    wished = _numbers(typed, ALARM_NUMBERS) | {"is_alarm_on": "is_alarm_on" in typed}
    _save(db, dealership_id, wished, actor, now)


def save_reading(
    db: Session, dealership_id: int, typed: Mapping[str, str], actor: Actor, now: datetime
) -> None:
    """How many leads a sync reads, and whether it looks for numbers that are not known (T5)."""
    wished = _numbers(typed, READING_NUMBERS) | {"is_discovery_on": "is_discovery_on" in typed}
    _save(db, dealership_id, wished, actor, now)


def switch_form(db: Session, dealership_id: int, on: bool, actor: Actor, now: datetime) -> None:
    """Opens the public form under a new address, or closes it; on twice keeps the address."""
    if on and policy.read(db).form_key is not None:
        return
    _save(db, dealership_id, {"form_key": _new_key() if on else None}, actor, now)


def renew_form(db: Session, dealership_id: int, actor: Actor, now: datetime) -> None:
    """Gives the public form another address; the old one ends at once."""
    _save(db, dealership_id, {"form_key": _new_key()}, actor, now)


def changed_by(db: Session) -> tuple[User | None, datetime | None]:
    """Who changed the settings last, and when; nobody while all is as delivered."""
    row = db.scalar(select(LeadPolicy))
    if row is None or row.changed_by_id is None:
        return None, None
    return db.get(User, row.changed_by_id), row.changed_at


def _new_key() -> str:
    return secrets.token_urlsafe(KEY_BYTES)


def _numbers(
    typed: Mapping[str, str], wanted: Mapping[str, tuple[int, int, str]]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name, (least, most, words) in wanted.items():
        text = typed.get(name, "").strip()
        if text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most:
            found[name] = int(text)
        else:
            wrong[name] = words
    if wrong:
        raise InputInvalid("Some numbers cannot be used.", wrong)
    return found


def _save(
    db: Session, dealership_id: int, wished: Mapping[str, Any], actor: Actor, now: datetime
) -> None:
    """The audit tells what changed only, and never the form's key: it is an address to guess."""
    row = _row(db, dealership_id)
    before = {name: getattr(row, name) for name in wished}
    changed = [name for name in wished if before[name] != wished[name]]
    if not changed:
        return
    for name in changed:
        setattr(row, name, wished[name])
    row.changed_at, row.changed_by_id = now, actor.user_id
    details = {
        "before": {name: _told(name, before[name]) for name in changed},
        "after": {name: _told(name, wished[name]) for name in changed},
    }
    audit.record(db, actor, "leads.policy", "Lead settings", details, dealership_id=dealership_id)


def _told(name: str, value: Any) -> Any:
    if name != "form_key":
        return value
    return "off" if value is None else f"…{value[-4:]}"


def _row(db: Session, dealership_id: int) -> LeadPolicy:
    """The dealership's row, locked: who saves at the same time waits and sees what was saved."""
    defaults = Policies()
    first = {name: getattr(defaults, name) for name in Policies.__slots__}
    made = _insert(db)(LeadPolicy).values(
        dealership_id=dealership_id, changed_at=utc_now(), **first
    )
    db.execute(made.on_conflict_do_nothing(index_elements=["dealership_id"]))
    query = select(LeadPolicy).where(LeadPolicy.dealership_id == dealership_id)
    locked = query.with_for_update().execution_options(populate_existing=True)
    return db.scalars(locked).one()


def _insert(db: Session) -> Any:
    on_postgresql = db.get_bind().dialect.name == "postgresql"
    return postgresql.insert if on_postgresql else sqlite.insert
