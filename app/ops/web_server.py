"""gunicorn, configured here and not in a file, so that `forecourt web` is all there is to know."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication

GRACE_S = 20
TIMEOUT_S = 60
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - heartbeat files only, gunicorn names them safely


class Web(BaseApplication):  # type: ignore[misc]
    """gunicorn with our settings; each of its processes builds an app of its own."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        from app import create_app
        from app.config import Settings

        return create_app(Settings.from_env())


def options(bind: str, workers: int, threads: int) -> dict[str, Any]:
    """What differs from gunicorn's defaults, and why."""
    return {
        "bind": bind,
        "workers": workers,
        "threads": threads,
        "worker_class": "gthread",
        # A connection shared over fork() mixes up two processes' answers.
        "preload_app": False,
        # It would listen in the home folder of whoever runs this; nobody talks to it.
        "control_socket_disable": True,
        "timeout": TIMEOUT_S,
        "graceful_timeout": GRACE_S,
        # Heartbeat files on a slow disk make healthy workers look dead.
        "worker_tmp_dir": str(SHARED_MEMORY) if SHARED_MEMORY.is_dir() else None,
        # Requests are logged by the app itself, with their ids.
        "accesslog": None,
        "errorlog": "-",
        "loglevel": "warning",
        "proc_name": "forecourt-web",
    }


def serve(bind: str, workers: int, threads: int) -> None:
    """Serves until it is stopped. gunicorn reads sys.argv by itself, so that is emptied first."""
    sys.argv = sys.argv[:1]
    Web(options(bind, workers, threads)).run()
