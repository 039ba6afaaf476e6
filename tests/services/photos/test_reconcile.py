"""Photo rows from addresses: a person's order, uploads and hidden ones stay (C9, story 2.4)."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.db import reading, unit_of_work
from app.models import ExternalLink, Photo, Vehicle
from app.services.photos.reconcile import Present, compare, reconcile_links
from tests import factories
from tests.factories_vehicles import link, photo, run, vehicle

pytestmark = [pytest.mark.both_databases]


def present(*urls: str, ordered: bool = False, end: int | None = None) -> Present:
    rows: Any = {url: {"id": place + 1, "position": place} for place, url in enumerate(urls)}
    return Present(rows, len(urls) if end is None else end, ordered)


CASES: dict[str, tuple[list[str], Present, list[tuple[str, int]], dict[int, int], list[int]]] = {
    "new photos of a new vehicle": (["a", "b"], Present(), [("a", 0), ("b", 1)], {}, []),
    "the feed's order": (["b", "a"], present("a", "b"), [], {2: 0, 1: 1}, []),
    "a person's order stays": (["b", "a"], present("a", "b", ordered=True), [], {}, []),
    "new ones go to the end of it": (
        ["c", "a", "d", "b"],
        present("a", "b", ordered=True, end=5),
        [("c", 5), ("d", 6)],
        {},
        [],
    ),
    "gone ones go": (["a"], present("a", "b", ordered=True), [], {}, [2]),
}


@pytest.mark.parametrize("case", CASES)
def test_compare(case: str) -> None:
    urls, have, added, moved, gone = CASES[case]
    changes = compare({7: urls}, {7: have})
    assert [(row["source_url"], row["position"]) for row in changes.added] == added
    assert {row["photo_id"]: row["new_position"] for row in changes.moved} == moved
    assert changes.gone == gone
    assert changes.vehicles == ({7} if added or moved or gone else set())


def test_uploads_order_and_hiding_survive_a_new_list(app: Flask) -> None:
    with app.app_context():
        place = factories.dealership()
        car = vehicle(place, photos_ordered=True)
        photo(car, source_url="b", position=0)
        photo(car, source_url=None, position=1, state="stored")
        photo(car, source_url="a", position=2, is_hidden=True)
        link(car, ("a", "c", "b"))
        job = run(place)
        with unit_of_work(place.id) as db:
            assert reconcile_links(db, place.id, "easycars", job.id) == 1
            assert reconcile_links(db, place.id, "easycars", job.id) == 0
        with reading(place.id) as db:
            rows = db.scalars(select(Photo).order_by(Photo.position)).all()
            assert [(row.source_url, row.is_hidden) for row in rows] == [
                ("b", False), (None, False), ("a", True), ("c", False),
            ]  # fmt: skip
            assert not db.scalars(select(ExternalLink).where(ExternalLink.photos_wanted)).all()
        with unit_of_work(place.id) as db:
            db.execute(update(ExternalLink).values(photo_urls=[], photos_wanted=True))
            reconcile_links(db, place.id, "easycars", job.id)
        with reading(place.id) as db:
            assert list(db.scalars(select(Photo.source_url))) == [None]
            assert db.scalars(select(Vehicle.photos_ordered)).one()
