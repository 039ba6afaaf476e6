"""What can happen to a run in the middle: its worker dies, or a person cancels it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from app.db import ALL_DEALERSHIPS, unit_of_work
from app.models import SyncRun
from app.services.errors import RunCancelled
from app.services.sync import engine, runs, work
from tests.services.sync.memory import Yard


class Died(BaseException):
    """As a kill -9 would leave it: nothing catches this."""


def die_in_batch(yard: Yard, run_id: int, batch: int) -> bool:
    """Executes the run until the worker vanishes between two batches; False: it ended before."""

    def die() -> None:
        raise Died

    try:
        with _in_batch(batch, die):
            engine.execute(run_id, "first", yard.ports)
    except Died:
        return True
    return False


def cancel_in_batch(yard: Yard, run_id: int, batch: int) -> None:
    """Executes the run; a person presses Cancel while that batch is written."""
    with _in_batch(batch, lambda: cancel(yard, run_id)):
        engine.execute(run_id, "test", yard.ports)


def cancel(yard: Yard, run_id: int) -> None:
    with unit_of_work(yard.dealership.id) as session:
        runs.cancel(session, runs.get(session, run_id), yard.clock)


def expire(run_id: int) -> None:
    """The dead worker's lease runs out."""
    with unit_of_work(ALL_DEALERSHIPS) as session:
        run = session.get(SyncRun, run_id)
        assert run is not None
        assert run.lease_expires_at is not None
        run.lease_expires_at -= timedelta(minutes=5)


@contextmanager
def _in_batch(batch: int, act: Callable[[], None]) -> Iterator[None]:
    """`act` happens right before that batch is written."""
    seen: list[int] = []

    def write(*args: Any) -> Any:
        seen.append(1)
        if len(seen) == batch:
            act()
        return original(*args)

    original, work.write_batch = work.write_batch, write  # type: ignore[assignment]
    try:
        yield
    finally:
        work.write_batch = original


@contextmanager
def at_commit(number: int, act: Callable[[], None]) -> Iterator[list[int]]:
    """`act` happens when that transaction of the run is about to commit, whatever the mode; the
    list tells which came."""
    seen: list[int] = []

    def checkpoint(*args: Any, **given: Any) -> None:
        original(*args, **given)
        seen.append(1)
        if len(seen) == number:
            act()

    original, runs.checkpoint = runs.checkpoint, checkpoint
    try:
        yield seen
    finally:
        runs.checkpoint = original


def die_at_commit(yard: Yard, run_id: int, number: int) -> bool:
    """Executes the run until its worker vanishes; False: it came to its end before."""

    def die() -> None:
        raise Died

    try:
        with at_commit(number, die):
            engine.execute(run_id, "first", yard.ports)
    except Died:
        return True
    return False


def cancel_at_commit(yard: Yard, run_id: int, number: int) -> None:
    """Executes the run; it learns that a person pressed Cancel when that transaction ends."""

    def stop() -> None:
        raise RunCancelled("The run was cancelled.", run_id=run_id)

    with at_commit(number, stop):
        engine.execute(run_id, "test", yard.ports)
