"""The audit: who did what, when and from where; rows are only ever added (rows 24, 318, C56)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.models import AuditEvent, User

PAGE_SIZE = 50


@dataclass(frozen=True)
class Actor:
    """Who acts: a person, a token of a person, a command or the product itself."""

    user_id: int | None
    label: str
    address: str | None = None
    request_id: str | None = None


@dataclass(frozen=True)
class AuditPage:
    """Events newest first; `older` and `newer` are ids to ask on with, None at the ends."""

    events: Sequence[AuditEvent]
    newer: int | None
    older: int | None


def record(
    db: Session,
    actor: Actor,
    action: str,
    subject: str = "",
    details: Mapping[str, Any] | None = None,
    *,
    dealership_id: int | None = None,
    outcome: str = "done",
) -> AuditEvent:
    """Adds one event in the caller's transaction.

    `action` is "noun.verb" ("credentials.save"); `details` are plain values that anybody who
    reads the page may see: never a secret. `dealership_id` None means the whole installation;
    `outcome` is "done", "refused" or "failed".
    """
    event = AuditEvent(
        dealership_id=dealership_id,
        user_id=actor.user_id,
        actor=actor.label[:254],
        action=action,
        subject=subject[:200],
        details=dict(details or {}),
        outcome=outcome,
        address=actor.address,
        request_id=actor.request_id,
    )
    db.add(event)
    return event


def page(
    db: Session,
    dealership_id: int,
    *,
    action: str | None = None,
    user_id: int | None = None,
    before: int | None = None,
    after: int | None = None,
    size: int = PAGE_SIZE,
) -> AuditPage:
    """Events of a dealership by keyset: `before` an id (older) or `after` one (newer)."""
    query = (
        select(AuditEvent)
        .where(AuditEvent.dealership_id == dealership_id)
        .options(joinedload(AuditEvent.user))
    )
    if action:
        query = query.where(AuditEvent.action == action)
    if user_id:
        query = query.where(AuditEvent.user_id == user_id)
    if after is not None:
        rows = db.scalars(
            query.where(AuditEvent.id > after).order_by(AuditEvent.id).limit(size + 1)
        ).all()
        return _page(list(reversed(rows[:size])), more_newer=len(rows) > size, more_older=True)
    if before is not None:
        query = query.where(AuditEvent.id < before)
    rows = db.scalars(query.order_by(AuditEvent.id.desc()).limit(size + 1)).all()
    return _page(list(rows[:size]), more_newer=before is not None, more_older=len(rows) > size)


def _page(events: list[AuditEvent], *, more_newer: bool, more_older: bool) -> AuditPage:
    if not events:
        return AuditPage([], None, None)
    return AuditPage(
        events,
        newer=events[0].id if more_newer else None,
        older=events[-1].id if more_older else None,
    )


def actions(db: Session, dealership_id: int) -> list[str]:
    """The kinds of events that this dealership has, for the filter."""
    query = select(AuditEvent.action).where(AuditEvent.dealership_id == dealership_id)
    return list(db.scalars(query.distinct().order_by(AuditEvent.action)))


def people(db: Session, dealership_id: int) -> list[User]:
    """Everybody who did something here, also those who left, for the filter."""
    acted = select(AuditEvent.user_id).where(AuditEvent.dealership_id == dealership_id)
    return list(db.scalars(select(User).where(User.id.in_(acted)).order_by(User.email)))
