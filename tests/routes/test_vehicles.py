"""The vehicle pages, the file, the pictures and the JSON (UI.10, rows 108, 249, 250, T12, T18)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select

from app.db import db, reading
from app.models import AuditEvent, Dealership, Photo, User
from app.parts import parts
from tests import factories
from tests.factories_vehicles import (
    NOON,
    archive,
    item,
    link,
    photo,
    run,
    stored_file,
    stream_state,
    vehicle,
)
from tests.reading import words

pytestmark = pytest.mark.usefixtures("any_database")
API = "/api/admin/easycars/vehicles"


class SeparateClient(FlaskClient):
    """Each request has a context of its own, although the test around it holds one for its rows."""

    def open(self, *args: Any, **rest: Any) -> Any:
        return Context().run(super().open, *args, **{"buffered": True, **rest})


@pytest.fixture
def in_app(app: Flask) -> Iterator[Flask]:
    """Rows are made inside."""
    app.test_client_class = SeparateClient
    with app.app_context():
        yield app


@pytest.fixture
def place(in_app: Flask) -> Dealership:
    return factories.dealership(slug="harbour")


@pytest.fixture
def viewer(place: Dealership) -> User:
    return factories.member(place, "viewer")


@pytest.fixture
def browser_of_viewer(in_app: Flask, viewer: User) -> FlaskClient:
    return factories.sign_in(in_app.test_client(), viewer)


@pytest.fixture
def token(viewer: User, place: Dealership) -> dict[str, str]:
    return factories.bearer(viewer, place, ["stock:read"])


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that run inside, without the transaction's own."""
    found: list[str] = []

    def note(_c: Any, _cur: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("SELECT"):
            found.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def page(client: FlaskClient, path: str = "/d/harbour/vehicles", status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    return answer.text


def test_a_list_shows_each_vehicle_with_its_source_and_freshness(
    place: Dealership, browser_of_viewer: FlaskClient
) -> None:
    car = vehicle(place, title="2019 Toyota Hilux SR5", stock_number="S77", rego_num="ABC12D")
    link(car)
    stream_state(place, NOON + timedelta(days=1))
    shown = photo(car, parts().media)
    html = page(browser_of_viewer)
    text = words(html)
    for expected in (
        "2019 Toyota Hilux SR5",
        "S77",
        "ABC12D",
        "$38,990",
        "84,210 km",
        "Listed",
        "EasyCars",
    ):
        assert expected in text
    assert f'href="/d/harbour/vehicles/{car.id}"' in html
    assert f"/d/harbour/media/{shown.id}/small?v=" in html
    assert 'datetime="2026-11-19T01:00:00+00:00"' in html
    assert "1 to 1 of 1 vehicle" in text


def test_unknown_is_not_zero(place: Dealership, browser_of_viewer: FlaskClient) -> None:
    car = vehicle(place, price_cents=None, odometer=None, status=None, stock_number=None)
    for path in ("/d/harbour/vehicles", f"/d/harbour/vehicles/{car.id}"):
        text = words(page(browser_of_viewer, path))
        assert "Price on request" in text
        assert "Not given" in text
        assert "$0" not in text
        assert "0 km" not in text


def test_a_special_price_comes_first(place: Dealership, browser_of_viewer: FlaskClient) -> None:
    vehicle(place, price_cents=3_000_000, special_price_cents=2_750_050)
    assert "$27,500.50 instead of $30,000" in words(page(browser_of_viewer))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=hilux", {"a"}),
        ("q=HILUX+toyota", {"a"}),
        ("q=9BWZZZ", {"b"}),
        ("q=xyz", {"b"}),
        ("q=100%25", {"c"}),
        ("q=_", set()),
        ("q=%00", {"a", "b", "c"}),
        ("source=Manual", {"c"}),
        ("lifecycle=missing", {"b"}),
        ("status=Sold", {"b"}),
        ("kind=boat", {"c"}),
        ("kind=boat&lifecycle=missing", set()),
        ("lifecycle=nonsense", set()),
        ("page=abc&sort=nonsense", {"a", "b", "c"}),
    ],
)
def test_filters_are_in_the_address(
    place: Dealership, browser_of_viewer: FlaskClient, query: str, expected: set[str]
) -> None:
    vehicle(place, title="Row a Toyota Hilux", stock_number="A1")
    vehicle(
        place, title="Row b", make="VW", model="Golf", vin="9BWZZZ377VT004251", rego_num="XYZ1",
        lifecycle="missing", status="Sold",
    )  # fmt: skip
    vehicle(place, title="Row c", make="100%", model="Boat", kind="boat", source="Manual")
    text = words(page(browser_of_viewer, f"/d/harbour/vehicles?{query}"))
    assert set(re.findall(r"Row ([abc])", text)) == expected


