"""Two hundred photos of 150 KB: fetched, cleaned, stored, made small."""

from __future__ import annotations

import shutil

from app.jobs.photos import means
from app.services import photos
from bench import floors
from bench.measure import Figure, Side, in_turn
from bench.stage import Stage

PHOTOS = 200
GOAL = 1.5
FLOOR = "fetch, hash, write, one thumbnail without resizing, five at once"


def two_hundred(stage: Stage, size: int, rounds: int) -> Figure:
    """`size` vehicles give the photos; the product makes three sizes and writes rows besides."""
    stage.simulator.stock("set_vehicles", count=_vehicles_with_photos(stage))
    urls = _urls(stage)
    bare = stage.folder / "bare"
    # "fast" ones differ only behind the picture, which the product cuts off: one file for all.
    stage.simulator.settings(photos="drawn")
    floors.fetch_photos(urls, bare)  # the simulator keeps what it has drawn
    runs: list[int] = []

    def prepare() -> None:
        stage.empty()
        shutil.rmtree(stage.folder / "media", ignore_errors=True)
        runs.append(stage.sync()["runId"])

    def fetch() -> None:
        assert photos.sync_photos(runs[-1], means()) == "done"

    times = in_turn(
        Side(fetch, prepare=prepare),
        Side(
            lambda: floors.fetch_photos(urls, bare),
            prepare=lambda: shutil.rmtree(bare, ignore_errors=True),
        ),
        rounds,
    )
    stage.simulator.settings(photos="fast")
    stage.simulator.stock("set_vehicles", count=size)
    stage.empty()
    return Figure("photos", stage.kind, len(urls), **times, floor_is=FLOOR, goal=GOAL)


def _vehicles_with_photos(stage: Stage) -> int:
    """The smallest stock, in steps of five, that has two hundred photos."""
    for vehicles in range(5, 500, 5):
        stage.simulator.stock("set_vehicles", count=vehicles)
        if sum(len(urls) for urls in _lists(stage)) >= PHOTOS:
            return vehicles
    raise RuntimeError("this stock has too few photos")


def _lists(stage: Stage) -> list[list[str]]:
    return [item.split(",") for item in stage.feed.image_lists() if item]


def _urls(stage: Stage) -> list[str]:
    return [url for urls in _lists(stage) for url in urls]
