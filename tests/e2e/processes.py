"""Processes as the kernel shows them: parents, and what a test left behind."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

PROC = Path("/proc")


def parent_of(pid: int) -> int | None:
    """The pid of its parent; None when it has ended."""
    try:
        return int(_stat(pid)[1])
    except (OSError, IndexError):
        return None


def children_of(pid: int) -> list[int]:
    """The pids of its children that run."""
    numbers = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdecimal()]
    return [number for number in numbers if parent_of(number) == pid]


def is_alive(pid: int) -> bool:
    """Runs, and is not just a row that nobody has collected yet."""
    try:
        return _stat(pid)[0] != "Z"
    except (OSError, IndexError):
        return False


def _stat(pid: int) -> list[str]:
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def kill(*pids: int) -> None:
    """SIGKILL, all of them before any can react."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def with_environment(marker: str) -> list[int]:
    """Processes that were started with `marker` in their environment."""
    wanted = marker.encode()
    return [
        int(folder.name)
        for folder in PROC.iterdir()
        if folder.name.isdigit() and wanted in _environment(folder).split(b"\0")
    ]


def _environment(folder: Path) -> bytes:
    try:
        return (folder / "environ").read_bytes()
    except OSError:
        return b""
