"""Runs the simulator: in the foreground, in a thread, or as a process of its own."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from app.simulator.application import create_simulator
from app.simulator.server import SimulatorServer
from app.simulator.world import DEFAULT_SEED, DEFAULT_VEHICLES

DEFAULT_PORT = 8090
ANNOUNCEMENT = "Simulator: "


class ControlRefused(RuntimeError):
    """The control answered with an error; the text says why."""


@dataclass(frozen=True)
class RunningSimulator:
    """A simulator that answers at `base_url`, and the levers of its control."""

    base_url: str

    @property
    def test_base_url(self) -> str:
        """What a dealership's Test environment calls: ends at the prefix."""
        return f"{self.base_url}/TestECService"

    @property
    def production_base_url(self) -> str:
        return f"{self.base_url}/ECService"

    def scenario(self, name: str, **options: Any) -> dict[str, Any]:
        """Switch on; options are account, endpoint, value, count and kinds."""
        return self.post("/control/scenario", {"name": name, **options})

    def normal(self) -> None:
        """End every scenario; stock and leads stay."""
        self.post("/control/normal", {})

    def stock(self, operation: str, **options: Any) -> dict[str, Any]:
        return self.post("/control/stock", {"operation": operation, **options})

    def leads(self, operation: str | None = None, **options: Any) -> dict[str, Any]:
        """Without an operation: all leads, customers and quotations of the account."""
        if operation is None:
            account = f"?account={options['account']}" if "account" in options else ""
            return self.get(f"/control/leads{account}")
        return self.post("/control/leads", {"operation": operation, **options})

    def settings(self, **options: Any) -> dict[str, Any]:
        """token_lifetime, photos ("drawn" or "fast"), clock (ISO time or None)."""
        return self.post("/control/settings", options)

    def reset(self, **options: Any) -> dict[str, Any]:
        """As at the start; vehicles and seed may be given anew."""
        return self.post("/control/reset", options)

    def calls(self) -> dict[str, Any]:
        return self.get("/control/calls")

    def forget_calls(self) -> None:
        self.post("/control/calls/forget", {})

    def state(self) -> dict[str, Any]:
        return self.get("/control/state")

    def get(self, path: str) -> dict[str, Any]:
        return self._ask("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """POST to the control. Raises ControlRefused with the reason."""
        return self._ask("POST", path, json.dumps(body))

    def _ask(self, method: str, path: str, body: str | None) -> dict[str, Any]:
        # http.client, not httpx: tests that stub httpx must not stub the control
        link = HTTPConnection(urlsplit(self.base_url).netloc, timeout=60)
        try:
            link.request(
                method,
                path,
                body,
                {"Content-Type": "application/json", "Accept": "application/json"},
            )
            answer = link.getresponse()
            said: dict[str, Any] = json.loads(answer.read())
        finally:
            link.close()
        if answer.status >= 400:
            raise ControlRefused(said.get("error", f"HTTP {answer.status}"))
        return said


def main(
    port: int = DEFAULT_PORT,
    vehicles: int = DEFAULT_VEHICLES,
    seed: int = DEFAULT_SEED,
    scenario: str | None = None,
    host: str = "127.0.0.1",
    photos: str = "drawn",
) -> None:
    """Serve until interrupted. Prints the address; port 0 takes a free one.

    Raises OSError when the port is taken, UnknownScenario for a name that is not in the list.
    """
    server = SimulatorServer(create_simulator(vehicles, seed, scenario, photos), host, port)
    sys.stdout.write(f"{ANNOUNCEMENT}{server.base_url}\n")
    sys.stdout.flush()
    with suppress(KeyboardInterrupt), server:
        server.serve_forever(poll_interval=0.2)


@contextmanager
def running_simulator(
    vehicles: int = DEFAULT_VEHICLES,
    seed: int = DEFAULT_SEED,
    scenario: str | None = None,
    *,
    port: int = 0,
    photos: str = "drawn",
    process: bool = False,
) -> Iterator[RunningSimulator]:
    """A simulator on a real socket while the block runs.

    By default in a thread of this process, which starts in milliseconds; `process=True` starts one
    of its own, for measurements that must not share the interpreter.
    """
    started = _in_process if process else _in_thread
    with started(vehicles, seed, scenario, port, photos) as base_url:
        yield RunningSimulator(base_url)


@contextmanager
def _in_thread(
    vehicles: int, seed: int, scenario: str | None, port: int, photos: str
) -> Iterator[str]:
    app = create_simulator(vehicles, seed, scenario, photos)
    with SimulatorServer(app, port=port) as server:
        thread = threading.Thread(
            target=server.serve_forever, args=(0.02,), daemon=True, name="simulator"
        )
        thread.start()
        try:
            yield server.base_url
        finally:
            app.config["world"].switch.clear()  # lets calls go that a scenario still holds
            server.shutdown()
            thread.join(5)


@contextmanager
def _in_process(
    vehicles: int, seed: int, scenario: str | None, port: int, photos: str
) -> Iterator[str]:
    command = [
        sys.executable,
        "-m",
        "app.simulator",
        f"--port={port}",
        f"--vehicles={vehicles}",
        f"--seed={seed}",
        f"--photos={photos}",
    ]
    command += [f"--scenario={scenario}"] if scenario else []
    # our own interpreter and numbers that we were given
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:  # noqa: S603
        line = child.stdout.readline() if child.stdout else ""
        try:
            if not line.startswith(ANNOUNCEMENT):
                raise RuntimeError(f"The simulator did not start: {line!r}")
            yield line.removeprefix(ANNOUNCEMENT).strip()
        finally:
            child.terminate()
