"""The outbox: with its cause, at least once, in order of need, given up after a day (C49)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.db import ALL_DEALERSHIPS, reading, unit_of_work
from app.models import Dealership, OutboxMessage
from app.services import mails, outbox, outbox_delivery
from app.services.ports import Mail, MailRefused, MailUnavailable
from tests import factories
from tests.adapters.test_mail import mailer
from tests.factories_vehicles import NOON
from tests.smtp_server import Manners, mail_server

pytestmark = pytest.mark.both_databases


@dataclass
class Clock:
    moment: datetime = NOON

    def now(self) -> datetime:
        return self.moment

    def later(self, **how: float) -> None:
        self.moment += timedelta(**how)


@dataclass
class Postman:
    """A mailer that does what it is told, and remembers."""

    trouble: BaseException | None = None
    sent: list[Mail] = field(default_factory=list)

    def send(self, mail: Mail) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.sent.append(mail)

    def check(self) -> None:
        return


@pytest.fixture
def place(app: Flask) -> Iterator[Dealership]:
    with app.app_context():
        yield factories.dealership()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def put(place: Dealership, key: str = "held:1", **values: Any) -> bool:
    given: dict[str, Any] = {
        "recipient": "anna@example.com",
        "payload": mails.payload("Held", ["12 wait."], rows=["A"], link=("Review", "/d/x/review")),
        "now": NOON,
    }
    with unit_of_work(place.id) as db:
        return outbox.put(db, dealership_id=place.id, key=key, **(given | values))


def rows() -> list[OutboxMessage]:
    with reading(ALL_DEALERSHIPS) as db:
        return list(db.scalars(select(OutboxMessage).order_by(OutboxMessage.id)))


def deliver(postman: Any, clock: Clock) -> int:
    return outbox_delivery.deliver_due(
        outbox_delivery.senders(postman, "https://forecourt.example/"), clock
    )


def test_put_and_delivered_once(place: Dealership, clock: Clock) -> None:
    put(place)
    postman = Postman()
    assert (deliver(postman, clock), deliver(postman, clock)) == (1, 0)
    (mail,) = postman.sent
    (row,) = rows()
    assert (row.state, row.sent_at, row.leased_until, row.attempts) == ("sent", NOON, None, 1)
    assert "https://forecourt.example/d/x/review" in mail.text
    assert 'href="https://forecourt.example/d/x/review"' in mail.html


def test_the_same_key_is_one_message_for_each_dealership(place: Dealership) -> None:
    other = factories.dealership()
    assert [put(place), put(place), put(other), put(place, "held:2")] == [True, False, True, True]
    assert len(rows()) == 3


def test_what_is_rolled_back_never_leaves(place: Dealership, clock: Clock) -> None:
    with suppress(ZeroDivisionError), unit_of_work(place.id) as db:
        outbox.put(
            db, dealership_id=place.id, key="k", recipient="a@b.example", payload={}, now=NOON
        )
        raise ZeroDivisionError
    assert deliver(Postman(), clock) == 0
    assert rows() == []


def test_server_down_is_tried_again_and_sent_once(place: Dealership, clock: Clock) -> None:
    """Over a real socket: nobody listens, then somebody does."""
    put(place)
    manners = Manners()
    with mail_server(manners) as port:
        pass
    assert deliver(mailer(port), clock) == 0
    (row,) = rows()
    assert (row.state, row.attempts) == ("waiting", 1)
    assert "Cannot hand mail to" in (row.last_error or "")
    assert deliver(mailer(port), clock) == 0, "not before its time"
    with mail_server(manners, port):
        clock.later(seconds=31)
        assert [deliver(mailer(port), clock) for _ in range(3)] == [1, 0, 0]
    assert [got.recipient for got in manners.mails] == ["anna@example.com"]
    assert rows()[0].last_error is None


def test_pauses_grow_to_an_hour_and_a_day_is_the_end(place: Dealership, clock: Clock) -> None:
    put(place)
    postman = Postman(MailUnavailable("down"))
    pauses = []
    while rows()[0].state == "waiting":
        pauses.append(rows()[0].next_try_at - clock.moment)
        clock.moment = rows()[0].next_try_at
        deliver(postman, clock)
        assert len(pauses) < 60
    assert timedelta(hours=24) <= clock.moment - NOON < timedelta(hours=25)
    assert timedelta(minutes=45) <= max(pauses) <= timedelta(hours=1)
    assert (rows()[0].state, postman.sent) == ("dead", [])
    postman.trouble = None
    clock.later(days=2)
    assert deliver(postman, clock) == 0


def test_a_final_refusal_is_not_tried_again(place: Dealership, clock: Clock) -> None:
    put(place)
    deliver(Postman(MailRefused("no such recipient")), clock)
    assert (rows()[0].state, rows()[0].attempts) == ("dead", 1)


def test_one_message_that_cannot_be_made_does_not_hold_up_the_others(
    place: Dealership, clock: Clock
) -> None:
    put(place, "broken", payload={})
    put(place, "fine")
    postman = Postman()
    assert deliver(postman, clock) == 1
    assert [row.state for row in rows()] == ["waiting", "sent"]


class Killed(BaseException):
    """What a process that is killed leaves behind: nothing after it is done."""


def test_killed_before_sending_nothing_is_lost(place: Dealership, clock: Clock) -> None:
    put(place)
    with pytest.raises(Killed):
        deliver(Postman(Killed()), clock)
    postman = Postman()
    assert deliver(postman, clock) == 0, "the lease still holds"
    clock.later(minutes=6)
    assert deliver(postman, clock) == 1


def test_killed_between_sending_and_marking_it_is_sent_again_with_the_same_id(
    place: Dealership, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least once: the second copy can be told by its Message-ID."""
    put(place)
    postman = Postman()

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(outbox, "sent", die)
        with pytest.raises(Killed):
            deliver(postman, clock)
    clock.later(minutes=6)
    assert deliver(postman, clock) == 1
    assert len(postman.sent) == 2
    assert len({mail.message_id for mail in postman.sent}) == 1
    assert rows()[0].state == "sent"


