"""What `./dev run` writes to the terminal: steps, the processes' lines, and one sign-in block."""

from __future__ import annotations

import sys
import threading

WIDTH = 11
COLOURS = ("36", "33", "35", "32", "34", "96", "93")


class Terminal:
    """Quiet while things start (lines go to the log files), then a line per line of a child."""

    def __init__(self) -> None:
        self.live = False
        self._colour = sys.stdout.isatty()
        self._known: dict[str, str] = {}
        self._lock = threading.Lock()

    def step(self, text: str) -> None:
        self._write(f"· {text}")

    def line(self, name: str, text: str) -> None:
        if self.live:
            self._write(f"{self._prefix(name)} {text}")

    def block(self, rows: list[str]) -> None:
        """Set apart from the flow of lines, so that it can be found again."""
        rule = "─" * max(map(len, rows))
        self._write("\n".join(("", rule, *rows, rule, "")))

    def _prefix(self, name: str) -> str:
        colour = self._known.setdefault(name, COLOURS[len(self._known) % len(COLOURS)])
        label = f"{name:<{WIDTH}}│"
        return f"\x1b[{colour}m{label}\x1b[0m" if self._colour else label

    def _write(self, text: str) -> None:
        with self._lock:
            try:
                print(text, flush=True)
            except BrokenPipeError:
                self.live = False  # the reader went; the processes go on, their logs are in files
