"""The supervisor: restarts the fallen, stops all, and takes its children with it when killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.ops.leftovers import end_leftovers, remember
from app.ops.ports import wait_until
from app.ops.supervisor import LOG_LIMIT_BYTES, Program, Supervisor, next_pause, reason

ROOT = Path(__file__).resolve().parents[2]
SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
HOLDER = "import time; time.sleep(8)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPER


class Ear:
    """Remembers what was said."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __call__(self, name: str, text: str) -> None:
        self.lines.append((name, text))


def python(name: str, code: str, grace_s: float = 5.0) -> Program:
    return Program(name, [sys.executable, "-c", code], grace_s=grace_s)


def is_alive(pid: int) -> bool:
    """Runs, and is not just a row that nobody has collected yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def supervisor(tmp_path: Path, ear: Ear) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path, ear)
    yield supervisor
    supervisor.stop()


def test_a_killed_child_is_restarted(supervisor: Supervisor, ear: Ear) -> None:
    supervisor.start(python("sleeper", SLEEPER))
    child = supervisor.children[0]
    assert wait_until(lambda: ("sleeper", "up") in ear.lines, 10)
    first = child.pid
    assert first
    os.kill(first, signal.SIGKILL)
    assert wait_until(lambda: child.pid not in {None, first}, 10)
    assert any("killed by SIGKILL" in text for _, text in ear.lines)


def test_a_grandchild_that_holds_the_output_does_not_delay_the_restart(
    supervisor: Supervisor, ear: Ear
) -> None:
    code = (
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {HOLDER!r}]); " + SLEEPER
    )
    supervisor.start(python("worker", code))
    child = supervisor.children[0]
    assert wait_until(lambda: ("worker", "up") in ear.lines, 10)
    first = child.pid
    assert first
    os.kill(first, signal.SIGKILL)
    assert wait_until(lambda: child.pid not in {None, first}, 5)


def test_a_child_that_always_falls_is_tried_less_and_less(supervisor: Supervisor, ear: Ear) -> None:
    supervisor.start(python("faller", "raise SystemExit(3)"))
    assert wait_until(lambda: supervisor.children[0].restarts >= 1, 10)
    said = [text for _, text in ear.lines]
    assert "ended (exit code 3); again in 1 s" in said


def test_a_program_that_does_not_exist_is_reported(supervisor: Supervisor, ear: Ear) -> None:
    supervisor.start(Program("ghost", ["/no/such/program"]))
    assert wait_until(lambda: any("ended" in text for _, text in ear.lines), 10)


def test_stop_ends_all_even_a_stubborn_one(tmp_path: Path, ear: Ear) -> None:
    supervisor = Supervisor(tmp_path, ear)
    supervisor.start(python("first", SLEEPER), python("stubborn", STUBBORN, grace_s=0.2))
    assert wait_until(lambda: len(ear.lines) == 2, 10)
    pids = [child.pid for child in supervisor.children]
    supervisor.stop()
    assert not any(is_alive(pid) for pid in pids if pid)
    assert not supervisor.pid_file.exists()


def test_lines_are_kept_in_a_log_file(supervisor: Supervisor, ear: Ear) -> None:
    supervisor.start(python("sleeper", SLEEPER))
    assert wait_until(lambda: bool(ear.lines), 10)
    assert supervisor.log_of("sleeper").read_text() == "up\n"


def test_a_large_log_is_put_aside(supervisor: Supervisor) -> None:
    log = supervisor.log_of("big")
    log.write_bytes(b"x" * (LOG_LIMIT_BYTES + 1))
    assert not supervisor.log_of("big").exists()
    assert log.with_suffix(".1.log").exists()


PARENT = r"""
import os, sys
from pathlib import Path
from app.ops.supervisor import Program, Supervisor
supervisor = Supervisor(Path(sys.argv[1]), lambda name, text: os.write(1, b"%s\n" % text.encode()))
supervisor.start(*(Program(n, [sys.executable, "-c", sys.argv[2]]) for n in ("a", "b")))
supervisor.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_kill_9_of_the_supervisor_takes_its_children_down(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path), STUBBORN]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        try:
            assert parent.stdout
            assert [parent.stdout.readline() for _ in range(2)] == ["up\n", "up\n"]
            recorded = (tmp_path / "children.pid").read_text().splitlines()
            pids = [int(line.split()[1]) for line in recorded]
            assert [is_alive(pid) for pid in pids] == [True, True]
        finally:
            parent.kill()
    assert wait_until(lambda: not any(is_alive(pid) for pid in pids), 5)


def test_leftovers_are_ended_and_strangers_are_not(tmp_path: Path) -> None:
    ours = subprocess.Popen([sys.executable, "-c", SLEEPER, str(tmp_path)])
    stranger = subprocess.Popen([sys.executable, "-c", SLEEPER, "elsewhere"])
    try:
        wait_until(lambda: str(tmp_path) in Path(f"/proc/{ours.pid}/cmdline").read_text(), 5)
        remember(
            tmp_path / "children.pid", {"web": ours.pid, "worker": stranger.pid, "gone": 2**22 - 1}
        )
        assert end_leftovers(tmp_path / "children.pid", str(tmp_path)) == [ours.pid]
        assert ours.wait(5) == -signal.SIGTERM
        assert stranger.poll() is None
    finally:
        for process in (ours, stranger):
            process.kill()
            process.wait()


@pytest.mark.parametrize(
    ("last", "lived_s", "expected"),
    [(0.5, 0.1, 1.0), (8.0, 0.1, 10.0), (10.0, 29.0, 10.0), (10.0, 31.0, 0.5)],
)
def test_pauses_grow_and_start_over(last: float, lived_s: float, expected: float) -> None:
    assert next_pause(last, lived_s) == expected


@pytest.mark.parametrize(
    ("code", "words"), [(0, "exit code 0"), (-9, "killed by SIGKILL"), (-99, "killed by signal 99")]
)
def test_the_reason_of_an_end_is_readable(code: int, words: str) -> None:
    assert reason(code) == words


def test_waiting_gives_up_in_time() -> None:
    began = time.monotonic()
    assert not wait_until(lambda: False, 0.2)
    assert time.monotonic() - began < 2
