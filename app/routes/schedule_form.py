"""The schedule forms of stock and leads: the same fields twice on a page, told apart by prefix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from flask import g, request
from sqlalchemy.orm import Session

from app.models import Schedule, User
from app.parts import parts
from app.routes.access import current_actor
from app.services import schedules, sync_settings
from app.services.errors import InputInvalid
from app.services.manual_sync import PROVIDER
from app.services.sync_settings import Preview

# Stream → what the names of its fields begin with.
PREFIXES: Final = {"stock": "", "leads": "leads_"}


@dataclass(frozen=True)
class ScheduleForm:
    """What one form shows: what was typed there, else what is stored."""

    stream: str
    prefix: str
    schedule: Schedule
    changed_by: User | None
    enabled: bool
    interval: str
    cron: str
    preview: Preview | None


def forms(session: Session, typed: Mapping[str, str] | None) -> dict[str, ScheduleForm]:
    """One form for each stream."""
    return {stream: _form(session, stream, typed or {}) for stream in PREFIXES}


def _form(session: Session, stream: str, typed: Mapping[str, str]) -> ScheduleForm:
    prefix = PREFIXES[stream]
    kept = schedules.get_or_default(session, g.dealership.id, PROVIDER, stream, parts().settings)
    is_typed = f"{prefix}interval" in typed
    interval = typed[f"{prefix}interval"] if is_typed else kept.interval
    cron = typed.get(f"{prefix}cron", "") if is_typed else kept.cron
    enabled = f"{prefix}enabled" in typed if is_typed else kept.enabled
    return ScheduleForm(
        stream,
        prefix,
        kept,
        sync_settings.changed_by(session, kept),
        enabled,
        interval,
        cron,
        _safe_preview(interval, cron),
    )


def save(session: Session, stream: str) -> None:
    """Stores interval and switch as they were sent. Raises InputInvalid at the form's fields."""
    made, prefix = parts(), PREFIXES[stream]
    try:
        schedules.set_schedule(
            session,
            g.dealership,
            PROVIDER,
            stream,
            interval=request.form.get(f"{prefix}interval", ""),
            cron=request.form.get(f"{prefix}cron", "").replace("\0", ""),
            enabled=f"{prefix}enabled" in request.form,
            actor=current_actor(),
            settings=made.settings,
            clock=made.clock,
        )
    except InputInvalid as error:
        raise InputInvalid(error.user_message, _at_fields(error, prefix)) from error


def preview(stream: str, given: Mapping[str, str]) -> Preview:
    """What the given interval means. Raises InputInvalid at the form's fields."""
    prefix = PREFIXES[stream]
    try:
        return _preview(given.get(f"{prefix}interval", ""), given.get(f"{prefix}cron", ""))
    except InputInvalid as error:
        raise InputInvalid(error.user_message, _at_fields(error, prefix)) from error


def _at_fields(error: InputInvalid, prefix: str) -> dict[str, str]:
    return {f"{prefix}{name}": words for name, words in error.fields.items()}


def _preview(interval: str, cron: str) -> Preview:
    zone = schedules.zone_of(g.dealership)
    return sync_settings.preview(interval, cron.replace("\0", ""), zone, parts().clock.now())


def _safe_preview(interval: str, cron: str) -> Preview | None:
    try:
        return _preview(interval, cron)
    except InputInvalid:
        return None
