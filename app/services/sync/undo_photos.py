"""Bringing photo rows back as they were; the pictures themselves were never deleted (C9)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Set
from typing import Any

from sqlalchemy import RowMapping, Table, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from app.models import MediaObject, Photo
from app.services.photos.images import row_of
from app.services.sync import bulk

PHOTOS: Table = Photo.__table__  # type: ignore[assignment]
MEDIA: Table = MediaObject.__table__  # type: ignore[assignment]
Images = Mapping[int, list[dict[str, Any]]]


def put_back(
    db: Session, dealership_id: int, images: Images, known_runs: Set[int]
) -> dict[int, tuple[int, int]]:
    """Vehicle → its photos from the feed as they shall be. Uploaded ones are not touched.

    A photo that stayed keeps what was learned of it since; only its place goes back. Returns how
    many photos from the feed each vehicle had and has.
    """
    if not images:
        return {}
    here = _here(db, dealership_id, images)
    moved, missing, gone = [], [], []
    for vehicle_id, wanted in images.items():
        have = here.get(vehicle_id, {})
        urls = {image["source_url"] for image in wanted}
        gone += [row["id"] for url, row in have.items() if url not in urls]
        for image in wanted:
            row = have.get(image["source_url"])
            if row is None:
                missing.append(row_of(image))
            elif row["position"] != image["position"]:
                moved.append({"photo_id": row["id"], "new_position": image["position"]})
    _write(db, dealership_id, moved, gone)
    _insert(db, dealership_id, missing, known_runs)
    return {
        vehicle_id: (len(here.get(vehicle_id, {})), len(wanted))
        for vehicle_id, wanted in images.items()
    }


def _here(db: Session, dealership_id: int, images: Images) -> Mapping[int, dict[str, RowMapping]]:
    found: dict[int, dict[str, RowMapping]] = defaultdict(dict)
    query = select(PHOTOS.c.id, PHOTOS.c.vehicle_id, PHOTOS.c.source_url, PHOTOS.c.position).where(
        PHOTOS.c.dealership_id == dealership_id,
        PHOTOS.c.vehicle_id.in_(list(images)),
        PHOTOS.c.source_url.is_not(None),
    )
    for row in db.execute(query).mappings():
        found[row["vehicle_id"]][row["source_url"]] = row
    return found


def _write(db: Session, dealership_id: int, moved: list[dict[str, Any]], gone: list[int]) -> None:
    mine = PHOTOS.c.dealership_id == dealership_id
    if gone:
        db.execute(delete(PHOTOS).where(mine, PHOTOS.c.id.in_(gone)))
    if moved:
        db.execute(
            update(PHOTOS)
            .where(mine, PHOTOS.c.id == bindparam("photo_id"))
            .values(position=bindparam("new_position")),
            moved,
        )


def _insert(
    db: Session, dealership_id: int, rows: list[dict[str, Any]], known_runs: Set[int]
) -> None:
    """Under their earlier ids where these are free, so that addresses of pictures stay good.
    A picture whose file is known no more is fetched again."""
    if not rows:
        return
    wanted_media = {row["media_id"] for row in rows if row["media_id"] is not None}
    media = set(
        db.scalars(
            select(MEDIA.c.id).where(
                MEDIA.c.dealership_id == dealership_id, MEDIA.c.id.in_(wanted_media)
            )
        )
    )
    free: list[dict[str, Any]] = []
    taken: list[dict[str, Any]] = []
    used = bulk.ids_in_use(db, PHOTOS, [row["id"] for row in rows])
    for row in rows:
        if row["run_id"] not in known_runs:
            row["run_id"] = None
        if row["media_id"] is not None and row["media_id"] not in media:
            row |= {"media_id": None, "state": "wanted", "etag": None, "last_modified": None}
        (taken if row["id"] in used else free).append(row)
    if free:
        db.execute(insert(PHOTOS), free)
    if taken:
        db.execute(
            insert(PHOTOS),
            [{name: value for name, value in row.items() if name != "id"} for row in taken],
        )
