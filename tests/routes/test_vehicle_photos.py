"""A vehicle's photos in a person's hands: order, first, hidden, uploaded, removed (C29)."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import Dealership, MediaObject, Photo, SyncRun, Vehicle, VehicleEdit
from app.parts import parts
from app.services import vehicles
from app.services.photos import uploading
from tests import factories
from tests.factories_vehicles import jpeg, link, photo, run, vehicle
from tests.routes.test_vehicles import SeparateClient, page, words

pytestmark = pytest.mark.usefixtures("any_database")
PNG_HEAD = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def in_app(app: Flask) -> Iterator[Flask]:
    app.test_client_class = SeparateClient
    with app.app_context():
        yield app


@pytest.fixture
def place(in_app: Flask) -> Dealership:
    return factories.dealership(slug="harbour")


@pytest.fixture
def operator(place: Dealership, in_app: Flask) -> FlaskClient:
    person = factories.member(place, "operator", "pat@example.com")
    return factories.sign_in(in_app.test_client(), person)


@pytest.fixture
def car(place: Dealership) -> Vehicle:
    """Four photos of EasyCars: a, b, c, d."""
    made = vehicle(place)
    urls = tuple(f"https://img.easycars.net.au/{name}" for name in "abcd")
    link(made, urls, photos_wanted=False)
    for position, url in enumerate(urls):
        photo(made, parts().media, source_url=url, position=position)
    return made


def album(car: Vehicle) -> list[Photo]:
    with reading(car.dealership_id) as db:
        query = select(Photo).where(Photo.vehicle_id == car.id)
        return list(db.scalars(query.order_by(Photo.position, Photo.id)))


def order(car: Vehicle) -> str:
    """ "abcd", own photos as "o", hidden ones in upper case."""
    names = ((item.source_url or "o")[-1] for item in album(car)), album(car)
    return "".join(
        name.upper() if item.is_hidden else name for name, item in zip(*names, strict=True)
    )


def named(car: Vehicle, letter: str) -> Photo:
    return next(item for item in album(car) if (item.source_url or "o").endswith(letter))


def path(car: Vehicle, rest: str = "") -> str:
    return f"/d/harbour/vehicles/{car.id}/photos{rest}"


def do(client: FlaskClient, car: Vehicle, letter: str, act: str) -> Any:
    return client.post(path(car, f"/{named(car, letter).id}"), data={"act": act})


def send(client: FlaskClient, car: Vehicle, *files: bytes, name: str = "mine.jpg") -> Any:
    sent = [(io.BytesIO(content), name) for content in files]
    return client.post(path(car), data={"photos": sent}, content_type="multipart/form-data")


def edits(car: Vehicle) -> list[VehicleEdit]:
    with reading(car.dealership_id) as db:
        query = select(VehicleEdit).where(VehicleEdit.vehicle_id == car.id)
        return list(db.scalars(query.order_by(VehicleEdit.id)))


def fresh(car: Vehicle) -> Vehicle:
    with reading(car.dealership_id) as db:
        return vehicles.get(db, car.id)


@pytest.mark.parametrize(
    ("acts", "expected", "ordered"),
    [
        ([("c", "earlier")], "acbd", True),
        ([("a", "later")], "bacd", True),
        ([("d", "first")], "dabc", True),
        ([("a", "earlier")], "abcd", False),
        ([("d", "later")], "abcd", False),
        ([("b", "hide")], "aBcd", False),
        ([("b", "hide"), ("b", "show")], "abcd", False),
        ([("b", "hide"), ("b", "first")], "bacd", True),
        ([("d", "first"), ("c", "earlier"), ("a", "hide")], "dAcb", True),
    ],
    ids=str,
)
def test_each_act_does_what_its_button_says(
    operator: FlaskClient,
    car: Vehicle,
    acts: list[tuple[str, str]],
    expected: str,
    ordered: bool,
) -> None:
    for letter, act in acts:
        answer = do(operator, car, letter, act)
        assert answer.status_code == 303
        assert answer.location.endswith(f"#photo-{named(car, letter).id}")
    assert order(car) == expected
    assert fresh(car).photos_ordered is ordered


def test_acts_are_logged_and_idle_ones_are_not(operator: FlaskClient, car: Vehicle) -> None:
    do(operator, car, "a", "earlier")
    assert edits(car) == []
    do(operator, car, "c", "earlier")
    (edit,) = edits(car)
    assert (edit.kind, edit.actor, edit.reason) == (
        "photos",
        "pat@example.com",
        "Photo 3 was moved to place 2.",
    )
    assert edit.before["photos_ordered"] is False
    assert "Photo 3 was moved to place 2." in page(
        operator, f"/d/harbour/vehicles/{car.id}?tab=timeline"
    )


def test_hidden_photos_are_out_of_lists_details_and_json(
    operator: FlaskClient, car: Vehicle, place: Dealership
) -> None:
    hidden, second = named(car, "a"), named(car, "b")
    do(operator, car, "a", "hide")
    for address in ("/d/harbour/vehicles", f"/d/harbour/vehicles/{car.id}"):
        html = page(operator, address)
        assert f"/media/{hidden.id}/" not in html
        assert f"/media/{second.id}/" in html
    headers = factories.bearer(factories.member(place), place, ["stock:read"])
    shape = operator.get(f"/api/admin/easycars/vehicles/{car.id}", headers=headers).json
    assert [item["id"] for item in shape["photos"]] == [named(car, name).id for name in "bcd"]
    assert [item["position"] for item in shape["photos"]] == [0, 1, 2]
    html = page(operator, path(car))
    assert f"/media/{hidden.id}/" in html
    assert "Hidden" in words(html)


def test_the_page_offers_a_button_for_each_act_and_none_to_viewers(
    operator: FlaskClient, car: Vehicle, place: Dealership, in_app: Flask
) -> None:
    html = page(operator, path(car))
    assert len(re.findall(r'value="earlier"', html)) == 3
    assert len(re.findall(r'value="later"', html)) == 3
    assert len(re.findall(r'value="first"', html)) == 3, "the first one needs none"
    assert "move photo 3 to place 2" in words(html)
    viewer = factories.sign_in(in_app.test_client(), factories.member(place, "viewer"))
    assert 'name="act"' not in page(viewer, path(car))
    assert do(viewer, car, "c", "first").status_code == 403
    assert send(viewer, car, jpeg()).status_code == 403


def test_back_to_the_order_of_easycars(operator: FlaskClient, car: Vehicle) -> None:
    do(operator, car, "d", "first")
    do(operator, car, "b", "hide")
    send(operator, car, jpeg("red"))
    do(operator, car, "o", "first")
    assert order(car) == "odaBc"
    assert "Back to EasyCars" in page(operator, path(car))
    assert operator.post(path(car, "/order")).status_code == 303
    assert order(car) == "aBcdo"
    assert not fresh(car).photos_ordered
    assert "Back to EasyCars" not in page(operator, path(car)).replace("Back to EasyCars by", "")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_own_photo_is_cleaned_stored_in_sizes_and_comes_last(
    operator: FlaskClient, car: Vehicle, kind: str
) -> None:
    from PIL import Image

    target = io.BytesIO()
    notes = Image.Exif()
    notes[0x010E] = "33.8688 S somewhere private"
    Image.new("RGB", (1700, 900), "teal").save(target, kind, exif=notes.tobytes())
    answer = send(operator, car, target.getvalue())
    assert answer.status_code == 303
    assert order(car) == "abcdo"
    own = named(car, "o")
    assert (own.source_url, own.state) == (None, "stored")
    for size, type_ in (("small", "image/webp"), ("original", f"image/{kind.lower()}")):
        shown = operator.get(f"/d/harbour/media/{own.id}/{size}")
        assert shown.content_type == type_
        assert b"somewhere private" not in shown.data
    with reading(car.dealership_id) as db:
        media = db.scalars(select(MediaObject).where(MediaObject.id == own.media_id)).one()
        assert (media.width, media.height) == (1700, 900)
    assert edits(car)[-1].reason == "An own photo was added."


def png_head(width: int, height: int) -> bytes:
    """A PNG that claims a size and has a few bytes: a decompression bomb before it goes off."""
    chunk = lambda kind, data: (  # noqa: E731
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    )
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        PNG_HEAD + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "The file is empty."),
        (b"%PDF-1.7 not at all", "no JPEG, PNG or WebP picture"),
        (b"<html>hello</html>", "no JPEG, PNG or WebP picture"),
        (b"GIF89a" + b"\0" * 40, "no JPEG, PNG or WebP picture"),
        (jpeg(size=(800, 600), quality=95)[:2000], "breaks off in the middle"),
        (png_head(60_000, 60_000), "too many pixels"),
        (png_head(400, 300), "The picture"),
        (jpeg(size=(99, 400)), "too small (99 x 400)"),
    ],
    ids=["empty", "pdf", "page", "gif", "truncated", "bomb", "no data", "tiny"],
)
def test_a_bad_file_is_refused_with_its_reason(
    operator: FlaskClient, car: Vehicle, content: bytes, told: str
) -> None:
    answer = send(operator, car, content, name="bad <b>.jpg")
    assert answer.status_code == 422
    assert told in answer.text
    assert "bad &lt;b&gt;.jpg" in answer.text
    assert order(car) == "abcd"


def test_a_file_above_the_limit_is_refused(
    operator: FlaskClient, car: Vehicle, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "15 MB each" in page(operator, path(car))
    good = jpeg(size=(200, 200))
    monkeypatch.setattr(uploading, "MAX_BYTES", len(good))
    assert send(operator, car, good).status_code == 303
    too_much = send(operator, car, good + b"\0")
    assert too_much.status_code == 422
    assert "The file is larger than" in too_much.text


def test_good_files_are_kept_beside_bad_ones(operator: FlaskClient, car: Vehicle) -> None:
    answer = send(operator, car, jpeg("red"), b"nonsense", jpeg("lime"))
    assert answer.status_code == 422
    assert "2 photos were added." in answer.text
    assert order(car) == "abcdoo"
    assert f'id="photo-{album(car)[-1].id}"' in answer.text, "the page shows what was added"


def test_the_same_picture_twice_is_one_photo(operator: FlaskClient, car: Vehicle) -> None:
    send(operator, car, jpeg("red"), jpeg("red"))
    assert send(operator, car, jpeg("red")).status_code == 303
    assert order(car) == "abcdo"


def test_how_many_files_are_bounded(
    operator: FlaskClient, car: Vehicle, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Choose at least one picture" in send(operator, car).text
    many = [jpeg(f"#0000{number:02x}") for number in range(uploading.MAX_FILES + 1)]
    assert "21 files were chosen; 20 can be added" in send(operator, car, *many).text
    monkeypatch.setattr(uploading, "MAX_OWN", 1)
    answer = send(operator, car, jpeg("red"), jpeg("lime"))
    assert answer.status_code == 422
    assert "A vehicle can have 1 own photos" in answer.text
    assert order(car) == "abcd"


def test_own_photos_can_be_removed_after_a_question(operator: FlaskClient, car: Vehicle) -> None:
    send(operator, car, jpeg("red"))
    own = named(car, "o")
    assert f"/photos/{own.id}/remove" in page(operator, path(car))
    assert "cannot be undone" in page(operator, path(car, f"/{own.id}/remove"))
    assert order(car) == "abcdo"
    assert operator.post(path(car, f"/{own.id}/remove")).status_code == 303
    assert order(car) == "abcd"
    theirs = named(car, "a")
    assert f"/photos/{theirs.id}/remove" not in page(operator, path(car))
    assert operator.post(path(car, f"/{theirs.id}/remove")).status_code == 422
    assert order(car) == "abcd"


def test_photos_of_another_vehicle_are_not_here(
    operator: FlaskClient, car: Vehicle, place: Dealership
) -> None:
    other = photo(vehicle(place), parts().media)
    for rest in (f"/{other.id}", f"/{other.id}/remove"):
        assert operator.post(path(car, rest), data={"act": "hide"}).status_code == 404


def test_an_unknown_act_changes_nothing(operator: FlaskClient, car: Vehicle) -> None:
    assert do(operator, car, "b", "explode").status_code == 422
    assert order(car) == "abcd"


def test_failed_photos_can_be_tried_again(operator: FlaskClient, car: Vehicle) -> None:
    of = run(fresh_place(car), photos_state="done")
    broken = photo(car, state="failed", error="The picture is not on the server (404).", position=9)
    elsewhere = photo(vehicle(fresh_place(car)), state="failed")
    html = page(operator, f"/d/harbour/vehicles/{car.id}")
    assert 'id="retry-photos"' in html
    assert operator.post(path(car, "/retry")).status_code == 303
    with reading(car.dealership_id) as db:
        states = {row.id: row.state for row in db.execute(select(Photo.id, Photo.state))}
        again = db.scalars(select(SyncRun).where(SyncRun.id == of.id)).one()
    assert (states[broken.id], states[elsewhere.id]) == ("wanted", "failed")
    assert again.photos_state == "queued"


def fresh_place(car: Vehicle) -> Dealership:
    with unit_of_work(car.dealership_id) as db:
        return db.get_one(Dealership, car.dealership_id)
