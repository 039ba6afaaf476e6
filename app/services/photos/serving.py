"""Hands out a stored picture in one of its sizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import MediaObject, Photo
from app.services.errors import NotFound
from app.services.photos.downloads import media_key
from app.services.photos.picture import ORIGINAL, SIZES, is_made
from app.services.ports import MediaStore

SERVED = (*SIZES, ORIGINAL)


@dataclass(frozen=True)
class StoredPhoto:
    """What is known of a picture before its file is opened; `media` None: not fetched yet."""

    photo_id: int
    size: str
    media: MediaObject | None

    @property
    def etag(self) -> str | None:
        return f"{self.media.sha256[:32]}-{self.size}" if self.media else None


def find(db: Session, photo_id: int, size: str) -> StoredPhoto:
    """A photo of the session's dealership. Raises NotFound."""
    if size not in SERVED:
        raise NotFound("There is no such size of this photo.")
    row = db.execute(
        select(Photo.id, MediaObject)
        .outerjoin(MediaObject, MediaObject.id == Photo.media_id)
        .where(Photo.id == photo_id)
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such photo here.")
    return StoredPhoto(photo_id, size, row[1])


def content(photo: StoredPhoto, store: MediaStore) -> tuple[str, int, Iterator[bytes]] | None:
    """(content type, bytes, chunks), or None when no file can be found.

    A size that was never made, or got lost, is answered with the original.
    """
    media = photo.media
    if media is None:
        return None
    key = media_key(media.dealership_id, media.sha256)
    made = photo.size != ORIGINAL and is_made(photo.size, media.width, media.height)
    for size in (photo.size, ORIGINAL) if made else (ORIGINAL,):
        try:
            length, chunks = store.get(f"{key}/{size}")
        except KeyError:
            continue
        return (media.content_type if size == ORIGINAL else "image/webp"), length, chunks
    return None
