"""Vehicles for programs (contract §4): paged, filtered; null where a value is not given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from flask import Blueprint, Response, g, url_for

from app.db import db
from app.models import Photo
from app.routes.access import api_requires
from app.routes.api.common import (
    ApiModel,
    PageQuery,
    Pagination,
    PlainText,
    ok,
    pagination,
    read_query,
)
from app.routes.api.openapi import describe
from app.services import vehicle_shape, vehicle_view, vehicles
from app.services.photos.picture import SIZES
from app.services.vehicles import VehicleFilter, VehicleRow

bp = Blueprint("api_vehicles", __name__)
Lifecycle = Literal["listed", "missing", "off_market", "sold"]
Source = Literal["EasyCars", "Manual", "Import"]


class VehicleQuery(PageQuery):
    """Filters of the list; `q` looks into stock number, VIN, rego, make, model and title."""

    q: PlainText | None = None
    source: Source | None = None
    lifecycle: Lifecycle | None = None
    status: PlainText | None = None
    kind: PlainText | None = None
    stock_number: PlainText | None = None
    vin: PlainText | None = None
    sort: PlainText = vehicles.DEFAULT_SORT

    def as_filter(self) -> VehicleFilter:
        return VehicleFilter(
            q=self.q,
            source=self.source,
            lifecycle=self.lifecycle,
            status=self.status,
            kind=self.kind,
            stock_number=self.stock_number,
            vin=self.vin,
        )


class PhotoBody(ApiModel):
    """`url` and `thumbnailUrl` are null until the picture is stored here."""

    id: int
    position: int
    state: Literal["wanted", "stored", "failed"]
    source_url: str | None
    url: str | None
    thumbnail_url: str | None
    width: int | None
    height: int | None


class VehicleBody(ApiModel):
    """Money in dollars; `odometerUnit` km, mi or h; `lockedFields` are kept as they are here."""

    id: int
    title: str
    stock_number: str | None
    vin: str | None
    rego_num: str | None
    kind: str | None
    condition: str | None
    make: str | None
    model: str | None
    badge: str | None
    year: int | None
    price: float | None
    special_price: float | None
    currency: str
    is_drive_away: bool | None
    odometer: int | None
    odometer_unit: str | None
    status: str | None
    lifecycle: Lifecycle
    source: Source
    locked_fields: list[str]
    photos: list[PhotoBody]
    last_synced_at: datetime | None
    updated_at: datetime


class VehicleList(ApiModel):
    vehicles: list[VehicleBody]
    pagination: Pagination


@bp.get("/api/admin/easycars/vehicles")
@describe("List the vehicles", query=VehicleQuery, answers={200: VehicleList})
@api_requires("viewer", scope="stock:read")
def index() -> Response:
    """Newest change first; `sort` is title, stock, price, odometer, year or updated, "-" falls."""
    query = read_query(VehicleQuery)
    session = db.session()
    found = vehicles.page_of(session, query.as_filter(), query.page, query.page_size, query.sort)
    pictures = vehicle_shape.by_vehicle(
        vehicle_view.photos_of(session, *(row.vehicle.id for row in found.rows))
    )
    shapes = [_shape(row, pictures.get(row.vehicle.id, ())) for row in found.rows]
    return ok({"vehicles": shapes, "pagination": pagination(query, found.total)})


@bp.get("/api/admin/easycars/vehicles/<int:vehicle_id>")
@describe("One vehicle", answers={200: VehicleBody})
@api_requires("viewer", scope="stock:read")
def one(vehicle_id: int) -> Response:
    """One vehicle with all its photos, in the dealer's order."""
    session = db.session()
    (row,) = vehicles.rows_of(session, [vehicles.get(session, vehicle_id)])
    return ok(_shape(row, vehicle_view.photos_of(session, vehicle_id)))


def _shape(row: VehicleRow, pictures: Iterable[Photo]) -> dict[str, Any]:
    photos = (vehicle_shape.photo_shape(picture, _urls(picture)) for picture in pictures)
    return vehicle_shape.vehicle_shape(row, photos)


def _urls(picture: Photo) -> Mapping[str, str]:
    if picture.media is None:
        return {}
    version = picture.media.sha256[:12]
    return {
        size: url_for(
            "media.photo", slug=g.dealership.slug, photo_id=picture.id, size=size, v=version
        )
        for size in SIZES
    }