def test_order_puts_unknown_values_last(place: Dealership, browser_of_viewer: FlaskClient) -> None:
    for name, cents in (("mid", 200), ("none", None), ("low", 100), ("high", 300)):
        vehicle(place, title=f"Row {name}", price_cents=cents)
    for sort, expected in (("price", "low mid high none"), ("-price", "high mid low none")):
        html = page(browser_of_viewer, f"/d/harbour/vehicles?sort={sort}")
        assert re.findall(r"Row (\w+)", words(html)) == expected.split()


def test_pages_keep_filter_and_order(place: Dealership, browser_of_viewer: FlaskClient) -> None:
    for number in range(53):
        vehicle(place, title=f"Row {number:02}")
    first = page(browser_of_viewer, "/d/harbour/vehicles?q=row&sort=title")
    assert "1 to 50 of 53 vehicles" in words(first)
    following = re.search(r'href="([^"]+)" rel="next"', first)
    assert following
    second = page(browser_of_viewer, following[1].replace("&amp;", "&"))
    assert "51 to 53 of 53 vehicles" in words(second)
    assert re.findall(r"Row (\d+)", words(second)) == ["50", "51", "52"]
    beyond = browser_of_viewer.get("/d/harbour/vehicles?page=9")
    assert beyond.status_code == 302


@pytest.mark.parametrize(
    ("made", "query", "kind"),
    [(0, "", "nothing-yet"), (1, "q=zzz", "no-match"), (1, "lifecycle=missing", "all-done")],
)
def test_empty_has_three_kinds(
    place: Dealership, browser_of_viewer: FlaskClient, made: int, query: str, kind: str
) -> None:
    for _ in range(made):
        vehicle(place)
    assert f'data-empty="{kind}"' in page(browser_of_viewer, f"/d/harbour/vehicles?{query}")


def test_the_number_of_queries_does_not_grow(
    place: Dealership, browser_of_viewer: FlaskClient, token: dict[str, str], in_app: Flask
) -> None:
    def queries(path: str) -> int:
        with counted() as statements:
            assert browser_of_viewer.get(path, headers=token).status_code == 200
        return len(statements)

    def grow(number: int) -> None:
        for _ in range(number):
            car = vehicle(place)
            link(car)
            photo(car, parts().media)

    grow(1)
    paths = ("/d/harbour/vehicles", f"{API}?pageSize=50")
    before = [queries(path) for path in paths]
    grow(12)
    assert [queries(path) for path in paths] == before
    assert max(before) <= 17


def test_the_detail_shows_every_field_with_its_label(
    place: Dealership, browser_of_viewer: FlaskClient
) -> None:
    car = vehicle(
        place,
        description="Line one\n<script>alert(1)</script>",
        is_drive_away=True,
        features=["Tow bar", "Bull bar"],
        locked_fields=["price_cents"],
        details={
            "gvm_kg": 3050,
            "optional_features": ["Canopy"],
            "video_link": "javascript:alert(1)",
        },
    )
    link(car, agreed={"price_cents": 4_100_000})
    html = page(browser_of_viewer, f"/d/harbour/vehicles/{car.id}")
    text = words(html)
    for expected in ("3,050 kg", "Tow bar, Bull bar", "Canopy", "EasyCars would set: $41,000"):
        assert expected in text
    assert "more fields not given" in text
    assert "<script>alert" not in html
    assert 'href="javascript' not in html


