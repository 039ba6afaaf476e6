"""Tokens and breaker in the memory of this process: without Redis, and while Redis is away."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from app.secret import Secret

FAILURES_TO_OPEN: Final = 5
OPEN_S: Final = 60.0
# A host that is back is found within this, by one call, and not at the end of the minute.
PROBE_EVERY_S: Final = 20.0
FORGET_FAILURES_S: Final = 600.0
FLIGHT_WAIT_S: Final = 15.0


class MemoryTokenStore:
    """Tokens of this process; implements app.services.ports.TokenStore."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._tokens: dict[str, tuple[Secret, float]] = {}
        self._flights: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()

    def get(self, key: str) -> Secret | None:
        token, ends = self._tokens.get(key, (None, 0.0))
        return token if self._monotonic() < ends else None

    def put(self, key: str, token: Secret, seconds: float) -> None:
        self._tokens[key] = (token, self._monotonic() + seconds)

    def drop(self, key: str, token: Secret) -> None:
        with self._guard:
            if self._tokens.get(key, (None, 0.0))[0] == token:
                del self._tokens[key]

    @contextmanager
    def single_flight(self, key: str) -> Iterator[None]:
        """Waits a while for the one that fetches, then goes ahead: a stuck one stops nobody."""
        with self._guard:
            flight = self._flights[key]
        held = flight.acquire(timeout=FLIGHT_WAIT_S)
        try:
            yield
        finally:
            if held:
                flight.release()


class MemoryCircuitStore:
    """Five failures in a row open the way's breaker for a minute; implements CircuitStore.

    After the minute calls are let through again; one more failure opens it at once.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._guard = threading.Lock()
        self._failures: dict[str, tuple[int, float]] = {}
        self._open_until: dict[str, float] = {}
        self._next_probe: dict[str, float] = {}

    def blocked_for(self, key: str) -> float:
        return max(0.0, self._open_until.get(key, 0.0) - self._monotonic())

    def wait_for(self, key: str) -> float:
        with self._guard:
            now, blocked = self._monotonic(), self.blocked_for(key)
            wait = min(blocked, self._next_probe.get(key, 0.0) - now)
            if blocked and wait <= 0:
                self._next_probe[key] = now + PROBE_EVERY_S
            return max(0.0, wait)

    def failed(self, key: str) -> None:
        now = self._monotonic()
        with self._guard:
            count, last = self._failures.get(key, (0, now))
            count = 1 if now - last > FORGET_FAILURES_S else count + 1
            self._failures[key] = (count, now)
            if count >= FAILURES_TO_OPEN:
                self._open_until[key] = now + OPEN_S
                self._next_probe[key] = now + PROBE_EVERY_S

    def succeeded(self, key: str) -> None:
        with self._guard:
            self._failures.pop(key, None)
            self._open_until.pop(key, None)
