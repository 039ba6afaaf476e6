"""The outbox: what leaves is a row first, written with its cause (design §6, C49).

The guarantee is *at least once*: a message that was put is tried until a receiver took it or a
day has passed, whatever is killed meanwhile. When a dispatcher dies between sending and marking,
the message is sent once more; it carries the same id, by which the receiver can tell.

Two dispatchers never hold one message: `claim` leases it, `sent` and `failed` count only while
the lease is theirs.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import CursorResult, Table, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.models import OutboxMessage

MESSAGES: Table = OutboxMessage.__table__  # type: ignore[assignment]
# Longer than any one delivery may take, so that a lease ends only when its holder is gone.
LEASE: Final = timedelta(minutes=5)
GIVE_UP_AFTER: Final = timedelta(hours=24)
FIRST_PAUSE_S: Final = 30.0
LONGEST_PAUSE_S: Final = 3600.0
ERROR_LENGTH: Final = 500


@dataclass(frozen=True, slots=True)
class Message:
    """A leased message; `leased_until` is the proof that it is ours."""

    id: int
    dealership_id: int
    kind: str
    key: str
    recipient: str
    payload: Mapping[str, Any]
    attempts: int
    created_at: datetime
    leased_until: datetime


def put(  # noqa: PLR0913 - one keyword for each fact of the message
    db: Session,
    *,
    dealership_id: int,
    key: str,
    recipient: str,
    payload: Mapping[str, Any],
    now: datetime,
    kind: str = "mail",
    run_id: int | None = None,
) -> bool:
    """Puts a message in the caller's transaction; False when one with this key is there already.

    `key` names the cause and the receiver, at most 200 characters; `payload` is the kind's own.
    """
    dialect = postgresql if db.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(MESSAGES).values(
        dealership_id=dealership_id,
        kind=kind,
        key=key,
        recipient=recipient,
        payload=dict(payload),
        run_id=run_id,
        state="waiting",
        attempts=0,
        next_try_at=now,
        created_at=now,
    )
    result = db.execute(
        statement.on_conflict_do_nothing(index_elements=["dealership_id", "key"]).returning(
            MESSAGES.c.id
        )
    )
    return result.first() is not None


def any_due(db: Session, now: datetime) -> bool:
    """A cheap look before a dispatcher asks for the right to write."""
    return db.scalar(select(MESSAGES.c.id).where(*_due(now)).limit(1)) is not None


def _due(now: datetime) -> tuple[Any, ...]:
    table = MESSAGES.c
    free = or_(table.leased_until.is_(None), table.leased_until < now)
    return table.state == "waiting", table.next_try_at <= now, free


def claim(db: Session, now: datetime) -> Message | None:
    """Leases the message that waits longest, in the scope of all dealerships; None: nothing is due.

    The attempt counts from here on: a delivery that kills its dispatcher has been tried too.
    """
    waiting = (
        select(MESSAGES.c.id)
        .where(*_due(now))
        .order_by(MESSAGES.c.next_try_at, MESSAGES.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    row = db.execute(
        update(MESSAGES)
        .where(MESSAGES.c.id == waiting)
        .values(leased_until=now + LEASE, attempts=MESSAGES.c.attempts + 1)
        .returning(*(MESSAGES.c[name] for name in Message.__slots__))
    ).one_or_none()
    if row is None:
        return None
    return Message(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it


def sent(db: Session, message: Message, now: datetime) -> bool:
    """The receiver took it; False when the lease had ended and somebody else has it now."""
    return _settle(db, message, state="sent", sent_at=now, last_error=None)


def failed(
    db: Session, message: Message, error: str, now: datetime, *, final: bool = False
) -> bool:
    """Tries again later, longer each time; gives up after a day or when the refusal is `final`."""
    again = now + timedelta(seconds=pause_s(message.attempts))
    dead = final or now - message.created_at >= GIVE_UP_AFTER
    return _settle(
        db,
        message,
        state="dead" if dead else "waiting",
        next_try_at=now if dead else again,
        last_error=error[:ERROR_LENGTH],
    )


def pause_s(attempts: int) -> float:
    """Seconds until the next try: doubling from half a minute to an hour, a quarter of it by chance
    so that what failed together does not come back together."""
    pause = min(FIRST_PAUSE_S * 2 ** min(attempts - 1, 20), LONGEST_PAUSE_S)
    return float(pause * random.uniform(0.75, 1.0))


def _settle(db: Session, message: Message, **values: Any) -> bool:
    result = db.execute(
        update(MESSAGES)
        .where(
            MESSAGES.c.id == message.id,
            MESSAGES.c.dealership_id == message.dealership_id,
            MESSAGES.c.state == "waiting",
            MESSAGES.c.leased_until == message.leased_until,
        )
        .values(leased_until=None, **values)
    )
    return isinstance(result, CursorResult) and result.rowcount == 1


@dataclass(frozen=True, slots=True)
class Backlog:
    """How the outbox stands: for health page and doctor."""

    waiting: int
    oldest: datetime | None
    dead: int


def backlog(db: Session, now: datetime) -> Backlog:
    """Messages that wait, since when, and those given up within a day; within the scope."""
    waiting, oldest = db.execute(
        select(func.count(OutboxMessage.id), func.min(OutboxMessage.created_at)).where(
            OutboxMessage.state == "waiting"
        )
    ).one()
    dead = db.scalar(
        select(func.count(OutboxMessage.id)).where(
            OutboxMessage.state == "dead", OutboxMessage.next_try_at > now - GIVE_UP_AFTER
        )
    )
    return Backlog(waiting or 0, oldest, dead or 0)


def of_run(db: Session, run_id: int) -> Sequence[OutboxMessage]:
    """What a run made leave, oldest first; within the scope."""
    query = select(OutboxMessage).where(OutboxMessage.run_id == run_id).order_by(OutboxMessage.id)
    return db.scalars(query).all()