def test_photos_are_a_gallery_that_works_without_script(
    place: Dealership, browser_of_viewer: FlaskClient
) -> None:
    car = vehicle(place)
    first, second = (photo(car, parts().media, position=n) for n in (0, 1))
    photo(car, position=2, state="failed", error="The picture is not on the server (404).")
    photo(car, position=3)
    html = page(browser_of_viewer, f"/d/harbour/vehicles/{car.id}")
    assert f"/media/{first.id}/large" in html
    assert f"photo={second.id}#photos" in html
    text = words(html)
    assert "Photo 1 of 2" in text
    assert "1 photo could not be fetched" in text
    assert "not on the server (404)" in text
    assert "1 more photo will be fetched" in text
    chosen = page(browser_of_viewer, f"/d/harbour/vehicles/{car.id}?photo={second.id}")
    assert f"/media/{second.id}/large" in chosen


def test_the_timeline_tells_what_runs_changed(
    place: Dealership, browser_of_viewer: FlaskClient
) -> None:
    car = vehicle(place)
    of = run(place)
    item(run(place), car, "create", after={"price_cents": 100})
    item(
        of,
        car,
        before={"price_cents": 3_899_000, "odometer": None},
        after={"price_cents": None, "odometer": 12},
        warnings=[{"field": "odometer", "text": "Unusually low."}],
    )
    leads = run(place, stream="leads")
    item(leads, car, "update", before={"title": "a lead"}, after={"title": "b"})
    html = page(browser_of_viewer, f"/d/harbour/vehicles/{car.id}?tab=timeline")
    text = words(html)
    assert f'href="/d/harbour/runs/{of.id}"' in html
    assert "Price $38,990 Not given" in text
    assert "Odometer: Unusually low." in text
    assert "Everything that EasyCars sent was taken over" in text
    assert "a lead" not in text


def test_a_long_timeline_has_pages(place: Dealership, browser_of_viewer: FlaskClient) -> None:
    car = vehicle(place)
    for number in range(23):
        item(run(place), car, reason=f"Reason {number}.")
    path = f"/d/harbour/vehicles/{car.id}?tab=timeline"
    first = page(browser_of_viewer, path)
    older = re.search(r'href="([^"]+)" rel="next"', first)
    assert older
    second = page(browser_of_viewer, older[1].replace("&amp;", "&"))
    assert len(re.findall(r"Reason \d+", first)) == 20
    assert re.findall(r"Reason (\d+)", second) == ["2", "1", "0"]


def test_raw_data_is_shown_as_received(place: Dealership, browser_of_viewer: FlaskClient) -> None:
    car = vehicle(place)
    raw = '{"StockNumber":"S1","Price":null,"Badge":"","Odometer":"0","Strange":"<b>"}'
    archive(link(car), raw)
    html = page(browser_of_viewer, f"/d/harbour/vehicles/{car.id}?tab=raw")
    text = words(html)
    assert "5 fields" in text
    for name, value in (("Price", "null"), ("Badge", "&#34;&#34;"), ("Odometer", "&#34;0&#34;")):
        assert re.search(rf"\b{name} {value} ", text), name
    assert "Strange &#34;&lt;b&gt;&#34; Archive only" in text
    assert "EasyCars, Test" in text


@pytest.mark.parametrize("raw", ["", "{broken", "[1,2]", "null"])
def test_a_record_that_cannot_be_read_is_shown_as_text(
    place: Dealership, browser_of_viewer: FlaskClient, raw: str
) -> None:
    car = vehicle(place)
    archive(link(car), raw)
    assert words(raw) in words(page(browser_of_viewer, f"/d/harbour/vehicles/{car.id}?tab=raw"))


