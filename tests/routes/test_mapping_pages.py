"""The pages of mapping rules and of questions about the feed (C10, C19, C20, C26)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextvars import Context
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import (
    AuditEvent,
    Dealership,
    EasyCarsStockData,
    FeedQuestion,
    MappingVersion,
    SyncRun,
    Vehicle,
)
from app.services import mapping_versions
from app.services.mapping import Rules
from app.services.providers.easycars.stock import StockStream
from tests import factories
from tests.factories_vehicles import NOON, link, stream_state, vehicle

pytestmark = pytest.mark.usefixtures("any_database")
PAGE = "/d/harbour/settings/mapping"
QUESTIONS = f"{PAGE}/questions"


class SeparateClient(FlaskClient):
    """Each request has a context of its own, although the test around it holds one."""

    def open(self, *args: Any, **rest: Any) -> Any:
        return Context().run(super().open, *args, **{"buffered": True, **rest})


@pytest.fixture
def in_app(app: Flask) -> Iterator[Flask]:
    app.test_client_class = SeparateClient
    with app.app_context():
        yield app


@pytest.fixture
def place(in_app: Flask) -> Dealership:
    return factories.dealership(slug="harbour")


@pytest.fixture
def admin(in_app: Flask, place: Dealership) -> FlaskClient:
    return factories.sign_in(in_app.test_client(), factories.member(place, "admin"))


def stored(place: Dealership, number: str, **received: Any) -> Vehicle:
    """A vehicle as a sync stores it: link, archive columns and raw record agree."""
    raw = json.dumps({"StockNumber": number, "Make": "TOYOTA", "Model": "HILUX"} | received)
    draft = StockStream().draft(raw.encode())
    values = dict(draft.values)
    car = vehicle(
        place,
        **{"year": None, "price_cents": None, "odometer": None, "odometer_unit": None}
        | {"status": None, "kind": None}
        | values,
    )
    linked = link(car, agreed=values)
    with unit_of_work(place.id) as session:
        session.add(
            EasyCarsStockData(
                link_id=linked.id,
                dealership_id=place.id,
                vehicle_id=car.id,
                received_at=NOON,
                raw=raw,
                **(draft.archive or {}),
            )
        )
    return car


@pytest.fixture
def yard(place: Dealership) -> list[Vehicle]:
    stream_state(place, NOON)
    cars = [stored(place, f"W{n}", Colour="WHTE", Badge="SR5", YearGroup=2019) for n in range(3)]
    return [*cars, stored(place, "B1", Colour="Black")]


def form(**changes: str) -> dict[str, Any]:
    """A posted form with one colour rule; other parts by name."""
    return {
        "base": "0",
        "received_colour": ["WHTE"],
        "shown_colour": ["White"],
        **changes,
    }


def colours(place: Dealership) -> dict[str, str | None]:
    with reading(place.id) as session:
        return {car.stock_number: car.colour for car in session.scalars(select(Vehicle))}


def versions(place: Dealership) -> list[MappingVersion]:
    with reading(place.id) as session:
        return list(session.scalars(select(MappingVersion).order_by(MappingVersion.number)))


def test_the_page_lists_received_values_with_counts_and_examples(
    admin: FlaskClient, yard: list[Vehicle]
) -> None:
    text = admin.get(PAGE).text
    assert 'name="received_colour" value="WHTE"' in text
    assert f'href="/d/harbour/vehicles/{yard[0].id}">W0</a>' in text
    assert "Colour: 2 received values, 0 rules" in text
    assert "No rules yet" in text


def test_try_shows_what_would_change_and_saves_nothing(
    admin: FlaskClient, place: Dealership, yard: list[Vehicle]
) -> None:
    answer = admin.post(PAGE, data=form(do="try", title="{year} {make} {model}"))
    assert answer.status_code == 200
    assert "3 of 4 vehicles would change" in re.sub(r"<[^>]+>", "", answer.text)
    assert "2019 TOYOTA HILUX" in answer.text
    assert 'value="White"' in answer.text  # what was typed stays
    assert versions(place) == []
    assert colours(place)["W0"] == "WHTE"


def test_save_makes_a_version_and_offers_to_apply_it(
    admin: FlaskClient, place: Dealership, yard: list[Vehicle]
) -> None:
    answer = admin.post(PAGE, data=form(do="save", note="White is white"))
    assert (answer.status_code, answer.location) == (303, PAGE)
    (version,) = versions(place)
    assert version.rules == {
        "values": {"colour": {"WHTE": "White"}},
        "title": None,
        "defaults": {},
    }
    assert (version.number, version.note) == (1, "White is white")
    text = admin.get(PAGE).text
    assert "Apply to all stored vehicles now" in text
    assert colours(place)["W0"] == "WHTE"
    with reading(place.id) as session:
        event = session.scalar(select(AuditEvent).where(AuditEvent.action == "mapping.save"))
    assert event is not None
    assert event.details == {"version": 1, "rulesChanged": 1, "note": "White is white"}


def test_apply_starts_a_re_map(admin: FlaskClient, place: Dealership, yard: list[Vehicle]) -> None:
    admin.post(PAGE, data=form(do="save"))
    answer = admin.post(f"{PAGE}/apply")
    with reading(place.id) as session:
        run = session.scalar(select(SyncRun))
    assert run is not None
    assert run.mode == "remap"
    assert (answer.status_code, answer.location) == (303, f"/d/harbour/runs/{run.id}")
    again = admin.post(f"{PAGE}/apply")
    assert again.location == f"/d/harbour/runs/{run.id}"


@pytest.mark.parametrize(
    ("changes", "said", "field"),
    [
        ({"title": "{year} {colr}"}, "There is no field called {colr}", "f-title"),
        ({"title": "{year"}, "A brace is not closed", "f-title"),
        ({"shown_colour": ["x" * 101]}, "at most 100 characters", "f-shown_colour-0"),
        ({"default_status": "x" * 101}, "at most 100 characters", "f-default_status"),
        ({"note": "x" * 301}, "at most 300 characters", "f-note"),
    ],
)
def test_a_bad_entry_comes_back_with_what_was_typed(
    admin: FlaskClient,
    place: Dealership,
    yard: list[Vehicle],
    changes: dict[str, Any],
    said: str,
    field: str,
) -> None:
    answer = admin.post(PAGE, data=form(do="save", **changes))
    assert answer.status_code == 422
    assert said in answer.text
    assert f'href="#{field}"' in answer.text
    assert f'id="{field}"' in answer.text
    (typed,) = next(iter(changes.values())) if "shown_colour" in changes else [*changes.values()]
    assert str(typed) in answer.text
    assert versions(place) == []


def test_a_second_rule_for_one_value_is_shown_again(
    admin: FlaskClient, yard: list[Vehicle]
) -> None:
    typed = {"received_colour": ["WHTE", " whte "], "shown_colour": ["White", "Cream"]}
    answer = admin.post(PAGE, data=form(do="save") | typed)
    assert answer.status_code == 422
    assert "has two rules" in answer.text
    assert 'value="White"' in answer.text
    assert 'value="Cream"' in answer.text


def test_who_saves_over_another_persons_version_is_told(
    admin: FlaskClient, place: Dealership, yard: list[Vehicle]
) -> None:
    admin.post(PAGE, data=form(do="save"))
    answer = admin.post(PAGE, data=form(do="save", shown_colour="Cream"))
    assert answer.status_code == 422
    assert "Somebody saved other rules" in answer.text
    assert 'value="Cream"' in answer.text
    assert len(versions(place)) == 1


def test_going_back_makes_a_new_version(
    admin: FlaskClient, place: Dealership, yard: list[Vehicle]
) -> None:
    admin.post(PAGE, data=form(do="save"))
    admin.post(PAGE, data=form(do="save", base="1", shown_colour="Cream"))
    shown = admin.get(f"{PAGE}/versions/1").text
    assert "Go back to version 1" in shown
    assert admin.post(f"{PAGE}/versions/1").status_code == 303
    assert [one.rules["values"]["colour"]["WHTE"] for one in versions(place)] == [
        "White",
        "Cream",
        "White",
    ]
    assert versions(place)[2].note == "Back to version 1"
    assert admin.post(f"{PAGE}/versions/3").status_code == 422
    assert admin.get(f"{PAGE}/versions/9").status_code == 404


def test_titles_are_shown_while_they_are_typed(admin: FlaskClient, yard: list[Vehicle]) -> None:
    good = admin.get(f"{PAGE}/title", query_string={"title": "{make} {badge}"}).text
    assert "TOYOTA SR5" in good
    bad = admin.get(f"{PAGE}/title", query_string={"title": "{nothing}"}).text
    assert "There is no field called {nothing}" in bad


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_only_admins_write_rules(in_app: Flask, place: Dealership, role: str) -> None:
    client = factories.sign_in(in_app.test_client(), factories.member(place, role))
    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, data=form(do="save")).status_code == 403
    assert client.get(QUESTIONS).status_code == (200 if role == "operator" else 403)
    assert versions(place) == []


def question(place: Dealership, **values: Any) -> FeedQuestion:
    defaults = {
        "provider": "easycars",
        "stream": "stock",
        "kind": "value",
        "field": "colour",
        "value": "WHTE",
        "seen": 3,
        "example": "W0",
    }
    row = FeedQuestion(dealership_id=place.id, **(defaults | values))
    with unit_of_work(place.id) as session:
        session.add(row)
    return row


def states(place: Dealership) -> dict[str, str]:
    with reading(place.id) as session:
        return {one.value or one.field: one.state for one in session.scalars(select(FeedQuestion))}


def test_an_answer_becomes_a_rule(
    admin: FlaskClient, place: Dealership, yard: list[Vehicle]
) -> None:
    asked = question(place)
    text = admin.get(QUESTIONS).text
    assert "Colour “WHTE” came with 3 vehicles, e.g. " in text
    answer = admin.post(f"{QUESTIONS}/{asked.id}", data={"do": "answer", "shown": "White"})
    assert answer.status_code == 303
    assert versions(place)[0].rules["values"] == {"colour": {"WHTE": "White"}}
    assert states(place) == {"WHTE": "answered"}
    after = admin.get(QUESTIONS).text
    assert "Apply to all stored vehicles now" in after
    assert "No open questions" in after


@pytest.mark.parametrize(
    ("shown", "said"),
    [("", "enter what shall be shown"), ("WHTE", "the received value itself"), ("x" * 101, "100")],
)
def test_a_bad_answer_stays_in_its_place(
    admin: FlaskClient, place: Dealership, shown: str, said: str
) -> None:
    asked = question(place)
    answer = admin.post(f"{QUESTIONS}/{asked.id}", data={"do": "answer", "shown": shown})
    assert answer.status_code == 422
    assert said in answer.text
    assert states(place) == {"WHTE": "open"}
    assert versions(place) == []


def test_fine_as_it_is_closes_and_can_be_asked_again(admin: FlaskClient, place: Dealership) -> None:
    asked = question(place)
    admin.post(f"{QUESTIONS}/{asked.id}", data={"do": "ignore"})
    assert states(place) == {"WHTE": "ignored"}
    assert "Ask again" in admin.get(QUESTIONS).text
    twice = admin.post(f"{QUESTIONS}/{asked.id}", data={"do": "ignore"}, follow_redirects=True)
    assert "answered meanwhile" in twice.text
    admin.post(f"{QUESTIONS}/{asked.id}", data={"do": "again"})
    assert states(place) == {"WHTE": "open"}


def test_all_shown_questions_can_be_closed_at_once(admin: FlaskClient, place: Dealership) -> None:
    shown = [question(place, value=f"odd {n}") for n in range(3)]
    later = question(place, value="later")
    data = {"question": [str(one.id) for one in shown]}
    answer = admin.post(f"{QUESTIONS}/ignore", data=data, follow_redirects=True)
    assert "3 questions are closed" in answer.text
    assert states(place) == {"odd 0": "ignored", "odd 1": "ignored", "odd 2": "ignored"} | {
        "later": "open"
    }
    assert later.id


def test_a_rule_from_the_mapping_page_answers_the_question_too(
    place: Dealership, admin: FlaskClient
) -> None:
    question(place)
    question(place, kind="new_field", field="Warp", value="")
    question(place, kind="gone_field", field="Badge", value="")
    with unit_of_work(place.id) as session:
        rules = Rules({"colour": {"whte": "White"}})
        mapping_versions.save(session, place.id, rules, actor=factories.ACTOR, now=NOON)
    assert states(place) == {"WHTE": "answered", "Warp": "open", "Badge": "open"}
    text = admin.get(QUESTIONS).text
    assert "“Warp” came with 3 vehicles" in text
    assert "“Badge” (Badge) is missing from all 3 vehicles" in text


def test_answers_for_the_kind_are_chosen(admin: FlaskClient, place: Dealership) -> None:
    asked = question(place, field="kind", value="Z")
    assert "<option>boat</option>" in admin.get(QUESTIONS).text
    wrong = admin.post(f"{QUESTIONS}/{asked.id}", data={"do": "answer", "shown": "ship"})
    assert wrong.status_code == 422
    assert admin.post(f"{QUESTIONS}/{asked.id}", data={"do": "answer", "shown": "boat"}).location
    assert versions(place)[0].rules["values"] == {"kind": {"Z": "boat"}}
