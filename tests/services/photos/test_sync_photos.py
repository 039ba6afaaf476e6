"""The photo job against real databases and a real picture server (rows 105 to 114)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.db import ALL_DEALERSHIPS, reading, unit_of_work
from app.models import Dealership, ExternalLink, MediaObject, Photo, SyncRun
from app.parts import SystemClock
from app.services import photos
from app.services.errors import AlreadyRunning, LeaseLost, NotAllowed, NotFound
from app.services.photos import lease as leases
from app.services.photos import work
from app.services.photos.downloads import media_key
from app.services.photos.pace import Pace
from app.services.photos.record import due_photos, pause_after
from app.services.ports import MediaUnavailable
from tests import factories
from tests.factories_vehicles import jpeg, link, photo, run, vehicle
from tests.services.photos.picture_server import Pictures

pytestmark = [
    pytest.mark.both_databases,
    pytest.mark.integration,
    pytest.mark.usefixtures("context"),
]


@pytest.fixture
def place() -> Dealership:
    return factories.dealership()


def all_of(model: Any, place: Dealership, *order: Any) -> list[Any]:
    with reading(place.id) as db:
        return list(db.scalars(select(model).order_by(*(order or (model.id,)))))


def again(run_id: int) -> SyncRun:
    with reading(ALL_DEALERSHIPS) as db:
        return db.scalars(select(SyncRun).where(SyncRun.id == run_id)).one()


def next_run(place: Dealership) -> SyncRun:
    return run(place, photos_state="queued")


class LaterClock:
    def __init__(self, **later: float) -> None:
        self.later = timedelta(**later)

    def now(self) -> datetime:
        return SystemClock().now() + self.later


def test_wanted_photos_are_stored_in_the_dealers_order(
    place: Dealership, pictures: Pictures, means: photos.PhotoMeans
) -> None:
    urls = tuple(pictures.put(f"/{n}", jpeg(colour)) for n, colour in enumerate(["red", "lime"]))
    link(vehicle(place), urls)
    of = next_run(place)

    assert photos.sync_photos(of.id, means) == "done"

    rows = all_of(Photo, place, Photo.position)
    assert [row.source_url for row in rows] == list(urls)
    assert {row.state for row in rows} == {"stored"}
    assert {row.run_id for row in rows} == {of.id}
    assert photos.line(again(of.id)) == "Photos: 0 kept, 2 new, 0 failed"
    assert not all_of(ExternalLink, place)[0].photos_wanted
    for media in all_of(MediaObject, place):
        for size in ("small", "medium", "original"):
            assert means.media.exists(f"{media_key(place.id, media.sha256)}/{size}")


def test_the_second_run_asks_for_nothing(
    place: Dealership, pictures: Pictures, means: photos.PhotoMeans
) -> None:
    car = vehicle(place)
    url = pictures.put("/1", jpeg())
    first = link(car, (url,))
    photos.sync_photos(next_run(place).id, means)
    with unit_of_work(place.id) as db:
        db.merge(first).photos_wanted = True
    pictures.forget()

    of = next_run(place)
    photos.sync_photos(of.id, means)

    assert not pictures.asked
    assert photos.line(again(of.id)) == "Photos: 1 kept, 0 new, 0 failed"
    with reading(place.id) as db:
        assert photos.count_kept(db, place.id) == 1
        assert not photos.anything_to_do(db, place.id, means.clock)


def test_the_same_bytes_under_two_addresses_are_stored_once(
    place: Dealership, pictures: Pictures, means: photos.PhotoMeans
) -> None:
    urls = tuple(pictures.put(f"/{n}", jpeg("teal")) for n in range(3))
    link(vehicle(place), urls)
    photos.sync_photos(next_run(place).id, means)
    assert len(all_of(MediaObject, place)) == 1
    assert len({row.media_id for row in all_of(Photo, place)}) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param({"body": b"<h1>", "status": 404}, "not on the server", id="missing"),
        pytest.param({"body": b"<!doctype html>"}, "a web page instead", id="HTML as 200"),
        pytest.param({"body": b"%PDF-1.7"}, "is no picture", id="another type"),
        pytest.param({"body": b""}, "is empty", id="empty"),
        pytest.param({"body": jpeg()[:900]}, "breaks off", id="half a picture, whole answer"),
        pytest.param({"body": jpeg()[:900], "promise": 99_999}, "breaks off", id="cut off"),
        pytest.param({"body": b"x", "status": 500}, "has a fault (500)", id="fault"),
        pytest.param({"body": b"x", "status": 403}, "refuses", id="refused"),
        pytest.param(
            {"status": 302, "headers": {"Location": "http://localhost:1/x"}},
            "to another server",
            id="redirect elsewhere",
        ),
    ],
)
def test_a_photo_that_fails_costs_itself_only(
    place: Dealership,
    pictures: Pictures,
    means: photos.PhotoMeans,
    answer: dict[str, Any],
    words: str,
) -> None:
    good, bad = pictures.put("/good", jpeg()), pictures.put("/bad", **answer)
    link(vehicle(place), (bad, good))
    of = next_run(place)

    assert photos.sync_photos(of.id, means) == "done"

    first, second = all_of(Photo, place, Photo.position)
    assert (first.state, second.state) == ("failed", "stored")
    assert words in first.error
    assert first.tries == 1
    assert first.next_try_at > means.clock.now()
    assert photos.line(again(of.id)) == "Photos: 0 kept, 1 new, 1 failed"


def test_a_failed_photo_is_tried_again_when_its_pause_is_over(
    place: Dealership, pictures: Pictures, means: photos.PhotoMeans
) -> None:
    url = pictures.put("/1", b"", status=404)
    link(vehicle(place), (url,))
    photos.sync_photos(next_run(place).id, means)
    pictures.put("/1", jpeg())
    pictures.forget()

    early = next_run(place)
    photos.sync_photos(early.id, means)
    assert not pictures.asked
    assert photos.line(again(early.id)) == "Photos: 0 kept, 0 new, 1 failed"

    late = next_run(place)
    photos.sync_photos(late.id, replace(means, clock=LaterClock(hours=2)))
    assert photos.line(again(late.id)) == "Photos: 0 kept, 1 new, 0 failed"


def test_pauses_grow_and_end_at_a_week() -> None:
    pauses = [pause_after(Exception(), tries) for tries in (0, 1, 2, 30)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == timedelta(days=7)


def test_reordered_and_vanished_photos_follow_the_feed_and_own_ones_stay(
    place: Dealership, pictures: Pictures, means: photos.PhotoMeans
) -> None:
    car = vehicle(place)
    a, b, c = (pictures.put(f"/{n}", jpeg(n)) for n in ("red", "lime", "blue"))
    first = link(car, (a, b, c))
    own = photo(car, source_url=None, state="stored", position=9)
    photos.sync_photos(next_run(place).id, means)
    with unit_of_work(place.id) as db:
        changed = db.merge(first)
        changed.photo_urls, changed.photos_wanted = [c, a], True
    pictures.forget()
    photos.sync_photos(next_run(place).id, means)
    rows = all_of(Photo, place, Photo.position)
    assert [(row.source_url, row.position) for row in rows] == [
        (c, 0),
        (a, 1),
        (None, own.position),
    ]
    assert not pictures.asked


def test_a_known_picture_is_asked_for_conditionally(
    place: Dealership, pictures: Pictures, means: photos.PhotoMeans, app: Any
) -> None:
    car = vehicle(place)
    url = pictures.put("/1", jpeg(), headers={"ETag": '"v1"'})
    link(car, (url,))
    of = next_run(place)
    photos.sync_photos(of.id, means)
    queue = Queue()
    with unit_of_work(place.id) as db:
        run_row = db.scalars(select(SyncRun).where(SyncRun.id == of.id)).one()
        assert photos.recheck(db, run_row, car.id, queue) == 1
    pictures.forget()
    assert photos.sync_photos(*queue.sent[0][:1], means) == "done"
    assert pictures.statuses == {304: 1}
    assert pictures.headers[0]["if-none-match"] == '"v1"'
    assert all_of(Photo, place)[0].state == "stored"

    pictures.put("/1", jpeg("orange"), headers={"ETag": '"v2"'})
    with unit_of_work(place.id) as db:
        run_row = db.scalars(select(SyncRun).where(SyncRun.id == of.id)).one()
        photos.recheck(db, run_row, car.id, queue)
    photos.sync_photos(of.id, means)
    assert all_of(Photo, place)[0].etag == '"v2"'
    assert len(all_of(MediaObject, place)) == 2


def test_every_vehicles_first_picture_comes_first(place: Dealership) -> None:
    cars = [vehicle(place) for _ in range(3)]
    made = {(car.id, n): photo(car, position=n).id for car in cars for n in (0, 1)}
    order = [wanted.id for wanted in due_photos(place.id, SystemClock().now())]
    assert order[:3] == [made[car.id, 0] for car in reversed(cars)]
    assert sorted(order[3:]) == sorted(made[car.id, 1] for car in cars)


def test_nothing_of_ours_goes_to_the_picture_server(
    place: Dealership, pictures: Pictures, means: photos.PhotoMeans
) -> None:
    link(
        vehicle(place),
        (
            pictures.put("/1", jpeg(), headers={"Set-Cookie": "a=b"}),
            pictures.put("/2", jpeg("red")),
        ),
    )
    photos.sync_photos(next_run(place).id, means)
    for headers in pictures.headers:
        assert not headers.keys() & {"cookie", "authorization", "referer"}


def test_five_at_once_and_no_more(
    place: Dealership, pictures: Pictures, means: photos.PhotoMeans
) -> None:
    urls = tuple(pictures.put(f"/{n}", jpeg(f"#0000{n:02x}"), wait=0.3) for n in range(20))
    link(vehicle(place), urls)
    photos.sync_photos(next_run(place).id, means)
    assert pictures.most_at_once == 5


def test_one_host_gets_so_many_requests_a_second() -> None:
    time = [0.0]
    waited: list[float] = []
    pace = Pace(per_second=10, burst=3, now=lambda: time[0], sleep=waited.append)
    for _ in range(5):
        pace.take("a")
    pace.take("b")
    assert waited == [pytest.approx(0.1), pytest.approx(0.2)]
    time[0] = 10.0
    pace.take("a")
    assert len(waited) == 2


def test_a_second_worker_finds_nothing_to_take(place: Dealership, means: photos.PhotoMeans) -> None:
    of = next_run(place)
    with unit_of_work(ALL_DEALERSHIPS) as db:
        assert leases.claim(db, of.id, means.clock)
    assert photos.sync_photos(of.id, means) is None
    with reading(ALL_DEALERSHIPS) as db:
        assert photos.unattended(db, means.clock) == []
        assert photos.unattended(db, LaterClock(minutes=1)) == [(of.id, 1)]


def test_a_killed_worker_is_taken_over_without_double_work(
    place: Dealership, pictures: Pictures, means: photos.PhotoMeans, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = tuple(
        pictures.put(f"/{n}", jpeg(f"#{4 * n:02x}80{4 * (60 - n):02x}")) for n in range(60)
    )
    link(vehicle(place), urls)
    of = next_run(place)

    class Killed(BaseException):
        pass

    written: list[int] = []

    def then_die(*args: Any) -> None:
        if written:
            raise Killed
        written.append(1)
        real(*args)

    real = work.write
    monkeypatch.setattr(work, "write", then_die)
    with pytest.raises(Killed):
        photos.sync_photos(of.id, means)
    monkeypatch.setattr(work, "write", real)
    before = again(of.id)
    assert before.photos_state == "running"
    assert before.photos_new > 0
    pictures.forget()

    assert photos.sync_photos(of.id, means) is None
    assert photos.sync_photos(of.id, replace(means, clock=LaterClock(minutes=1))) == "done"

    assert photos.line(again(of.id)) == "Photos: 0 kept, 60 new, 0 failed"
    assert sum(pictures.asked.values()) == 60 - before.photos_new
    assert len(all_of(MediaObject, place)) == 60


def test_who_lost_the_lease_writes_nothing_more(
    place: Dealership, means: photos.PhotoMeans
) -> None:
    of = next_run(place)
    with unit_of_work(ALL_DEALERSHIPS) as db:
        mine = leases.claim(db, of.id, means.clock)
    with unit_of_work(ALL_DEALERSHIPS) as db:
        assert leases.claim(db, of.id, LaterClock(minutes=1))
    assert mine
    with pytest.raises(LeaseLost), unit_of_work(place.id) as db:
        leases.beat(db, mine, means.clock.now(), photos_kept=99)
    assert again(of.id).photos_kept == 0


def test_after_five_silent_ends_the_photos_are_given_up(
    place: Dealership, means: photos.PhotoMeans
) -> None:
    of = run(place, photos_state="running", photos_attempt=5)
    assert photos.sync_photos(of.id, means) is None
    assert again(of.id).photos_state == "failed"


def test_the_next_waiting_run_of_the_dealership_goes_on_at_once(
    place: Dealership, pictures: Pictures, means: photos.PhotoMeans
) -> None:
    link(vehicle(place), (pictures.put("/1", jpeg()),))
    first, second, other = next_run(place), next_run(place), next_run(factories.dealership())
    photos.sync_photos(first.id, means)
    assert [again(of.id).photos_state for of in (first, second, other)] == [
        "done",
        "done",
        "queued",
    ]
    assert sum(pictures.asked.values()) == 1


def test_a_silent_server_is_left_alone_after_a_while(
    place: Dealership, pictures: Pictures, means: photos.PhotoMeans
) -> None:
    urls = tuple(pictures.put(f"/{n}", b"", status=500) for n in range(40))
    link(vehicle(place), urls)
    of = next_run(place)
    assert photos.sync_photos(of.id, means) == "failed"
    assert len(pictures.asked) < 40
    assert photos.line(again(of.id)) == "Photos: 0 kept, 0 new, 40 failed"
    assert "wanted" in {row.state for row in all_of(Photo, place)}


def test_a_store_that_does_not_work_fails_the_part_and_loses_nothing(
    place: Dealership, pictures: Pictures, means: photos.PhotoMeans
) -> None:
    link(vehicle(place), (pictures.put("/1", jpeg()),))
    of = next_run(place)
    with pytest.raises(MediaUnavailable):
        photos.sync_photos(of.id, replace(means, media=BrokenStore()))
    assert again(of.id).photos_state == "failed"
    assert all_of(Photo, place)[0].state == "wanted"


def test_the_version_moves_so_that_the_page_does(
    place: Dealership, pictures: Pictures, means: photos.PhotoMeans
) -> None:
    link(vehicle(place), (pictures.put("/1", jpeg()),))
    of = next_run(place)
    photos.sync_photos(of.id, means)
    assert again(of.id).version >= 4


def test_failed_photos_can_be_tried_again_by_hand(
    place: Dealership, pictures: Pictures, means: photos.PhotoMeans
) -> None:
    link(vehicle(place), (pictures.put("/1", b"", status=404),))
    of = next_run(place)
    photos.sync_photos(of.id, means)
    pictures.put("/1", jpeg())
    queue = Queue()
    with unit_of_work(place.id) as db:
        row = db.scalars(select(SyncRun).where(SyncRun.id == of.id)).one()
        assert photos.retry_failed(db, row, queue) == 1
        assert queue.sent == []
        with pytest.raises(AlreadyRunning):
            photos.retry_failed(db, row, queue)
    assert queue.sent == [(of.id, 100)]
    photos.sync_photos(of.id, means)
    assert photos.line(again(of.id)) == "Photos: 0 kept, 1 new, 0 failed"
    with unit_of_work(place.id) as db, pytest.raises(NotFound):
        photos.retry_failed(db, db.scalars(select(SyncRun)).one(), queue)


def test_the_switch_is_respected_by_hand_too() -> None:
    place = factories.dealership(settings={"photos_enabled": False})
    of = run(place)
    with unit_of_work(place.id) as db:
        row = db.scalars(select(SyncRun).where(SyncRun.id == of.id)).one()
        assert not photos.is_switched_on(row.dealership)
        with pytest.raises(NotAllowed):
            photos.retry_failed(db, row, Queue())
    assert photos.is_switched_on(factories.dealership())


def test_another_dealerships_photos_are_not_touched(
    place: Dealership, pictures: Pictures, means: photos.PhotoMeans
) -> None:
    other = factories.dealership()
    link(vehicle(other), (pictures.put("/theirs", jpeg()),))
    link(vehicle(place), (pictures.put("/ours", jpeg()),))
    photos.sync_photos(next_run(place).id, means)
    assert dict(pictures.asked) == {"/ours": 1}
    assert all_of(Photo, other) == []


class Queue:
    def __init__(self) -> None:
        self.sent: list[tuple[int, int]] = []

    def photos(self, run_id: int, attempt: int) -> str:
        self.sent.append((run_id, attempt))
        return "job"

    def sync(self, run_id: int, attempt: int) -> str:
        raise AssertionError("no stock run is asked for")


class BrokenStore:
    def put(self, key: str, content: bytes) -> None:
        raise MediaUnavailable("disk full")

    def exists(self, key: str) -> bool:
        return False

    def get(self, key: str) -> tuple[int, Iterator[bytes]]:
        raise KeyError(key)

    def delete(self, key: str) -> None:
        """Nothing is there."""

    def check(self) -> None:
        raise MediaUnavailable("disk full")
