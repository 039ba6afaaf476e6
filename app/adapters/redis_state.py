"""Tokens and breaker shared by all processes, in Redis (stack §4; rows 47, B-2b.18).

Tokens are stored encrypted and bound to their key. Redis is a convenience here: when it is away,
each process goes on with its own memory and says so once, because a sync that asks for one token
more is better than a sync that fails.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar, cast

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import LockError, RedisError
from redis.lock import Lock
from redis.retry import Retry

from app.adapters.memory_state import (
    FAILURES_TO_OPEN,
    FLIGHT_WAIT_S,
    FORGET_FAILURES_S,
    OPEN_S,
    PROBE_EVERY_S,
    MemoryCircuitStore,
    MemoryTokenStore,
)
from app.log import get_logger
from app.secret import Secret
from app.services.credential_encryption import CredentialEncryptionService, EncryptionError
from app.services.ports import CircuitStore, TokenStore

PREFIX: Final = "forecourt:outside:"
ANSWER_S: Final = 1.0
LEAVE_ALONE_S: Final = 5.0
FLIGHT_EXPIRES_S: Final = 45.0
# One failure more; opens the breaker when there are enough of them.
_FAILED: Final = """
local count = redis.call('INCR', KEYS[1])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
if count >= tonumber(ARGV[2]) then
  redis.call('SET', KEYS[2], '1', 'PX', ARGV[3])
  redis.call('SET', KEYS[3], '1', 'PX', ARGV[4])
end
return count
"""
# Milliseconds to wait. Who finds the breaker open and no probe under way is the probe.
_WAIT: Final = """
local blocked = redis.call('PTTL', KEYS[1])
if blocked <= 0 or redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[1]) then return 0 end
return math.min(blocked, math.max(1, redis.call('PTTL', KEYS[2])))
"""
_DROP: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""

log = get_logger(__name__)
T = TypeVar("T")


def open_shared_state(
    redis_url: str | None, crypto: CredentialEncryptionService
) -> tuple[TokenStore, CircuitStore]:
    """Stores in Redis, or in memory when no Redis is configured. Connects on first use."""
    if not redis_url:
        return MemoryTokenStore(), MemoryCircuitStore()
    shared = SharedRedis(redis_url)
    return RedisTokenStore(shared, crypto), RedisCircuitStore(shared)


class SharedRedis:
    """A client of its own, short of patience; remembers for a while that Redis is away."""

    def __init__(self, url: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.client = Redis.from_url(
            url,
            socket_timeout=ANSWER_S,
            socket_connect_timeout=ANSWER_S,
            retry=Retry(NoBackoff(), 1),
        )
        self._monotonic = monotonic
        self._away_until = 0.0

    @property
    def away(self) -> bool:
        return self._monotonic() < self._away_until

    def ask(self, work: Callable[[Redis], T], otherwise: Callable[[], T]) -> T:
        """What Redis says; else what this process knows. Never raises for a missing Redis."""
        if not self.away:
            try:
                return work(self.client)
            except RedisError as exc:
                self.lost(exc)
        return otherwise()

    def lost(self, exc: RedisError) -> None:
        self._away_until = self._monotonic() + LEAVE_ALONE_S
        log.warning("shared_state_unavailable", error=type(exc).__name__)


class RedisTokenStore:
    """Implements app.services.ports.TokenStore."""

    def __init__(self, shared: SharedRedis, crypto: CredentialEncryptionService) -> None:
        self._shared, self._crypto = shared, crypto
        self._own = MemoryTokenStore()

    def get(self, key: str) -> Secret | None:
        stored = self._shared.ask(lambda redis: _text(redis.get(_token_key(key))), lambda: None)
        return self._opened(key, stored) if stored else self._own.get(key)

    def put(self, key: str, token: Secret, seconds: float) -> None:
        sealed = self._crypto.encrypt(token.reveal(), _place(key))
        milliseconds = max(1, int(seconds * 1000))
        self._shared.ask(
            lambda redis: cast(Any, redis.set(_token_key(key), sealed, px=milliseconds)),
            lambda: self._own.put(key, token, seconds),
        )

    def drop(self, key: str, token: Secret) -> None:
        """Compares inside Redis, so that a token renewed in between stays."""
        self._own.drop(key, token)
        stored = self._shared.ask(lambda redis: _text(redis.get(_token_key(key))), lambda: None)
        if stored and self._opened(key, stored) in {token, None}:
            self._shared.ask(
                lambda redis: cast(Any, redis.eval(_DROP, 1, _token_key(key), stored)),
                lambda: None,
            )

    @contextmanager
    def single_flight(self, key: str) -> Iterator[None]:
        lock = self._lock(key)
        if lock is None:
            with self._own.single_flight(key):
                yield
            return
        try:
            yield
        finally:
            self._release(lock)

    def _lock(self, key: str) -> Lock | None:
        """The lock, held or waited for in vain: a flight that hangs stops nobody for ever."""
        lock = self._shared.client.lock(
            f"{PREFIX}flight:{key}",
            timeout=FLIGHT_EXPIRES_S,
            blocking_timeout=FLIGHT_WAIT_S,
            sleep=0.05,
        )
        acquired = self._shared.ask(lambda _: lock.acquire(), lambda: None)
        return None if acquired is None else lock

    def _release(self, lock: Lock) -> None:
        try:
            if lock.owned():
                lock.release()
        except LockError:
            return  # it expired and belongs to somebody else now
        except RedisError as exc:
            self._shared.lost(exc)

    def _opened(self, key: str, stored: str) -> Secret | None:
        try:
            return self._crypto.decrypt(stored, _place(key))
        except EncryptionError:
            log.warning("shared_token_unreadable")
            return None


class RedisCircuitStore:
    """Implements app.services.ports.CircuitStore; see MemoryCircuitStore for the rules."""

    def __init__(self, shared: SharedRedis) -> None:
        self._shared = shared
        self._own = MemoryCircuitStore()

    def blocked_for(self, key: str) -> float:
        return self._shared.ask(
            lambda redis: max(0, redis.pttl(_open_key(key))) / 1000,
            lambda: self._own.blocked_for(key),
        )

    def wait_for(self, key: str) -> float:
        keys = (_open_key(key), _probe_key(key))
        return self._shared.ask(
            lambda redis: cast(Any, redis.eval(_WAIT, 2, *keys, int(PROBE_EVERY_S * 1000))) / 1000,
            lambda: self._own.wait_for(key),
        )

    def failed(self, key: str) -> None:
        keys = (_count_key(key), _open_key(key), _probe_key(key))
        seconds = (FORGET_FAILURES_S, OPEN_S, PROBE_EVERY_S)
        forget, opened, probe = (int(one * 1000) for one in seconds)
        limits = (forget, FAILURES_TO_OPEN, opened, probe)
        self._shared.ask(
            lambda redis: cast(Any, redis.eval(_FAILED, 3, *keys, *limits)),
            lambda: self._own.failed(key),
        )

    def succeeded(self, key: str) -> None:
        self._shared.ask(
            lambda redis: cast(Any, redis.delete(_count_key(key), _open_key(key))),
            lambda: self._own.succeeded(key),
        )


def _text(stored: Any) -> str | None:
    return stored.decode() if isinstance(stored, bytes) else stored


def _token_key(key: str) -> str:
    return f"{PREFIX}token:{key}"


def _place(key: str) -> str:
    return f"token:{key}"


def _count_key(key: str) -> str:
    return f"{PREFIX}failures:{key}"


def _open_key(key: str) -> str:
    return f"{PREFIX}open:{key}"


def _probe_key(key: str) -> str:
    return f"{PREFIX}probe:{key}"
