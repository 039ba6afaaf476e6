"""`./dev bench [--lines a,b] [--sizes n,m] [--databases x,y] [--rounds n] [--quick]`"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from app import simulator
from bench import leads, memory, pages, photos, report, stock, trust
from bench.measure import Figure
from bench.stage import DATABASES, Stage, stages

Line = Callable[[Stage, int, int], Figure]
RESULTS = Path(__file__).parent / "results"
SIZES = (500, 5_000, 20_000)
# In this order: each leaves the stock loaded that the next one wants.
BY_SIZE: dict[str, Line] = {
    "first-load": stock.first_load,
    "unchanged": stock.unchanged,
    "changed": stock.changed,
}
# At the largest size, or at a size of their own.
ONCE: dict[str, Line] = {
    "preview-first": trust.preview_first,
    "apply-first": trust.apply_first,
    "undo-first": trust.undo_first,
    "preview-all": trust.preview_all,
    "apply-all": trust.apply_all,
    "undo-all": trust.undo_all,
    "remap-all": trust.remap_all,
    "memory": memory.peak,
    "photos": photos.two_hundred,
    "leads-out": leads.out,
    "leads-in": leads.back,
}
# Several figures of one preparation.
MANY: dict[str, Callable[[Stage, int, int], Iterator[Figure]]] = {"pages": pages.under_load}
LINES = (*BY_SIZE, *ONCE, *MANY)


def main(arguments: Sequence[str] | None = None, results: Path = RESULTS) -> list[Figure]:
    """Measures, prints each row as it comes, writes JSON; returns the figures."""
    asked = _read(arguments)
    print(report.head(), flush=True)
    figures = []
    for figure in _measure(asked):
        figures.append(figure)
        print(report.row(figure), flush=True)
    for title, lines in (
        ("Floors", report.floors_of(figures)),
        ("Cost per vehicle", report.flatness(figures)),
    ):
        if lines:
            print("\n" + "\n".join([title, *lines]))
    print(f"\n{report.save(figures, results)}")
    return figures


def _measure(asked: argparse.Namespace) -> Iterator[Figure]:
    largest = max(asked.sizes)
    with (
        tempfile.TemporaryDirectory(prefix="forecourt-bench-") as name,
        simulator.running_simulator(vehicles=largest, process=True, photos="fast") as running,
        stages(asked.databases, running, Path(name)) as prepared,
    ):
        for stage in prepared:
            for size in asked.sizes:
                running.stock("set_vehicles", count=size)
                stage.feed.body()
                for line in (name for name in BY_SIZE if name in asked.lines):
                    yield BY_SIZE[line](stage, size, asked.rounds)
            for line in (name for name in ONCE if name in asked.lines):
                yield ONCE[line](stage, largest, asked.rounds)
            for line in (name for name in MANY if name in asked.lines):
                yield from MANY[line](stage, largest, asked.rounds)


def _read(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("./dev bench", description="Product and floor, side by side.")
    parser.add_argument("--lines", type=_some(LINES), default=LINES, help=", ".join(LINES))
    parser.add_argument("--sizes", type=_numbers, default=SIZES, help="vehicles: 500,5000,20000")
    parser.add_argument("--databases", type=_some(DATABASES), default=DATABASES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="500 vehicles, 3 rounds")
    asked = parser.parse_args(arguments)
    if asked.quick:
        asked.sizes, asked.rounds = SIZES[:1], 3
    return asked


def _some(known: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    def read(text: str) -> tuple[str, ...]:
        names = tuple(text.split(","))
        unknown = set(names) - set(known)
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not one of {', '.join(known)}")
        return names

    return read


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(sorted(int(part) for part in text.split(",")))


if __name__ == "__main__":
    main()
