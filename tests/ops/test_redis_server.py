"""The embedded Redis: found in the wheel, private, and back with its keys after a kill -9."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError

from app.ops import redis_server
from app.ops.redis_server import EmbeddedRedisMissing, RedisServer, find_program


def test_the_wheel_brings_a_server_that_runs() -> None:
    answer = subprocess.run(
        [find_program(), "--version"], capture_output=True, text=True, check=True
    )
    assert "Valkey server" in answer.stdout


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_server, "_packaged_program", lambda: None)


@pytest.mark.parametrize("name", ["valkey-server", "redis-server"])
def test_without_the_wheel_path_is_searched(no_wheel: None, name: str, tmp_path: Path) -> None:
    program = Path(shutil.copy("/bin/sh", tmp_path / name))
    assert find_program(str(tmp_path)) == program


def test_without_any_server_the_cure_is_named(no_wheel: None, tmp_path: Path) -> None:
    with pytest.raises(EmbeddedRedisMissing, match="set REDIS_URL"):
        find_program(str(tmp_path))


def test_the_password_is_needed_and_stays_out_of_the_arguments(tmp_path: Path) -> None:
    server = RedisServer.prepare(tmp_path)
    assert server.password not in " ".join(server.command())
    assert server.config_file.stat().st_mode & 0o077 == 0
    process = subprocess.Popen(server.command())
    try:
        assert server.wait_until_ready()
        with Redis(port=server.port) as stranger, pytest.raises(AuthenticationError):
            stranger.ping()
    finally:
        process.terminate()
        process.wait(10)


def test_a_killed_server_comes_back_with_its_keys(tmp_path: Path) -> None:
    server = RedisServer.prepare(tmp_path)
    for killed in (True, False):
        process = subprocess.Popen(server.command())
        assert server.wait_until_ready()
        with Redis.from_url(server.url) as client:
            if killed:
                client.mset({f"key-{number}": number for number in range(2000)})
            assert client.dbsize() == 2000
        process.send_signal(signal.SIGKILL if killed else signal.SIGTERM)
        process.wait(10)


def test_nobody_answers_before_the_start(tmp_path: Path) -> None:
    assert not RedisServer.prepare(tmp_path).wait_until_ready(seconds=0.2)
