"""What moves with a merge beside values: links with their archive and conflicts, and photos."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.models import Conflict, EasyCarsStockData, ExternalLink, Photo, Vehicle
from app.services.photos.arranging import OWN_FROM
from app.services.vehicle_values import value_of

PHOTO_COLUMNS: Final = ("vehicle_id", "position", "is_hidden")
COPIED: Final = ("media_id", "state", "is_hidden", "etag", "last_modified")


@dataclass(frozen=True)
class MovedPhotos:
    """Ids of photo rows on the kept vehicle: moved there, or copied; and those that stayed away
    because the kept one has the same picture."""

    moved: list[int]
    copied: list[int]


def lock_vehicles(db: Session, ids: Sequence[int]) -> dict[int, Vehicle]:
    """The vehicles as they are now, locked in one order until the transaction ends."""
    query = select(Vehicle).where(Vehicle.id.in_(ids)).order_by(Vehicle.id).with_for_update()
    rows = db.scalars(query.execution_options(populate_existing=True))
    return {vehicle.id: vehicle for vehicle in rows}


def lock_links(db: Session, link_ids: Sequence[int]) -> list[ExternalLink]:
    query = select(ExternalLink).where(ExternalLink.id.in_(link_ids)).order_by(ExternalLink.id)
    rows = db.scalars(query.with_for_update().execution_options(populate_existing=True))
    return list(rows)


def move_links(db: Session, links: Iterable[ExternalLink], to: Vehicle, now: datetime) -> None:
    """The sync goes on into another vehicle: links, archived rows and open conflicts follow.

    `agreed` stays, so the three-way merge knows every value that differs here as a local one.
    """
    moved = [link for link in links if link.entity_id != to.id]
    for link in moved:
        link.entity_id = to.id
    db.flush()
    ids = [link.id for link in moved]
    db.execute(
        update(EasyCarsStockData)
        .where(EasyCarsStockData.link_id.in_(ids))
        .values(vehicle_id=to.id)
        .execution_options(synchronize_session=False)
    )
    follow_conflicts(db, moved, to, now)


def follow_conflicts(
    db: Session, links: Iterable[ExternalLink], vehicle: Vehicle, now: datetime
) -> None:
    """Open conflicts go where their link goes, and end where the value here is EasyCars' now."""
    by_id = {link.id: link for link in links}
    query = select(Conflict).where(Conflict.link_id.in_(by_id), Conflict.state == "open")
    for conflict in db.scalars(query):
        link, name = by_id[conflict.link_id], conflict.field
        conflict.entity_id = vehicle.id
        conflict.local = value_of(vehicle, name)
        if conflict.local == conflict.remote:
            link.agreed = _with(link.agreed, name, conflict.remote)
            conflict.state, conflict.resolution, conflict.resolved_at = "resolved", "gone", now


def _with(values: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    changed = {**values, name: value}
    return {one: given for one, given in changed.items() if given is not None}


# -- Photos ------------------------------------------------------------------------------------


def photos_of(db: Session, vehicle_id: int) -> list[Photo]:
    query = select(Photo).where(Photo.vehicle_id == vehicle_id)
    return list(db.scalars(query.order_by(Photo.position, Photo.id)))


def photo_places(photos: Iterable[Photo]) -> dict[str, dict[str, Any]]:
    """Photo id (as text) → where it stands, for the record of a merge."""
    return {
        str(photo.id): {name: getattr(photo, name) for name in PHOTO_COLUMNS} for photo in photos
    }


def bring_photos(db: Session, kept: Vehicle, merged: Vehicle, *, sync_moves: bool) -> MovedPhotos:
    """Adds the merged vehicle's pictures behind the kept one's.

    Where the sync moves, its photo rows move too, or the next sync would fetch them again; one
    that shows the same picture as an own photo is hidden. Otherwise stored pictures are copied:
    the merged one keeps its rows, which its own sync may still need.
    """
    own, theirs = photos_of(db, kept.id), photos_of(db, merged.id)
    seen = {photo.media_id for photo in own if photo.media_id is not None}
    if sync_moves:
        return _moved(db, kept, own, theirs, seen)
    return MovedPhotos([], _copied(db, kept, own, theirs, seen))


def _moved(
    db: Session, kept: Vehicle, own: list[Photo], theirs: list[Photo], seen: set[int]
) -> MovedPhotos:
    first = max((photo.position for photo in own), default=-1) + 1
    if own:
        # From here on a sync only adds at the end: the order is a person's.
        kept.photos_ordered = True
    for place, photo in enumerate(theirs, first):
        photo.vehicle_id = kept.id
        if own:
            photo.position = place
        photo.is_hidden = photo.is_hidden or photo.media_id in seen
    db.flush()
    return MovedPhotos([photo.id for photo in theirs], [])


def _copied(
    db: Session, kept: Vehicle, own: list[Photo], theirs: list[Photo], seen: set[int]
) -> list[int]:
    free = max((photo.position for photo in own), default=-1) + 1
    start = free if kept.photos_ordered else max(free, OWN_FROM)
    copies: list[Photo] = []
    for photo in theirs:
        if photo.media_id is None or photo.media_id in seen:
            continue
        seen.add(photo.media_id)
        values = {name: getattr(photo, name) for name in COPIED}
        copies.append(
            Photo(
                dealership_id=kept.dealership_id,
                vehicle_id=kept.id,
                position=start + len(copies),
                **values,
            )
        )
    db.add_all(copies)
    db.flush()
    return [photo.id for photo in copies]


def photos_to_add(db: Session, kept: Vehicle, merged: Vehicle) -> int:
    """How many pictures the merge would add, for the preview."""
    own = {photo.media_id for photo in photos_of(db, kept.id)}
    theirs = {photo.media_id for photo in photos_of(db, merged.id)}
    return len(theirs - own - {None})


def return_photos(
    db: Session,
    kept: Vehicle,
    merged: Vehicle,
    places: Mapping[str, Mapping[str, Any]],
    brought: MovedPhotos,
    *,
    sync_returns: bool,
) -> None:
    """Back to where they were: copies go, moved rows return, with what the feed added since."""
    before = {int(photo_id): place for photo_id, place in places.items()}
    for photo in photos_of(db, kept.id):
        if photo.id in brought.copied:
            db.delete(photo)
        elif photo.id in brought.moved:
            for name in PHOTO_COLUMNS:
                setattr(photo, name, before[photo.id][name])
        elif sync_returns and photo.source_url is not None and photo.id not in before:
            photo.vehicle_id = merged.id
    db.flush()
