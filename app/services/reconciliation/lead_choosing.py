"""Which leads a reconciliation reads: known ones from where the last run stopped (row 195, T5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from app.models import Difference, ExternalLink, Lead, SyncRun
from app.services.leads import linking
from app.services.reconciliation.words import LEADS, THERE_ONLY

MODE: Final = "reconcile"
# In the scope of a run: the lead behind which the next one goes on; 0: begin anew.
UNTIL: Final = "until"


@dataclass(frozen=True, slots=True)
class Chosen:
    """`numbers` to read of `known` leads; `until`: see UNTIL."""

    numbers: Sequence[str]
    known: int
    until: int


def known_leads(db: Session, environment: str, limit: int, run_id: int) -> Chosen:
    """At most `limit` leads that EasyCars has a number for; deleted ones are never read again."""
    numbers = _numbers(db, environment)
    alive = db.scalars(select(Lead.id).where(Lead.status != "deleted").order_by(Lead.id))
    known = [lead_id for lead_id in alive if lead_id in numbers]
    until = _last_until(db, run_id)
    behind = [lead_id for lead_id in known if lead_id > until]
    chosen = [*behind, *(lead_id for lead_id in known if lead_id <= until)][:limit]
    return Chosen(
        [numbers[lead_id] for lead_id in chosen],
        len(known),
        chosen[-1] if len(known) > limit else 0,
    )


def _numbers(db: Session, environment: str) -> dict[int, str]:
    """Lead → its number; put together here, because a join may look through all links for each."""
    query = select(ExternalLink.entity_id, ExternalLink.external_id).where(
        ExternalLink.provider == linking.PROVIDER,
        ExternalLink.stream == linking.LEADS,
        ExternalLink.environment == environment,
    )
    return {row.entity_id: row.external_id for row in db.execute(query)}


def _last_until(db: Session, run_id: int) -> int:
    query = (
        select(SyncRun.scope)
        .where(
            SyncRun.stream == LEADS,
            SyncRun.mode == MODE,
            SyncRun.id < run_id,
            SyncRun.status.in_(("success", "warning")),
        )
        .order_by(SyncRun.id.desc())
        .limit(1)
    )
    return int((db.scalar(query) or {}).get(UNTIL, 0))


def unknown_leads(db: Session, limit: int) -> Sequence[str]:
    """Numbers of leads that an earlier run found only in EasyCars."""
    query = (
        select(Difference.record_key)
        .where(
            Difference.stream == LEADS,
            Difference.kind == THERE_ONLY,
            Difference.status != "resolved",
        )
        .order_by(Difference.id)
        .limit(limit)
    )
    return db.scalars(query).all()


def never_sent(environment: str, after: int) -> Select[Lead]:
    """Leads without a number at EasyCars; those of another environment have theirs there."""
    return (
        select(Lead)
        .where(
            Lead.id > after,
            Lead.lead_number.is_(None),
            or_(Lead.environment.is_(None), Lead.environment == environment),
        )
        .order_by(Lead.id)
    )


def sent_since(db: Session) -> Sequence[str]:
    """Keys of leads that had no number when they were found, and have one now, or are deleted."""
    query = (
        select(Difference.record_key)
        .join(
            Lead,
            (Lead.id == Difference.entity_id) & (Lead.dealership_id == Difference.dealership_id),
        )
        .where(
            Difference.stream == LEADS,
            Difference.status != "resolved",
            or_(
                Lead.status == "deleted",
                Lead.lead_number.is_not(None) & Difference.record_key.startswith("lead:"),
            ),
        )
    )
    return db.scalars(query).all()
