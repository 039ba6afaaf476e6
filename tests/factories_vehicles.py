"""Rows of vehicles, photos, links and runs for tests: small functions, each commits."""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime
from itertools import count
from typing import Any

from PIL import Image

from app.models import (
    Dealership,
    EasyCarsStockData,
    ExternalLink,
    MediaObject,
    Photo,
    StreamState,
    SyncItem,
    SyncRun,
    Vehicle,
)
from app.services.photos.downloads import media_key
from app.services.photos.picture import ORIGINAL, read_picture, smaller_sizes
from app.services.ports import MediaStore
from tests.factories import _saved

NOON = datetime(2026, 11, 18, 1, 0, tzinfo=UTC)
_numbers = count(1)


def vehicle(place: Dealership, **values: Any) -> Vehicle:
    """A listed vehicle; a value given as None is one that is not given."""
    number = next(_numbers)
    defaults = {
        "stock_number": f"S{number:05}",
        "title": f"2019 Toyota Hilux SR5 {number}",
        "make": "Toyota",
        "model": "Hilux",
        "year": 2019,
        "kind": "car",
        "price_cents": 3_899_000,
        "odometer": 84_210,
        "odometer_unit": "km",
        "status": "Available",
        "source": "EasyCars",
        "created_at": NOON,
        "updated_at": NOON,
    }
    return _saved(Vehicle(dealership_id=place.id, **(defaults | values)))


def link(car: Vehicle, urls: tuple[str, ...] = (), **values: Any) -> ExternalLink:
    """The vehicle's EasyCars link; with `urls` its photos are still to be made into rows."""
    defaults = {
        "provider": "easycars",
        "stream": "stock",
        "environment": "Test",
        "external_id": car.stock_number or f"X{car.id}",
        "content_hash": b"\0" * 16,
        "photo_urls": list(urls),
        "photos_wanted": bool(urls),
        "first_seen_at": NOON,
        "changed_at": NOON,
    }
    return _saved(
        ExternalLink(
            dealership_id=car.dealership_id,
            entity="vehicle",
            entity_id=car.id,
            **(defaults | values),
        )
    )


def archive(of: ExternalLink, raw: str) -> EasyCarsStockData:
    return _saved(
        EasyCarsStockData(
            link_id=of.id,
            dealership_id=of.dealership_id,
            vehicle_id=of.entity_id,
            received_at=NOON,
            raw=raw,
        )
    )


def stream_state(place: Dealership, last_success_at: datetime) -> StreamState:
    return _saved(
        StreamState(
            dealership_id=place.id,
            provider="easycars",
            stream="stock",
            environment="Test",
            last_success_at=last_success_at,
        )
    )


def run(place: Dealership, **values: Any) -> SyncRun:
    """A finished stock run; `photos_state="queued"` makes it one whose photos wait."""
    defaults = {"provider": "easycars", "stream": "stock", "trigger": "person"}
    return _saved(SyncRun(dealership_id=place.id, status="success", **(defaults | values)))


def item(of: SyncRun, car: Vehicle, action: str = "update", **values: Any) -> SyncItem:
    return _saved(
        SyncItem(
            run_id=of.id,
            dealership_id=of.dealership_id,
            external_id=car.stock_number,
            label=car.title,
            action=action,
            entity_id=car.id,
            **values,
        )
    )


def jpeg(colour: str = "navy", size: tuple[int, int] = (640, 480), **how: Any) -> bytes:
    """A real picture of one colour."""
    target = io.BytesIO()
    Image.new("RGB", size, colour).save(target, "JPEG", **how)
    return target.getvalue()


def photo(car: Vehicle, store: MediaStore | None = None, **values: Any) -> Photo:
    """A photo; with a `store` it is stored there in all sizes, in a colour of its own."""
    number = next(_numbers)
    if store is not None:
        values |= {"media_id": stored_file(car.dealership_id, store, number).id, "state": "stored"}
    defaults = {"source_url": f"https://img.easycars.net.au/{number}", "position": 0}
    return _saved(Photo(dealership_id=car.dealership_id, vehicle_id=car.id, **(defaults | values)))


def stored_file(dealership_id: int, store: MediaStore, number: int) -> MediaObject:
    picture = read_picture(jpeg(f"#{number * 7919 % 0xFFFFFF:06x}"))
    key = media_key(dealership_id, picture.sha256)
    for size, content in (*smaller_sizes(picture), (ORIGINAL, picture.content)):
        store.put(f"{key}/{size}", content)
    return _saved(
        MediaObject(
            dealership_id=dealership_id,
            sha256=hashlib.sha256(picture.content).hexdigest(),
            content_type=picture.content_type,
            size=len(picture.content),
            width=picture.width,
            height=picture.height,
        )
    )
