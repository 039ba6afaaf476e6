"""`./dev run`: everything on one machine, from an empty folder to a signed-in dashboard.

Steps: lock the instance, clear leftovers, choose ports, start Redis and the simulator, migrate,
seed the demo dealership, start web, workers and scheduler, wait until pages answer, ask for the
first stock sync, print the address. All that changes lives in one folder (`instance/`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from sqlalchemy import create_engine, inspect, text

from app.ops import leftovers, web_check
from app.ops.instance import AlreadyRunning, Instance
from app.ops.ports import HOST, free_port, is_free
from app.ops.redis_server import EmbeddedRedisMissing, RedisServer
from app.ops.supervisor import Program, Supervisor
from app.ops.terminal import Terminal

DEFAULT_PORT = 8000
READY_S = 90.0
WORKERS = 2
DEMO_VEHICLES = 120
FORECOURT = str(Path(sys.executable).with_name("forecourt"))
# A double of EasyCars on this machine, as the settings know it (contract §3).
TEST_BASE_URL = "EASYCARS_TEST_BASE_URL"


class CannotStart(Exception):
    """The start failed; the text says why and what to do."""


class Run:
    """One `./dev run`."""

    def __init__(self, instance: Instance, environment: dict[str, str]) -> None:
        self.instance = instance
        self.terminal = Terminal()
        self.supervisor = Supervisor(instance.folder, self.terminal.line)
        self.environment = environment | {
            "FORECOURT_INSTANCE": str(instance.folder),
            "PYTHONUNBUFFERED": "1",
            "TZ": "UTC",  # rq-scheduler reads a cron line in the host's zone
        }

    def start(self) -> None:
        """Everything up to the sign-in block. Raises CannotStart."""
        port = choose_port(self.environment.get("PORT"))
        leftovers.end_leftovers(self.supervisor.pid_file, str(self.instance.folder.parent))
        self.start_servers()
        self.prepare_database()
        sign_in = self.seed()
        self.start_product(port)
        self.wait_for_pages(port)
        self.first_sync()
        self.show(port, sign_in)

    def start_servers(self) -> None:
        self.terminal.step("Starting Redis and the EasyCars simulator")
        if not self.environment.get("REDIS_URL"):
            self.start_redis()
        if not self.environment.get(TEST_BASE_URL):
            self.start_simulator()

    def start_redis(self) -> None:
        server = RedisServer.prepare(self.instance.folder / "redis")
        self.supervisor.start(Program("redis", server.command(), self.environment))
        if not server.wait_until_ready():
            raise CannotStart(self.with_log("redis", "Redis does not answer"))
        self.environment["REDIS_URL"] = server.url
        self.instance.publish("redis.url", server.url)

    def start_simulator(self) -> None:
        # The same port as last time: photo addresses in the feed contain it.
        port = free_port(self.instance.remembered_port("simulator.url"))
        address = f"http://{HOST}:{port}"
        simulated = {
            TEST_BASE_URL: f"{address}/TestECService",
            "EASYCARS_PRODUCTION_BASE_URL": f"{address}/ECService",
            "EASYCARS_IMAGE_HOSTS": HOST,
            "ALLOW_INSECURE_PROVIDERS": "true",
        }
        self.environment |= simulated
        self.instance.publish("run.env", "\n".join(map("=".join, simulated.items())))
        self.instance.publish("simulator.url", address)
        options = ["--port", str(port), "--vehicles", str(DEMO_VEHICLES)]
        self.supervisor.start(self.program("simulator", "simulator", *options))

    def prepare_database(self) -> None:
        self.terminal.step("Preparing the database")
        self.command("db", "upgrade")

    def seed(self) -> str:
        return self.command("demo", "seed").strip()

    def start_product(self, port: int) -> None:
        self.terminal.step("Starting web, workers and scheduler")
        self.environment.setdefault("PUBLIC_URL", f"http://{HOST}:{port}")
        self.supervisor.start(
            self.program("web", "web", "--bind", f"{HOST}:{port}"),
            *(self.program(f"worker-{number}", "worker") for number in range(1, WORKERS + 1)),
            self.program("scheduler", "scheduler"),
        )

    def wait_for_pages(self, port: int) -> None:
        if not web_check.wait_for(port, READY_S, lambda: self.supervisor.stopping):
            raise CannotStart(self.with_log("web", "The web process does not get ready"))
        self.instance.publish("web.url", f"http://{HOST}:{port}")

    def first_sync(self) -> None:
        if not has_runs(self.environment):
            self.terminal.step("Asking for the first stock sync")
            self.command("sync", "stock", "--dealership", "demo")

    def show(self, port: int, sign_in: str) -> None:
        rows = [f"Forecourt is running at http://{HOST}:{port}", *sign_in.splitlines()]
        self.terminal.block([*rows, "Ctrl-C stops everything; the data stays."])
        self.terminal.live = True

    def program(self, name: str, *arguments: str) -> Program:
        return Program(name, [FORECOURT, *arguments], dict(self.environment))

    def command(self, *arguments: str) -> str:
        """Runs one `forecourt` command to its end and returns what it printed."""
        done = subprocess.run(
            [FORECOURT, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            name = " ".join(arguments)
            raise CannotStart(f"`forecourt {name}` failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def with_log(self, name: str, sentence: str) -> str:
        log = self.supervisor.log_of(name)
        last = log.read_text(errors="replace").splitlines()[-20:] if log.exists() else []
        return "\n".join((f"{sentence}. The end of {log}:", *last))


def choose_port(wanted: str | None) -> int:
    """PORT, or the first free one from 8000 on. Raises CannotStart when PORT cannot be had."""
    if not wanted:
        return next(
            (port for port in range(DEFAULT_PORT, DEFAULT_PORT + 50) if is_free(port)), free_port()
        )
    if not wanted.isdigit() or not 0 < int(wanted) < 65536:
        raise CannotStart(f"PORT must be a number from 1 to 65535, not {wanted!r}.")
    if not is_free(int(wanted)):
        raise CannotStart(f"Port {wanted} is in use. Choose another: PORT=8001 ./dev run")
    return int(wanted)


def has_runs(environment: dict[str, str]) -> bool:
    """Whether any sync ever ran in this database; a fresh one gets its first stock sync."""
    from app.config import Settings

    engine = create_engine(Settings.from_env(environment).database_url)
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table("sync_run"):
                return False
            return connection.execute(text("SELECT 1 FROM sync_run LIMIT 1")).first() is not None
    finally:
        engine.dispose()


def main() -> int:
    """What `./dev run` executes; returns the exit code."""
    root = Path(__file__).resolve().parents[2]
    folder = Path(os.environ.get("FORECOURT_INSTANCE", root / "instance")).absolute()
    try:
        with Instance.locked(folder) as instance:
            return supervise(Run(instance, dict(os.environ)))
    except AlreadyRunning as running:
        print(running, file=sys.stderr)
        return 1


def supervise(run: Run) -> int:
    run.supervisor.catch_signals()
    try:
        run.start()
        run.supervisor.wait()
    except (CannotStart, EmbeddedRedisMissing) as problem:
        if not run.supervisor.stopping:
            print(f"\nForecourt could not start. {problem}", file=sys.stderr)
            return 1
    finally:
        run.terminal.step("Stopping")
        run.supervisor.stop()
        run.instance.forget("redis.url", "web.url", "run.env")
    return 0


if __name__ == "__main__":
    sys.exit(main())
