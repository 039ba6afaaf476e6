"""Shared tokens and breaker on a real Redis, and what happens when it goes away."""

from __future__ import annotations

import base64
import threading
import time

import pytest
from redis import Redis
from structlog.testing import capture_logs

from app.adapters import redis_state
from app.adapters.memory_state import MemoryCircuitStore, MemoryTokenStore
from app.adapters.redis_state import (
    RedisCircuitStore,
    RedisTokenStore,
    SharedRedis,
    open_shared_state,
)
from app.ops.ports import free_port
from app.secret import Secret
from app.services.credential_encryption import CredentialEncryptionService

CRYPTO = CredentialEncryptionService([("t1", Secret(base64.b64encode(bytes(range(32))).decode()))])
OTHER_CRYPTO = CredentialEncryptionService([("t1", Secret(base64.b64encode(bytes(32)).decode()))])
TOKEN, NEWER = Secret("canary-token-7a"), Secret("canary-token-8b")


def tokens(url: str) -> RedisTokenStore:
    """A store as another process would make it."""
    return RedisTokenStore(SharedRedis(url), CRYPTO)


@pytest.fixture
def nowhere() -> str:
    return f"redis://127.0.0.1:{free_port()}/0"


def test_a_token_is_shared_by_processes_until_its_end(redis_url):
    tokens(redis_url).put("k", TOKEN, 0.2)
    other = tokens(redis_url)
    assert other.get("k") == TOKEN
    assert other.get("unknown") is None
    time.sleep(0.25)
    assert other.get("k") is None


def test_a_token_is_stored_encrypted_and_bound_to_its_key(redis_url):
    tokens(redis_url).put("k", TOKEN, 60)
    with Redis.from_url(redis_url) as redis:
        (key,) = redis.keys("*")
        stored = redis.get(key)
        assert TOKEN.reveal().encode() not in stored
        redis.set(key.replace(b":k", b":other"), stored)
    assert tokens(redis_url).get("other") is None


def test_a_token_of_an_old_encryption_key_is_no_token(redis_url):
    tokens(redis_url).put("k", TOKEN, 60)
    changed = RedisTokenStore(SharedRedis(redis_url), OTHER_CRYPTO)
    assert changed.get("k") is None
    changed.drop("k", TOKEN)
    assert tokens(redis_url).get("k") is None


def test_dropping_spares_the_renewed_token(redis_url):
    store = tokens(redis_url)
    store.put("k", NEWER, 60)
    store.drop("k", TOKEN)
    assert store.get("k") == NEWER
    store.drop("k", NEWER)
    assert store.get("k") is None


