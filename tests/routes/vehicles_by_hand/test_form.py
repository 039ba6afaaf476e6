"""The form of a vehicle: made, edited, refused, and nothing lost (issue 3.11, C18, C27)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import Dealership, ExternalLink, SyncPolicy, Vehicle
from app.services.vehicle_values import values_of
from tests.factories_vehicles import NOON, link, vehicle
from tests.routes.vehicles_by_hand.conftest import audited, edits, filled, stored

pytestmark = pytest.mark.usefixtures("any_database")
NEW = "/d/harbour/vehicles/new"
ODD: dict[str, Any] = {
    "title": "Odd  title\nof a feed",
    "kind": "X",
    "condition": None,
    "vin": "SHORT",
    "price_cents": 0,
    "odometer": 84_210,
    "odometer_unit": None,
    "rego_expiry": None,
    "is_drive_away": False,
    "description": "Line one\n\n  Line two  ",
    "features": ["Tow  bar", "Bull\nbar"],
    "currency": "USD",
    "details": {
        "length_m": 5.25,
        "gears": 4,
        "warranty": "3 years\nor 100,000 km",
        "video_link": "ftp://old.example/x",
        "optional_features": ["Canopy"],
        "is_special": True,
        "built_date": "03/2019",
    },
}


def path(car: Vehicle) -> str:
    return f"/d/harbour/vehicles/{car.id}/edit"


def open_form(browser: FlaskClient, car: Vehicle) -> str:
    answer = browser.get(path(car))
    assert answer.status_code == 200, answer.text
    return answer.text


def save(browser: FlaskClient, car: Vehicle, html: str, **typed: Any) -> Any:
    return browser.post(path(car), data=filled(html, "vehicle-form", **typed))


def change_elsewhere(place: Dealership, car: Vehicle, **values: Any) -> None:
    """As a sync, or a colleague, would."""
    with unit_of_work(place.id) as session:
        row = session.scalars(select(Vehicle).where(Vehicle.id == car.id)).one()
        for name, value in values.items():
            setattr(row, name, value)
        row.updated_at = NOON + timedelta(hours=1)


def test_a_vehicle_is_made_by_hand(place: Dealership, browser: FlaskClient) -> None:
    html = browser.get(NEW).text
    answer = browser.post(
        NEW,
        data=filled(
            html, "vehicle-form", make="Toyota", model="Hilux", year="2019", price_cents="$38,990",
            odometer="84,210", odometer_unit="km", features="Tow bar\r\nBull bar", gvm_kg="3050",
            rego_expiry="2027-03-01", is_drive_away="yes", vin="OLD7", kind="car",
        ),
    )  # fmt: skip
    assert answer.status_code == 303
    with reading(place.id) as session:
        car = session.scalars(select(Vehicle)).one()
    assert answer.location.endswith(f"/vehicles/{car.id}")
    assert values_of(car) == {
        "title": "Toyota Hilux 2019", "make": "Toyota", "model": "Hilux", "year": 2019,
        "price_cents": 3_899_000, "odometer": 84_210, "odometer_unit": "km", "gvm_kg": 3050,
        "features": ["Tow bar", "Bull bar"], "rego_expiry": "2027-03-01", "is_drive_away": True,
        "vin": "OLD7", "kind": "car", "currency": "AUD",
    }  # fmt: skip
    assert (car.source, car.lifecycle, car.locked_fields) == ("Manual", "listed", [])
    (edit,) = edits(place, car.id)
    assert (edit.kind, edit.actor, edit.before) == ("create", "olga@example.com", None)
    assert edit.after["price_cents"] == 3_899_000
    assert [event.action for event in audited(place)] == ["vehicle.create"]
    page = browser.get(answer.location).text
    assert "This VIN has 4 characters" in page, "a hint, and the vehicle is saved"


def test_a_vehicle_needs_a_name(place: Dealership, browser: FlaskClient) -> None:
    answer = browser.post(NEW, data={"vin": "JN1TANY62U0123456", "colour": "Red"})
    assert answer.status_code == 422
    assert "the vehicle needs a name" in answer.text
    assert 'value="JN1TANY62U0123456"' in answer.text
    assert edits(place) == []


def test_every_problem_is_told_at_once_and_the_typed_text_stays(
    place: Dealership, browser: FlaskClient
) -> None:
    car = vehicle(place)
    html = open_form(browser, car)
    wrong = {
        "price_cents": "about 20k", "odometer": "eighty", "rego_expiry": "31/31/2027",
        "gvm_kg": "heavy", "colour": "<Red>", "title": "x" * 301,
    }  # fmt: skip
    answer = save(browser, car, html, **wrong)
    assert answer.status_code == 422
    assert "Check 5 entries" in answer.text
    for text in ("about 20k", "eighty", "31/31/2027", "heavy", "&lt;Red&gt;", "x" * 301):
        assert f'value="{text}"' in answer.text
    assert answer.text.count("fc-field-error") >= 5
    assert "<title>Error: " in answer.text
    assert values_of(stored(place, car.id)) == values_of(car)
    fixed = save(
        browser, car, answer.text, price_cents="39,000", odometer="84,300", rego_expiry="",
        gvm_kg="", title="Good",
    )  # fmt: skip
    assert fixed.status_code == 303, fixed.text
    assert stored(place, car.id).colour == "<Red>", "what was right the first time was kept"


@pytest.mark.parametrize("synced", [True, False])
def test_a_form_that_nobody_touched_changes_nothing(
    place: Dealership, browser: FlaskClient, synced: bool
) -> None:
    car = vehicle(place, **ODD)
    if synced:
        link(car, agreed={"price_cents": 1})
    answer = save(browser, car, open_form(browser, car))
    assert answer.status_code == 303, answer.text
    after = stored(place, car.id)
    assert values_of(after) == values_of(car)
    assert (after.updated_at, after.edited_at, edits(place)) == (car.updated_at, None, [])


def test_an_edit_of_a_synced_vehicle_gets_the_padlock(
    place: Dealership, browser: FlaskClient
) -> None:
    car = vehicle(place, locked_fields=["colour"])
    of = link(car, agreed={"price_cents": 3_899_000, "odometer": 84_210})
    answer = save(browser, car, open_form(browser, car), price_cents="37,500", currency="NZD")
    assert answer.status_code == 303, answer.text
    after = stored(place, car.id)
    assert after.price_cents == 3_750_000
    assert after.locked_fields == ["colour", "price_cents"], "no padlock where no feed writes"
    (edit,) = edits(place, car.id)
    assert edit.kind == "edit"
    assert edit.before == {
        "price_cents": 3_899_000, "currency": "AUD", "locked_fields": ["colour"],
    }  # fmt: skip
    assert edit.after == {
        "price_cents": 3_750_000, "currency": "NZD", "locked_fields": ["colour", "price_cents"],
    }  # fmt: skip
    assert after.edited_at == after.updated_at == edit.created_at
    with reading(place.id) as session:
        unchanged = session.scalars(select(ExternalLink).where(ExternalLink.id == of.id)).one()
    assert unchanged.agreed == {"price_cents": 3_899_000, "odometer": 84_210}
    (event,) = audited(place)
    assert event.action == "vehicle.edit"
    assert event.details == {"fields": ["currency", "price_cents"], "kept": ["price_cents"]}


def test_without_the_tick_an_edit_stays_open_to_the_feed(
    place: Dealership, browser: FlaskClient
) -> None:
    car = vehicle(place)
    link(car)
    html = open_form(browser, car)
    assert 'id="keep-price_cents" name="keep" value="price_cents" checked' in html
    assert 'id="keep-currency"' not in html
    assert save(browser, car, html, price_cents="37,500", keep=["odometer"]).status_code == 303
    assert stored(place, car.id).locked_fields == []


def test_a_hand_made_vehicle_has_no_padlocks(place: Dealership, browser: FlaskClient) -> None:
    car = vehicle(place, source="Manual")
    html = open_form(browser, car)
    assert 'name="keep"' not in html
    save(browser, car, html, price_cents="37,500", keep=["price_cents"])
    assert stored(place, car.id).locked_fields == []


def test_a_kept_field_shows_what_easycars_would_set(
    place: Dealership, browser: FlaskClient
) -> None:
    car = vehicle(place, locked_fields=["price_cents"])
    link(car, agreed={"price_cents": 4_100_000})
    html = open_form(browser, car)
    assert "EasyCars would set: $41,000" in html
    assert 'id="keep-price_cents"' not in html


def test_a_field_that_the_settings_keep_everywhere_says_so(
    place: Dealership, browser: FlaskClient
) -> None:
    car = vehicle(place)
    link(car)
    with unit_of_work(place.id) as session:
        session.add(SyncPolicy(dealership_id=place.id, owners={"price_cents": "locked"}))
    html = open_form(browser, car)
    assert html.count("Kept here on every vehicle, by the sync settings") == 1
    assert 'id="keep-price_cents"' not in html
    assert 'id="keep-odometer"' in html


@pytest.mark.parametrize(
    ("typed", "says", "key"),
    [
        ({"price_cents": "0"}, "would be $0", "price_cents=0"),
        ({"price_cents": "20,000"}, "would fall by 49 %", "price_cents=2000000"),
        ({"odometer": "1,000"}, "would fall from 84,210 to 1,000", "odometer=1000"),
        ({"year": "3019"}, "no usual year", "year=3019"),
        ({"special_price_cents": "50,000"}, "higher than the price", "special_price_cents=5000000"),
    ],
)
def test_a_suspicious_value_needs_a_tick(
    place: Dealership, browser: FlaskClient, typed: dict[str, str], says: str, key: str
) -> None:
    car = vehicle(place)
    first = save(browser, car, open_form(browser, car), **typed, colour="Red")
    assert first.status_code == 422
    assert says in first.text
    assert "I mean it" in first.text
    assert edits(place) == []
    again = save(browser, car, first.text)
    assert again.status_code == 422, "sent again without the tick it is asked again"
    meant = save(browser, car, first.text, sure=key)
    assert meant.status_code == 303, meant.text
    assert stored(place, car.id).colour == "Red"


def test_a_tick_counts_only_for_the_value_that_was_shown(
    place: Dealership, browser: FlaskClient
) -> None:
    car = vehicle(place)
    first = save(browser, car, open_form(browser, car), price_cents="20,000")
    other = save(browser, car, first.text, price_cents="2,000", sure="price_cents=2000000")
    assert other.status_code == 422
    assert stored(place, car.id).price_cents == 3_899_000


def test_a_stock_number_of_another_listed_vehicle_is_warned_of_not_refused(
    place: Dealership, browser: FlaskClient
) -> None:
    twin = vehicle(place, stock_number="S77", title="The other one")
    vehicle(place, stock_number="S78", lifecycle="sold")
    car = vehicle(place, source="Manual", stock_number=None)
    first = save(browser, car, open_form(browser, car), stock_number="S77")
    assert first.status_code == 422
    assert "The other one is listed with this stock number too" in first.text
    assert f'href="/d/harbour/vehicles/{twin.id}"' in first.text
    assert save(browser, car, first.text, sure="stock_number=S77").status_code == 303
    assert stored(place, car.id).stock_number == "S77"
    free = vehicle(place, source="Manual")
    assert save(browser, free, open_form(browser, free), stock_number="S78").status_code == 303


def test_an_odd_vin_never_blocks(place: Dealership, browser: FlaskClient) -> None:
    car = vehicle(place, source="Manual", kind="boat")
    answer = save(browser, car, open_form(browser, car), vin="AU-ABC12345")
    assert answer.status_code == 303
    assert "This VIN has 11 characters" in browser.get(answer.location).text
    assert "This VIN has 11 characters" in open_form(browser, car)


def test_fields_that_others_changed_meanwhile_are_not_overwritten(
    place: Dealership, browser: FlaskClient
) -> None:
    car = vehicle(place)
    html = open_form(browser, car)
    change_elsewhere(place, car, odometer=85_000, details={"gvm_kg": 3050})
    assert save(browser, car, html, price_cents="37,500").status_code == 303
    after = stored(place, car.id)
    assert (after.price_cents, after.odometer, after.details) == (
        3_750_000, 85_000, {"gvm_kg": 3050},
    )  # fmt: skip


def test_a_field_changed_on_both_sides_comes_back_with_both_values(
    place: Dealership, browser: FlaskClient
) -> None:
    car = vehicle(place)
    html = open_form(browser, car)
    change_elsewhere(place, car, price_cents=3_700_000, odometer=85_000)
    back = save(browser, car, html, price_cents="37,500", colour="Red")
    assert back.status_code == 409
    assert re.search(r'name="price_cents"[^>]* value="37,500"', back.text)
    assert "Now here: <strong>$37,000</strong>" in back.text
    assert 'value="Red"' in back.text
    assert stored(place, car.id).price_cents == 3_700_000
    assert edits(place) == []
    mine = save(browser, car, back.text)
    assert mine.status_code == 303, mine.text
    after = stored(place, car.id)
    assert (after.price_cents, after.odometer, after.colour) == (3_750_000, 85_000, "Red")
    assert edits(place, car.id)[0].before == {"price_cents": 3_700_000, "colour": None}


def test_the_other_value_may_be_left(place: Dealership, browser: FlaskClient) -> None:
    car = vehicle(place)
    html = open_form(browser, car)
    change_elsewhere(place, car, price_cents=3_700_000)
    back = save(browser, car, html, price_cents="37,500", colour="Red")
    left = save(browser, car, back.text, **{"yield": "price_cents"})
    assert left.status_code == 303
    after = stored(place, car.id)
    assert (after.price_cents, after.colour) == (3_700_000, "Red")


def test_the_same_change_on_both_sides_is_no_question(
    place: Dealership, browser: FlaskClient
) -> None:
    car = vehicle(place)
    html = open_form(browser, car)
    change_elsewhere(place, car, price_cents=3_750_000)
    assert save(browser, car, html, price_cents="37,500").status_code == 303
    assert edits(place) == []


def test_a_made_title_follows_its_parts_and_is_kept_with_them(
    place: Dealership, browser: FlaskClient
) -> None:
    car = vehicle(place, title="Toyota Hilux 2019")
    link(car)
    assert save(browser, car, open_form(browser, car), badge="SR5").status_code == 303
    after = stored(place, car.id)
    assert after.title == "Toyota Hilux SR5 2019"
    assert after.locked_fields == ["badge", "title"]
    own = vehicle(place, title="Our special Hilux")
    save(browser, own, open_form(browser, own), badge="SR5")
    assert stored(place, own.id).title == "Our special Hilux"


def test_a_merged_vehicle_is_not_edited_and_says_where_it_went(
    place: Dealership, browser: FlaskClient
) -> None:
    kept = vehicle(place)
    car = vehicle(place, merged_into_id=kept.id)
    assert browser.get(path(car)).location.endswith(f"/vehicles/{car.id}")
    assert browser.post(path(car), data={"colour": "Red"}).status_code == 403
    page = browser.get(f"/d/harbour/vehicles/{car.id}").text
    assert "merged into" in page
    assert f'href="/d/harbour/vehicles/{kept.id}"' in page
    assert 'id="vehicle-actions"' not in page
    listed = browser.get("/d/harbour/vehicles").text
    assert f'id="vehicle-{kept.id}"' in listed
    assert f'id="vehicle-{car.id}"' not in listed
    assert browser.get("/d/harbour/vehicles.csv").text.count("\n") == 2


def test_a_viewer_reads_and_changes_nothing(
    place: Dealership, viewers_browser: FlaskClient
) -> None:
    car = vehicle(place, locked_fields=["colour"])
    link(car)
    root = f"/d/harbour/vehicles/{car.id}"
    for address in (f"{root}/edit", f"{root}/lifecycle", f"{root}/unlock", NEW):
        assert viewers_browser.get(address).status_code == 403, address
        assert viewers_browser.post(address).status_code == 403, address
    for address in (f"{root}/state", f"{root}/lock", "/d/harbour/vehicles/bulk"):
        assert viewers_browser.post(address, data={"do": "exclude"}).status_code == 403
    html = viewers_browser.get(root).text
    assert 'id="vehicle-actions"' not in html
    listed = viewers_browser.get("/d/harbour/vehicles").text
    assert 'id="bulk"' not in listed
    assert edits(place) == []
