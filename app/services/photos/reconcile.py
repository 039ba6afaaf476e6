"""From the feed's lists of addresses to photo rows: add, put in order, take away (rows 105, 108).

The engine notes on each link which addresses the feed named and that they changed
(`photos_wanted`). Here they become rows in the dealer's order; nothing is fetched. Photos that
did not come from the feed (no `source_url`) are never touched, and where a person put the photos
in order (`photos_ordered`) new ones go to the end.

The rows as they were go to the before-image of the run that changed the addresses, so that an
undo brings them back without a download (C9).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, RowMapping, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from app.models import ExternalLink, Photo, SyncBefore, Vehicle
from app.services.photos.images import image_of

LINKS_AT_ONCE = 500
# Longer ones do not fit into the unique index of PostgreSQL; no real picture has such an address.
MAX_ADDRESS = 2000
_PHOTO: Any = Photo.__table__
_BEFORE: Any = SyncBefore.__table__


@dataclass
class PhotoChanges:
    """What to write for one batch of vehicles."""

    added: list[dict[str, Any]] = field(default_factory=list)
    moved: list[dict[str, Any]] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    vehicles: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Present:
    """A vehicle's photos: address → row of those from the feed; `end` is the next free place.

    `ordered`: a person put them in order, so that the feed's order counts no more.
    """

    rows: Mapping[str, RowMapping] = field(default_factory=dict)
    end: int = 0
    ordered: bool = False


def reconcile_links(db: Session, dealership_id: int, provider: str, run_id: int) -> int:
    """Does the next batch of links whose list changed; returns how many there were."""
    links = db.execute(_next_links(dealership_id, provider)).all()
    if not links:
        return 0
    wanted = {link.entity_id: wanted_addresses(link.photo_urls) for link in links}
    present = _present(db, dealership_id, list(wanted))
    changes = compare(wanted, present)
    _keep_images(db, dealership_id, links, present, changes.vehicles)
    _write(db, dealership_id, run_id, changes)
    db.execute(
        update(ExternalLink)
        .where(
            ExternalLink.dealership_id == dealership_id,
            ExternalLink.id.in_([link.id for link in links]),
        )
        .values(photos_wanted=False)
        .execution_options(synchronize_session=False)
    )
    return len(links)


def _next_links(dealership_id: int, provider: str) -> Any:
    """Locked: an undo of the run that changed them must come wholly before or after."""
    return (
        select(
            ExternalLink.id,
            ExternalLink.entity_id,
            ExternalLink.photo_urls,
            ExternalLink.changed_run_id,
        )
        .where(
            ExternalLink.dealership_id == dealership_id,
            ExternalLink.photos_wanted,
            ExternalLink.provider == provider,
            ExternalLink.entity == "vehicle",
        )
        .order_by(ExternalLink.id)
        .limit(LINKS_AT_ONCE)
        .with_for_update()
    )


def wanted_addresses(urls: list[str]) -> list[str]:
    """In order, each once, without what cannot be an address."""
    trimmed = (url.strip() for url in urls)
    return list(dict.fromkeys(url for url in trimmed if url and len(url) <= MAX_ADDRESS))


def compare(wanted: Mapping[int, list[str]], present: Mapping[int, Present]) -> PhotoChanges:
    """Pure. `wanted`: vehicle → addresses in the feed's order."""
    changes = PhotoChanges()
    for vehicle_id, urls in wanted.items():
        have = present.get(vehicle_id, Present())
        before = len(changes.added), len(changes.moved), len(changes.gone)
        _add_and_move(changes, vehicle_id, urls, have)
        keep = set(urls)
        changes.gone += [row["id"] for url, row in have.rows.items() if url not in keep]
        if before != (len(changes.added), len(changes.moved), len(changes.gone)):
            changes.vehicles.add(vehicle_id)
    return changes


def _add_and_move(changes: PhotoChanges, vehicle_id: int, urls: list[str], have: Present) -> None:
    end = have.end
    for place, url in enumerate(urls):
        known = have.rows.get(url)
        if known is None:
            position, end = (end, end + 1) if have.ordered else (place, end)
            changes.added.append(
                {"vehicle_id": vehicle_id, "source_url": url, "position": position}
            )
        elif known["position"] != place and not have.ordered:
            changes.moved.append({"photo_id": known["id"], "new_position": place})


def _present(db: Session, dealership_id: int, vehicle_ids: list[int]) -> dict[int, Present]:
    """The vehicles' photo rows, whole: those that change are kept as they were."""
    rows: dict[int, list[RowMapping]] = defaultdict(list)
    query = select(_PHOTO).where(
        _PHOTO.c.dealership_id == dealership_id, _PHOTO.c.vehicle_id.in_(vehicle_ids)
    )
    for row in db.execute(query).mappings():
        rows[row["vehicle_id"]].append(row)
    ordered = db.scalars(
        select(Vehicle.id).where(Vehicle.id.in_(vehicle_ids), Vehicle.photos_ordered)
    )
    by_hand = set(ordered)
    return {
        vehicle_id: Present(
            {row["source_url"]: row for row in found if row["source_url"] is not None},
            max((row["position"] for row in found), default=-1) + 1,
            vehicle_id in by_hand,
        )
        for vehicle_id, found in rows.items()
    }


def _keep_images(
    db: Session,
    dealership_id: int,
    links: Sequence[Row[Any]],
    present: Mapping[int, Present],
    vehicles: set[int],
) -> None:
    """For the run that changed the addresses, which may be an earlier one than ours. Vehicles
    that the run created have no image: undoing it takes them away with their photos."""
    kept = [
        {
            "of_run": link.changed_run_id,
            "of_link": link.id,
            "rows": [image_of(row) for row in present.get(link.entity_id, Present()).rows.values()],
        }
        for link in links
        if link.entity_id in vehicles and link.changed_run_id is not None
    ]
    if kept:
        db.execute(_KEEP.where(_BEFORE.c.dealership_id == dealership_id), kept)


def _write(db: Session, dealership_id: int, run_id: int, changes: PhotoChanges) -> None:
    if changes.gone:
        db.execute(
            delete(Photo)
            .where(Photo.dealership_id == dealership_id, Photo.id.in_(changes.gone))
            .execution_options(synchronize_session=False)
        )
    if changes.added:
        shared = {"dealership_id": dealership_id, "run_id": run_id, "state": "wanted", "tries": 0}
        db.execute(insert(_PHOTO), [row | shared for row in changes.added])
    if changes.moved:
        db.execute(_MOVE.where(_PHOTO.c.dealership_id == dealership_id), changes.moved)


_MOVE = (
    update(_PHOTO)
    .where(_PHOTO.c.id == bindparam("photo_id"))
    .values(position=bindparam("new_position"))
)
_KEEP = (
    update(_BEFORE)
    .where(
        _BEFORE.c.run_id == bindparam("of_run"),
        _BEFORE.c.link_id == bindparam("of_link"),
        _BEFORE.c.photos.is_(None),
    )
    .values(photos=bindparam("rows"))
)
