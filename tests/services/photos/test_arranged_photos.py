"""An order made by a person survives the syncs that follow; so do hidden and own photos (C29)."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import ExternalLink, Photo, Vehicle
from app.services.photos import PhotoMeans, arranging, uploading
from app.services.photos.reconcile import reconcile_links
from tests import factories
from tests.factories import ACTOR
from tests.factories_vehicles import NOON, link, run, vehicle

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("context")]


class Album:
    """A vehicle whose feed names photos by letters."""

    def __init__(self, letters: str) -> None:
        self.place = factories.dealership()
        self.car: Vehicle = vehicle(self.place)
        self.link = link(self.car)
        self.run_id = run(self.place).id
        self.feed(letters)

    def feed(self, letters: str) -> None:
        """What a sync and its photo job do with a changed list of addresses."""
        with unit_of_work(self.place.id) as db:
            row = db.get_one(ExternalLink, self.link.id)
            row.photo_urls = [f"https://img.easycars.net.au/{letter}" for letter in letters]
            row.photos_wanted = True
        with unit_of_work(self.place.id) as db:
            assert reconcile_links(db, self.place.id, "easycars", self.run_id) == 1

    def do(self, letter: str, act: str) -> None:
        photo_id = next(photo.id for photo in self.photos() if self.name(photo) == letter)
        with unit_of_work(self.place.id) as db:
            arranging.change(db, self.car.id, photo_id, act, actor=ACTOR, now=NOON)

    def upload(self, means: PhotoMeans, colour: str) -> None:
        target = io.BytesIO()
        Image.new("RGB", (200, 200), colour).save(target, "PNG")
        sent = [uploading.Sent("mine.png", target.getvalue())]
        prepared = uploading.prepare(sent, means.media, self.place.id)
        with unit_of_work(self.place.id) as db:
            uploading.add(db, self.car.id, prepared.pictures, actor=ACTOR, now=NOON)

    def follow_feed(self) -> None:
        with unit_of_work(self.place.id) as db:
            arranging.follow_feed(db, self.car.id, actor=ACTOR, now=NOON)

    def photos(self) -> list[Photo]:
        with reading(self.place.id) as db:
            query = select(Photo).where(Photo.vehicle_id == self.car.id)
            return list(db.scalars(query.order_by(Photo.position, Photo.id)))

    def name(self, photo: Photo) -> str:
        return (photo.source_url or "own o")[-1]

    @property
    def order(self) -> str:
        return "".join(
            self.name(photo).upper() if photo.is_hidden else self.name(photo)
            for photo in self.photos()
        )


def test_without_a_hand_the_feed_orders_and_own_photos_come_last(means: PhotoMeans) -> None:
    album = Album("abc")
    album.upload(means, "red")
    album.feed("cabd")
    assert album.order == "cabdo"
    album.feed("d")
    assert album.order == "do"


def test_a_made_order_survives_photos_that_come_go_and_move(means: PhotoMeans) -> None:
    album = Album("abcd")
    album.do("c", "first")
    album.upload(means, "red")
    assert album.order == "cabdo"
    album.feed("dcba")
    assert album.order == "cabdo", "another order of the feed changes nothing"
    album.feed("dcbaef")
    assert album.order == "cabdoef", "new photos go to the end"
    album.feed("dbef")
    assert album.order == "bdoef", "photos that EasyCars took away are gone"
    album.do("f", "first")
    album.follow_feed()
    assert album.order == "dbefo"
    album.feed("febd")
    assert album.order == "febdo", "the feed orders again"


def test_hidden_photos_stay_hidden_whatever_the_order() -> None:
    album = Album("abc")
    album.do("b", "hide")
    album.feed("cba")
    assert album.order == "cBa"
    album.do("a", "first")
    album.feed("xcba")
    assert album.order == "acBx"


def test_a_feed_without_photos_leaves_own_ones(means: PhotoMeans) -> None:
    album = Album("ab")
    album.upload(means, "red")
    album.feed("")
    assert album.order == "o"
