"""The benchmark program itself, at a size that says nothing about speed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import __main__ as bench
from bench.measure import Figure, Side, in_turn

STOCK = ("first-load", "unchanged", "changed")


@pytest.fixture
def quiet_tables(capsys: pytest.CaptureFixture[str]) -> pytest.CaptureFixture[str]:
    return capsys


def test_every_line_runs_and_names_its_floor(tmp_path: Path, quiet_tables) -> None:
    figures = bench.main(
        ["--sizes", "30", "--rounds", "1", "--databases", "sqlite", "--lines", ",".join(STOCK)],
        results=tmp_path,
    )
    table = quiet_tables.readouterr().out
    assert [figure.line for figure in figures] == list(STOCK)
    for figure in figures:
        assert figure.ratio > 0
        assert figure.floor_is in table
    saved = json.loads(next(tmp_path.glob("*.json")).read_text())["figures"]
    assert {row["line"]: row["floorIs"] for row in saved}.keys() == set(STOCK)
    assert all(row["product"] > 0 and row["floor"] > 0 for row in saved)


def test_an_unknown_line_is_refused(quiet_tables) -> None:
    with pytest.raises(SystemExit):
        bench.main(["--lines", "first-lode"])
    assert "first-lode" in quiet_tables.readouterr().err


def test_sides_take_turns_and_preparation_is_not_counted() -> None:
    order: list[str] = []
    product = Side(lambda: order.append("ours"), prepare=lambda: order.append("prepared"))
    times = in_turn(product, Side(lambda: order.append("bare")), rounds=2)
    assert order == ["bare", "prepared", "ours", "prepared", "ours", "bare"]
    assert {side: len(found) for side, found in times.items()} == {"product": 2, "floor": 2}


@pytest.mark.parametrize(
    ("product", "goal", "limit", "met"),
    [
        (1.9, 2.0, None, True),
        (2.1, 2.0, None, False),
        (9.0, None, 8.0, False),
        (9.0, None, None, None),
    ],
)
def test_goals_are_ratios_or_limits(product, goal, limit, met) -> None:
    figure = Figure("x", "sqlite", 1, (product,), (1.0,), "a floor", goal=goal, limit=limit)
    assert figure.is_met is met
