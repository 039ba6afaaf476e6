"""Children that outlived their supervisor: found by the pid file at the next start, and ended.

Needed where the kernel does not end them (macOS). The lock of the instance is held by whoever calls
this, so no living supervisor owns the pids. A pid may belong to somebody else by now: only a
process whose command line names our folder is touched.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from app.ops.ports import wait_until

GRACE_S = 5.0


def remember(pid_file: Path, pids: dict[str, int]) -> None:
    """Writes `name pid` lines; called whenever a child is started."""
    pid_file.write_text("".join(f"{name} {pid}\n" for name, pid in pids.items()))


def end_leftovers(pid_file: Path, marker: str) -> list[int]:
    """Ends the recorded processes whose command line contains `marker`; returns their pids."""
    ended = [pid for pid in _recorded(pid_file) if marker in _command_line(pid)]
    for pid in ended:
        _end(pid, marker)
    pid_file.unlink(missing_ok=True)
    return ended


def _recorded(pid_file: Path) -> list[int]:
    if not pid_file.exists():
        return []
    last_words = (line.split()[-1] for line in pid_file.read_text().splitlines() if line)
    return [int(word) for word in last_words if word.isdigit()]


def _command_line(pid: int) -> str:
    try:
        return (
            Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        )
    except OSError:
        pass
    try:
        listing = ["ps", "-o", "command=", "-p", str(pid)]
        return subprocess.run(listing, capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""


def _end(pid: int, marker: str) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        if wait_until(lambda: marker not in _command_line(pid), GRACE_S):
            return
