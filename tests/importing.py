"""Compiled once, read often: what Python and pytest make of the sources stays on the disk.

Compiling them takes 16 s of each worker's start, and 6 s of each process of a product.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from itertools import chain
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def keep_bytecode() -> None:
    """Machines made for one job often tell Python to keep none, and this job is a hundred
    processes."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def import_in_turns(config: pytest.Config) -> None:
    """Each worker begins with another part of the files, and finds the rest compiled by the others.
    A file that cannot be imported is told when it is collected."""
    about = getattr(config, "workerinput", None)
    if about is None or config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    for name in _from(int(about["workerid"][2:]), int(about["workercount"])):
        with suppress(Exception, pytest.skip.Exception):
            import_module(name)


def _from(turn: int, workers: int) -> Iterator[str]:
    files = sorted(TESTS.rglob("test_*.py"))
    first = len(files) * turn // workers
    for path in chain(files[first:], files[:first]):
        yield ".".join(path.relative_to(TESTS.parent).with_suffix("").parts)
