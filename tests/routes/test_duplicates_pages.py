"""The pages of duplicates: list, side by side, preview, merge, "not a duplicate", unmerge."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextvars import Context
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, func, select, update

from app.db import db, reading, unit_of_work
from app.models import AuditEvent, Dealership, DuplicatePair, Vehicle, VehicleMerge
from app.models.types import utc_now
from app.services import duplicates
from tests import factories
from tests.factories_vehicles import link, photo, vehicle
from tests.reading import words

pytestmark = pytest.mark.usefixtures("any_database")
VIN = "MR0FZ29G001234567"
LIST = "/d/harbour/duplicates"


class SeparateClient(FlaskClient):
    """Each request has a context of its own, although the test around it holds one for its rows."""

    def open(self, *args: Any, **rest: Any) -> Any:
        return Context().run(super().open, *args, **{"buffered": True, **rest})


@pytest.fixture
def place(app: Flask) -> Iterator[Dealership]:
    app.test_client_class = SeparateClient
    with app.app_context():
        yield factories.dealership(slug="harbour")


@pytest.fixture
def operator(app: Flask, place: Dealership) -> FlaskClient:
    return factories.sign_in(app.test_client(), factories.member(place, "operator"))


@pytest.fixture
def viewer(app: Flask, place: Dealership) -> FlaskClient:
    return factories.sign_in(app.test_client(), factories.member(place, "viewer"))


@pytest.fixture
def twins(place: Dealership) -> tuple[Vehicle, Vehicle]:
    """Synced and hand-made, the same VIN; they differ in colour and series."""
    synced = vehicle(place, vin=VIN, title="Hilux from EasyCars", colour="Red", series=None)
    mine = vehicle(
        place, vin=VIN, title="Hilux by hand", colour="Blue", series="GT", source="Manual"
    )
    link(synced, agreed={"colour": "Red"}, external_id="E77")
    look(place)
    return synced, mine


def look(place: Dealership) -> None:
    with unit_of_work(place.id) as session:
        duplicates.find(session, place.id, utc_now())


def pair_id(place: Dealership) -> int:
    with reading(place.id) as session:
        return session.scalar(select(DuplicatePair.id)) or 0


def page(client: FlaskClient, path: str = LIST, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    assert answer.text.count("<h1") == 1
    ids = re.findall(r'\sid="([^"]+)"', answer.text)
    assert len(ids) == len(set(ids)), "ids are unique"
    return answer.text


def hidden(html: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', html)
    return {name: value for name, value in found if name != "csrf_token"}


def state(place: Dealership) -> str | None:
    with reading(place.id) as session:
        return session.scalar(select(DuplicatePair.state))


def test_the_list_tells_each_pair_with_its_reasons(
    place: Dealership, viewer: FlaskClient, twins: tuple[Vehicle, Vehicle]
) -> None:
    text = words(page(viewer))
    for said in ("Very likely", f"Same VIN: {VIN}", "Hilux from EasyCars", "Hilux by hand"):
        assert said in text
    assert "Manual" in text
    assert "This needs the role operator." in text
    assert "Not a duplicate" not in text


def test_an_empty_list_says_what_was_done(viewer: FlaskClient) -> None:
    assert "All vehicles were compared" in words(page(viewer))
    assert "Nothing was merged" in words(page(viewer, f"{LIST}?tab=merged"))
    assert "No pair was called different" in words(page(viewer, f"{LIST}?tab=dismissed"))


def test_look_again_finds_what_was_entered_since(place: Dealership, operator: FlaskClient) -> None:
    for _ in range(2):
        vehicle(place, vin=VIN, source="Manual")
    answer = operator.post(f"{LIST}/look")
    assert (answer.status_code, state(place)) == (303, "open")
    assert "New pairs found: 1." in words(page(operator))


def test_side_by_side_marks_what_differs_and_folds_the_rest(
    place: Dealership, operator: FlaskClient, twins: tuple[Vehicle, Vehicle]
) -> None:
    html = page(operator, f"{LIST}/{pair_id(place)}")
    assert set(re.findall(r'data-field="(\w+)"', html)) >= {"colour", "series", "title"}
    assert 'data-field="vin"' not in html
    assert "equal fields" in html
    assert f'value="{twins[0].id}" checked' in html, "the synced one stays"
    assert re.search(r'name="f.series" value="right" checked', html), "blanks are filled"
    assert "EasyCars E77" in words(html)


def test_the_preview_shows_the_result_and_the_merge_does_it(
    place: Dealership, operator: FlaskClient, twins: tuple[Vehicle, Vehicle]
) -> None:
    synced, mine = twins
    asked = f"stays={synced.id}&f.colour=right&f.title=left"
    html = page(operator, f"{LIST}/{pair_id(place)}/preview?{asked}")
    assert "takes over" in words(html)
    table = words(html[html.index("<table") :])
    assert "Colour Red Blue" in table
    assert "Series Not given GT" in table
    assert "Title" not in table
    answer = operator.post(f"{LIST}/{pair_id(place)}/merge", data=hidden(html))
    assert answer.headers["Location"] == f"/d/harbour/vehicles/{synced.id}"
    with reading(place.id) as session:
        kept, gone = session.get_one(Vehicle, synced.id), session.get_one(Vehicle, mine.id)
    assert (kept.title, kept.colour, kept.series) == ("Hilux from EasyCars", "Blue", "GT")
    assert gone.merged_into_id == synced.id
    assert "No pair to decide" in words(page(operator))
    assert "Hilux by hand" not in words(page(operator, "/d/harbour/vehicles"))


def test_a_vehicle_that_changed_since_the_preview_is_not_merged(
    place: Dealership, operator: FlaskClient, twins: tuple[Vehicle, Vehicle]
) -> None:
    html = page(operator, f"{LIST}/{pair_id(place)}/preview")
    with unit_of_work(place.id) as session:
        session.execute(update(Vehicle).where(Vehicle.id == twins[1].id).values(colour="Green"))
    answer = operator.post(f"{LIST}/{pair_id(place)}/merge", data=hidden(html))
    assert (answer.status_code, state(place)) == (303, "open")
    assert "changed since you opened the page" in words(page(operator, answer.headers["Location"]))


def test_two_people_merge_the_same_pair_once(
    place: Dealership, operator: FlaskClient, twins: tuple[Vehicle, Vehicle]
) -> None:
    form = hidden(page(operator, f"{LIST}/{pair_id(place)}/preview"))
    operator.post(f"{LIST}/{pair_id(place)}/merge", data=form)
    answer = operator.post(f"{LIST}/{pair_id(place)}/merge", data=form)
    said = words(page(operator, answer.headers["Location"]))
    assert "was merged already. Nothing was changed." in said
    assert "Preview the result" not in said
    with reading(place.id) as session:
        assert session.scalar(select(func.count(VehicleMerge.id))) == 1


def test_not_a_duplicate_is_remembered_and_can_be_undone(
    place: Dealership, operator: FlaskClient, twins: tuple[Vehicle, Vehicle]
) -> None:
    answer = operator.post(f"{LIST}/{pair_id(place)}/dismiss")
    html = page(operator, answer.headers["Location"])
    assert f'action="{LIST}/{pair_id(place)}/reopen"' in html
    look(place)
    assert state(place) == "dismissed"
    assert "Hilux by hand" in words(page(operator, f"{LIST}?tab=dismissed"))
    operator.post(f"{LIST}/{pair_id(place)}/reopen")
    assert state(place) == "open"


def test_a_merged_vehicle_says_where_it_went_and_comes_back(
    place: Dealership, operator: FlaskClient, viewer: FlaskClient, twins: tuple[Vehicle, Vehicle]
) -> None:
    synced, mine = twins
    html = page(operator, f"{LIST}/{pair_id(place)}/preview?stays={synced.id}&f.colour=right")
    operator.post(f"{LIST}/{pair_id(place)}/merge", data=hidden(html))
    with unit_of_work(place.id) as session:
        record = session.scalar(select(VehicleMerge))
        session.get_one(Vehicle, synced.id).series = "Later"
    gone = page(operator, f"/d/harbour/vehicles/{mine.id}")
    address = f"{LIST}/merges/{record.id}/unmerge"
    assert "was merged into another one" in words(gone)
    assert f"/d/harbour/vehicles/{synced.id}" in gone
    assert address in gone
    assert address not in page(viewer, f"/d/harbour/vehicles/{mine.id}")
    assert address in page(operator, f"{LIST}?tab=merged")
    question = words(page(operator, address))
    assert "1 value back" in question
    assert "1 field changed since the merge and stays as it is: Series" in question
    answer = operator.post(address)
    assert answer.headers["Location"] == f"/d/harbour/vehicles/{mine.id}"
    with reading(place.id) as session:
        kept = session.get_one(Vehicle, synced.id)
        assert (kept.colour, kept.series) == ("Red", "Later")
        assert session.get_one(Vehicle, mine.id).merged_into_id is None
        actions = set(session.scalars(select(AuditEvent.action)))
    assert {"vehicle.merge", "vehicle.unmerge"} <= actions
    again = operator.post(address)
    assert "taken back already" in words(page(operator, again.headers["Location"]))


@pytest.mark.parametrize("path", ["look", "1/merge", "1/dismiss", "1/reopen", "merges/1/unmerge"])
def test_a_viewer_decides_nothing(viewer: FlaskClient, path: str) -> None:
    assert viewer.post(f"{LIST}/{path}").status_code == 403


def test_a_long_list_costs_as_many_questions_as_a_short_one(
    place: Dealership, viewer: FlaskClient
) -> None:
    def count() -> int:
        found: list[str] = []

        def note(_c: Any, _cur: Any, statement: str, *_rest: Any) -> None:
            if statement.startswith("SELECT"):
                found.append(statement)

        event.listen(db.engine, "before_cursor_execute", note)
        page(viewer)
        event.remove(db.engine, "before_cursor_execute", note)
        return len(found)

    def pairs(number: int) -> None:
        for place_in_list in range(number):
            for _ in range(2):
                photo(vehicle(place, vin=f"MR0FZ29G0{number:03}{place_in_list:05}"))
        look(place)

    pairs(1)
    page(viewer)
    first = count()
    pairs(12)
    assert count() == first
    with reading(place.id) as session:
        assert session.scalar(select(func.count(DuplicatePair.id))) == 13


def test_a_person_puts_two_vehicles_side_by_side(place: Dealership, operator: FlaskClient) -> None:
    one = vehicle(place, stock_number="S1", title="Rio, black")
    other = vehicle(place, stock_number=None, vin=VIN, title="Rio, white")
    answer = operator.post(LIST, data={"first": " s1", "second": VIN.lower()})
    assert answer.status_code == 303
    page = operator.get(answer.location).text
    assert "Chosen by hand" in page
    assert "Preview the result" in page
    again = operator.post(LIST, data={"first": VIN, "second": "S1"})
    assert again.location == answer.location
    look(place)
    with reading(place.id) as session:
        (pair,) = session.scalars(select(DuplicatePair))
        assert (pair.first_id, pair.second_id, pair.state) == (one.id, other.id, "open")
        (event,) = session.scalars(select(AuditEvent).where(AuditEvent.action.like("duplicate%")))
        assert event.details == {"vehicles": [one.id, other.id]}


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("S1", "", "Enter a stock number, a VIN or a registration."),
        ("S1", "nobody", "No vehicle here has the stock number, VIN or registration nobody."),
        ("S1", "TWICE", "More than one vehicle has TWICE."),
        ("S1", "s1", "Both are the same vehicle."),
    ],
)
def test_two_vehicles_that_cannot_be_told_are_asked_again(
    place: Dealership, operator: FlaskClient, first: str, second: str, words: str
) -> None:
    vehicle(place, stock_number="S1")
    vehicle(place, stock_number="TWICE")
    vehicle(place, stock_number="A9", rego_num="TWICE")
    answer = operator.post(LIST, data={"first": first, "second": second})
    assert answer.status_code == 422
    assert words in answer.text
    assert f'value="{second}"' in answer.text or not second
    with reading(place.id) as session:
        assert session.scalar(select(func.count(DuplicatePair.id))) == 0


def test_a_viewer_compares_nothing_by_hand(place: Dealership, viewer: FlaskClient) -> None:
    assert viewer.post(LIST, data={"first": "S1", "second": "S2"}).status_code == 403
    assert "Compare two vehicles" not in viewer.get(LIST).text
