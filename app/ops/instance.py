"""The instance folder: everything that changes, and the lock that stops a second start in it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from app.ops.redis_server import write_private


class AlreadyRunning(RuntimeError):
    """Another supervisor holds this folder."""


@dataclass(frozen=True)
class Instance:
    """One folder with data, logs, and the addresses of what runs in it."""

    folder: Path

    @classmethod
    @contextmanager
    def locked(cls, folder: Path) -> Iterator[Instance]:
        """Holds the folder until the block ends. Raises AlreadyRunning.

        The kernel drops the lock with the process, so a killed supervisor leaves nothing behind.
        """
        folder.mkdir(parents=True, exist_ok=True)
        instance = cls(folder)
        with (folder / "run.lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyRunning(instance.who_runs(lock.name)) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield instance

    def who_runs(self, lock: str) -> str:
        pid = Path(lock).read_text() or "?"
        where = self.published("web.url")
        address = f" at {where}" if where else ""
        return f"Forecourt already runs here{address} (process {pid}). Stop that one first."

    def publish(self, name: str, address: str) -> None:
        """Leaves an address for commands in another shell, readable by the owner alone."""
        write_private(self.folder / name, address)

    def published(self, name: str) -> str | None:
        path = self.folder / name
        return path.read_text().strip() if path.exists() else None

    def remembered_port(self, name: str) -> int | None:
        address = self.published(name)
        return urlsplit(address).port if address else None

    def forget(self, *names: str) -> None:
        for name in names:
            (self.folder / name).unlink(missing_ok=True)
