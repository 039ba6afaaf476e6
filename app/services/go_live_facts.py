"""What the data say about a dealership's way to going live, and the test mail (C67)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import (
    Dealership,
    EasyCarsCredential,
    Membership,
    OutboxMessage,
    Schedule,
    SyncRun,
    User,
)
from app.services import audit, duplicates, held, mails, outbox, schedules
from app.services.audit import Actor
from app.services.errors import NotAllowed

PROVIDER: Final = "easycars"
STREAM: Final = "stock"
USABLE: Final = ("success", "warning")
TEST_MAIL: Final = "go-live-test:"


@dataclass(frozen=True)
class Facts:
    """`first_import`: the first sync that wrote something; `held`: changes to decide;
    `duplicates`: open pairs; `pause`: why a schedule that is on does not run."""

    credential: EasyCarsCredential | None
    preview: SyncRun | None
    first_import: SyncRun | None
    held: int
    duplicates: int
    schedule: Schedule | None
    pause: str | None
    recipients: list[str]
    test_mail: OutboxMessage | None

    @property
    def is_connected(self) -> bool:
        return self.credential is not None and bool(self.credential.test_passed)

    @property
    def schedule_words(self) -> str:
        """The schedule in plain words."""
        cron = self.schedule.cron if self.schedule else ""
        return schedules.describe_cron(cron) or cron


def read_facts(db: Session, dealership_id: int, now: datetime) -> Facts:
    """Reads all of them; each is one small query."""
    schedule = schedules.find(db, dealership_id, PROVIDER, STREAM)
    waiting = held.waiting(db, now)
    return Facts(
        credential=db.scalar(select(EasyCarsCredential).where(EasyCarsCredential.is_active)),
        preview=_first_run(db, "preview"),
        first_import=_first_run(db, "sync"),
        held=waiting.total if waiting else 0,
        duplicates=duplicates.open_count(db),
        schedule=schedule,
        pause=_pause(schedule, now),
        recipients=_recipients(db, dealership_id),
        test_mail=_test_mail(db),
    )


def _first_run(db: Session, mode: str) -> SyncRun | None:
    """The first good run of a mode that saw vehicles."""
    seen = SyncRun.created + SyncRun.updated + SyncRun.unchanged
    query = select(SyncRun).where(
        SyncRun.stream == STREAM,
        SyncRun.mode == mode,
        SyncRun.status.in_(USABLE),
        seen > 0,
    )
    return db.scalar(query.order_by(SyncRun.id).limit(1))


def _pause(schedule: Schedule | None, now: datetime) -> str | None:
    if schedule is None or schedule.paused_until is None or schedule.paused_until <= now:
        return None
    return f"Paused: {schedule.pause_reason or 'no reason was given'}"


def _recipients(db: Session, dealership_id: int) -> list[str]:
    """Administrators who can sign in: they get mail about held changes."""
    query = (
        select(User.email)
        .join(Membership, Membership.user_id == User.id)
        .where(
            Membership.dealership_id == dealership_id,
            Membership.role == "admin",
            User.is_active,
            func.length(User.email) > 0,
        )
    )
    return list(db.scalars(query.order_by(User.email)))


def _test_mail(db: Session) -> OutboxMessage | None:
    query = select(OutboxMessage).where(OutboxMessage.key.startswith(TEST_MAIL, autoescape=True))
    return db.scalar(query.order_by(OutboxMessage.id.desc()).limit(1))


def send_test_mail(
    db: Session, dealership: Dealership, address: str | None, *, actor: Actor, now: datetime
) -> None:
    """Puts a test mail to the person who asks into the outbox. Raises NotAllowed."""
    if not address:
        raise NotAllowed("Your account has no mail address, so there is nowhere to send a mail.")
    words = (
        f"This is a test mail of {dealership.name}. It arrived, so mail about held changes "
        "will reach this address too."
    )
    payload = mails.payload(
        f"Test mail of {dealership.name}",
        [words],
        link=("Open the go-live steps", f"/d/{dealership.slug}/go-live"),
    )
    outbox.put(
        db,
        dealership_id=dealership.id,
        key=f"{TEST_MAIL}{now.isoformat()}",
        recipient=address,
        payload=payload,
        now=now,
    )
    audit.record(db, actor, "go_live.test_mail", address, {}, dealership_id=dealership.id)
