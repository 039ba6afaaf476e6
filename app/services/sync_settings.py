"""What a dealership decides about its syncs: yard, photos, time zone, pauses (rows 272, C13).

Interval and switch are in `schedules`; here is what stands around them. Every change is audited.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Dealership, Schedule, User
from app.services import audit, credentials, schedules
from app.services.audit import Actor
from app.services.credential_encryption import CredentialEncryptionService
from app.services.credential_input import CredentialInput
from app.services.errors import InputInvalid
from app.services.ports import Clock

TIMES_SHOWN: Final = 3


@dataclass(frozen=True)
class Preview:
    """A schedule in plain words, and when it would start next (UTC)."""

    words: str
    times: Sequence[datetime]


def preview(interval: str, cron: str, zone: ZoneInfo, now: datetime) -> Preview:
    """What the chosen interval means; `cron` counts for "custom" only. Raises InputInvalid."""
    line = schedules.check_cron(cron) if interval == "custom" else _line(interval)
    words = schedules.describe_cron(line) or line
    return Preview(words, schedules.next_runs(line, zone, now, TIMES_SHOWN))


def _line(interval: str) -> str:
    if interval not in schedules.INTERVALS:
        raise InputInvalid("Choose hourly, daily or custom.", {"interval": "Choose one of three."})
    return schedules.INTERVALS[interval]


def pause_end(text: str, zone: ZoneInfo) -> datetime:
    """A date and time as a browser sends it, read in the dealership's zone. Raises InputInvalid."""
    try:
        local = datetime.fromisoformat(text.strip())
        return local.replace(tzinfo=local.tzinfo or zone).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputInvalid(
            "The end of the pause cannot be read.", {"until": "Enter a date and a time."}
        ) from error


def changed_by(db: Session, schedule: Schedule) -> User | None:
    """Who moved the switch last; None when nobody did, or when that account is gone."""
    return db.get(User, schedule.changed_by_id) if schedule.changed_by_id else None


def set_yard(
    db: Session,
    dealership_id: int,
    code: str,
    *,
    crypto: CredentialEncryptionService,
    actor: Actor,
    clock: Clock,
) -> bool:
    """Asks EasyCars for one yard only, "" for all; True when that is a change.

    The next sync holds vehicles of other yards for approval instead of removing them (trap T15).
    Raises InputInvalid, NotFound.
    """
    entered = CredentialInput.of({"yard_code": code})
    before = credentials.get(db, dealership_id).yard_code
    if (entered.yard_code or None) == before:
        return False
    credentials.save(db, dealership_id, entered, crypto, actor, clock)
    return True


def set_photos(db: Session, dealership_id: int, on: bool, actor: Actor) -> None:
    """Switches the photo sync; stored photos stay (row 114)."""
    dealership = db.get_one(Dealership, dealership_id)
    dealership.settings = {**dealership.settings, "photos_enabled": on}
    _audit(db, actor, "photos.switch", dealership, {"enabled": on})


def set_timezone(
    db: Session, dealership_id: int, name: str, actor: Actor, clock: Clock
) -> Dealership:
    """The zone in which schedules are read and times are shown. Raises InputInvalid."""
    dealership = db.get_one(Dealership, dealership_id)
    before, dealership.timezone = dealership.timezone, _known_zone(name)
    for schedule in db.scalars(select(Schedule).where(Schedule.dealership_id == dealership_id)):
        times = schedules.next_runs(schedule.cron, schedules.zone_of(dealership), clock.now(), 1)
        schedule.next_run_at = times[0]
    details = {"before": before, "after": dealership.timezone}
    _audit(db, actor, "dealership.timezone", dealership, details)
    return dealership


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise InputInvalid(
            "This time zone does not exist.",
            {"timezone": "Choose a zone such as Australia/Sydney."},
        )
    return schedules.check_zone(name)


def _audit(
    db: Session, actor: Actor, action: str, dealership: Dealership, details: Mapping[str, object]
) -> None:
    audit.record(db, actor, action, dealership.slug, details, dealership_id=dealership.id)
