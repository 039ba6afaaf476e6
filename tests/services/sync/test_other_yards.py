"""Vehicles of a yard that nobody asked for: held, told as what they are, and asked about once."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from app.db import reading, unit_of_work
from app.models.types import utc_now
from app.services import held
from tests import factories
from tests.services.sync.memory import Yard
from tests.services.sync.test_engine import car
from tests.services.test_held import ANNA, posted, text_of

pytestmark = [pytest.mark.both_databases]


@pytest.fixture
def yard(app: Flask) -> Any:
    with app.app_context():
        made = Yard()
        factories.member(made.dealership, "admin", "admin@example.com")
        made.scope["yard"] = "A"
        made.stream.feed = [car(n, yard_code="A") for n in range(20)]
        made.sync()
        yield made


def strangers(yard: Yard) -> None:
    yard.stream.feed += [car(n, yard_code="B") for n in (50, 51)]


def waiting(yard: Yard) -> held.Waiting | None:
    with reading(yard.dealership.id) as db:
        return held.waiting(db, utc_now())


def leave_out(yard: Yard) -> None:
    found = waiting(yard)
    assert found is not None
    with unit_of_work(yard.dealership.id) as db:
        assert held.keep(db, found.run.id, actor=ANNA, now=utc_now()).new == 2


def test_message_and_mail_say_that_they_are_of_another_yard(yard: Yard) -> None:
    strangers(yard)
    run = yard.sync()
    assert (run.status, run.held, run.created) == ("warning", 2, 0)
    assert "2 new vehicles of a yard that this connection did not ask for" in run.message
    assert "looks wrong" not in run.message
    text = text_of(posted(yard)[0])
    assert "2 vehicles of a yard that the connection did not ask for were not taken over" in text
    assert "unusual value" not in text


def test_a_preview_says_the_same(yard: Yard) -> None:
    strangers(yard)
    preview = yard.preview()
    assert "2 new vehicles of a yard that this connection did not ask for" in preview.message
    assert yard.apply(preview).held == 2


def test_left_out_is_remembered_and_bothers_nobody_again(yard: Yard) -> None:
    strangers(yard)
    yard.sync()
    leave_out(yard)
    mails = len(posted(yard))
    run = yard.sync()
    assert (run.status, run.held, waiting(yard)) == ("success", 2, None)
    assert "2 vehicles of another yard left out, as decided before." in run.message
    assert len(posted(yard)) == mails
    assert "S50" not in yard.vehicles()


def test_what_was_left_out_holds_no_removal_for_ever(yard: Yard) -> None:
    strangers(yard)
    yard.sync()
    leave_out(yard)
    del yard.stream.feed[0]
    run = yard.sync()
    assert (run.missing, yard.vehicles()["S0"].lifecycle) == (1, "missing")


def test_each_kind_of_held_row_is_counted_by_itself(yard: Yard) -> None:
    strangers(yard)
    yard.stream.feed[0] = car(0, yard_code="A", price_cents=1)
    del yard.stream.feed[2:14]
    run = yard.sync()
    assert run.held == 15
    for words in (
        "12 vehicles wait for approval; nothing was removed.",
        "1 vehicle held because a value looks wrong.",
        "2 new vehicles of a yard",
    ):
        assert words in run.message