@pytest.mark.parametrize("shared", ["redis", "memory"])
def test_one_of_many_fetches(redis_url, shared):
    memory = MemoryTokenStore()
    fetched: list[str] = []

    def fetch() -> None:
        store = tokens(redis_url) if shared == "redis" else memory
        with store.single_flight("k"):
            if store.get("k") is None:
                time.sleep(0.05)
                fetched.append("once")
                store.put("k", TOKEN, 60)

    threads = [threading.Thread(target=fetch) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fetched == ["once"]


@pytest.mark.parametrize("shared", ["redis", "memory"])
def test_a_hanging_flight_stops_nobody(redis_url, monkeypatch, shared):
    monkeypatch.setattr(redis_state, "FLIGHT_WAIT_S", 0.2)
    monkeypatch.setattr("app.adapters.memory_state.FLIGHT_WAIT_S", 0.2)
    store = tokens(redis_url) if shared == "redis" else MemoryTokenStore()
    other = tokens(redis_url) if shared == "redis" else store
    with store.single_flight("k"):
        started = time.monotonic()
        with other.single_flight("k"):
            assert 0.15 < time.monotonic() - started < 2


def test_a_flight_that_died_frees_its_place(redis_url, monkeypatch):
    monkeypatch.setattr(redis_state, "FLIGHT_EXPIRES_S", 0.2)
    with tokens(redis_url).single_flight("k"):
        time.sleep(0.3)
        with tokens(redis_url).single_flight("k"):
            pass


def test_a_failure_inside_a_flight_frees_it(redis_url):
    store = tokens(redis_url)
    with pytest.raises(ValueError, match="x"), store.single_flight("k"):
        raise ValueError("x")
    started = time.monotonic()
    with tokens(redis_url).single_flight("k"):
        assert time.monotonic() - started < 1


def test_five_failures_anywhere_open_the_breaker_for_all(redis_url):
    """Row B-2b.18: the state is in Redis."""
    stores = [RedisCircuitStore(SharedRedis(redis_url)) for _ in range(3)]
    for number in range(4):
        stores[number % 3].failed("host")
    assert [store.blocked_for("host") for store in stores] == [0, 0, 0]
    stores[0].failed("host")
    assert all(59 < store.blocked_for("host") <= 60 for store in stores)
    assert stores[0].blocked_for("other") == 0
    stores[1].succeeded("host")
    assert stores[2].blocked_for("host") == 0
    stores[2].failed("host")
    assert stores[0].blocked_for("host") == 0


def test_one_process_in_a_while_is_let_through_an_open_breaker(redis_url):
    stores = [RedisCircuitStore(SharedRedis(redis_url)) for _ in range(3)]
    assert [store.wait_for("host") for store in stores] == [0, 0, 0]
    for _ in range(5):
        stores[0].failed("host")
    assert all(19 < store.wait_for("host") <= 20 for store in stores)
    with Redis.from_url(redis_url) as redis:
        redis.delete("forecourt:outside:probe:host")
    assert [store.wait_for("host") == 0 for store in stores] == [True, False, False]
    stores[0].succeeded("host")
    assert [store.wait_for("host") for store in stores] == [0, 0, 0]


def test_after_the_pause_one_failure_is_enough(redis_url):
    store = RedisCircuitStore(SharedRedis(redis_url))
    for _ in range(5):
        store.failed("host")
    with Redis.from_url(redis_url) as redis:
        redis.delete("forecourt:outside:open:host")
    store.failed("host")
    assert store.blocked_for("host") > 59


def test_without_redis_each_process_remembers_by_itself(nowhere):
    store = tokens(nowhere)
    started = time.monotonic()
    with capture_logs() as told:
        with store.single_flight("k"):
            store.put("k", TOKEN, 60)
        assert store.get("k") == TOKEN
        store.drop("k", TOKEN)
        assert store.get("k") is None
    assert time.monotonic() - started < 3
    assert [line["event"] for line in told] == ["shared_state_unavailable"]
    assert "canary" not in str(told)


def test_the_breaker_works_without_redis(nowhere):
    store = RedisCircuitStore(SharedRedis(nowhere))
    for _ in range(5):
        store.failed("host")
    assert store.blocked_for("host") > 59
    store.succeeded("host")
    assert store.blocked_for("host") == 0


def test_redis_is_asked_again_after_a_while(nowhere, redis_url):
    now = [100.0]
    shared = SharedRedis(nowhere, lambda: now[0])
    store = RedisTokenStore(shared, CRYPTO)
    assert store.get("k") is None
    assert shared.away
    shared.client = SharedRedis(redis_url).client
    store.put("k", TOKEN, 60)
    assert tokens(redis_url).get("k") is None
    now[0] += redis_state.LEAVE_ALONE_S + 1
    store.put("k", TOKEN, 60)
    assert tokens(redis_url).get("k") == TOKEN


def test_no_address_means_memory():
    found = open_shared_state(None, CRYPTO)
    assert [type(store) for store in found] == [MemoryTokenStore, MemoryCircuitStore]


def test_an_address_means_redis_which_nobody_asks_yet(nowhere):
    found = open_shared_state(nowhere, CRYPTO)
    assert [type(store) for store in found] == [RedisTokenStore, RedisCircuitStore]
