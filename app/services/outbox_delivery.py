"""The dispatcher: takes one message after another out of the outbox and hands it over.

Network and database take turns: a message is leased in one short transaction, sent with none
open, and marked in another. Any number of dispatchers may run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from app.db import ALL_DEALERSHIPS, reading, unit_of_work
from app.log import get_logger
from app.services import mails, outbox
from app.services.outbox import Message
from app.services.ports import Clock, Mailer, MailRefused, MailUnavailable

log = get_logger(__name__)
AT_ONCE = 100
Send = Callable[[Message], None]


def senders(mailer: Mailer, public_url: str | None) -> dict[str, Send]:
    """How each kind of message is delivered."""
    return {"mail": lambda message: mailer.send(mails.compose(message, public_url))}


def deliver_due(ways: Mapping[str, Send], clock: Clock, limit: int = AT_ONCE) -> int:
    """Delivers what is due, `limit` messages at most; returns how many a receiver took."""
    delivered = 0
    for _ in range(limit):
        message = _claim(clock.now(), ways.keys())
        if message is None:
            break
        delivered += _deliver(ways, message, clock)
    return delivered


def _claim(now: datetime, kinds: Collection[str]) -> Message | None:
    """Looks first: on SQLite a transaction that writes would make all others wait."""
    with reading(ALL_DEALERSHIPS) as session:
        if not outbox.any_due(session, now, kinds):
            return None
    with unit_of_work(ALL_DEALERSHIPS) as session:
        return outbox.claim(session, now, kinds)


def _deliver(ways: Mapping[str, Send], message: Message, clock: Clock) -> bool:
    try:
        ways[message.kind](message)
    except MailUnavailable as exc:
        return _failed(message, str(exc), clock.now())
    except MailRefused as exc:
        return _failed(message, str(exc), clock.now(), final=True)
    except Exception as exc:
        # One message that cannot be made must not hold up the others; it is tried again.
        log.exception("outbox_failed", message_id=message.id)
        return _failed(message, f"Fault in Forecourt: {type(exc).__name__}", clock.now())
    with unit_of_work(message.dealership_id) as session:
        ours = outbox.sent(session, message, clock.now())
    log.info("outbox_sent", message_id=message.id, attempt=message.attempts, ours=ours)
    return True


def _failed(message: Message, error: str, now: datetime, *, final: bool = False) -> bool:
    with unit_of_work(message.dealership_id) as session:
        outbox.failed(session, message, error, now, final=final)
    log.warning("outbox_not_sent", message_id=message.id, attempt=message.attempts, final=final)
    return False
