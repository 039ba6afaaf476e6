"""Settings, sync (row 272): when, from which yard, with which guards and owners, in which zone.

Every form is its own, saves one thing and works without script.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.db import db, unit_of_work
from app.parts import parts
from app.routes import outside, schedule_form, sync_policy_form
from app.routes.access import current_actor, requires
from app.routes.fragments import fragment
from app.services import (
    credentials,
    history_policy,
    photos,
    schedules,
    sync_policy_edit,
    sync_settings,
)
from app.services.errors import InputInvalid
from app.services.manual_sync import PROVIDER

bp = Blueprint("sync_settings", __name__)
PAGE: Final = "/d/<slug>/settings/sync"
CARDS: Final = {"stock": "schedule", "leads": "leads-schedule"}
ZONES: Final = (
    "Australia/Sydney", "Australia/Melbourne", "Australia/Brisbane", "Australia/Adelaide",
    "Australia/Perth", "Australia/Hobart", "Australia/Darwin", "Australia/Canberra",
    "Australia/Broken_Hill", "Australia/Eucla", "Australia/Lord_Howe", "Australia/Lindeman",
    "Indian/Christmas", "Indian/Cocos", "Pacific/Norfolk", "Pacific/Auckland", "Pacific/Chatham",
    "Pacific/Fiji", "Pacific/Port_Moresby", "Pacific/Noumea", "Asia/Singapore", "UTC",
)  # fmt: skip


@bp.get(PAGE)
@requires("admin")
def index() -> ResponseReturnValue:
    return _page()


@bp.get(f"{PAGE}/preview")
@requires("admin")
def preview() -> ResponseReturnValue:
    """The chosen interval in words, with its next three times, while it is being typed."""
    shown, fault = None, None
    try:
        shown = schedule_form.preview(_stream(), request.args)
    except InputInvalid as error:
        fault = next(iter(error.fields.values()), error.user_message)
    prefix = schedule_form.PREFIXES[_stream()]
    return fragment("sync_settings/_preview.html", preview=shown, fault=fault, prefix=prefix)


def _stream() -> str:
    """Whose schedule is meant; stock when the address does not say."""
    asked = request.args.get("stream", "stock")
    return asked if asked in schedule_form.PREFIXES else "stock"


@bp.post(PAGE)
@requires("admin")
def save() -> ResponseReturnValue:
    """Interval and switch; the button "Show the next times" only shows what they would mean."""
    stream = _stream()
    if request.form.get("do") == "preview":
        return _show_times(stream)
    return _try(
        lambda session: schedule_form.save(session, stream),
        "The schedule was saved.",
        CARDS[stream],
    )


def _show_times(stream: str) -> ResponseReturnValue:
    typed = request.form.to_dict()
    try:
        schedule_form.preview(stream, typed)
    except InputInvalid as error:
        return _page(typed, error.fields), 422
    return _page(typed)


@bp.post(f"{PAGE}/pause")
@requires("admin")
def pause() -> ResponseReturnValue:
    return _try(_pause, "Automatic stock sync is paused. It goes on by itself at the end.")


def _pause(session: Session) -> None:
    made = parts()
    until = sync_settings.pause_end(request.form.get("until", ""), schedules.zone_of(g.dealership))
    reason = request.form.get("reason", "").strip()
    if not reason:
        raise InputInvalid("Say why it is paused.", {"reason": "Enter a reason; others read it."})
    schedule = schedules.ensure(
        session, g.dealership, PROVIDER, "stock", made.settings, made.clock.now()
    )
    schedules.pause(session, schedule, until, reason, current_actor(), made.clock)


@bp.post(f"{PAGE}/resume")
@requires("admin")
def resume() -> ResponseReturnValue:
    return _try(_resume, "Automatic stock sync goes on.")


def _resume(session: Session) -> None:
    schedule = schedules.find(session, g.dealership.id, PROVIDER, "stock")
    if schedule is not None:
        schedules.resume(session, schedule, current_actor(), parts().clock)


@bp.post(f"{PAGE}/yard")
@requires("admin")
def yard() -> ResponseReturnValue:
    return _try(
        _set_yard,
        "The yard was saved. Vehicles of other yards stay as they are until you decide about them.",
    )


def _set_yard(session: Session) -> None:
    made = parts()
    sync_settings.set_yard(
        session,
        g.dealership.id,
        request.form.get("yard_code", ""),
        crypto=made.crypto,
        actor=current_actor(),
        clock=made.clock,
    )


@bp.post(f"{PAGE}/guards")
@requires("admin")
def save_guards() -> ResponseReturnValue:
    return _try(_with_typed(sync_policy_edit.save_guards), "The guards were saved.", "guards")


@bp.post(f"{PAGE}/ownership")
@requires("admin")
def save_owners() -> ResponseReturnValue:
    return _try(_with_typed(sync_policy_edit.save_owners), "Ownership was saved.", "ownership")


def _with_typed(save: Callable[..., None]) -> Callable[[Session], None]:
    typed, now = request.form.to_dict(), parts().clock.now()
    return lambda session: save(session, g.dealership.id, typed, current_actor(), now)


@bp.post(f"{PAGE}/photos")
@requires("admin")
def set_photos() -> ResponseReturnValue:
    on = "photos" in request.form
    return _try(
        lambda session: sync_settings.set_photos(session, g.dealership.id, on, current_actor()),
        f"Photo sync is {'on' if on else 'off'}. Photos that are here stay.",
    )


@bp.post(f"{PAGE}/timezone")
@requires("admin")
def set_timezone() -> ResponseReturnValue:
    zone = request.form.get("timezone", "")
    return _try(
        lambda session: sync_settings.set_timezone(
            session, g.dealership.id, zone, current_actor(), parts().clock
        ),
        f"Times are now read and shown in {zone}.",
    )


def _try(
    change: Callable[[Session], Any], done: str, card: str | None = None
) -> ResponseReturnValue:
    """One change in one transaction: back to the card, or the page again with what was typed."""
    try:
        with unit_of_work(g.dealership.id) as session:
            change(session)
    except InputInvalid as error:
        return _page(request.form.to_dict(), error.fields or {"": error.user_message}), 422
    flash(done, "success")
    return redirect(url_for(".index", _anchor=card), 303)


def _page(typed: dict[str, str] | None = None, errors: dict[str, str] | None = None) -> str:
    made, session = parts(), db.session()
    schedule = schedules.get_or_default(session, g.dealership.id, PROVIDER, "stock", made.settings)
    credential = credentials.find(session, g.dealership.id)
    return render_template(
        "sync_settings/index.html",
        schedules=schedule_form.forms(session, typed),
        schedule=schedule,
        is_paused=schedule.paused_until is not None and schedule.paused_until > made.clock.now(),
        globally_on=schedules.globally_enabled(session, made.settings),
        credential=credential,
        photos_on=photos.is_switched_on(g.dealership),
        history_days=history_policy.days(session, g.dealership.id),
        zones=_zones(),
        shown=typed or {},
        errors=errors or {},
        outside=outside.notice(),
        **sync_policy_form.form(session, typed),
    )


def _zones() -> list[tuple[str, str]]:
    """The zones of our region, and the dealership's own when it is another one."""
    names = ZONES if g.dealership.timezone in ZONES else (g.dealership.timezone, *ZONES)
    return [(name, name.replace("_", " ")) for name in names]
