"""A vehicle's photos put in order, hidden, uploaded and asked for again (C29, row 108).

Plain forms: each button is a POST of its own and leads back to the photo it was about.
"""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from app.db import db, unit_of_work
from app.parts import parts
from app.routes.access import current_actor, may, requires
from app.routes.fragments import page_at
from app.routes.vehicles import latest_run, picture_url, tabs_of
from app.services import audit, photos, vehicle_view, vehicles
from app.services.errors import AlreadyRunning, InputInvalid, NotAllowed
from app.services.photos import arranging, uploading

bp = Blueprint("vehicle_photos", __name__)
PHOTOS: Final = "/d/<slug>/vehicles/<int:vehicle_id>/photos"
ONE: Final = f"{PHOTOS}/<int:photo_id>"


@bp.get(PHOTOS)
@requires("viewer")
def index(vehicle_id: int) -> ResponseReturnValue:
    """All photos, hidden ones too, with what can be done to each."""
    return _page(vehicle_id)


@bp.post(PHOTOS)
@requires("operator")
def upload(vehicle_id: int) -> ResponseReturnValue:
    """Takes own photos; those that can be used are kept even when others cannot."""
    vehicles.get(db.session(), vehicle_id)
    try:
        prepared = uploading.prepare(_sent(), parts().media, g.dealership.id)
        added = _add(vehicle_id, prepared)
    except InputInvalid as bad:
        return _page(vehicle_id, {"photos": bad.user_message}, 422)
    if added is not None:
        flash(_added_words(added), "success" if added.count else "info")
    if prepared.refused:
        db.session.rollback()  # the page was begun before the photos were written
        return _page(vehicle_id, _refusals(prepared), 422)
    return _back(vehicle_id)


@bp.post(f"{PHOTOS}/order")
@requires("operator")
def follow_feed(vehicle_id: int) -> ResponseReturnValue:
    """Gives the order back to EasyCars."""
    with unit_of_work(g.dealership.id) as session:
        said = arranging.follow_feed(session, vehicle_id, actor=current_actor(), now=_now())
    flash(said, "success")
    return _back(vehicle_id)


@bp.post(f"{PHOTOS}/retry")
@requires("operator")
def retry(vehicle_id: int) -> ResponseReturnValue:
    """Fetches the vehicle's failed photos again, without waiting for their pause."""
    try:
        with unit_of_work(g.dealership.id) as session:
            vehicles.get(session, vehicle_id)
            count = photos.retry_failed(session, latest_run(session), parts().queue, vehicle_id)
            _tell_audit(session, "photos.retry", vehicle_id, {"photos": count})
        noun = "1 photo is" if count == 1 else f"{count} photos are"
        flash(f"{noun} being fetched again. The page shows what comes of it.", "info")
    except (AlreadyRunning, NotAllowed) as exc:
        flash(exc.user_message, "warning")
    return redirect(url_for("vehicles.one", vehicle_id=vehicle_id, _anchor="photos"), 303)


@bp.post(ONE)
@requires("operator")
def change(vehicle_id: int, photo_id: int) -> ResponseReturnValue:
    """Moves, hides or shows one photo."""
    act = request.form.get("act", "")
    with unit_of_work(g.dealership.id) as session:
        said = arranging.change(
            session, vehicle_id, photo_id, act, actor=current_actor(), now=_now()
        )
    flash(said, "success")
    return _back(vehicle_id, f"photo-{photo_id}")


@bp.get(f"{ONE}/remove")
@requires("operator")
def ask_to_remove(vehicle_id: int, photo_id: int) -> ResponseReturnValue:
    """The question before an own photo is taken away: it is nowhere else."""
    session = db.session()
    vehicle = vehicles.get(session, vehicle_id)
    album = arranging.album_of(session, vehicle_id)
    place = arranging.place_of(album, photo_id)
    if album[place].source_url is not None:
        return _back(vehicle_id, f"photo-{photo_id}")
    return render_template(
        "vehicles/remove_photo.html",
        vehicle=vehicle,
        photo=album[place],
        number=place + 1,
        picture_url=picture_url,
    )


