"""Lines of the stock sync: first load, nothing changed, one in a hundred changed."""

from __future__ import annotations

from bench import floors
from bench.measure import Figure, Side, in_turn
from bench.stage import Stage

SPLIT = "GET, split, hash of the bytes"
FIRST = {
    "postgresql": "GET, parse, COPY into staging, one merge (raw JSON and 25 columns)",
    "sqlite": "GET, parse, executemany of upserts (raw JSON and 25 columns)",
}
# By line and, where only one is named, database.
GOALS = {"first-load postgresql": 2.0, "unchanged": 1.6, "changed": 2.0}
BIG = 20_000


def first_load(stage: Stage, size: int, rounds: int) -> Figure:
    def load() -> None:
        assert stage.sync()["created"] == size

    product = Side(load, prepare=stage.empty)
    floor = Side(stage.load_floor, prepare=stage.empty_floor)
    return _figure("first-load", stage, size, in_turn(product, floor, rounds), FIRST[stage.kind])


def unchanged(stage: Stage, size: int, rounds: int) -> Figure:
    def again() -> None:
        assert stage.sync()["unchanged"] == size

    _load_if_needed(stage, size)
    times = in_turn(Side(again), Side(lambda: floors.split_and_hash(stage.feed)), rounds)
    return _figure("unchanged", stage, size, times, SPLIT)


def changed(stage: Stage, size: int, rounds: int) -> Figure:
    """Both sides read the same list: the simulator renders a changed one before the round."""

    def change() -> None:
        stage.simulator.stock("change_prices", percent=1)
        stage.feed.body()

    def sync() -> None:
        assert 0 < stage.sync()["updated"] <= max(1, size // 100)

    _load_if_needed(stage, size)
    floor = Side(lambda: floors.split_and_hash(stage.feed))
    times = in_turn(Side(sync, prepare=change), floor, rounds)
    return _figure("changed", stage, size, times, SPLIT)


def _load_if_needed(stage: Stage, size: int) -> None:
    if stage.sync()["unchanged"] != size:
        stage.empty()
        stage.sync()


def _figure(
    line: str, stage: Stage, size: int, times: dict[str, tuple[float, ...]], floor_is: str
) -> Figure:
    goal = GOALS.get(line, GOALS.get(f"{line} {stage.kind}")) if size >= BIG else None
    return Figure(line, stage.kind, size, **times, floor_is=floor_is, goal=goal)
