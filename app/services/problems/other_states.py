"""Mails and photos that do not arrive, and records that were changed on both sides."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import and_, func, literal, or_, select
from sqlalchemy.orm import Session, aliased

from app.models import Conflict, OutboxMessage, Photo, Vehicle
from app.services import conflicts
from app.services.conflict_records import KINDS
from app.services.problems.finding import Finding, counted, record
from app.services.problems.ranked import Findings, by_owner, ranked_rows

MAILS: Final = "mails-undelivered"
PHOTOS: Final = "photos-failing"
CONFLICTS: Final = "conflicts"
MAIL_PATIENCE: Final = timedelta(hours=1)
MAILS_REMEMBERED: Final = timedelta(days=7)


def undelivered(db: Session, now: datetime) -> Findings:
    """Mails that were given up within a week and followed by none that arrived, and late ones."""
    later = aliased(OutboxMessage)
    arrived = select(later.id).where(
        later.dealership_id == OutboxMessage.dealership_id,
        later.id > OutboxMessage.id,
        later.recipient == OutboxMessage.recipient,
        later.state == "sent",
    )
    given_up = and_(
        OutboxMessage.state == "dead",
        OutboxMessage.next_try_at > now - MAILS_REMEMBERED,
        ~arrived.exists(),
    )
    late = and_(
        OutboxMessage.state == "waiting",
        OutboxMessage.attempts > 0,
        OutboxMessage.created_at < now - MAIL_PATIENCE,
    )
    query = select(
        OutboxMessage.dealership_id.label("owner"),
        OutboxMessage.recipient.label("recipient"),
        OutboxMessage.last_error.label("error"),
        OutboxMessage.payload.label("payload"),
    ).where(OutboxMessage.kind == "mail", or_(given_up, late))
    return by_owner(
        db, ranked_rows(query, OutboxMessage.dealership_id, OutboxMessage.id.desc()), _undelivered
    )


def _undelivered(rows: list[Any]) -> Finding:
    number = rows[0].number
    return Finding(
        MAILS,
        f"{counted(number, 'mail')} could not be delivered",
        f"The mail server says: {rows[0].error or 'nothing'}",
        "Check the addresses under People. If they are right, ask your system administrator to "
        "check the mail server.",
        "settings/people",
        "Open People",
        number,
        [record(f"{row.payload.get('subject', 'Mail')}, to {row.recipient}") for row in rows],
        danger_from=None,
    )


def photos(db: Session, _now: datetime) -> Findings:
    """Listed vehicles with a photo that could not be fetched, as Data quality counts them."""
    failed = select(Photo.vehicle_id).where(
        Photo.state == literal("failed", literal_execute=True),
        Photo.media_id.is_(None),
        Photo.is_hidden.is_(False),
    )
    query = select(
        Vehicle.dealership_id.label("owner"),
        Vehicle.id.label("id"),
        Vehicle.title.label("title"),
        Vehicle.stock_number.label("stock_number"),
    ).where(Vehicle.lifecycle == "listed", Vehicle.merged_into_id.is_(None), Vehicle.id.in_(failed))
    return by_owner(db, ranked_rows(query, Vehicle.dealership_id, Vehicle.id), _photos)


def _photos(rows: list[Any]) -> Finding:
    number = rows[0].number
    return Finding(
        PHOTOS,
        f"Photos of {counted(number, 'vehicle')} could not be fetched",
        "The picture server did not give them. They are tried again by themselves, less and less "
        "often.",
        "Open the vehicle's photos to try again now, or put in a photo by hand.",
        "quality?issue=photo-failed",
        "Open the vehicles",
        number,
        [
            record(
                row.title or row.stock_number or f"Vehicle {row.id}", f"vehicles/{row.id}/photos"
            )
            for row in rows
        ],
        danger_from=None,
    )


def both_changed(db: Session, _now: datetime) -> Findings:
    """Records that were changed here and in EasyCars. A digest of them has a mail of its own."""
    query = (
        select(
            Conflict.dealership_id.label("owner"),
            Conflict.entity.label("entity"),
            func.min(Conflict.external_id).label("external_id"),
            func.min(Conflict.id).label("id"),
        )
        .where(conflicts.is_open())
        .group_by(Conflict.dealership_id, Conflict.entity, Conflict.entity_id)
    )
    ranked = ranked_rows(query, Conflict.dealership_id, func.min(Conflict.id))
    return by_owner(db, ranked, _both_changed)


def _both_changed(rows: list[Any]) -> Finding:
    number = rows[0].number
    return Finding(
        CONFLICTS,
        f"{counted(number, 'record')} changed here and in EasyCars",
        "Until you decide, what is here stays as it is.",
        "Choose for each field whose value counts.",
        "review/conflicts",
        "Open conflicts",
        number,
        [
            record(
                f"{KINDS[row.entity].noun.capitalize()} {row.external_id}",
                f"review/conflicts/{row.id}",
            )
            for row in rows
        ],
        danger_from=None,
    )