@bp.post(f"{ONE}/remove")
@requires("operator")
def remove(vehicle_id: int, photo_id: int) -> ResponseReturnValue:
    """Takes an own photo away."""
    with unit_of_work(g.dealership.id) as session:
        said = arranging.take_away(session, vehicle_id, photo_id, actor=current_actor(), now=_now())
        _tell_audit(session, "photos.remove", vehicle_id, {"photo": photo_id})
    flash(said, "success")
    return _back(vehicle_id)


def _page(
    vehicle_id: int, errors: dict[str, str] | None = None, status: int = 200
) -> ResponseReturnValue:
    session = db.session()
    vehicle = vehicles.get(session, vehicle_id)
    album = arranging.album_of(session, vehicle_id)
    shown = (photo for photo in album if photo.media_id and not photo.is_hidden)
    page = render_template(
        "vehicles/photos.html",
        vehicle=vehicle,
        origin=vehicle_view.origin_of(session, vehicle_id),
        last_synced_at=vehicles.last_synced(session, [vehicle_id]).get(vehicle_id),
        tabs=tabs_of(vehicle, "photos"),
        lifecycles=vehicles.LIFECYCLE_WORDS,
        page_at=page_at,
        may=may,
        album=album,
        hero=next(shown, None),
        failed=sum(1 for photo in album if photo.state == "failed"),
        picture_url=picture_url,
        limits=uploading,
        errors=errors or {},
    )
    return page, status


def _sent() -> list[uploading.Sent]:
    """The chosen files, read one after the other. Raises InputInvalid."""
    chosen = [file for file in request.files.getlist("photos") if file.filename]
    if not chosen:
        raise InputInvalid("Choose at least one picture first.")
    if len(chosen) > uploading.MAX_FILES:
        raise InputInvalid(
            f"{len(chosen)} files were chosen; {uploading.MAX_FILES} can be added at once."
        )
    return [_read(file) for file in chosen]


def _read(file: FileStorage) -> uploading.Sent:
    """One byte more than allowed is enough to know that it is too much."""
    content = file.stream.read(uploading.MAX_BYTES + 1)
    file.close()
    return uploading.Sent((file.filename or "")[:100], content)


def _add(vehicle_id: int, prepared: uploading.Prepared) -> uploading.Added | None:
    if not prepared.pictures:
        return None
    with unit_of_work(g.dealership.id) as session:
        added = uploading.add(
            session, vehicle_id, prepared.pictures, actor=current_actor(), now=_now()
        )
        if added.count:
            _tell_audit(session, "photos.upload", vehicle_id, {"photos": added.count})
    return added


def _added_words(added: uploading.Added) -> str:
    said = [(added.count, "added"), (added.known, "here already")]
    return " ".join(
        f"{'1 photo was' if count == 1 else f'{count} photos were'} {what}."
        for count, what in said
        if count
    )


def _refusals(prepared: uploading.Prepared) -> dict[str, str]:
    """One entry for the field: which files were left out, and why."""
    told = " ".join(f"{name}: {why}" for name, why in prepared.refused)
    return {"photos": f"Not added. {told}"}


def _tell_audit(session: Session, action: str, vehicle_id: int, details: dict[str, Any]) -> None:
    audit.record(
        session,
        current_actor(),
        action,
        f"vehicle:{vehicle_id}",
        details,
        dealership_id=g.dealership.id,
    )


def _now() -> Any:
    return parts().clock.now()


def _back(vehicle_id: int, anchor: str | None = None) -> ResponseReturnValue:
    address = url_for("vehicle_photos.index", vehicle_id=vehicle_id, _anchor=anchor or "album")
    return redirect(address, 303)
