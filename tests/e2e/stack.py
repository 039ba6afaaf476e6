"""The whole product as `./dev run` starts it, in a folder of its own, for tests.

Redis, web, two workers and the scheduler are the supervisor's children; the simulator is a process
of the test, so that its stock and scenarios fit the test.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from flask import Flask
from sqlalchemy import Engine, Executable, create_engine

from app import create_app
from app.config import Settings
from app.ops.ports import free_port, wait_until
from app.services.demo_dealership import EMAIL
from app.simulator import RunningSimulator, running_simulator
from tests.e2e import processes

ROOT = Path(__file__).resolve().parents[2]
FORECOURT = str(Path(sys.executable).with_name("forecourt"))
READY_S = 180.0
STOP_S = 30.0


class StackFailed(RuntimeError):
    """The product did not start; carries what it printed."""


@dataclass
class Stack:
    """A running product: its address, its folder, its simulator."""

    folder: Path
    port: int
    environment: dict[str, str]
    simulator: RunningSimulator

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def sign_in(self) -> tuple[str, str]:
        """Email and password of the demonstration dealership's administrator."""
        return EMAIL, (self.folder / "demo-sign-in").read_text().strip()

    @cached_property
    def app(self) -> Flask:
        """The same product in this process: the same keys, database and queue."""
        return create_app(Settings.from_env(self.environment))

    @cached_property
    def engine(self) -> Engine:
        """A look into the database past the walls; it never holds a write lock."""
        url = Settings.from_env(self.environment).database_url
        return create_engine(url).execution_options(readonly=True)

    def rows(self, query: Executable) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(query))

    @contextmanager
    def held_still(self) -> Iterator[None]:
        """Nobody else writes while the block runs (SQLite only): a run stops between batches."""
        with self.engine.execution_options(readonly=False).begin():
            yield

    def forecourt(self, *arguments: str, **environment: str) -> str:
        """Runs one `forecourt` command; returns what it printed. Raises CalledProcessError."""
        done = subprocess.run(
            [FORECOURT, *arguments],
            env=self.environment | environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        return done.stdout

    def client(self, token: str) -> httpx.Client:
        """Asks the JSON interface with a bearer token."""
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False)

    def demo_token(self, *scopes: str) -> str:
        named = [word for scope in scopes or ("admin",) for word in ("--scope", scope)]
        command = ("token", "create", "--user", EMAIL, "--dealership", "demo", *named)
        return self.forecourt(*command).strip()

    def pids(self) -> dict[str, int]:
        """The supervisor's children by name, as its pid file says."""
        lines = (self.folder / "children.pid").read_text().splitlines()
        return {name: int(pid) for name, pid in (line.split() for line in lines)}

    def log(self, name: str) -> str:
        path = self.folder / "log" / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""


@contextmanager
def running_stack(
    folder: Path, *, vehicles: int, photos: bool = True, **environment: str
) -> Iterator[Stack]:
    """Starts everything, waits for the printed sign-in, and leaves no process behind.

    `photos=False`: no vehicle has any, so that a run ends with its last row. `environment` holds
    settings of the product, such as DATABASE_URL. Raises StackFailed.
    """
    with running_simulator(vehicles=vehicles, photos="fast", process=True) as simulator:
        if not photos:
            simulator.stock("remove_photos", count=vehicles)
        stack = Stack(folder, free_port(), {}, simulator)
        stack.environment = _environment(stack) | environment
        try:
            with _supervised(stack):
                yield stack
        finally:
            _clean_up(stack)


def _environment(stack: Stack) -> dict[str, str]:
    """The machine's, without settings that somebody's shell may carry."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {
        "FORECOURT_INSTANCE": str(stack.folder),
        "PORT": str(stack.port),
        "EASYCARS_TEST_BASE_URL": stack.simulator.test_base_url,
        "EASYCARS_PRODUCTION_BASE_URL": stack.simulator.production_base_url,
        "EASYCARS_IMAGE_HOSTS": "127.0.0.1",
        "ALLOW_INSECURE_PROVIDERS": "true",
    }


@contextmanager
def _supervised(stack: Stack) -> Iterator[None]:
    stack.folder.mkdir(parents=True, exist_ok=True)
    output = stack.folder / "printed.log"
    with output.open("wb") as printed:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "app.ops.run"],
            env=stack.environment,
            cwd=ROOT,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        if not wait_until(lambda: _is_up(output) or supervisor.poll() is not None, READY_S):
            raise StackFailed(f"not ready after {READY_S} s:\n{output.read_text()}")
        if not _is_up(output):
            raise StackFailed(output.read_text())
        yield
    finally:
        _stop(supervisor)


def _is_up(output: Path) -> bool:
    return "Forecourt is running at" in output.read_text(errors="replace")


def _stop(supervisor: subprocess.Popen[bytes]) -> None:
    supervisor.send_signal(signal.SIGINT)
    try:
        supervisor.wait(STOP_S)
    except subprocess.TimeoutExpired:
        supervisor.kill()
        supervisor.wait()


def _clean_up(stack: Stack) -> None:
    """The job of a killed worker has no supervisor any more; it belongs to this test."""
    if "engine" in vars(stack):
        stack.engine.dispose()
    if "app" in vars(stack):
        from tests.conftest import close

        close(stack.app)
    processes.kill(*processes.with_environment(f"FORECOURT_INSTANCE={stack.folder}"))
