"""`./dev run` from an empty folder: one address, one sign-in, a finished first sync, data kept."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine, text

from app.ops.ports import free_port, wait_until
from tests.ops.test_supervisor import is_alive

ROOT = Path(__file__).resolve().parents[2]
STARTED_WITHIN_S = 180
SYNCED_WITHIN_S = 120
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(480)]


@contextmanager
def running(instance: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The supervisor in a process of its own, and what it printed until it was ready."""
    environment = {name: value for name, value in os.environ.items() if "EASYCARS" not in name}
    environment |= {"FORECOURT_INSTANCE": str(instance), "PORT": str(free_port())}
    for given in ("REDIS_URL", "DATABASE_URL"):
        environment.pop(given, None)
    with (instance.parent / "printed").open("w") as printed:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.ops.run"],
            cwd=ROOT,
            env=environment,
            stdout=printed,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        said = instance.parent / "printed"
        over = ("Ctrl-C stops", "could not start")
        wait_until(lambda: any(word in said.read_text() for word in over), STARTED_WITHIN_S)
        yield process, said.read_text()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def runs(instance: Path) -> list[tuple[str, int]]:
    engine = create_engine(f"sqlite:///{instance / 'forecourt.db'}")
    try:
        with engine.connect() as connection:
            found = connection.execute(text("SELECT status, created FROM sync_run ORDER BY id"))
            return [(row.status, row.created) for row in found]
    finally:
        engine.dispose()


def pids(instance: Path) -> list[int]:
    return [int(line.split()[1]) for line in (instance / "children.pid").read_text().splitlines()]


def test_an_empty_folder_becomes_a_signed_in_dashboard_and_keeps_its_data(tmp_path: Path) -> None:
    instance = tmp_path / "instance"
    with running(instance) as (process, printed):
        address = re.search(r"running at (http://127\.0\.0\.1:\d+)", printed)
        assert address, printed
        assert "Sign in" in printed
        assert httpx.get(f"{address[1]}/readyz").status_code == 200
        assert wait_until(lambda: runs(instance)[-1][0] == "success", SYNCED_WITHIN_S)
        assert runs(instance)[0][1] > 100
        second = subprocess.run(
            [sys.executable, "-m", "app.ops.run"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            env=os.environ | {"FORECOURT_INSTANCE": str(instance)},
            check=False,
        )
        assert second.returncode == 1
        assert f"already runs here at {address[1]}" in second.stderr
        children = pids(instance)
    assert process.returncode == 0
    assert len(children) == 6
    assert not any(map(is_alive, children))
    assert not (instance / "redis.url").exists()

    before = runs(instance)
    with running(instance) as (process, again):
        sign_in = re.search(r"Sign in.*\n.*", printed)
        assert sign_in
        assert sign_in[0] in again
        children = pids(instance)
        process.kill()
        process.wait(10)
        if sys.platform == "linux":
            assert wait_until(lambda: not any(map(is_alive, children)), 10)
    assert runs(instance) == before
