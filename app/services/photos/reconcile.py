"""From the feed's lists of addresses to photo rows: add, put in order, take away (rows 105, 108).

The engine notes on each link which addresses the feed named and that they changed
(`photos_wanted`). Here they become rows in the dealer's order; nothing is fetched. Photos that
did not come from the feed (no `source_url`) are never touched.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from app.models import ExternalLink, Photo

LINKS_AT_ONCE = 500
# Longer ones do not fit into the unique index of PostgreSQL; no real picture has such an address.
MAX_ADDRESS = 2000


@dataclass
class PhotoChanges:
    """What to write for one batch of vehicles."""

    added: list[dict[str, Any]] = field(default_factory=list)
    moved: list[dict[str, Any]] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)


def reconcile_links(db: Session, dealership_id: int, provider: str, run_id: int) -> int:
    """Does the next batch of links whose list changed; returns how many there were."""
    links = db.execute(
        select(ExternalLink.id, ExternalLink.entity_id, ExternalLink.photo_urls)
        .where(
            ExternalLink.dealership_id == dealership_id,
            ExternalLink.photos_wanted,
            ExternalLink.provider == provider,
            ExternalLink.entity == "vehicle",
        )
        .order_by(ExternalLink.id)
        .limit(LINKS_AT_ONCE)
    ).all()
    if not links:
        return 0
    wanted = {link.entity_id: wanted_addresses(link.photo_urls) for link in links}
    changes = compare(wanted, _present(db, dealership_id, list(wanted)))
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


def wanted_addresses(urls: list[str]) -> list[str]:
    """In order, each once, without what cannot be an address."""
    trimmed = (url.strip() for url in urls)
    return list(dict.fromkeys(url for url in trimmed if url and len(url) <= MAX_ADDRESS))


def compare(
    wanted: dict[int, list[str]], present: dict[int, dict[str, tuple[int, int]]]
) -> PhotoChanges:
    """Pure. `wanted`: vehicle → addresses; `present`: vehicle → address → (photo id, position)."""
    changes = PhotoChanges()
    for vehicle_id, urls in wanted.items():
        have = present.get(vehicle_id, {})
        for position, url in enumerate(urls):
            if url not in have:
                changes.added.append(
                    {"vehicle_id": vehicle_id, "source_url": url, "position": position}
                )
            elif have[url][1] != position:
                changes.moved.append({"photo_id": have[url][0], "new_position": position})
        keep = set(urls)
        changes.gone += [photo_id for url, (photo_id, _) in have.items() if url not in keep]
    return changes


def _present(
    db: Session, dealership_id: int, vehicle_ids: list[int]
) -> dict[int, dict[str, tuple[int, int]]]:
    found: dict[int, dict[str, tuple[int, int]]] = defaultdict(dict)
    for row in db.execute(
        select(Photo.id, Photo.vehicle_id, Photo.source_url, Photo.position).where(
            Photo.dealership_id == dealership_id,
            Photo.vehicle_id.in_(vehicle_ids),
            Photo.source_url.is_not(None),
        )
    ):
        found[row.vehicle_id][row.source_url] = (row.id, row.position)
    return found


def _write(db: Session, dealership_id: int, run_id: int, changes: PhotoChanges) -> None:
    if changes.gone:
        db.execute(
            delete(Photo)
            .where(Photo.dealership_id == dealership_id, Photo.id.in_(changes.gone))
            .execution_options(synchronize_session=False)
        )
    if changes.added:
        shared = {"dealership_id": dealership_id, "run_id": run_id, "state": "wanted", "tries": 0}
        db.execute(insert(Photo.__table__), [row | shared for row in changes.added])  # type: ignore[arg-type]
    if changes.moved:
        db.execute(_MOVE.where(_PHOTO.c.dealership_id == dealership_id), changes.moved)


_PHOTO: Any = Photo.__table__
_MOVE = (
    update(_PHOTO)
    .where(_PHOTO.c.id == bindparam("photo_id"))
    .values(position=bindparam("new_position"))
)
