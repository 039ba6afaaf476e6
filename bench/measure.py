"""Product and floor in turn, several rounds: on a noisy machine only their ratio counts."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

Act = Callable[[], Any]


def nothing() -> None:
    """For sides that need no preparation."""


@dataclass(frozen=True)
class Side:
    """One thing to measure; `prepare` is done before each round and not counted."""

    work: Act
    prepare: Act = nothing

    def seconds(self) -> float:
        self.prepare()
        gc.collect()
        start = time.perf_counter()
        self.work()
        return time.perf_counter() - start


@dataclass(frozen=True)
class Figure:
    """One row of the table. `floor_is` says in words what the floor does; `goal` is a ratio to the
    floor, `limit` an amount that the product may not exceed."""

    line: str
    where: str
    size: int
    product: tuple[float, ...]
    floor: tuple[float, ...]
    floor_is: str
    goal: float | None = None
    limit: float | None = None
    unit: str = "s"

    @property
    def ratio(self) -> float:
        """Median of the rounds' own ratios: what slows a whole round cancels out."""
        return median(ours / bare for ours, bare in zip(self.product, self.floor, strict=True))

    @property
    def is_met(self) -> bool | None:
        if self.limit is not None:
            return median(self.product) <= self.limit
        return None if self.goal is None else self.ratio <= self.goal

    def as_json(self) -> dict[str, Any]:
        return {
            "line": self.line,
            "where": self.where,
            "size": self.size,
            "unit": self.unit,
            "product": median(self.product),
            "floor": median(self.floor),
            "ratio": self.ratio,
            "goal": self.goal,
            "limit": self.limit,
            "met": self.is_met,
            "floorIs": self.floor_is,
            "rounds": [list(pair) for pair in zip(self.product, self.floor, strict=True)],
        }


def in_turn(product: Side, floor: Side, rounds: int) -> dict[str, tuple[float, ...]]:
    """Seconds of both sides, round by round; the floor goes first in every other round."""
    ours, bare = [], []
    for number in range(rounds):
        sides = [(product, ours), (floor, bare)]
        for side, found in sides if number % 2 else reversed(sides):
            found.append(side.seconds())
    return {"product": tuple(ours), "floor": tuple(bare)}
