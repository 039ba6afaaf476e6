"""Keeps a set of processes alive: starts them, restarts the fallen, stops them all together.

One thread per child starts it, reads its output and waits for its end. The thread must outlive the
child, because Linux ties the child to the *thread* that started it (see `tied.py`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.ops import leftovers, tied

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0
STEADY_S = 30.0
NUDGE_EVERY_S = 5.0
LAST_LINES_S = 1.0
LOG_LIMIT_BYTES = 5_000_000

Say = Callable[[str, str], None]


@dataclass(frozen=True)
class Program:
    """What to run under which name; `grace_s` is how long it may take to finish its work."""

    name: str
    command: list[str]
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    grace_s: float = 10.0


class Child:
    """One program, kept running until it is told to stop."""

    def __init__(self, program: Program, log: Path, say: Say, started: Callable[[], None]) -> None:
        self.program = program
        self.process: subprocess.Popen[str] | None = None
        self.restarts = 0
        self._log = log
        self._say = say
        self._started = started
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._keep_running, name=program.name, daemon=True)

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process and self.process.poll() is None else None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Asks for a warm stop, asks again (a worker gives up its job then), then kills."""
        with self._lock:  # no start between the question and the signal
            self._stopping.set()
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            self._signal(number)
            self._thread.join(self.program.grace_s if number == signal.SIGTERM else NUDGE_EVERY_S)
            if not self._thread.is_alive():
                return

    def _signal(self, number: signal.Signals) -> None:
        if self.pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            # A warm stop goes to the process, which knows its own children; the end goes to all.
            (os.killpg if number == signal.SIGKILL else os.kill)(self.pid, number)

    def _keep_running(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._stopping.is_set():
            began = time.monotonic()
            code = self._run_once()
            if self._stopping.is_set():
                return
            pause = next_pause(pause, time.monotonic() - began)
            self._say(self.program.name, f"ended ({reason(code)}); again in {pause:g} s")
            self._stopping.wait(pause)
            self.restarts += 1

    def _run_once(self) -> int:
        with self._lock:
            if self._stopping.is_set():
                return 0
            try:
                self.process = self._open()
            except OSError as problem:
                self._say(self.program.name, f"cannot be started: {problem}")
                return 127
        self._started()
        # A killed worker's own child may hold the pipe for minutes, so its end is not waited for.
        reader = threading.Thread(target=self._copy_output, args=(self.process,), daemon=True)
        reader.start()
        code = self.process.wait()
        reader.join(LAST_LINES_S)
        return code

    def _open(self) -> subprocess.Popen[str]:
        tie = [sys.executable, "-I", tied.__file__, str(os.getpid())]
        return subprocess.Popen(
            tie + self.program.command,
            env=dict(self.program.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # Ctrl-C in the terminal must reach the supervisor alone: it stops them in order.
            start_new_session=True,
        )

    def _copy_output(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout  # noqa: S101 - it was opened as a pipe
        with process.stdout as lines, self._log.open("a", encoding="utf-8", buffering=1) as log:
            for line in lines:
                log.write(line)
                self._say(self.program.name, line.rstrip("\n"))


class Supervisor:
    """The children of one instance; its folder gets their logs and a file with their pids."""

    def __init__(self, folder: Path, say: Say) -> None:
        self.children: list[Child] = []
        self.pid_file = folder / "children.pid"
        self._logs = folder / "log"
        self._logs.mkdir(parents=True, exist_ok=True)
        self._say = say
        self._stop = threading.Event()
        self._pids = threading.Lock()

    def start(self, *programs: Program) -> None:
        for program in programs:
            child = Child(program, self.log_of(program.name), self._say, self._remember)
            self.children.append(child)
            child.start()

    def log_of(self, name: str) -> Path:
        """The child's log; a large one of an earlier start is put aside."""
        path = self._logs / f"{name}.log"
        if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
            path.replace(path.with_suffix(".1.log"))
        return path

    def catch_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self._stop.set())

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def wait(self) -> None:
        """Returns when a signal asked for the end."""
        while not self._stop.wait(3600):
            pass

    def stop(self) -> None:
        """Those that were started first are needed by the others, so they go last and alone."""
        first, others = self.children[:1], self.children[1:]
        for group in (others, first):
            stoppers = [threading.Thread(target=child.stop) for child in group]
            for thread in stoppers:
                thread.start()
            for thread in stoppers:
                thread.join()
        self.pid_file.unlink(missing_ok=True)

    def _remember(self) -> None:
        with self._pids:
            pids = {child.program.name: child.pid for child in self.children}
            leftovers.remember(self.pid_file, {name: pid for name, pid in pids.items() if pid})


def next_pause(last: float, lived_s: float) -> float:
    """Doubles while a child falls at once, starts over after one that ran steadily."""
    return FIRST_PAUSE_S if lived_s > STEADY_S else min(last * 2, LONGEST_PAUSE_S)


def reason(code: int) -> str:
    """`exit code 1`, or `killed by SIGKILL`."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
