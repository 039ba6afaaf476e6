"""Own photos: what a person sends becomes a clean picture in three sizes and a row (C29, C84).

`prepare` checks, cleans and stores files while no transaction is open; `add` writes the rows.
An own photo has no `source_url`: no sync ever touches it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from app.models import Photo
from app.services.audit import Actor
from app.services.errors import InputInvalid, ProviderUnavailable, RecordRefused
from app.services.photos.arranging import OWN_FROM, album_of, held_vehicle, note, state_of
from app.services.photos.downloads import store_picture
from app.services.photos.metadata import sniff
from app.services.photos.picture import CONTENT_TYPES, Picture, read_picture
from app.services.photos.record import keep_media
from app.services.ports import MediaStore, MediaUnavailable

MAX_FILES: Final = 20
MAX_BYTES: Final = 15 * 1024 * 1024
MAX_OWN: Final = 100
MIN_SIDE: Final = 100
ACCEPTED: Final = ",".join(CONTENT_TYPES.values())
NOT_STORED: Final = "Photos cannot be stored at the moment. Try again in a minute."


@dataclass(frozen=True)
class Sent:
    """A file as it came."""

    name: str
    content: bytes


@dataclass
class Prepared:
    """`refused`: why a file cannot be used, [(its name, a sentence)]."""

    pictures: list[Picture] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Added:
    """How many photos are new, and how many were on the vehicle already."""

    count: int
    known: int


def prepare(files: Iterable[Sent], media: MediaStore, dealership_id: int) -> Prepared:
    """Checks each file by itself: a bad one costs itself only. Decodes, so it takes a while."""
    prepared = Prepared()
    for sent in files:
        try:
            picture = _checked(sent.content)
            store_picture(media, dealership_id, picture)
            prepared.pictures.append(picture)
        except (RecordRefused, ProviderUnavailable, InputInvalid) as bad:
            prepared.refused.append((sent.name, bad.user_message))
        except MediaUnavailable:
            prepared.refused.append((sent.name, NOT_STORED))
    return prepared


def _checked(content: bytes) -> Picture:
    if not content:
        raise InputInvalid("The file is empty.")
    if len(content) > MAX_BYTES:
        raise InputInvalid(f"The file is larger than {MAX_BYTES // 1024**2} MB.")
    if sniff(content) not in CONTENT_TYPES:
        raise InputInvalid("The file is no JPEG, PNG or WebP picture.")
    picture = read_picture(content)
    if min(picture.width, picture.height) < MIN_SIDE:
        raise InputInvalid(
            f"The picture is too small ({picture.width} x {picture.height}): "
            f"each side needs {MIN_SIDE} pixels."
        )
    return picture


def add(
    db: Session,
    vehicle_id: int,
    pictures: Sequence[Picture],
    *,
    actor: Actor,
    now: datetime,
) -> Added:
    """Rows behind the vehicle's other photos. Raises NotFound, InputInvalid (too many)."""
    vehicle = held_vehicle(db, vehicle_id)
    album = list(album_of(db, vehicle_id))
    media = keep_media(db, vehicle.dealership_id, pictures)
    wanted = dict.fromkeys(media[picture.sha256] for picture in pictures)
    new = [media_id for media_id in wanted if media_id not in {photo.media_id for photo in album}]
    own = sum(1 for photo in album if photo.source_url is None)
    if own + len(new) > MAX_OWN:
        raise InputInvalid(f"A vehicle can have {MAX_OWN} own photos; it has {own} already.")
    before = state_of(vehicle, album)
    last = max((photo.position for photo in album), default=-1)
    start = last + 1 if vehicle.photos_ordered else max(last + 1, OWN_FROM)
    rows = [
        Photo(
            dealership_id=vehicle.dealership_id,
            vehicle_id=vehicle.id,
            media_id=media_id,
            position=start + number,
            state="stored",
            is_hidden=False,
            created_at=now,
        )
        for number, media_id in enumerate(new)
    ]
    db.add_all(rows)
    db.flush()
    said = "An own photo was added." if len(new) == 1 else f"{len(new)} own photos were added."
    note(db, vehicle, before, [*album, *rows], said, actor=actor, now=now)
    return Added(len(new), len(pictures) - len(new))
