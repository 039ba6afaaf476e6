"""The outbox: what leaves is a row first, written with its cause (design §6, C49).

The guarantee is *at least once*: a message that was put is tried until a receiver took it or a
day has passed, whatever is killed meanwhile. When a dispatcher dies between sending and marking,
the message is sent once more; it carries the same id, by which the receiver can tell.

Two dispatchers never hold one message: `claim` leases it, `sent` and `failed` count only while
the lease is theirs.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import CursorResult, Select, Table, func, or_, select, update
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


@dataclass(frozen=True, slots=True)
class Patience:
    """How a kind of message is tried again. `gives_up`: after GIVE_UP_AFTER, or never."""

    first_s: float = FIRST_PAUSE_S
    longest_s: float = LONGEST_PAUSE_S
    gives_up: bool = True

    def pause_s(self, attempts: int, tried: timedelta = timedelta(0)) -> float:
        """Seconds until the next try: doubling, a quarter of it by chance so that what failed
        together does not come back together. What the last one took, `tried`, counts as waited."""
        pause = min(self.first_s * 2 ** min(attempts - 1, 20), self.longest_s)
        return float(max(pause - tried.total_seconds(), self.first_s) * random.uniform(0.75, 1.0))


USUAL: Final = Patience()


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
    lane: str | None = None,
) -> bool:
    """Puts a message in the caller's transaction; False when one with this key is there already.

    `key` names the cause and the receiver, at most 200 characters; `payload` is the kind's own.
    Messages of one `lane` leave one at a time and in order: while the first cannot be delivered
    the others wait behind it.
    """
    dialect = postgresql if db.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(MESSAGES).values(
        dealership_id=dealership_id,
        kind=kind,
        key=key,
        recipient=recipient,
        lane=lane,
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


def any_due(db: Session, now: datetime, kinds: Collection[str]) -> bool:
    """A cheap look before a dispatcher asks for the right to write."""
    return db.scalar(select(MESSAGES.c.id).where(*_due(now, kinds)).limit(1)) is not None


def _due(now: datetime, kinds: Collection[str]) -> tuple[Any, ...]:
    table = MESSAGES.c
    free = or_(table.leased_until.is_(None), table.leased_until < now)
    first = or_(table.lane.is_(None), ~_ahead().exists())
    return table.kind.in_(kinds), table.state == "waiting", table.next_try_at <= now, free, first


def _ahead() -> Select[Any]:
    """What waits before a message in its lane, leased or not."""
    ahead = MESSAGES.alias("ahead")
    return select(ahead.c.id).where(
        ahead.c.dealership_id == MESSAGES.c.dealership_id,
        ahead.c.lane == MESSAGES.c.lane,
        ahead.c.state == "waiting",
        ahead.c.id < MESSAGES.c.id,
    )


def claim(
    db: Session,
    now: datetime,
    kinds: Collection[str],
    dealership_id: int | None = None,
    *,
    lease: timedelta = LEASE,
) -> Message | None:
    """Leases the message of these kinds that waits longest; None: nothing is due.

    In the scope of all dealerships; `dealership_id` narrows it to one.
    The attempt counts from here on: a delivery that kills its dispatcher has been tried too.
    """
    waiting = (
        select(MESSAGES.c.id)
        .where(*_due(now, kinds))
        .order_by(MESSAGES.c.next_try_at, MESSAGES.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if dealership_id is not None:
        waiting = waiting.where(MESSAGES.c.dealership_id == dealership_id)
    row = db.execute(
        update(MESSAGES)
        .where(MESSAGES.c.id == waiting.scalar_subquery())
        .values(leased_until=now + lease, attempts=MESSAGES.c.attempts + 1)
        .returning(*(MESSAGES.c[name] for name in Message.__slots__))
    ).one_or_none()
    if row is None:
        return None
    return Message(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it


def due_dealerships(db: Session, now: datetime, kinds: Collection[str]) -> list[int]:
    """Whose messages of these kinds are due; in the scope of all dealerships."""
    query = select(MESSAGES.c.dealership_id).where(*_due(now, kinds)).distinct()
    return list(db.scalars(query))


def hurry(db: Session, dealership_id: int, lane: str, now: datetime) -> None:
    """What waits in a lane is due now: a person asked for it, or the way is open again."""
    db.execute(
        update(MESSAGES)
        .where(
            MESSAGES.c.dealership_id == dealership_id,
            MESSAGES.c.lane == lane,
            MESSAGES.c.state == "waiting",
            MESSAGES.c.next_try_at > now,
        )
        .values(next_try_at=now)
    )


def sent(db: Session, message: Message, now: datetime) -> bool:
    """The receiver took it; False when the lease had ended and somebody else has it now."""
    return _settle(db, message, state="sent", sent_at=now, last_error=None)


def failed(
    db: Session,
    message: Message,
    error: str,
    now: datetime,
    *,
    final: bool = False,
    patience: Patience = USUAL,
    pause_s: float | None = None,
) -> bool:
    """Tries again later, longer each time, or after `pause_s` when somebody knows better; gives up
    after a day or when the refusal is `final`."""
    pause = patience.pause_s(message.attempts) if pause_s is None else pause_s
    again = now + timedelta(seconds=pause)
    dead = final or (patience.gives_up and now - message.created_at >= GIVE_UP_AFTER)
    return _settle(
        db,
        message,
        state="dead" if dead else "waiting",
        next_try_at=now if dead else again,
        last_error=error[:ERROR_LENGTH],
    )


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


def drop_lane(db: Session, dealership_id: int, lane: str, now: datetime) -> None:
    """Nothing of a lane can be delivered any more; what its messages told of is kept elsewhere."""
    db.execute(
        update(MESSAGES)
        .where(
            MESSAGES.c.dealership_id == dealership_id,
            MESSAGES.c.lane == lane,
            MESSAGES.c.state == "waiting",
        )
        .values(state="dead", leased_until=None, next_try_at=now, last_error="Not connected.")
    )


@dataclass(frozen=True, slots=True)
class Backlog:
    """How the outbox stands: for health page and doctor."""

    waiting: int
    oldest: datetime | None
    dead: int


def backlog(db: Session, now: datetime, kinds: Collection[str]) -> Backlog:
    """Messages of these kinds that wait, since when, and those given up within a day; within the
    scope."""
    of_kind = OutboxMessage.kind.in_(kinds)
    waiting, oldest = db.execute(
        select(func.count(OutboxMessage.id), func.min(OutboxMessage.created_at)).where(
            of_kind, OutboxMessage.state == "waiting"
        )
    ).one()
    dead = db.scalar(
        select(func.count(OutboxMessage.id)).where(
            of_kind,
            OutboxMessage.state == "dead",
            OutboxMessage.next_try_at > now - GIVE_UP_AFTER,
        )
    )
    return Backlog(waiting or 0, oldest, dead or 0)


def of_run(db: Session, run_id: int) -> Sequence[OutboxMessage]:
    """What a run made leave, oldest first; within the scope."""
    query = select(OutboxMessage).where(OutboxMessage.run_id == run_id).order_by(OutboxMessage.id)
    return db.scalars(query).all()
