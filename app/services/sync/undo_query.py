"""The run that an undo takes back, and the question for its before-images."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import literal, or_, select, union

from app.db import Base
from app.services.sync.before import BEFORES
from app.services.sync.rows import Target
from app.services.sync.targets import LINKS, VEHICLES


@dataclass(frozen=True, slots=True)
class Undoing:
    """The run that is taken back, and where its undo writes.

    `only_looking`: the question before an undo. It locks nothing and reads only vehicles that
    somebody touched since, because all others go back whole.
    """

    target: Target
    run_id: int
    started_at: datetime
    only_looking: bool = False

    @property
    def dealership_id(self) -> int:
        return self.target.dealership_id


def records_query(undoing: Undoing, after: int, size: int) -> Any:
    """The next before-images of a run with what their records are now, by link id."""
    stream, where = undoing.target.stream, undoing.dealership_id
    archive = Base.metadata.tables[stream.archive] if stream.archive else None
    joined: Any = BEFORES.join(
        LINKS,
        (LINKS.c.id == BEFORES.c.link_id) & (LINKS.c.dealership_id == BEFORES.c.dealership_id),
    ).join(
        VEHICLES,
        (VEHICLES.c.id == BEFORES.c.vehicle_id)
        & (VEHICLES.c.dealership_id == BEFORES.c.dealership_id),
    )
    raw: tuple[Any, Any] = (LINKS.c.raw.label("raw"), literal(None).label("archive_run_id"))
    if archive is not None:
        joined = joined.outerjoin(
            archive,
            (archive.c.link_id == LINKS.c.id) & (archive.c.dealership_id == LINKS.c.dealership_id),
        )
        raw = (archive.c.raw.label("raw"), archive.c.run_id.label("archive_run_id"))
    query = (
        select(
            *(BEFORES.c[name].label(f"b_{name}") for name in ("link", "vehicle", "raw", "photos")),
            *(column.label(f"l_{column.name}") for column in LINKS.c),
            *(column.label(f"v_{column.name}") for column in VEHICLES.c),
            *raw,
        )
        .select_from(joined)
        .where(
            BEFORES.c.dealership_id == where,
            BEFORES.c.run_id == undoing.run_id,
            BEFORES.c.link_id > after,
        )
        .order_by(BEFORES.c.link_id)
        .limit(size)
    )
    if undoing.only_looking:
        return query.where(BEFORES.c.vehicle_id.in_(touched_vehicles(undoing)))
    return query.with_for_update(of=[BEFORES, LINKS, VEHICLES])


def touched_vehicles(undoing: Undoing) -> Any:
    """Vehicles that people, merges or later runs changed since the run began."""
    where = undoing.dealership_id
    later = BEFORES.alias("later")
    by_run = select(later.c.vehicle_id).where(
        later.c.dealership_id == where, later.c.run_id > undoing.run_id
    )
    by_person = select(VEHICLES.c.id).where(
        VEHICLES.c.dealership_id == where,
        or_(VEHICLES.c.edited_at >= undoing.started_at, VEHICLES.c.merged_into_id.is_not(None)),
    )
    return union(by_run, by_person)
