"""All dealerships of one person at a glance: last run and age of the data (contract §5, C61)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import StreamState, SyncRun
from app.services.dealerships import Place


@dataclass(frozen=True)
class Glance:
    """One line of the list: `run` is the last one, `data_from` the last good sync."""

    place: Place
    run: SyncRun | None
    data_from: datetime | None


def glances(db: Session, places: Sequence[Place]) -> list[Glance]:
    """One glance per place, in their order, with two queries. Needs a session over all of them."""
    ids = [place.dealership.id for place in places]
    newest = select(func.max(SyncRun.id)).where(SyncRun.dealership_id.in_(ids))
    newest = newest.group_by(SyncRun.dealership_id)
    runs = {
        run.dealership_id: run for run in db.scalars(select(SyncRun).where(SyncRun.id.in_(newest)))
    }
    ages = select(StreamState.dealership_id, func.max(StreamState.last_success_at))
    ages = ages.where(StreamState.dealership_id.in_(ids)).group_by(StreamState.dealership_id)
    good = {row[0]: row[1] for row in db.execute(ages)}
    return [
        Glance(place, runs.get(place.dealership.id), good.get(place.dealership.id))
        for place in places
    ]