def test_a_missing_vehicle_was_last_synced_when_it_was_missed(
    place: Dealership, browser_of_viewer: FlaskClient, token: dict[str, str]
) -> None:
    car = vehicle(place, lifecycle="missing")
    link(car, missing_runs=1, missing_since=NOON + timedelta(hours=1))
    stream_state(place, NOON + timedelta(days=2))
    vehicle(place, source="Manual", title="By hand")
    found = browser_of_viewer.get(f"{API}?sort=title", headers=token).json["vehicles"]
    assert [row["lastSyncedAt"] for row in found] == ["2026-11-18T02:00:00Z", None]


def test_the_file_obeys_the_filter_and_cannot_hold_formulas(
    place: Dealership, browser_of_viewer: FlaskClient
) -> None:
    vehicle(
        place, title="=1+1", make="@evil", price_cents=1_234_550, odometer=None, stock_number="-5"
    )
    vehicle(place, title="Other", lifecycle="sold")
    answer = browser_of_viewer.get("/d/harbour/vehicles.csv?lifecycle=listed")
    assert answer.headers["Content-Disposition"].startswith(
        'attachment; filename="vehicles-harbour-'
    )
    (row,) = csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff")))
    assert row["Title"] == "'=1+1"
    assert row["Make"] == "'@evil"
    assert row["Stock number"] == "'-5"
    assert row["Price"] == "12345.50"
    assert row["Odometer"] == ""
    assert row["Year"] == "2019"


def test_json_has_the_contracts_shape(
    place: Dealership, browser_of_viewer: FlaskClient, token: dict[str, str]
) -> None:
    car = vehicle(
        place,
        price_cents=2_499_000,
        special_price_cents=None,
        locked_fields=["price_cents", "stock_number"],
    )
    link(car)
    shown = photo(car, parts().media)
    answer = browser_of_viewer.get(f"{API}/{car.id}", headers=token)
    assert answer.status_code == 200
    body = answer.json
    assert {
        "id", "stockNumber", "vin", "regoNum", "make", "model", "badge", "year", "price",
        "specialPrice", "odometer", "status", "lifecycle", "source", "lockedFields", "photos",
        "lastSyncedAt", "updatedAt",
    } <= body.keys()  # fmt: skip
    assert body["price"] == 24990
    assert body["specialPrice"] is None
    assert body["vin"] is None
    assert body["lockedFields"] == ["price", "stockNumber"]
    (picture,) = body["photos"]
    assert picture["url"].startswith(f"/d/harbour/media/{shown.id}/large")
    assert body["updatedAt"] == "2026-11-18T01:00:00Z"


def test_json_lists_page_and_filter(
    place: Dealership, browser_of_viewer: FlaskClient, token: dict[str, str]
) -> None:
    for number in range(5):
        vehicle(
            place, stock_number=f"N{number}", vin=f"VIN{number}", status="Sold" if number else None
        )
    ask = lambda query: browser_of_viewer.get(f"{API}?{query}", headers=token)  # noqa: E731
    body = ask("page=2&pageSize=2&status=Sold").json
    assert body["pagination"] == {
        "currentPage": 2,
        "pageSize": 2,
        "totalRecords": 4,
        "totalPages": 2,
    }
    assert len(body["vehicles"]) == 2
    assert [row["vin"] for row in ask("stockNumber=N3").json["vehicles"]] == ["VIN3"]
    assert [row["stockNumber"] for row in ask("vin=VIN1").json["vehicles"]] == ["N1"]
    assert ask("lifecycle=gone").status_code == 400
    assert ask("pageSize=101").status_code == 400


def test_json_needs_the_scope(place: Dealership, viewer: User, in_app: Flask) -> None:
    headers = factories.bearer(viewer, place, ["sync:read"])
    assert in_app.test_client().get(API, headers=headers).status_code == 403
    assert in_app.test_client().get(API).status_code == 401


