"""Vehicles: the list, one vehicle, the list as a file, photos asked for again (UI.10, row 108)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from flask import (
    Blueprint,
    Response,
    flash,
    g,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from app.db import db, reading, unit_of_work
from app.models import Photo, SyncRun, Vehicle
from app.models.vehicles import SOURCES
from app.parts import parts
from app.routes import vehicle_filters
from app.routes.access import current_actor, may, requires
from app.routes.fragments import page_at
from app.routes.vehicle_bulk import ACTS
from app.routes.vehicle_filters import given
from app.services import (
    audit,
    photos,
    vehicle_export,
    vehicle_timeline,
    vehicle_view,
    vehicles,
)
from app.services.errors import AlreadyRunning, NotAllowed, NotFound
from app.services.vehicle_fields import label_of
from app.services.vehicles import VehicleFilter, VehiclePage
from app.templating import NavItem

bp = Blueprint("vehicles", __name__)
PAGE_SIZE: Final = 50
MAX_PAGE: Final = 100_000
LIST: Final = "/d/<slug>/vehicles"
ONE: Final = f"{LIST}/<int:vehicle_id>"
TABS: Final = {"": "Details", "timeline": "Timeline", "raw": "Raw data"}
SORTS: Final = {
    "-updated": "Newest change first",
    "title": "Title, A to Z",
    "stock": "Stock number",
    "-price": "Price, highest first",
    "price": "Price, lowest first",
    "odometer": "Odometer, lowest first",
    "-year": "Year, newest first",
}


@dataclass(frozen=True)
class Pages:
    """What the paging macro reads."""

    first: int
    last: int
    total: int
    noun: str
    newer_url: str | None
    older_url: str | None
    newer: str = "Previous"
    older: str = "Next"


@bp.get(LIST)
@requires("viewer")
def index() -> ResponseReturnValue:
    """The list; filters, order and page number are in the address."""
    session = db.session()
    wanted, sort, page = _wanted(), _sort(), _page_number()
    found = vehicles.page_of(session, wanted, page, PAGE_SIZE, sort)
    if not found.rows and page > 1 and found.total:
        return redirect(_address(page=None))
    return render_template(
        "vehicles/index.html",
        found=found,
        pages=_pages(found),
        wanted=wanted,
        sort=sort,
        sorts=SORTS,
        statuses=_twice(vehicles.statuses(session)),
        sources=_twice(SOURCES),
        page_at=page_at,
        lifecycles=vehicles.LIFECYCLE_WORDS,
        kinds=vehicles.KINDS,
        chips=_chips(wanted),
        given=given(wanted),
        flag_options=vehicle_filters.flag_options,
        acts=[(act, words) for act, (words, _) in ACTS.items()] if may("operator") else [],
        photo_url=photo_url,
        export_url=url_for("vehicles.export", **given(wanted)),
        empty=_empty_kind(found, wanted),
    )


@bp.get(f"{LIST}.csv")
@requires("viewer")
def export() -> Response:
    """The same list as a file, every field, streamed."""
    wanted, dealership = _wanted(), g.dealership

    def lines() -> Iterator[str]:
        with reading(dealership.id) as session:
            yield from vehicle_export.vehicles_csv(session, wanted)

    day = parts().clock.now().date().isoformat()
    response = Response(stream_with_context(lines()), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = (
        f'attachment; filename="vehicles-{dealership.slug}-{day}.csv"'
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.get(ONE)
@requires("viewer")
def one(vehicle_id: int) -> ResponseReturnValue:
    """One vehicle: details with photos, timeline, or what EasyCars sent."""
    session = db.session()
    vehicle = vehicles.get(session, vehicle_id)
    tab = request.args.get("tab", "")
    tab = tab if tab in TABS else ""
    origin = vehicle_view.origin_of(session, vehicle_id)
    return render_template(
        f"vehicles/{TAB_TEMPLATES[tab]}",
        vehicle=vehicle,
        origin=origin,
        last_synced_at=vehicles.last_synced(session, [vehicle_id]).get(vehicle_id),
        tabs=tabs_of(vehicle, tab),
        lifecycles=vehicles.LIFECYCLE_WORDS,
        page_at=page_at,
        may=may,
        label_of=label_of,
        **TAB_CONTENT[tab](vehicle, origin),
    )


def _details(vehicle: Vehicle, origin: vehicle_view.Origin | None) -> dict[str, Any]:
    pictures = vehicle_view.photos_of(db.session(), vehicle.id)
    shown = [photo for photo in pictures if photo.media_id is not None]
    chosen = request.args.get("photo", type=int)
    return {
        "groups": vehicle_view.groups_of(
            vehicle,
            origin.link.agreed if origin else {},
            vehicle_view.disputed_of(db.session(), vehicle.id),
        ),
        "shown": shown,
        "chosen": next(
            (photo for photo in shown if photo.id == chosen), shown[0] if shown else None
        ),
        "waiting": sum(1 for photo in pictures if photo.state == "wanted"),
        "failed": [photo for photo in pictures if photo.state == "failed"],
        "picture_url": picture_url,
    }


def _timeline(vehicle: Vehicle, _origin: vehicle_view.Origin | None) -> dict[str, Any]:
    before = vehicle_timeline.mark_of(request.args.get("before", ""))
    page = vehicle_timeline.page_of(db.session(), vehicle.id, before)
    return {
        "page": page,
        "before": before,
        "told_by_name": vehicle_timeline.TOLD_BY_NAME,
        "is_disputed": bool(vehicle_view.disputed_of(db.session(), vehicle.id)),
    }


def _raw(_vehicle: Vehicle, origin: vehicle_view.Origin | None) -> dict[str, Any]:
    return {"fields": vehicle_view.raw_fields(origin.raw if origin else None)}


TAB_CONTENT: Final = {"": _details, "timeline": _timeline, "raw": _raw}
TAB_TEMPLATES: Final = {"": "details.html", "timeline": "timeline.html", "raw": "raw.html"}


@bp.post(f"{ONE}/photos/recheck")
@requires("operator")
def recheck_photos(vehicle_id: int) -> ResponseReturnValue:
    """Asks the picture server whether this vehicle's photos changed; the old ones stay on show."""
    try:
        with unit_of_work(g.dealership.id) as session:
            vehicle = vehicles.get(session, vehicle_id)
            count = photos.recheck(session, latest_run(session), vehicle.id, parts().queue)
            audit.record(
                session,
                current_actor(),
                "photos.recheck",
                f"vehicle:{vehicle.id}",
                {"photos": count},
                dealership_id=g.dealership.id,
            )
        flash(
            f"{count} photos are being checked again. The page shows them as they arrive.", "info"
        )
    except (AlreadyRunning, NotAllowed) as exc:
        flash(exc.user_message, "warning")
    return redirect(url_for("vehicles.one", vehicle_id=vehicle_id, _anchor="photos"), 303)


