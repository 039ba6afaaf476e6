"""Vehicles as lists: filter, sort, page, and when each was last in step (UI.10, rows 93, 250).

A page costs four queries whatever its length: count, vehicles, first photos, links.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, Text, and_, cast, func, or_, select
from sqlalchemy.orm import Session

from app.models import ExternalLink, MediaObject, Photo, StreamState, Vehicle
from app.services.errors import NotFound

KINDS: Final = {
    "car": "Car",
    "boat": "Boat",
    "caravan": "Caravan",
    "truck": "Truck",
    "motorbike": "Motorbike",
    "trailer": "Trailer",
}
LIFECYCLE_WORDS: Final = {
    "listed": "Listed",
    "missing": "Missing",
    "off_market": "Off market",
    "sold": "Sold",
}
SEARCHED = (
    Vehicle.stock_number,
    Vehicle.vin,
    Vehicle.rego_num,
    Vehicle.make,
    Vehicle.model,
    Vehicle.title,
)
MAX_WORDS = 8
SORTS: Final[dict[str, Any]] = {
    "updated": Vehicle.updated_at,
    "title": func.lower(Vehicle.title),
    "stock": Vehicle.stock_number,
    "price": Vehicle.price_cents,
    "odometer": Vehicle.odometer,
    "year": Vehicle.year,
}
DEFAULT_SORT = "-updated"


@dataclass(frozen=True)
class VehicleFilter:
    """What a list is narrowed to; None: not. `q`: every word must be found somewhere.

    `is_locked`: has fields with a padlock; `is_edited`: a person changed it here.
    """

    q: str | None = None
    source: str | None = None
    lifecycle: str | None = None
    status: str | None = None
    kind: str | None = None
    stock_number: str | None = None
    vin: str | None = None
    is_published: bool | None = None
    is_excluded: bool | None = None
    is_locked: bool | None = None
    is_edited: bool | None = None

    @property
    def is_empty(self) -> bool:
        return self == VehicleFilter()


@dataclass(frozen=True)
class VehicleRow:
    """One line of a list. `photo` is the first stored picture, (photo id, its SHA-256)."""

    vehicle: Vehicle
    photo: tuple[int, str] | None
    last_synced_at: datetime | None


@dataclass(frozen=True)
class VehiclePage:
    rows: Sequence[VehicleRow]
    total: int
    page: int
    size: int

    @property
    def first(self) -> int:
        return (self.page - 1) * self.size + 1 if self.rows else 0

    @property
    def last(self) -> int:
        return (self.page - 1) * self.size + len(self.rows)

    @property
    def has_more(self) -> bool:
        return self.last < self.total and bool(self.rows)


def page_of(
    db: Session, wanted: VehicleFilter, page: int = 1, size: int = 50, sort: str = DEFAULT_SORT
) -> VehiclePage:
    """A page of the session's dealership; `sort` is a key of SORTS, with "-" for falling order.

    An unknown sort falls back to the newest change first. Values not given come last.
    """
    total = db.scalar(narrowed(select(func.count(Vehicle.id)), wanted)) or 0
    query = narrowed(select(Vehicle), wanted).order_by(*_order(sort))
    vehicles = db.scalars(query.limit(size).offset((page - 1) * size)).all()
    return VehiclePage(rows_of(db, vehicles), total, page, size)


def narrowed(query: Select[Any], wanted: VehicleFilter) -> Select[Any]:
    """The query with the filter's conditions; vehicles that were merged away are in no list."""
    query = query.where(Vehicle.merged_into_id.is_(None))
    exact = {
        Vehicle.source: wanted.source,
        Vehicle.lifecycle: wanted.lifecycle,
        Vehicle.status: wanted.status,
        Vehicle.kind: wanted.kind,
        Vehicle.stock_number: wanted.stock_number,
        Vehicle.vin: wanted.vin,
        Vehicle.is_published: wanted.is_published,
        Vehicle.is_excluded: wanted.is_excluded,
    }
    query = query.where(*(column == value for column, value in exact.items() if value is not None))
    if wanted.is_locked is not None:
        query = query.where(has_locks() if wanted.is_locked else ~has_locks())
    if wanted.is_edited is not None:
        edited = Vehicle.edited_at.is_not(None)
        query = query.where(edited if wanted.is_edited else ~edited)
    for word in (wanted.q or "").lower().split()[:MAX_WORDS]:
        found = (func.lower(column).contains(word, autoescape=True) for column in SEARCHED)
        query = query.where(or_(*found))
    return query


