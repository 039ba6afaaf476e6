"""Vehicles for programs (contract §4): paged, filtered; null where a value is not given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Final, Literal

from flask import Blueprint, Response, g, request, url_for
from pydantic import Field, RootModel, create_model
from sqlalchemy.orm import Session

from app.db import db, unit_of_work
from app.models import Photo
from app.parts import parts
from app.routes.access import api_requires, current_actor
from app.routes.api.common import (
    ApiModel,
    PageQuery,
    Pagination,
    PlainText,
    ProblemBody,
    ok,
    pagination,
    read_body,
    read_query,
)
from app.routes.api.openapi import describe
from app.services import vehicle_editing, vehicle_patch, vehicle_shape, vehicle_view, vehicles
from app.services.photos.picture import SIZES
from app.services.vehicle_fields import FIELDS
from app.services.vehicle_patch import ChangedMeanwhile
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
    is_published: bool | None = None
    is_excluded: bool | None = None
    is_locked: bool | None = Field(None, description="Has fields that are kept here")
    is_edited: bool | None = Field(None, description="A person or a program changed it here")
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
            is_published=self.is_published,
            is_excluded=self.is_excluded,
            is_locked=self.is_locked,
            is_edited=self.is_edited,
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
    lifecycle_reason: str | None
    source: Source
    locked_fields: list[str]
    is_excluded: bool = Field(description="No sync changes it")
    is_published: bool = Field(description="Shops may show it")
    merged_into_id: int | None
    edited_at: datetime | None
    photos: list[PhotoBody]
    last_synced_at: datetime | None
    updated_at: datetime


TYPES: Final[dict[str, Any]] = {
    "text": str,
    "money": float,
    "int": int,
    "number": float,
    "bool": bool,
    "date": date,
    "list": list[str],
}
MONEY: Final = {"price_cents": "price", "special_price_cents": "special_price"}


def _members(*, leave_out: type[ApiModel] | None = None) -> dict[str, Any]:
    """Every field of the catalogue as an optional member of a model."""
    known = leave_out.model_fields if leave_out else {}
    named = {MONEY.get(name, name): field for name, field in FIELDS.items()}
    return {
        name: (TYPES[field.kind] | None, Field(None, description=field.label))
        for name, field in named.items()
        if name not in known
    }


WholeVehicle = create_model(
    "WholeVehicle",
    __base__=VehicleBody,
    __doc__="One vehicle with every field; null where a value is not given.",
    **_members(leave_out=VehicleBody),
)


class PatchSwitches(ApiModel):
    """What a PATCH may say beside the fields."""

    locked_fields: list[str] | None = Field(None, description="Replaces the kept fields")
    is_excluded: bool | None = None
    is_published: bool | None = None
    lifecycle: Literal["listed", "off_market", "sold"] | None = None
    lifecycle_reason: str | None = Field(None, max_length=300)
    lock: bool | None = Field(None, description="Keep the changed fields from now on")
    confirm: bool | None = Field(None, description="Values that look like a slip are meant")
    updated_at: datetime | None = Field(None, description="As read; 409 when it changed since")


VehiclePatch = create_model(
    "VehiclePatch",
    __base__=PatchSwitches,
    __doc__="Members to change; absent ones stay, null takes a value away.",
    **_members(),
)


class AnyObject(RootModel[dict[str, Any]]):
    """A JSON object whose members the service reads one by one."""


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
@describe("One vehicle", answers={200: WholeVehicle})
@api_requires("viewer", scope="stock:read")
def one(vehicle_id: int) -> Response:
    """One vehicle with every field and all its photos, in the dealer's order."""
    return ok(_whole(vehicle_id))


@bp.patch("/api/admin/easycars/vehicles/<int:vehicle_id>")
@describe(
    "Change a vehicle",
    body=VehiclePatch,
    answers={200: WholeVehicle, 409: ProblemBody, 412: ProblemBody},
)
@api_requires("operator", scope="stock:write")
def change(vehicle_id: int) -> Response:
    """Changes what is sent, all or nothing. Nothing goes to EasyCars. Values that look like a
    slip (a price of 0 or far lower, an odometer that falls) answer 400 with errorCode
    needs_confirmation; send them again with `confirm`. The header If-Unmodified-Since works too."""
    vehicles.get(db.session(), vehicle_id)
    sent = read_body(AnyObject).root
    with unit_of_work(g.dealership.id) as session:
        _check_unmodified(session, vehicle_id)
        vehicle_patch.apply(session, vehicle_id, sent, current_actor(), parts().clock.now())
    db.session().rollback()
    db.session().expire_all()
    return ok(_whole(vehicle_id))


class PreconditionFailed(ChangedMeanwhile):
    status = 412


def _check_unmodified(session: Session, vehicle_id: int) -> None:
    """The header of RFC 9110; a moment that cannot be read is ignored, as it says there."""
    since = request.if_unmodified_since
    if since is None:
        return
    if vehicle_patch.last_change(vehicle_editing.locked_row(session, vehicle_id)) > since:
        raise PreconditionFailed("This vehicle changed since it was read. Nothing was written.")


def _whole(vehicle_id: int) -> dict[str, Any]:
    session = db.session()
    (row,) = vehicles.rows_of(session, [vehicles.get(session, vehicle_id)])
    return vehicle_shape.whole_shape(row, _photos(vehicle_view.photos_of(session, vehicle_id)))


def _shape(row: VehicleRow, pictures: Iterable[Photo]) -> dict[str, Any]:
    return vehicle_shape.vehicle_shape(row, _photos(pictures))


def _photos(pictures: Iterable[Photo]) -> list[dict[str, Any]]:
    return [
        vehicle_shape.photo_shape(picture, _urls(picture), place)
        for place, picture in enumerate(pictures)
    ]


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
