"""The table on the terminal and the JSON beside it."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench.measure import Figure

HEAD = ("line", "where", "size", "product", "floor", "ratio", "goal", "")
WIDTHS = (12, 11, 7, 12, 12, 7, 7, 6)


def row(figure: Figure) -> str:
    goal = f"{figure.goal:.1f}" if figure.goal else f"{figure.limit:.0f}" if figure.limit else ""
    met = {None: "", True: "met", False: "missed"}[figure.is_met]
    return _columns(
        (
            figure.line,
            figure.where,
            f"{figure.size:,}",
            f"{median(figure.product):.3f} {figure.unit[:2]}",
            f"{median(figure.floor):.3f} {figure.unit[:2]}",
            f"{figure.ratio:.2f}",
            goal,
            met,
        )
    )


def head() -> str:
    return _columns(HEAD)


def floors_of(figures: Sequence[Figure]) -> list[str]:
    """What each line is measured against, in words."""
    named = {f"{figure.line} ({figure.where})": figure.floor_is for figure in figures}
    return [f"  {line}: {floor}" for line, floor in named.items()]


def flatness(figures: Sequence[Figure]) -> list[str]:
    """How the cost per vehicle of a line grows from its smallest size to its largest."""
    told = []
    for line, where in dict.fromkeys((figure.line, figure.where) for figure in figures):
        sizes = sorted(
            (figure for figure in figures if (figure.line, figure.where) == (line, where)),
            key=lambda figure: figure.size,
        )
        first, last = sizes[0], sizes[-1]
        if first.unit == "s" and last.size > first.size:
            each = [median(figure.product) / figure.size for figure in (first, last)]
            told.append(
                f"  {line} ({where}): {each[0] * 1e6:,.0f} µs at {first.size:,}, "
                f"{each[1] * 1e6:,.0f} µs at {last.size:,} vehicles: {each[1] / each[0]:.2f} times"
            )
    return told


def save(figures: Sequence[Figure], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    content = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "arguments": sys.argv[1:],
        "figures": [figure.as_json() for figure in figures],
    }
    path.write_text(json.dumps(content, indent=1))
    return path


def _columns(cells: Sequence[str]) -> str:
    pairs = list(zip(cells, WIDTHS, strict=True))
    left = [cell.ljust(width) for cell, width in pairs[:2]]
    right = [cell.rjust(width) for cell, width in pairs[2:]]
    return " ".join(left + right).rstrip()
