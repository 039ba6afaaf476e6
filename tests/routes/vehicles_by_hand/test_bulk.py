"""Many vehicles at once: exactly those that were counted (C71, trap T21)."""

from __future__ import annotations

import re
from time import perf_counter
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, insert, select

from app.db import reading, unit_of_work
from app.models import Dealership, ExternalLink, Vehicle, VehicleEdit
from app.models.types import utc_now
from app.services import vehicle_acts, vehicle_bulk
from app.services.vehicle_bulk import Selection
from app.services.vehicles import VehicleFilter
from tests import factories
from tests.factories_vehicles import link, vehicle
from tests.routes.vehicles_by_hand.conftest import audited, edits, filled, stored

pytestmark = pytest.mark.usefixtures("any_database")
LIST = "/d/harbour/vehicles"
BULK = f"{LIST}/bulk"


def ask(browser: FlaskClient, listed: str, **chosen: Any) -> str:
    """From the list to the question, as a browser without script."""
    answer = browser.get(BULK, query_string=filled(listed, "bulk-form", **chosen))
    assert answer.status_code == 200, answer.text
    return answer.text


def excluded(place: Dealership) -> set[int]:
    query = select(Vehicle.id).where(Vehicle.is_excluded)
    with reading(place.id) as session:
        return set(session.scalars(query))


def test_ticked_vehicles_are_changed_and_no_others(place: Dealership, browser: FlaskClient) -> None:
    cars = [vehicle(place, title=f"Row {number}") for number in range(4)]
    chosen = [str(cars[0].id), str(cars[2].id)]
    question = ask(browser, browser.get(LIST).text, id=chosen, action="exclude")
    assert "<h1>Exclude 2 vehicles from sync</h1>" in question
    assert "Row 0" in question
    assert "Row 1" not in question
    assert excluded(place) == set(), "a question changes nothing"
    done = browser.post(BULK, data=filled(question, "bulk-form"))
    assert done.status_code == 303, done.text
    assert excluded(place) == {cars[0].id, cars[2].id}
    result = browser.get(done.location).text
    assert "2 vehicles selected, 2 changed." in result
    assert [(edit.vehicle_id, edit.kind) for edit in edits(place)] == [
        (cars[0].id, "exclude"), (cars[2].id, "exclude"),
    ]  # fmt: skip
    (event,) = audited(place)
    assert event.action == "vehicles.bulk"
    assert (event.details["act"], event.details["matched"], event.details["changed"]) == (
        "exclude", 2, 2,
    )  # fmt: skip


def test_this_page_and_all_that_match_are_two_counted_choices(
    place: Dealership, browser: FlaskClient
) -> None:
    for number in range(53):
        vehicle(place, title=f"Row {number:02}")
    vehicle(place, title="Other", make="Mazda")
    listed = browser.get(f"{LIST}?q=row&sort=title").text
    assert "This page (50)" in listed
    assert "All 53 that match" in listed
    page = ask(browser, listed, select="page", action="unpublish")
    assert "Take 50 vehicles off shops" in page
    everything = ask(browser, listed, select="all", action="unpublish")
    assert "Take 53 vehicles off shops" in everything
    assert "“row”" in everything, "the filter stands in the question"
    browser.post(BULK, data=filled(everything, "bulk-form"))
    with reading(place.id) as session:
        left = session.scalars(select(Vehicle.title).where(Vehicle.is_published)).all()
    assert list(left) == ["Other"]


