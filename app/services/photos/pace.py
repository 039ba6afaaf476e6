"""Politeness towards the picture servers (row 111): how many requests a second one host gets.

Five downloads at once are the first limit; this is the second. A short burst passes at full
speed, a long haul (a first import of thousands of photos) settles at the steady rate.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

PER_SECOND = 50.0
BURST = 200


class Pace:
    """One bucket per host. `take(host)` returns when the next request may leave; thread-safe."""

    def __init__(
        self,
        per_second: float = PER_SECOND,
        burst: int = BURST,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._gap = 1.0 / per_second
        self._head_start = self._gap * burst
        self._now = now
        self._sleep = sleep
        self._free_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def take(self, host: str) -> None:
        pause = self._reserve(host)
        if pause > 0:
            self._sleep(pause)

    def _reserve(self, host: str) -> float:
        """Books the next slot and says how long it is until then."""
        with self._lock:
            now = self._now()
            earliest = now - self._head_start + self._gap
            slot = max(self._free_at.get(host, earliest), earliest)
            self._free_at[host] = slot + self._gap
        return slot - now