def test_a_dispatcher_whose_lease_ended_changes_nothing(place: Dealership, clock: Clock) -> None:
    put(place)
    with unit_of_work(ALL_DEALERSHIPS) as db:
        slow = outbox.claim(db, clock.now(), ("mail",))
    assert slow is not None
    clock.later(minutes=6)
    deliver(Postman(MailUnavailable("down")), clock)
    with unit_of_work(place.id) as db:
        assert outbox.sent(db, slow, clock.now()) is False
        assert outbox.failed(db, slow, "late", clock.now()) is False
    assert (rows()[0].state, rows()[0].last_error) == ("waiting", "down")


def test_four_dispatchers_at_once_send_each_mail_once(
    app: Flask, place: Dealership, clock: Clock
) -> None:
    for number in range(12):
        put(place, f"k{number}")
    postman = Postman()
    together = threading.Barrier(4)

    def work() -> None:
        with app.app_context():
            together.wait()
            deliver(postman, clock)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = [mail.message_id for mail in postman.sent]
    assert (len(ids), len(set(ids))) == (12, 12)
    assert {row.attempts for row in rows()} == {1}


def test_what_came_from_outside_stays_text(place: Dealership, clock: Clock) -> None:
    kept = mails.payload("A\r\nBcc: x@y.example", ["<b>"], rows=["<script>"], link=("Go", "/a"))
    put(place, payload=kept)
    postman = Postman()
    deliver(postman, clock)
    (mail,) = postman.sent
    assert mail.subject == "A Bcc: x@y.example"
    assert "<script>" not in mail.html
    assert "<script>" in mail.text


def test_backlog_tells_what_waits_and_what_was_given_up(place: Dealership, clock: Clock) -> None:
    put(place)
    put(place, "dead")
    deliver(Postman(MailRefused("no")), clock)
    put(place, "waits")
    with reading(place.id) as db:
        found = outbox.backlog(db, clock.now(), ("mail",))
    assert (found.waiting, found.oldest, found.dead) == (1, NOON, 2)
