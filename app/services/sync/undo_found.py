"""What an undo needs to know of each record: its before-image, how it is now, who touched it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import RowMapping, Table, func, or_, select
from sqlalchemy.orm import Session

from app.models import SyncItem, VehicleEdit, VehicleMerge
from app.services.sync.before import BEFORES
from app.services.sync.targets import LINKS, VEHICLES, local_values
from app.services.sync.undo_plan import PHOTOS, Created, Record, Told
from app.services.sync.undo_query import Undoing, records_query, touched_vehicles

ITEMS: Table = SyncItem.__table__  # type: ignore[assignment]
EDITS: Table = VehicleEdit.__table__  # type: ignore[assignment]
MERGES: Table = VehicleMerge.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Batch:
    """Records with the edits that people made to their vehicles since, oldest first."""

    records: list[Record] = field(default_factory=list)
    edits: Mapping[int, list[Any]] = field(default_factory=dict)


def known_records(db: Session, undoing: Undoing, after: int, size: int) -> Batch:
    """The next records with a before-image, by link id, locked until the transaction ends."""
    rows = db.execute(records_query(undoing, after, size)).mappings().all()
    links = [row["l_id"] for row in rows]
    vehicles = [row["v_id"] for row in rows]
    told = _told(db, undoing, vehicles)
    later = _later(db, undoing, links)
    edits = edits_since(db, undoing, vehicles)
    arranged = {
        vehicle for vehicle, found in edits.items() if any(edit.kind == PHOTOS for edit in found)
    }
    return Batch([_record(row, told, later, arranged) for row in rows], edits)


def _record(
    row: RowMapping,
    told: Mapping[int, Told],
    later: Mapping[int, bool],
    arranged: set[int],
) -> Record:
    link = {column.name: row[f"l_{column.name}"] for column in LINKS.c}
    vehicle_id, link_id = row["v_id"], link["id"]
    title = str(row["v_title"] or link["external_id"])
    return Record(
        link_id=link_id,
        vehicle_id=vehicle_id,
        told=told.get(vehicle_id) or Told(link["external_id"], title),
        link_before=row["b_link"],
        vehicle_before=row["b_vehicle"],
        raw_before=row["b_raw"],
        photos_before=row["b_photos"],
        link=link,
        local=local_values(row),
        lifecycle_reason=row["v_lifecycle_reason"],
        locked=frozenset(row["v_locked_fields"] or ()),
        archive_run_id=row["archive_run_id"],
        raw=row["raw"],
        later=link_id in later,
        photos_later=later.get(link_id, False) or vehicle_id in arranged,
        moved=link["entity_id"] != vehicle_id or row["v_merged_into_id"] is not None,
    )


def _told(db: Session, undoing: Undoing, vehicle_ids: Sequence[int]) -> dict[int, Told]:
    """The run's items by vehicle."""
    query = select(
        ITEMS.c.entity_id,
        ITEMS.c.external_id,
        ITEMS.c.label,
        ITEMS.c.action,
        ITEMS.c.before,
        ITEMS.c.after,
    ).where(
        ITEMS.c.dealership_id == undoing.dealership_id,
        ITEMS.c.run_id == undoing.run_id,
        ITEMS.c.entity_id.in_(vehicle_ids),
    )
    return {row.entity_id: _told_of(row) for row in db.execute(query)}


def _told_of(row: Any) -> Told:
    return Told(row.external_id, row.label, row.action, row.before or {}, row.after or {})


def _later(db: Session, undoing: Undoing, link_ids: Sequence[int]) -> dict[int, bool]:
    """Links that later runs touched → whether these changed the photos too."""
    query = (
        select(BEFORES.c.link_id, func.count(BEFORES.c.photos))
        .where(
            BEFORES.c.dealership_id == undoing.dealership_id,
            BEFORES.c.link_id.in_(link_ids),
            BEFORES.c.run_id > undoing.run_id,
        )
        .group_by(BEFORES.c.link_id)
    )
    return {link_id: bool(photos) for link_id, photos in db.execute(query)}


def edits_since(db: Session, undoing: Undoing, vehicle_ids: Iterable[int]) -> dict[int, list[Any]]:
    """What people did to these vehicles since the run began, oldest first."""
    found: dict[int, list[Any]] = defaultdict(list)
    query = (
        select(
            EDITS.c.vehicle_id,
            EDITS.c.kind,
            EDITS.c.before,
            EDITS.c.after,
            EDITS.c.actor,
            EDITS.c.created_at,
        )
        .where(
            EDITS.c.dealership_id == undoing.dealership_id,
            EDITS.c.vehicle_id.in_(list(vehicle_ids)),
            EDITS.c.created_at >= undoing.started_at,
        )
        .order_by(EDITS.c.id)
    )
    for row in db.execute(query):
        found[row.vehicle_id].append(row)
    return found