def latest_run(session: Any) -> SyncRun:
    """The dealership's newest stock run; photo work is always part of one."""
    run = session.scalar(
        select(SyncRun)
        .where(SyncRun.stream == vehicle_view.STREAM, SyncRun.mode == "sync")
        .order_by(SyncRun.id.desc())
        .limit(1)
    )
    if run is None:
        raise NotFound("There was no stock sync yet.")
    return run


def photo_url(photo: tuple[int, str], size: str = "small") -> str:
    """The address of a list row's picture; the version lets browsers keep it."""
    return url_for("media.photo", photo_id=photo[0], size=size, v=photo[1][:12])


def picture_url(photo: Photo, size: str) -> str:
    version = photo.media.sha256[:12] if photo.media else None
    return url_for("media.photo", photo_id=photo.id, size=size, v=version)


def _twice(values: Iterable[str]) -> list[tuple[str, str]]:
    """Choices whose value is their label."""
    return [(value, value) for value in values]


def _wanted() -> VehicleFilter:
    return vehicle_filters.wanted_of(request.args)


def _sort() -> str:
    sort = request.args.get("sort", "")
    return sort if sort in SORTS else vehicles.DEFAULT_SORT


def _page_number() -> int:
    page = request.args.get("page", 1, type=int)
    return min(max(page, 1), MAX_PAGE)


def _address(**changed: Any) -> str:
    """The list's address with something changed; None takes a part away."""
    sort = _sort()
    present = given(_wanted()) | ({"sort": sort} if sort != vehicles.DEFAULT_SORT else {})
    return url_for("vehicles.index", **(present | changed))


def _pages(found: VehiclePage) -> Pages:
    back = None if found.page <= 1 else _address(page=found.page - 1 if found.page > 2 else None)
    onward = _address(page=found.page + 1) if found.has_more else None
    noun = "vehicle" if found.total == 1 else "vehicles"
    return Pages(found.first, found.last, found.total, noun, back, onward)


def _chips(wanted: VehicleFilter) -> list[tuple[str, str]]:
    """Active filters in words, each with the address without it."""
    told = vehicle_filters.words(wanted).items()
    return [(words, _address(**{name: None})) for name, words in told]


def _empty_kind(found: VehiclePage, wanted: VehicleFilter) -> str | None:
    """Which of the three empty states the page shows (ux-brief: Empty)."""
    if found.rows:
        return None
    if wanted.is_empty:
        return "nothing-yet"
    troubled = wanted.lifecycle in ("missing", "off_market")
    return "all-done" if troubled and len(given(wanted)) == 1 else "no-match"


def tabs_of(vehicle: Vehicle, active: str) -> list[NavItem]:
    """The vehicle's pages; photos and their order are a page of their own."""
    own = [
        NavItem(
            label, url_for("vehicles.one", vehicle_id=vehicle.id, tab=tab or None), tab == active
        )
        for tab, label in TABS.items()
    ]
    album = url_for("vehicle_photos.index", vehicle_id=vehicle.id)
    return [own[0], NavItem("Photos", album, active == "photos"), *own[1:]]