@pytest.mark.parametrize("select_", ["all", "ticked"])
def test_a_selection_that_moved_stops_before_anything_is_written(
    place: Dealership, browser: FlaskClient, select_: str
) -> None:
    cars = [vehicle(place) for _ in range(3)]
    ids = [str(car.id) for car in cars]
    question = ask(browser, browser.get(LIST).text, select=select_, id=ids, action="exclude")
    if select_ == "all":
        vehicle(place)
    else:
        with unit_of_work(place.id) as session:
            gone = session.scalars(select(Vehicle).where(Vehicle.id == cars[0].id)).one()
            gone.merged_into_id = cars[1].id
    answer = browser.post(BULK, data=filled(question, "bulk-form"))
    now = 4 if select_ == "all" else 2
    assert answer.status_code == 409
    assert f"3 vehicles were counted, now it is {now}" in answer.text
    assert f"Exclude {now} vehicles from sync" in answer.text
    assert (excluded(place), edits(place)) == (set(), [])
    again = browser.post(BULK, data=filled(answer.text, "bulk-form"))
    assert again.status_code == 303, "the new number may be confirmed"
    assert len(excluded(place)) == now


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({}, "Choose what to do"),
        ({"action": "exclude"}, "Tick vehicles"),
        ({"action": "exclude", "select": "ticked"}, "Tick vehicles"),
        ({"action": "exclude", "select": "all"}, "cannot be read"),
        ({"action": "exclude", "select": "all", "expected": "999"}, "999 vehicles were counted"),
        ({"action": "exclude", "id": "abc"}, "cannot be read"),
        ({"action": "exclude", "id": "99999999999"}, "cannot be read"),
        ({"action": "exclude", "id": [str(n) for n in range(1001)]}, "At most 1,000"),
        ({"action": "burn", "select": "all", "expected": "1"}, "Choose what to do"),
    ],
)
def test_a_selection_that_cannot_be_read_is_told(
    place: Dealership, browser: FlaskClient, sent: dict[str, Any], says: str
) -> None:
    vehicle(place)
    answer = browser.get(BULK, query_string=sent)
    assert answer.status_code == 200
    assert says in answer.text
    assert browser.post(BULK, data=sent).status_code in (409, 422)
    assert edits(place) == []


def test_vehicles_of_others_are_not_counted(place: Dealership, browser: FlaskClient) -> None:
    mine, theirs = vehicle(place), vehicle(factories.dealership())
    question = browser.get(
        BULK, query_string={"action": "exclude", "id": [str(mine.id), str(theirs.id)]}
    ).text
    assert "2 vehicles were counted, now it is 1" in question
    sent = {"action": "exclude", "select": "ticked", "id": str(theirs.id), "expected": "1"}
    assert browser.post(BULK, data=sent).status_code == 409
    assert edits(place) == []


def test_a_market_state_for_many_needs_its_answer(place: Dealership, browser: FlaskClient) -> None:
    cars = [vehicle(place, lifecycle="missing") for _ in range(2)]
    sold = vehicle(place, lifecycle="sold", lifecycle_reason="Auction")
    listed = browser.get(f"{LIST}?lifecycle=missing").text
    question = ask(browser, listed, select="all", action="lifecycle")
    refused = browser.post(BULK, data=filled(question, "bulk-form", reason="Auction"))
    assert refused.status_code == 422
    assert 'value="Auction"' in refused.text
    done = browser.post(BULK, data=filled(refused.text, "bulk-form", state="sold"))
    assert done.status_code == 303, "the filter's market state is not the chosen one"
    assert stored(place, cars[0].id).lifecycle_reason == "Auction"
    assert [edit.reason for edit in edits(place)] == ["Auction", "Auction"]
    question = ask(browser, browser.get(LIST).text, select="all", action="lifecycle")
    sent = filled(question, "bulk-form", state="sold", reason="Auction")
    again = browser.get(browser.post(BULK, data=sent).location).text
    assert "3 vehicles selected, 0 changed, 3 already like that" in again
    assert edits(place, sold.id) == []


def test_a_group_of_fields_is_locked_and_unlocked(place: Dealership, browser: FlaskClient) -> None:
    synced, by_hand = vehicle(place, title="Synced"), vehicle(place, source="Manual")
    link(synced, agreed={"price_cents": 4_100_000, "is_drive_away": True})
    listed = browser.get(LIST).text
    question = ask(browser, listed, select="all", action="lock")
    assert browser.post(BULK, data=filled(question, "bulk-form")).status_code == 422
    browser.post(BULK, data=filled(question, "bulk-form", group="price"))
    assert stored(place, synced.id).locked_fields == [
        "is_deposit_taken", "is_drive_away", "is_special", "price_cents", "special_price_cents",
    ]  # fmt: skip
    assert stored(place, by_hand.id).locked_fields == []
    question = ask(browser, browser.get(LIST).text, select="all", action="unlock")
    assert browser.post(BULK, data=filled(question, "bulk-form", group="price")).status_code == 422
    browser.post(BULK, data=filled(question, "bulk-form", group="price", values="take"))
    after = stored(place, synced.id)
    assert (after.locked_fields, after.price_cents, after.is_drive_away) == ([], 4_100_000, True)
    assert [edit.kind for edit in edits(place)] == ["lock", "unlock"]