def test_a_picture_is_served_in_every_size_and_kept_by_the_browser(
    place: Dealership, browser_of_viewer: FlaskClient
) -> None:
    shown = photo(vehicle(place), parts().media)
    for size, kind in (
        ("small", "webp"),
        ("medium", "webp"),
        ("large", "jpeg"),
        ("original", "jpeg"),
    ):
        answer = browser_of_viewer.get(f"/d/harbour/media/{shown.id}/{size}")
        assert answer.status_code == 200
        assert answer.content_type == f"image/{kind}"
        assert int(answer.headers["Content-Length"]) == len(answer.data) > 0
        assert answer.headers["Cache-Control"].startswith("private")
        etag = answer.headers["ETag"]
        again = browser_of_viewer.get(
            f"/d/harbour/media/{shown.id}/{size}", headers={"If-None-Match": etag}
        )
        assert (again.status_code, again.data) == (304, b"")
    assert browser_of_viewer.get(f"/d/harbour/media/{shown.id}/huge").status_code == 404


def test_a_picture_that_is_not_there_is_a_drawing(
    place: Dealership, browser_of_viewer: FlaskClient
) -> None:
    car = vehicle(place)
    media = stored_file(place.id, parts().media, 4711)
    key = f"{place.id}/{media.sha256[:2]}/{media.sha256}"
    lost, waiting = photo(car, media_id=media.id, state="stored"), photo(car)
    parts().media.delete(f"{key}/small")
    answer = browser_of_viewer.get(f"/d/harbour/media/{lost.id}/small")
    assert answer.content_type == "image/jpeg", "a lost size is answered with the original"
    parts().media.delete(f"{key}/original")
    for missing in (lost, waiting):
        answer = browser_of_viewer.get(f"/d/harbour/media/{missing.id}/small")
        assert answer.status_code == 200
        assert answer.content_type.startswith("image/svg+xml")
        assert answer.headers["Cache-Control"] == "no-store"


def test_strangers_get_404_everywhere(place: Dealership, in_app: Flask) -> None:
    car = vehicle(place)
    shown = photo(car, parts().media)
    other = factories.dealership(slug="elsewhere")
    person = factories.member(other)
    stranger = factories.sign_in(in_app.test_client(), person)
    headers = factories.bearer(person, other)
    for path in (
        "/d/harbour/vehicles",
        "/d/harbour/vehicles.csv",
        f"/d/harbour/vehicles/{car.id}",
        f"/d/elsewhere/vehicles/{car.id}",
        f"/d/harbour/media/{shown.id}/small",
        f"/d/elsewhere/media/{shown.id}/small",
    ):
        assert stranger.get(path).status_code == 404, path
    assert in_app.test_client().get(f"{API}/{car.id}", headers=headers).status_code == 404
    assert in_app.test_client().get(API, headers=headers).json["vehicles"] == []
    assert stranger.post(f"/d/elsewhere/vehicles/{car.id}/photos/recheck").status_code == 404


def test_photos_can_be_checked_again_by_an_operator(place: Dealership, in_app: Flask) -> None:
    car = vehicle(place)
    link(car)
    shown = photo(car, parts().media)
    run(place, photos_state="done")
    path = f"/d/harbour/vehicles/{car.id}/photos/recheck"
    viewer = factories.sign_in(in_app.test_client(), factories.member(place, "viewer"))
    assert viewer.post(path).status_code == 403
    operator = factories.sign_in(in_app.test_client(), factories.member(place, "operator"))
    assert operator.post(path).status_code == 303
    with reading(place.id) as session:
        again = session.scalars(select(Photo).where(Photo.id == shown.id)).one()
        assert (again.state, again.media_id) == ("wanted", shown.media_id)
        actions = session.scalars(select(AuditEvent.action)).all()
    assert "photos.recheck" in actions
    assert "already being fetched" in operator.post(path, follow_redirects=True).text