def created_vehicles(
    db: Session, undoing: Undoing, after: int, size: int
) -> tuple[int, list[Created], Mapping[int, list[Any]]]:
    """The next vehicles that the run created and that still exist; the last item id that was
    looked at (0: there are no more), and what people did to them."""
    last, rows = _created_items(db, undoing, after, size)
    vehicle_ids = [row.entity_id for row in rows]
    edits = edits_since(db, undoing, vehicle_ids)
    merged = _merged(db, undoing, vehicle_ids)
    told = {row.entity_id: _told_of(row) for row in rows}
    here = _vehicles_with_links(db, undoing, vehicle_ids)
    bare = _vehicles_without(db, undoing, set(vehicle_ids) - {row["v_id"] for row in here})
    later = _later(db, undoing, [row["l_id"] for row in here])
    touched = {
        row["v_id"]: bool(
            edits.get(row["v_id"])
            or row["v_id"] in merged
            or row["v_merged_into_id"]
            or row["v_edited_at"]
            or row["l_id"] in later
            or row["l_changed_run_id"] != undoing.run_id
        )
        for row in here
    }
    created = [
        Created(
            row["l_id"], row["v_id"], told[row["v_id"]], local_values(row), touched[row["v_id"]]
        )
        for row in here
    ]
    created += [Created(0, one["v_id"], told[one["v_id"]], local_values(one), True) for one in bare]
    return last, created, edits


def count_created(db: Session, dealership_id: int, run_id: int) -> int:
    """How many vehicles that the run created are still there."""
    joined = (VEHICLES.c.id == ITEMS.c.entity_id) & (
        VEHICLES.c.dealership_id == ITEMS.c.dealership_id
    )
    query = (
        select(func.count())
        .select_from(ITEMS.join(VEHICLES, joined))
        .where(
            ITEMS.c.dealership_id == dealership_id,
            ITEMS.c.run_id == run_id,
            ITEMS.c.action == "create",
        )
    )
    return db.scalar(query) or 0


def _created_items(
    db: Session, undoing: Undoing, after: int, size: int
) -> tuple[int, Sequence[Any]]:
    query = (
        select(ITEMS)
        .where(
            ITEMS.c.dealership_id == undoing.dealership_id,
            ITEMS.c.run_id == undoing.run_id,
            ITEMS.c.action == "create",
            ITEMS.c.id > after,
        )
        .order_by(ITEMS.c.id)
        .limit(size)
    )
    if undoing.only_looking:
        query = query.where(ITEMS.c.entity_id.in_(touched_vehicles(undoing)))
    rows = db.execute(query).all()
    return (rows[-1].id if rows else 0), rows


def _merged(db: Session, undoing: Undoing, vehicle_ids: Sequence[int]) -> set[int]:
    query = select(MERGES.c.kept_id, MERGES.c.merged_id).where(
        MERGES.c.dealership_id == undoing.dealership_id,
        or_(MERGES.c.kept_id.in_(vehicle_ids), MERGES.c.merged_id.in_(vehicle_ids)),
    )
    return {vehicle for pair in db.execute(query) for vehicle in pair}


def _vehicles_without(
    db: Session, undoing: Undoing, vehicle_ids: Iterable[int]
) -> Sequence[RowMapping]:
    """Vehicles whose link went to another one by a merge: they are told of, and stay."""
    ids = sorted(vehicle_ids)
    if not ids:
        return []
    query = select(*(column.label(f"v_{column.name}") for column in VEHICLES.c)).where(
        VEHICLES.c.dealership_id == undoing.dealership_id, VEHICLES.c.id.in_(ids)
    )
    return db.execute(query.order_by(VEHICLES.c.id)).mappings().all()


def _vehicles_with_links(
    db: Session, undoing: Undoing, vehicle_ids: Sequence[int]
) -> Sequence[RowMapping]:
    joined = VEHICLES.join(
        LINKS,
        (LINKS.c.entity_id == VEHICLES.c.id) & (LINKS.c.dealership_id == VEHICLES.c.dealership_id),
    )
    query = (
        select(
            LINKS.c.id.label("l_id"),
            LINKS.c.changed_run_id.label("l_changed_run_id"),
            *(column.label(f"v_{column.name}") for column in VEHICLES.c),
        )
        .select_from(joined)
        .where(
            VEHICLES.c.dealership_id == undoing.dealership_id,
            LINKS.c.entity == undoing.target.stream.entity,
            LINKS.c.entity_id.in_(vehicle_ids),
            # Named twice: a planner without statistics would read the whole dealership.
            VEHICLES.c.id.in_(vehicle_ids),
        )
        .order_by(VEHICLES.c.id)
    )
    if not undoing.only_looking:
        query = query.with_for_update(of=[LINKS, VEHICLES])
    return db.execute(query).mappings().all()
