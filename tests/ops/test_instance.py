"""One instance folder, one supervisor; addresses for other shells; the choice of a port."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.ops import web_check
from app.ops.instance import AlreadyRunning, Instance
from app.ops.ports import HOST, free_port, is_free
from app.ops.run import CannotStart, choose_port


def test_a_second_start_is_refused_and_told_where_the_first_one_is(tmp_path: Path) -> None:
    with Instance.locked(tmp_path) as first:
        first.publish("web.url", "http://127.0.0.1:8000")
        refusal = pytest.raises(AlreadyRunning, match=r"http://127\.0\.0\.1:8000")
        with refusal, Instance.locked(tmp_path):
            pass
    with Instance.locked(tmp_path):
        pass


def test_an_address_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    instance = Instance(tmp_path)
    instance.publish("redis.url", "redis://:secret@127.0.0.1:1/0")
    assert instance.published("redis.url") == "redis://:secret@127.0.0.1:1/0"
    assert (tmp_path / "redis.url").stat().st_mode & 0o077 == 0
    instance.forget("redis.url", "never-there")
    assert instance.published("redis.url") is None


def test_a_port_is_remembered(tmp_path: Path) -> None:
    instance = Instance(tmp_path)
    assert instance.remembered_port("simulator.url") is None
    instance.publish("simulator.url", "http://127.0.0.1:8123")
    assert instance.remembered_port("simulator.url") == 8123


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_taken_port_is_seen(taken_port: int) -> None:
    assert not is_free(taken_port)
    assert free_port(taken_port) != taken_port


def test_a_free_preference_is_kept() -> None:
    port = free_port()
    assert free_port(port) == port


def test_a_wanted_port_that_is_taken_is_a_clear_error(taken_port: int) -> None:
    with pytest.raises(CannotStart, match=f"Port {taken_port} is in use"):
        choose_port(str(taken_port))


@pytest.mark.parametrize("nonsense", ["http", "0", "70000", "-1"])
def test_a_wanted_port_must_be_a_port(nonsense: str) -> None:
    with pytest.raises(CannotStart, match="PORT must be a number"):
        choose_port(nonsense)


def test_without_a_wish_some_port_is_free() -> None:
    assert is_free(choose_port(None))


def test_nothing_listens_so_nothing_is_ready() -> None:
    assert not web_check.is_ready(free_port())
    assert not web_check.wait_for(free_port(), 0.2, lambda: False)
