"""Lines of trust: preview, apply, undo and re-map beside the plain sync of the same changes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from app.db import unit_of_work
from app.models import MappingVersion
from bench.measure import Act, Figure, Side, in_turn
from bench.stage import DEALERSHIP, Stage

GOAL = 2.0
BIG = 20_000
_versions = count(1)


def preview_first(stage: Stage, size: int, rounds: int) -> Figure:
    """A first import, looked at; the sync that writes it is the floor."""

    def preview() -> None:
        assert stage.run("preview")["created"] == size

    product = Side(preview, prepare=stage.empty)
    floor = Side(_load(stage, size), prepare=stage.empty)
    times = in_turn(product, floor, rounds)
    return _figure("preview-first", stage, size, times, "a plain first load")


def apply_first(stage: Stage, size: int, rounds: int) -> Figure:
    """The previewed first import, applied."""
    seen = {}

    def look() -> None:
        stage.empty()
        seen["id"] = stage.run("preview")["runId"]

    def apply() -> None:
        done = stage.run("sync", parent_id=seen["id"], scope={"applies": seen["id"]})
        assert done["created"] == size

    floor = Side(_load(stage, size), prepare=stage.empty)
    times = in_turn(Side(apply, prepare=look), floor, rounds)
    return _figure("apply-first", stage, size, times, "a plain first load")


def undo_first(stage: Stage, size: int, rounds: int) -> Figure:
    """A whole first import, taken back."""
    loaded = {}

    def load() -> None:
        stage.empty()
        loaded["id"] = stage.run("sync")["runId"]

    def undo() -> None:
        done = stage.run("undo", scope={"undoes": loaded["id"]})
        assert (done["status"], stage.vehicles()) == ("Success", 0), done

    floor = Side(_load(stage, size), prepare=stage.empty)
    times = in_turn(Side(undo, prepare=load), floor, rounds)
    return _figure("undo-first", stage, size, times, "a plain first load")


def preview_all(stage: Stage, size: int, rounds: int) -> Figure:
    """Every price moved: the preview of it."""

    def preview() -> None:
        assert stage.run("preview")["updated"] > size * 0.9

    times = in_turn(Side(preview, _moved(stage, size)), _plain(stage, size), rounds)
    return _figure("preview-all", stage, size, times, "a plain sync, every price moved")


def apply_all(stage: Stage, size: int, rounds: int) -> Figure:
    seen = {}
    move = _moved(stage, size)

    def look() -> None:
        move()
        seen["id"] = stage.run("preview")["runId"]

    def apply() -> None:
        done = stage.run("sync", parent_id=seen["id"], scope={"applies": seen["id"]})
        assert done["updated"] > size * 0.9

    times = in_turn(Side(apply, look), _plain(stage, size), rounds)
    return _figure("apply-all", stage, size, times, "a plain sync, every price moved")


def undo_all(stage: Stage, size: int, rounds: int) -> Figure:
    done = {}
    move = _moved(stage, size)

    def sync() -> None:
        move()
        done["id"] = stage.run("sync")["runId"]

    def undo() -> None:
        assert stage.run("undo", scope={"undoes": done["id"]})["updated"] > size * 0.9

    times = in_turn(Side(undo, sync), _plain(stage, size), rounds)
    return _figure("undo-all", stage, size, times, "a plain sync, every price moved")


def remap_all(stage: Stage, size: int, rounds: int) -> Figure:
    """A new title template: every vehicle's title changes, read from the stored rows."""

    def template() -> None:
        _load_if_needed(stage, size)
        number = next(_versions)
        rules = {"values": {}, "title": f"{{year}} {{make}} {{model}} {number}", "defaults": {}}
        with unit_of_work(DEALERSHIP) as session:
            session.add(MappingVersion(dealership_id=DEALERSHIP, number=number, rules=rules))

    def remap() -> None:
        assert stage.run("remap")["updated"] > size * 0.9

    times = in_turn(Side(remap, template), _plain(stage, size), rounds)
    return _figure("remap-all", stage, size, times, "a plain sync, every price moved")


def _load(stage: Stage, size: int) -> Act:
    def load() -> None:
        assert stage.run("sync")["created"] == size

    return load


def _plain(stage: Stage, size: int) -> Side:
    def sync() -> None:
        assert stage.run("sync")["updated"] > size * 0.9

    return Side(sync, _moved(stage, size))


def _moved(stage: Stage, size: int) -> Callable[[], None]:
    """Loads the stock when it is not there, then moves every price by a little."""

    def move() -> None:
        _load_if_needed(stage, size)
        stage.simulator.stock("change_prices", percent=100)
        stage.feed.body()

    return move


def _load_if_needed(stage: Stage, size: int) -> None:
    if stage.vehicles() != size:
        stage.empty()
        stage.run("sync")


def _figure(
    line: str, stage: Stage, size: int, times: dict[str, tuple[float, ...]], floor_is: str
) -> Figure:
    goal = GOAL if size >= BIG else None
    return Figure(line, stage.kind, size, **times, floor_is=floor_is, goal=goal)
