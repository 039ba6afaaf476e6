"""Changing guards and ownership from what a person typed; every change is audited (C3, C7, C18)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.models import SyncPolicy, User
from app.models.types import utc_now
from app.services import audit, sync_policy
from app.services.audit import Actor
from app.services.errors import InputInvalid
from app.services.sync_policy import EVERYTHING, GROUP, RULES
from app.services.vehicle_fields import FIELDS, GROUPS

# Field of the form → smallest and largest number, and what to say when it is another one.
NUMBERS: Final = {
    "removals_count": (0, 100_000, "Enter a whole number of vehicles, 0 or more."),
    "removals_percent": (0, 100, "Enter a whole number from 0 to 100."),
    "price_drop_percent": (1, 100, "Enter a whole number from 1 to 100."),
    "missing_runs": (1, 30, "Enter a whole number of syncs from 1 to 30."),
}
DEFAULT_FIELD: Final = "owner_default"
GROUP_FIELD: Final = "owner_group_"
SINGLE_FIELD: Final = "owner_field_"


def save_guards(
    db: Session, dealership_id: int, typed: Mapping[str, str], actor: Actor, now: datetime
) -> None:
    """Stores the four limits. Raises InputInvalid with a text for each wrong one."""
    wished = _numbers(typed)
    row = _row(db, dealership_id)
    before = {name: getattr(row, name) for name in NUMBERS}
    for name, number in wished.items():
        setattr(row, name, number)
    _note(db, row, "guards.change", before, wished, actor, now)


def save_owners(
    db: Session, dealership_id: int, typed: Mapping[str, str], actor: Actor, now: datetime
) -> None:
    """Stores default, groups and single fields; "" means: as the wider rule says.

    Raises InputInvalid for a rule that does not exist.
    """
    wished = _owners(typed)
    row = _row(db, dealership_id)
    before, row.owners = dict(row.owners), wished
    _note(db, row, "ownership.change", before, wished, actor, now)


def changed_by(db: Session) -> tuple[User | None, datetime | None]:
    """Who changed the policies last, and when; nobody while all is as delivered."""
    row = db.scalar(select(SyncPolicy))
    if row is None:
        return None, None
    return (db.get(User, row.changed_by_id) if row.changed_by_id else None), row.changed_at


def form_name(key: str) -> str:
    """The form's field of a rule: "*", "group:price" or "price_cents"."""
    if key == EVERYTHING:
        return DEFAULT_FIELD
    if key.startswith(GROUP):
        return GROUP_FIELD + key.removeprefix(GROUP)
    return SINGLE_FIELD + key


def _numbers(typed: Mapping[str, str]) -> dict[str, int]:
    found: dict[str, int] = {}
    wrong: dict[str, str] = {}
    for name, (least, most, words) in NUMBERS.items():
        text = typed.get(name, "").strip()
        if text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most:
            found[name] = int(text)
        else:
            wrong[name] = words
    if wrong:
        raise InputInvalid("Some limits cannot be used.", wrong)
    return found


def _owners(typed: Mapping[str, str]) -> dict[str, str]:
    keys = (EVERYTHING, *(GROUP + name for name in GROUPS), *FIELDS)
    given = {key: typed.get(form_name(key), "") for key in keys}
    wrong = {
        form_name(key): "Choose one of the offered rules."
        for key, rule in given.items()
        if rule and rule not in RULES
    }
    if wrong:
        raise InputInvalid("Some rules do not exist.", wrong)
    return {key: rule for key, rule in given.items() if rule}


def _row(db: Session, dealership_id: int) -> SyncPolicy:
    """The dealership's row, locked: who saves at the same time waits and sees what was saved."""
    defaults = sync_policy.Policies()
    first = {name: getattr(defaults, name) for name in NUMBERS}
    made = _insert(db)(SyncPolicy).values(
        dealership_id=dealership_id, owners={}, changed_at=utc_now(), **first
    )
    db.execute(made.on_conflict_do_nothing(index_elements=["dealership_id"]))
    query = select(SyncPolicy).where(SyncPolicy.dealership_id == dealership_id)
    locked = query.with_for_update().execution_options(populate_existing=True)
    return db.scalars(locked).one()


def _insert(db: Session) -> Any:
    on_postgresql = db.get_bind().dialect.name == "postgresql"
    return postgresql.insert if on_postgresql else sqlite.insert


def _note(
    db: Session,
    row: SyncPolicy,
    action: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    actor: Actor,
    now: datetime,
) -> None:
    """The audit tells what changed only."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    if not names:
        return
    row.changed_at, row.changed_by_id = now, actor.user_id
    details = {
        "before": {name: before.get(name) for name in names},
        "after": {name: after.get(name) for name in names},
    }
    audit.record(db, actor, action, "Sync settings", details, dealership_id=row.dealership_id)
