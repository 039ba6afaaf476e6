"""Writes the results of downloads: one transaction for a handful of photos (rows 106, 112)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.db import reading
from app.models import MediaObject, Photo, SyncRun
from app.services.errors import RecordRefused
from app.services.photos.downloads import Result, WantedPhoto
from app.services.photos.fetch import Validators
from app.services.photos.lease import PhotoLease, beat, is_due
from app.services.photos.picture import Picture

ROWS_AT_ONCE = 500
MAX_PAUSE = timedelta(days=7)
PAUSE_AFTER_REFUSAL = timedelta(hours=1)
PAUSE_AFTER_FAULT = timedelta(minutes=5)
_PHOTO: Any = Photo.__table__


def due_photos(dealership_id: int, now: datetime) -> Iterator[WantedPhoto]:
    """Rows to fetch, read in chunks with a short transaction each.

    Every vehicle's first picture comes before all others, the newest vehicles first: so the
    list is complete soon, also when a first import has thousands of photos.
    """
    for group in (Photo.position == 0, Photo.position > 0):
        chunk = _chunk(dealership_id, is_due(dealership_id, now), group)
        while chunk:
            yield from chunk
            chunk = _chunk(
                dealership_id, is_due(dealership_id, now), group, Photo.id < chunk[-1].id
            )


def _chunk(dealership_id: int, *conditions: Any) -> list[WantedPhoto]:
    query = (
        select(
            Photo.id,
            Photo.source_url,
            Photo.tries,
            Photo.etag,
            Photo.last_modified,
            MediaObject.sha256,
        )
        .outerjoin(MediaObject, MediaObject.id == Photo.media_id)
        .where(Photo.source_url.is_not(None), *conditions)
        .order_by(Photo.id.desc())
        .limit(ROWS_AT_ONCE)
    )
    with reading(dealership_id) as db:
        return [
            WantedPhoto(
                id=row.id,
                url=row.source_url,
                tries=row.tries,
                known=_validators(row),
                sha256=row.sha256,
            )
            for row in db.execute(query)
        ]


def _validators(row: Any) -> Validators:
    """Only a picture that we still have may be asked for conditionally."""
    return Validators(row.etag, row.last_modified) if row.sha256 else Validators()


def write(db: Session, lease: PhotoLease, results: list[Result], now: datetime) -> None:
    """Rows, stored files and the run's counters, or nothing. Raises LeaseLost."""
    beat(db, lease, now, **_counters(results))
    if not results:
        return
    media = _media_ids(db, lease.dealership_id, results)
    db.execute(
        _UPDATE.where(_PHOTO.c.dealership_id == lease.dealership_id),
        [_row(result, lease.run_id, media, now) for result in results],
    )


def _counters(results: list[Result]) -> dict[str, Any]:
    """What moves on the run. A failed one that is tried again was not counted as failed yet."""
    moved = Counter(
        "photos_failed" if result.error else "photos_kept" if result.is_same else "photos_new"
        for result in results
    )
    return {name: getattr(SyncRun, name) + count for name, count in moved.items()}


def _media_ids(db: Session, dealership_id: int, results: list[Result]) -> dict[str, int]:
    """SHA-256 → id of the stored file, also of pictures that came again unchanged."""
    pictures = [result.picture for result in results if result.picture]
    known = {result.wanted.sha256 for result in results if result.wanted.sha256}
    return keep_media(db, dealership_id, pictures, known)


def keep_media(
    db: Session, dealership_id: int, pictures: Iterable[Picture], known: Iterable[str] = ()
) -> dict[str, int]:
    """Rows of stored files: SHA-256 → id; the same bytes under two addresses are one row (C84)."""
    new = {picture.sha256: picture for picture in pictures}
    if new:
        dialect = db.get_bind().dialect.name
        insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
        db.execute(
            insert(MediaObject).on_conflict_do_nothing(),
            [
                {
                    "dealership_id": dealership_id,
                    "sha256": picture.sha256,
                    "content_type": picture.content_type,
                    "size": len(picture.content),
                    "width": picture.width,
                    "height": picture.height,
                }
                for picture in new.values()
            ],
        )
    rows = db.execute(
        select(MediaObject.sha256, MediaObject.id).where(
            MediaObject.dealership_id == dealership_id,
            MediaObject.sha256.in_([*new, *known]),
        )
    )
    return {row.sha256: row.id for row in rows}


def _row(result: Result, run_id: int, media: dict[str, int], now: datetime) -> dict[str, Any]:
    """The new values of one photo; a failure keeps the picture that was there before."""
    wanted, error = result.wanted, result.error
    sha256 = result.picture.sha256 if result.picture else wanted.sha256
    kept = wanted.known if error else result.validators
    return {
        "photo_id": wanted.id,
        "new_state": "failed" if error else "stored",
        "new_media": media.get(sha256 or ""),
        "new_etag": kept.etag,
        "new_date": kept.last_modified,
        "new_error": error.user_message[:300] if error else None,
        "new_tries": wanted.tries + 1 if error else 0,
        "new_next": now + pause_after(error, wanted.tries) if error else None,
        "new_run": run_id,
    }


def pause_after(error: Exception, tries: int) -> timedelta:
    """How long a failed photo waits: doubled with each try, longer when it was refused."""
    first = PAUSE_AFTER_REFUSAL if isinstance(error, RecordRefused) else PAUSE_AFTER_FAULT
    doubled: timedelta = first * 2 ** min(tries, 16)
    return min(MAX_PAUSE, doubled)


_UPDATE = (
    update(_PHOTO)
    .where(_PHOTO.c.id == bindparam("photo_id"))
    .values(
        state=bindparam("new_state"),
        media_id=bindparam("new_media"),
        etag=bindparam("new_etag"),
        last_modified=bindparam("new_date"),
        error=bindparam("new_error"),
        tries=bindparam("new_tries"),
        next_try_at=bindparam("new_next"),
        run_id=bindparam("new_run"),
    )
)
