"""How conflicts were settled can be taken back from their list, within a day (row 207)."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from app.db import unit_of_work
from app.models import Conflict, Vehicle
from tests.reading import words
from tests.routes.runs.conftest import World
from tests.routes.runs.test_review import dispute, hidden, rows_of


def settle_all(world: World) -> None:
    client = world.client(world.operator)
    question = client.get(world.url("review/conflicts/decide?take=easycars&all=1")).text
    client.post(world.url("review/conflicts/decide"), data=hidden(question))


def test_what_was_settled_together_is_undone_together(world: World) -> None:
    for number in range(2):
        dispute(world, number=f"C{number}")
    settle_all(world)
    client = world.client(world.operator)
    page = client.get(world.url("review/conflicts")).text
    assert "2 fields of 2 vehicles: taken from EasyCars" in words(page)
    assert world.operator.email in page
    answer = client.post(world.url("review/conflicts/undo"), data=hidden(page))
    after = words(client.get(answer.location).text)
    assert "Undone: 2 fields wait for a decision again." in after
    assert "Settled in the last 24 hours" not in after
    assert {row.state for row in rows_of(world, Conflict)} == {"open"}
    assert {car.price_cents for car in rows_of(world, Vehicle)} == {950_000}
    again = client.post(world.url("review/conflicts/undo"), data=hidden(page))
    assert "undone already" in client.get(again.location).text


def test_what_moved_since_is_counted(world: World) -> None:
    for number in range(2):
        dispute(world, number=f"C{number}")
    settle_all(world)
    with world.app.app_context(), unit_of_work(world.place.id) as db:
        db.get_one(Vehicle, rows_of(world, Vehicle)[0].id).price_cents = 1
    client = world.client(world.operator)
    sent = hidden(client.get(world.url("review/conflicts")).text)
    done = client.get(client.post(world.url("review/conflicts/undo"), data=sent).location).text
    assert "1 field waits for a decision again. 1 field was left alone" in done


@pytest.mark.parametrize("who", ["viewer", "late"])
def test_there_is_no_undo_for_viewers_and_after_a_day(world: World, who: str) -> None:
    dispute(world)
    settle_all(world)
    if who == "late":
        with world.app.app_context(), unit_of_work(world.place.id) as db:
            row = db.get_one(Conflict, rows_of(world, Conflict)[0].id)
            assert row.resolved_at is not None
            row.resolved_at -= timedelta(hours=25)
    person = world.viewer if who == "viewer" else world.operator
    page = world.client(person).get(world.url("review/conflicts")).text
    assert re.findall(r'action="[^"]*conflicts/undo"', page) == []
    if who == "viewer":
        refused = world.client(person).post(world.url("review/conflicts/undo"), data={"act": "x"})
        assert refused.status_code == 403