def has_locks() -> Any:
    """Whether a vehicle has fields with a padlock, for a query."""
    return func.coalesce(cast(Vehicle.locked_fields, Text), "[]") != "[]"


def _order(sort: str) -> tuple[Any, Any]:
    """The chosen column, unknown values last on both databases, and the id to make it total."""
    name, falls = sort.removeprefix("-"), sort.startswith("-")
    column = SORTS.get(name)
    if column is None:
        name, falls, column = "updated", True, SORTS["updated"]
    chosen = column.desc() if falls else column.asc()
    return chosen.nulls_last(), Vehicle.id.desc() if falls else Vehicle.id.asc()


def rows_of(db: Session, vehicles: Sequence[Vehicle]) -> list[VehicleRow]:
    """Adds first photo and last sync to vehicles, two queries for all of them."""
    ids = [vehicle.id for vehicle in vehicles]
    photos = first_photos(db, ids)
    synced = last_synced(db, ids)
    return [
        VehicleRow(vehicle, photos.get(vehicle.id), synced.get(vehicle.id)) for vehicle in vehicles
    ]


def first_photos(db: Session, vehicle_ids: Sequence[int]) -> dict[int, tuple[int, str]]:
    """Vehicle id → its first stored photo that is not hidden, in the dealer's order."""
    if not vehicle_ids:
        return {}
    place = func.row_number().over(
        partition_by=Photo.vehicle_id, order_by=(Photo.position, Photo.id)
    )
    ranked = (
        select(Photo.vehicle_id, Photo.id, Photo.media_id, place.label("place"))
        .where(
            Photo.vehicle_id.in_(vehicle_ids),
            Photo.media_id.is_not(None),
            Photo.is_hidden.is_(False),
        )
        .subquery()
    )
    query = (
        select(ranked.c.vehicle_id, ranked.c.id, MediaObject.sha256)
        .join(MediaObject, MediaObject.id == ranked.c.media_id)
        .where(ranked.c.place == 1)
    )
    return {row.vehicle_id: (row.id, row.sha256) for row in db.execute(query)}


def last_synced(db: Session, vehicle_ids: Sequence[int]) -> dict[int, datetime]:
    """Vehicle id → when it was last known to be as in its source.

    A good sync confirms every listed vehicle at once, so unchanged ones are not written for it:
    the stream's last success counts, or for a missing vehicle the moment it was missed.
    """
    if not vehicle_ids:
        return {}
    query = (
        select(
            ExternalLink.entity_id,
            ExternalLink.missing_since,
            ExternalLink.missing_runs,
            ExternalLink.changed_at,
            StreamState.last_success_at,
        )
        .outerjoin(
            StreamState,
            and_(
                StreamState.dealership_id == ExternalLink.dealership_id,
                StreamState.provider == ExternalLink.provider,
                StreamState.stream == ExternalLink.stream,
                StreamState.environment == ExternalLink.environment,
            ),
        )
        .where(ExternalLink.entity == "vehicle", ExternalLink.entity_id.in_(vehicle_ids))
    )
    moments: dict[int, list[datetime]] = defaultdict(list)
    for row in db.execute(query):
        moments[row.entity_id].append(_confirmed_at(row))
    return {vehicle_id: max(found) for vehicle_id, found in moments.items()}


def _confirmed_at(row: Any) -> datetime:
    changed: datetime = row.changed_at
    if row.missing_runs:
        return row.missing_since or changed
    return max(changed, row.last_success_at or changed)


def get(db: Session, vehicle_id: int) -> Vehicle:
    """A vehicle of the session's dealership. Raises NotFound."""
    vehicle = db.scalar(select(Vehicle).where(Vehicle.id == vehicle_id))
    if vehicle is None:
        raise NotFound("There is no such vehicle here.")
    return vehicle


def statuses(db: Session) -> list[str]:
    """The status words that the dealership's vehicles have, for the filter."""
    query = select(Vehicle.status).where(Vehicle.status.is_not(None))
    words = query.where(Vehicle.merged_into_id.is_(None)).distinct()
    return sorted(word for word in db.scalars(words) if word)


def all_matching(
    db: Session, wanted: VehicleFilter, at_once: int = 500
) -> Iterator[list[VehicleRow]]:
    """Every vehicle that matches, in chunks by id: memory stays flat however many there are."""
    after = 0
    while True:
        query = narrowed(select(Vehicle), wanted).where(Vehicle.id > after)
        vehicles = db.scalars(query.order_by(Vehicle.id).limit(at_once)).all()
        if not vehicles:
            return
        yield rows_of(db, vehicles)
        after = vehicles[-1].id
        db.expunge_all()
