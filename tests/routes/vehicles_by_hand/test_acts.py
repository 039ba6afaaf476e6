"""Buttons of one vehicle: padlocks, market state, sync, publishing (C6, C18, B-2d.4)."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.db import reading
from app.models import Dealership, ExternalLink, Vehicle
from tests.factories_vehicles import NOON, link, vehicle
from tests.routes.vehicles_by_hand.conftest import audited, edits, filled, stored

pytestmark = pytest.mark.usefixtures("any_database")


def root(car: Vehicle) -> str:
    return f"/d/harbour/vehicles/{car.id}"


def links(place: Dealership, car: Vehicle) -> ExternalLink:
    with reading(place.id) as session:
        return session.scalars(select(ExternalLink).where(ExternalLink.entity_id == car.id)).one()


@pytest.mark.parametrize(
    ("act", "name", "value", "back"),
    [
        ("exclude", "is_excluded", True, "include"),
        ("unpublish", "is_published", False, "publish"),
    ],
)
def test_a_switch_asks_nothing_and_can_be_taken_back(
    place: Dealership, browser: FlaskClient, act: str, name: str, value: bool, back: str
) -> None:
    car = vehicle(place)
    link(car)
    answer = browser.post(f"{root(car)}/state", data={"do": act})
    assert answer.status_code == 303
    assert getattr(stored(place, car.id), name) is value
    page = browser.get(answer.location).text
    assert f'<button class="btn btn-sm" form="state-{back}">Undo</button>' in page
    undo = filled(page, f"state-{back}")
    assert browser.post(f"{root(car)}/state", data=undo).status_code == 303
    assert getattr(stored(place, car.id), name) is not value
    assert [(edit.kind, edit.before, edit.after) for edit in edits(place, car.id)] == [
        (act, {name: not value}, {name: value}),
        (back, {name: value}, {name: not value}),
    ]
    assert [event.action for event in audited(place)] == [f"vehicle.{act}", f"vehicle.{back}"]


def test_including_makes_the_next_sync_look_again(place: Dealership, browser: FlaskClient) -> None:
    car = vehicle(place, is_excluded=True)
    link(car, content_hash=b"7" * 16)
    browser.post(f"{root(car)}/state", data={"do": "exclude"})
    assert links(place, car).content_hash == b"7" * 16
    browser.post(f"{root(car)}/state", data={"do": "include"})
    assert links(place, car).content_hash == bytes(16)


def test_a_switch_that_is_so_already_changes_nothing(
    place: Dealership, browser: FlaskClient
) -> None:
    car = vehicle(place)
    answer = browser.post(f"{root(car)}/state", data={"do": "publish"}, follow_redirects=True)
    assert "It was like that already" in answer.text
    assert (edits(place), audited(place)) == ([], [])
    assert browser.post(f"{root(car)}/state", data={"do": "burn"}).status_code == 422


@pytest.mark.parametrize("state", ["listed", "off_market", "sold"])
def test_the_market_state_is_set_by_hand_with_its_reason(
    place: Dealership, browser: FlaskClient, state: str
) -> None:
    car = vehicle(place, lifecycle="missing", lifecycle_reason="not in the feed")
    link(car, missing_runs=1, missing_since=NOON)
    html = browser.get(f"{root(car)}/lifecycle").text
    assert "not in the feed" in html
    sent = {"lifecycle": state, "reason": " Sold  to Mr X "}
    answer = browser.post(f"{root(car)}/lifecycle", data=sent)
    assert answer.status_code == 303
    after = stored(place, car.id)
    assert (after.lifecycle, after.lifecycle_reason) == (state, "Sold to Mr X")
    (edit,) = edits(place, car.id)
    assert (edit.kind, edit.reason) == ("lifecycle", "Sold to Mr X")
    assert edit.before == {"lifecycle": "missing", "lifecycle_reason": "not in the feed"}
    assert links(place, car).kept_outside is (state == "listed")
    assert "Sold to Mr X" in browser.get(root(car)).text


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"lifecycle": "missing"}, "lifecycle"),
        ({"lifecycle": "", "reason": "why"}, "lifecycle"),
        ({"lifecycle": "sold", "reason": "x" * 301}, "reason"),
    ],
)
def test_a_market_state_that_nobody_can_choose_is_refused(
    place: Dealership, browser: FlaskClient, sent: dict[str, str], field: str
) -> None:
    car = vehicle(place)
    answer = browser.post(f"{root(car)}/lifecycle", data=sent)
    assert answer.status_code == 422
    assert f'href="#f-{field}"' in answer.text
    assert sent.get("reason", "") in answer.text
    assert edits(place) == []


def test_a_field_is_locked_and_the_question_shows_both_values(
    place: Dealership, browser: FlaskClient
) -> None:
    car = vehicle(place, price_cents=3_750_000)
    link(car, agreed={"price_cents": 4_100_000})
    browser.post(f"{root(car)}/lock", data={"field": ["price_cents", "odometer"]})
    assert stored(place, car.id).locked_fields == ["odometer", "price_cents"]
    html = browser.get(f"{root(car)}/unlock?field=price_cents").text
    for shown in ("$37,500", "$41,000", "Unlock, keep mine", "Unlock and take EasyCars&#39; value"):
        assert shown in html
    assert html.count('<th scope="row"') == 1, "of that field and no other"
    assert edits(place, car.id)[0].after == {"locked_fields": ["odometer", "price_cents"]}


@pytest.mark.parametrize(
    ("choice", "price", "changed"),
    [("take", 4_100_000, {"price_cents", "locked_fields"}), ("keep", 3_750_000, {"locked_fields"})],
)
def test_unlocking_takes_their_value_or_keeps_mine(
    place: Dealership, browser: FlaskClient, choice: str, price: int, changed: set[str]
) -> None:
    car = vehicle(place, price_cents=3_750_000, locked_fields=["odometer", "price_cents"])
    link(car, agreed={"price_cents": 4_100_000, "odometer": 84_210})
    html = browser.get(f"{root(car)}/unlock?field=price_cents").text
    sent = filled(html, "unlock-form") | {"do": [choice]}
    assert browser.post(f"{root(car)}/unlock", data=sent).status_code == 303
    after = stored(place, car.id)
    assert (after.price_cents, after.locked_fields) == (price, ["odometer"])
    (edit,) = edits(place, car.id)
    assert edit.kind == "unlock"
    assert set(edit.before) == set(edit.after) == changed


def test_all_fields_are_unlocked_at_once(place: Dealership, browser: FlaskClient) -> None:
    car = vehicle(place, colour="Red", locked_fields=["odometer", "price_cents", "colour"])
    link(car, agreed={"price_cents": 4_100_000, "odometer": 90_000})
    page = browser.get(root(car)).text
    assert "Unlock all fields of this vehicle" in page
    html = browser.get(f"{root(car)}/unlock").text
    assert "Unlock 3 fields" in html
    sent = filled(html, "unlock-form") | {"do": ["take"]}
    browser.post(f"{root(car)}/unlock", data=sent)
    after = stored(place, car.id)
    assert (after.price_cents, after.odometer, after.colour) == (4_100_000, 90_000, None)
    assert after.locked_fields == []
    assert browser.get(f"{root(car)}/unlock").status_code == 302


def test_unlock_needs_a_choice_and_lock_a_field(place: Dealership, browser: FlaskClient) -> None:
    car = vehicle(place, locked_fields=["price_cents"])
    link(car)
    for address, sent in (
        ("unlock", {}),
        ("unlock", {"do": "take", "field": "nonsense"}),
        ("lock", {}),
        ("lock", {"field": "currency"}),
    ):
        assert browser.post(f"{root(car)}/{address}", data=sent).status_code == 422, (address, sent)
    assert edits(place) == []


def test_a_hand_made_vehicle_has_nothing_to_lock(place: Dealership, browser: FlaskClient) -> None:
    car = vehicle(place, source="Manual")
    sent: dict[str, Any] = {"field": "price_cents"}
    answer = browser.post(f"{root(car)}/lock", data=sent, follow_redirects=True)
    assert "nothing to lock" in answer.text
    assert stored(place, car.id).locked_fields == []
    assert 'id="state-exclude"' not in answer.text, "no sync to be excluded from"