def test_a_result_of_another_dealership_is_not_shown(
    place: Dealership, browser: FlaskClient
) -> None:
    other = factories.dealership()
    vehicle(other)
    with unit_of_work(other.id) as session:
        event = vehicle_bulk.do(
            session, Selection(1), vehicle_acts.flag("exclude"), factories.ACTOR, utc_now()
        ).event_id
    assert browser.get(f"{BULK}/result?event={event}").status_code == 404
    assert browser.get(f"{BULK}/result?event=abc").status_code == 302
    assert browser.get(f"{BULK}/result").status_code == 302


def test_five_thousand_vehicles_are_changed_in_one_go(place: Dealership) -> None:
    with unit_of_work(place.id) as session:
        rows = [
            {
                "dealership_id": place.id, "title": f"Car {n}", "stock_number": f"B{n:05}",
                "description": "x" * 500, "source": "EasyCars",
            }
            for n in range(5_000)
        ]  # fmt: skip
        session.execute(insert(Vehicle), rows)
        ids = session.scalars(select(Vehicle.id)).all()
        session.execute(
            insert(ExternalLink),
            [
                {
                    "dealership_id": place.id, "provider": "easycars", "stream": "stock",
                    "environment": "Test", "external_id": f"B{n}", "entity": "vehicle",
                    "entity_id": n, "content_hash": b"7" * 16, "agreed": {"colour": "Red"},
                }
                for n in ids
            ],
        )  # fmt: skip
    selection = Selection(5_000, None, VehicleFilter(source="EasyCars"))
    for act in (
        vehicle_acts.lock(["colour"]),
        vehicle_acts.unlock(["colour"], take=True),
        vehicle_acts.flag("exclude"),
        vehicle_acts.flag("include"),
    ):
        began = perf_counter()
        with unit_of_work(place.id) as session:
            done = vehicle_bulk.do(session, selection, act, factories.ACTOR, utc_now())
        took = perf_counter() - began
        assert (done.matched, done.changed) == (5_000, 5_000)
        assert took < 30, f"{act.kind} took {took:.1f} s"
    with reading(place.id) as session:
        assert session.scalar(select(func.count(VehicleEdit.id))) == 20_000
        assert set(session.scalars(select(Vehicle.colour))) == {"Red"}
        assert set(session.scalars(select(ExternalLink.content_hash))) == {bytes(16)}
    with pytest.raises(vehicle_bulk.SelectionMoved), unit_of_work(place.id) as session:
        vehicle_bulk.do(
            session, Selection(4_999), vehicle_acts.flag("exclude"), factories.ACTOR, utc_now()
        )
    assert excluded(place) == set()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("published=no", {"a"}),
        ("published=yes", {"b", "c", "d"}),
        ("excluded=yes", {"b"}),
        ("locked=yes", {"c"}),
        ("locked=no", {"a", "b", "d"}),
        ("edited=yes", {"d"}),
        ("edited=no&published=yes&excluded=no", {"c"}),
        ("published=maybe", {"a", "b", "c", "d"}),
    ],
)
def test_the_list_is_narrowed_to_what_was_done_here(
    place: Dealership, browser: FlaskClient, query: str, expected: set[str]
) -> None:
    vehicle(place, title="Row a", is_published=False)
    vehicle(place, title="Row b", is_excluded=True)
    vehicle(place, title="Row c", locked_fields=["colour"])
    vehicle(place, title="Row d", edited_at=utc_now())
    html = browser.get(f"{LIST}?{query}").text
    assert set(re.findall(r">Row ([abcd])<", html)) == expected
    assert html.count('<th scope="col"') <= 7
    answer = browser.get(f"{LIST}.csv?{query}").text
    assert set(re.findall(r"Row ([abcd])", answer)) == expected


def test_nothing_ticked_is_told_as_that(browser: FlaskClient) -> None:
    query = {"select": "ticked", "action": "exclude", "expected": "7", "page_id": "1"}
    page = browser.get(BULK, query_string=query).text
    assert "No vehicle is chosen" in page
    assert "were counted" not in page
    assert "bulk-confirm" not in page
