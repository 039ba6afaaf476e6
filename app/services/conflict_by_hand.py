"""A hand edit of a field in conflict is the decision about it (C21).

Whoever types a value has chosen a third one: the conflict is closed as "manual", and EasyCars'
value counts as known, so that the next sync asks nothing until EasyCars changes the field again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Conflict, Customer, ExternalLink, Lead, Vehicle
from app.services.audit import Actor


def settle(
    db: Session,
    record: Vehicle | Lead | Customer,
    fields: Collection[str],
    actor: Actor,
    now: datetime,
) -> tuple[str, ...]:
    """Closes the open conflicts of these fields as "manual"; which fields had one.

    The caller has written the values, and logs the act. The record is locked by the caller.
    """
    rows = _open(db, record, fields)
    for link in _links(db, {row.link_id for row in rows}):
        told = {row.field: row.remote for row in rows if row.link_id == link.id}
        agreed = {name: value for name, value in link.agreed.items() if name not in told}
        link.agreed = agreed | {name: value for name, value in told.items() if value is not None}
    for row in rows:
        row.state, row.resolution, row.resolved_at = "resolved", "manual", now
        row.resolved_by, row.resolved_by_id = actor.label[:254], actor.user_id
    return tuple(row.field for row in rows)


def _open(
    db: Session, record: Vehicle | Lead | Customer, fields: Collection[str]
) -> Sequence[Conflict]:
    query = select(Conflict).where(
        Conflict.entity == record.__tablename__,
        Conflict.entity_id == record.id,
        Conflict.field.in_(fields),
        Conflict.state == "open",
    )
    locked = query.order_by(Conflict.id).with_for_update()
    return db.scalars(locked.execution_options(populate_existing=True)).all()


def _links(db: Session, ids: Collection[int]) -> list[ExternalLink]:
    if not ids:
        return []
    query = select(ExternalLink).where(ExternalLink.id.in_(ids)).order_by(ExternalLink.id)
    return list(db.scalars(query.with_for_update().execution_options(populate_existing=True)))
