"""A vehicle's photos in a person's order: first, earlier, later, hidden, taken away (C29).

Until somebody moves a photo the feed's order counts and own photos come after it. A move writes
down the order that is seen (`vehicle.photos_ordered`): from then on a sync only adds at the end.
Hiding changes no order; a hidden photo stays hidden whatever the feed does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.models import ExternalLink, Photo, Vehicle
from app.services import vehicle_edits
from app.services.audit import Actor
from app.services.errors import InputInvalid, NotFound
from app.services.photos.reconcile import wanted_addresses

# Own photos of a vehicle in the feed's order stand behind all that a feed could name.
OWN_FROM: Final = 1000
Album = list[Photo]


def album_of(db: Session, vehicle_id: int) -> Sequence[Photo]:
    """All photos of a vehicle in the order that counts, hidden ones too, with their files."""
    return db.scalars(
        select(Photo)
        .where(Photo.vehicle_id == vehicle_id)
        .options(joinedload(Photo.media))
        .order_by(Photo.position, Photo.id)
    ).all()


def held_vehicle(db: Session, vehicle_id: int) -> Vehicle:
    """The vehicle, locked: two people's moves are made one after the other. Raises NotFound."""
    vehicle = db.scalar(select(Vehicle).where(Vehicle.id == vehicle_id).with_for_update())
    if vehicle is None:
        raise NotFound("There is no such vehicle here.")
    return vehicle


def change(
    db: Session, vehicle_id: int, photo_id: int, act: str, *, actor: Actor, now: datetime
) -> str:
    """Does one of ACTS to a photo and says in a sentence what came of it.

    Raises NotFound for a photo of another vehicle, InputInvalid for an unknown act.
    """
    vehicle = held_vehicle(db, vehicle_id)
    album = list(album_of(db, vehicle_id))
    place = place_of(album, photo_id)
    if act not in ACTS:
        raise InputInvalid("Choose what to do with the photo.")
    before = state_of(vehicle, album)
    said = ACTS[act](vehicle, album, place)
    note(db, vehicle, before, album, said, actor=actor, now=now)
    return said


def _move(vehicle: Vehicle, album: Album, place: int, to: int) -> str:
    to = min(max(to, 0), len(album) - 1)
    if to == place:
        return f"Photo {place + 1} stays where it is."
    album.insert(to, album.pop(place))
    vehicle.photos_ordered = True
    for position, photo in enumerate(album):
        photo.position = position
    return f"Photo {place + 1} was moved to place {to + 1}."


def _first(vehicle: Vehicle, album: Album, place: int) -> str:
    """The first photo is the one that lists and shops show, so it cannot stay hidden."""
    album[place].is_hidden = False
    _move(vehicle, album, place, 0)
    return f"Photo {place + 1} is the first photo now."


def _hide(_vehicle: Vehicle, album: Album, place: int) -> str:
    album[place].is_hidden = True
    return f"Photo {place + 1} is hidden now. It stays here and can be shown again."


def _show(_vehicle: Vehicle, album: Album, place: int) -> str:
    album[place].is_hidden = False
    return f"Photo {place + 1} is shown again."


ACTS: Final[dict[str, Callable[[Vehicle, Album, int], str]]] = {
    "first": _first,
    "earlier": lambda vehicle, album, place: _move(vehicle, album, place, place - 1),
    "later": lambda vehicle, album, place: _move(vehicle, album, place, place + 1),
    "hide": _hide,
    "show": _show,
}


def follow_feed(db: Session, vehicle_id: int, *, actor: Actor, now: datetime) -> str:
    """Back to EasyCars' order, own photos behind; hidden ones stay hidden. Raises NotFound."""
    vehicle = held_vehicle(db, vehicle_id)
    album = list(album_of(db, vehicle_id))
    before = state_of(vehicle, album)
    vehicle.photos_ordered = False
    in_feed_order(album, _feed_addresses(db, vehicle_id))
    said = "The photos are in EasyCars' order again; own photos come after them."
    note(db, vehicle, before, album, said, actor=actor, now=now)
    return said


def in_feed_order(album: Album, addresses: Sequence[str]) -> None:
    """Numbers and sorts the photos as the feed names them; what it does not name comes later."""
    place = {address: number for number, address in enumerate(addresses)}
    own = 0
    for photo in album:
        if photo.source_url is None:
            photo.position, own = OWN_FROM + own, own + 1
        else:
            photo.position = place.get(photo.source_url, len(place))
    album.sort(key=lambda photo: (photo.position, photo.id))


def _feed_addresses(db: Session, vehicle_id: int) -> list[str]:
    """The addresses of the link that the feed named last."""
    urls = db.scalar(
        select(ExternalLink.photo_urls)
        .where(ExternalLink.entity == "vehicle", ExternalLink.entity_id == vehicle_id)
        .order_by(ExternalLink.missing_runs, ExternalLink.id.desc())
        .limit(1)
    )
    return wanted_addresses(urls or [])


def take_away(db: Session, vehicle_id: int, photo_id: int, *, actor: Actor, now: datetime) -> str:
    """Removes a photo that was uploaded here. Raises NotFound; InputInvalid for EasyCars' own."""
    vehicle = held_vehicle(db, vehicle_id)
    album = list(album_of(db, vehicle_id))
    place = place_of(album, photo_id)
    if album[place].source_url is not None:
        raise InputInvalid(
            "This photo comes from EasyCars: the next sync would bring it back. Hide it instead."
        )
    before = state_of(vehicle, album)
    db.delete(album.pop(place))
    said = f"Photo {place + 1} was removed."
    note(db, vehicle, before, album, said, actor=actor, now=now)
    return said


def place_of(album: Sequence[Photo], photo_id: int) -> int:
    """Where the photo stands, counted from 0. Raises NotFound."""
    for place, photo in enumerate(album):
        if photo.id == photo_id:
            return place
    raise NotFound("There is no such photo of this vehicle.")


def state_of(vehicle: Vehicle, album: Sequence[Photo]) -> dict[str, Any]:
    """What the log keeps of an arrangement: ids in order, the hidden ones, whose order it is."""
    return {
        "photos": [photo.id for photo in album],
        "hidden_photos": [photo.id for photo in album if photo.is_hidden],
        "photos_ordered": vehicle.photos_ordered,
    }


def note(
    db: Session,
    vehicle: Vehicle,
    before: dict[str, Any],
    album: Sequence[Photo],
    said: str,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Logs the act with what changed; nothing when nothing did."""
    after = state_of(vehicle, album)
    names = [name for name in after if after[name] != before[name]]
    if names:
        vehicle_edits.record(
            db,
            vehicle,
            "photos",
            {name: before[name] for name in names},
            {name: after[name] for name in names},
            actor=actor,
            now=now,
            reason=said,
        )
