"""First loads that lose a process in the middle, and what became of them.

The loads share one running product. Those whose cure is a wait (a lease runs out after 20 s) are
played side by side, because what they wait for costs nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, select

from app.models import SyncRun
from tests.e2e import processes
from tests.e2e.people import Place
from tests.e2e.stack import Stack

MIDDLE = 0.2
LOOK_S = 0.05
PATIENCE_S = 150.0
ENDED = ("success", "warning", "failed", "cancelled", "held")
Victims = Callable[[Stack, int], tuple[int, ...]]


def horse(_stack: Stack, horse_pid: int) -> tuple[int, ...]:
    """The job's own process."""
    return (horse_pid,)


def worker(stack: Stack, horse_pid: int) -> tuple[int, ...]:
    """The worker that forked the job's process; the job itself lives on as an orphan."""
    parent = processes.parent_of(horse_pid)
    workers = {pid for name, pid in stack.pids().items() if name.startswith("worker")}
    assert parent in workers, f"{parent} is none of {workers}"
    return (parent,)


def worker_and_horse(stack: Stack, horse_pid: int) -> tuple[int, ...]:
    return (*worker(stack, horse_pid), horse_pid)


def redis(stack: Stack, _horse_pid: int) -> tuple[int, ...]:
    return (stack.pids()["redis"],)


def web(stack: Stack, _horse_pid: int) -> tuple[int, ...]:
    return (stack.pids()["web"],)


@dataclass
class Load:
    """One first load and its kill; seconds count from the kill."""

    name: str
    place: Place
    victims: Victims
    run_id: int = 0
    killed: tuple[int, ...] = ()
    done_at_kill: int = 0
    total: int = 0
    went_on_after: float | None = None
    ended_after: float | None = None
    fault: BaseException | None = None
    _struck: threading.Event = field(default_factory=threading.Event)

    def play(self, stack: Stack) -> None:
        """Starts the run, kills in its middle, watches it to its end."""
        try:
            self.run_id = start(stack, self.place)
            self._strike(stack)
            self._watch(stack)
        except BaseException as fault:  # noqa: BLE001 - told by the test that owns this load
            self.fault = fault
        finally:
            self._struck.set()

    def await_kill(self) -> None:
        self._struck.wait(PATIENCE_S)

    def _strike(self, stack: Stack) -> None:
        run = wait_for(stack, self.run_id, is_in_the_middle)
        pid = int(run.lease_owner.rpartition(":")[2])
        self.killed = self.victims(stack, pid)
        processes.kill(*self.killed)
        self._struck.set()
        struck = facts(stack, self.run_id)
        self._killed_at = time.monotonic()
        self.total, self.done_at_kill = struck.total, struck.created
        assert struck.status == "running", f"too late: {struck}"

    def _watch(self, stack: Stack) -> None:
        before = self.done_at_kill
        wait_for(stack, self.run_id, lambda run: run.created > before or run.status in ENDED)
        self.went_on_after = time.monotonic() - self._killed_at
        wait_for(stack, self.run_id, lambda run: run.status in ENDED)
        self.ended_after = time.monotonic() - self._killed_at


def start(stack: Stack, place: Place) -> int:
    with stack.client(place.token) as client:
        answer = client.post("/api/admin/easycars/sync/stock")
        assert answer.status_code == 202, answer.text
        return answer.json()["runId"]


def facts(stack: Stack, run_id: int) -> Row[Any]:
    """The run's row as it is now."""
    return stack.rows(select(SyncRun.__table__).where(SyncRun.id == run_id))[0]


def wait_for(stack: Stack, run_id: int, reached: Callable[[Row[Any]], bool]) -> Row[Any]:
    """Looks until the run is there. Raises TimeoutError with the run as it is."""
    end = time.monotonic() + PATIENCE_S
    while not reached(run := facts(stack, run_id)):
        if time.monotonic() > end:
            raise TimeoutError(f"nothing happened for {PATIENCE_S} s: {run}")
        time.sleep(LOOK_S)
    return run


def is_in_the_middle(run: Row[Any]) -> bool:
    assert run.status not in ENDED, f"it ended before it could be disturbed: {run}"
    return bool(run.total) and run.created > MIDDLE * run.total


def play_all(stack: Stack, phases: list[list[Load]]) -> None:
    """Each phase begins when the kills of the one before are done; the last is played alone."""
    *together, alone = phases
    with _threads(stack) as play:
        for phase in together:
            play(phase)
            for load in phase:
                load.await_kill()
    with _threads(stack) as play:
        play(alone)


@contextmanager
def _threads(stack: Stack) -> Iterator[Callable[[list[Load]], None]]:
    running: list[threading.Thread] = []

    def play(loads: list[Load]) -> None:
        for load in loads:
            running.append(threading.Thread(target=load.play, args=(stack,), name=load.name))
            running[-1].start()

    try:
        yield play
    finally:
        for thread in running:
            thread.join()
