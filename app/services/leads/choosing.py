"""Which leads a run reads again (row 150): open ones each time, closed ones rarely."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from app.models import ExternalLink, Lead
from app.services.leads.linking import LEADS, PROVIDER

CLOSED_EVERY: Final = timedelta(days=7)
# Of a run's reads, at most one in so many is for a closed lead.
CLOSED_SHARE: Final = 10


def due(db: Session, environment: str, limit: int, now: datetime) -> list[str]:
    """Numbers to read, those asked longest ago first; never asked come before all.

    Won and lost leads are read once a week, at most a tenth of the run; deleted ones never again:
    nothing can happen to them any more.
    """
    closed = _numbers(db, environment, ("won", "lost"), max(1, limit // CLOSED_SHARE), now)
    opened = _numbers(db, environment, ("new", "in_progress"), limit - len(closed), now)
    return opened + closed


def _numbers(
    db: Session, environment: str, statuses: tuple[str, ...], limit: int, now: datetime
) -> list[str]:
    query = (
        select(ExternalLink.external_id)
        .join(
            Lead,
            and_(
                Lead.id == ExternalLink.entity_id,
                Lead.dealership_id == ExternalLink.dealership_id,
            ),
        )
        .where(
            ExternalLink.provider == PROVIDER,
            ExternalLink.stream == LEADS,
            ExternalLink.environment == environment,
            Lead.status.in_(statuses),
        )
        .order_by(func.coalesce(Lead.read_at, Lead.created_at), Lead.id)
        .limit(limit)
    )
    if "won" in statuses:
        query = query.where(or_(Lead.read_at.is_(None), Lead.read_at < now - CLOSED_EVERY))
    return list(db.scalars(query))
