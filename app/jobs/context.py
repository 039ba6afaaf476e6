"""The application inside a worker: built once per process, before its jobs."""

from __future__ import annotations

from functools import cache

from flask import Flask

from app import create_app
from app.config import Settings


@cache
def application() -> Flask:
    """The worker's app; forked children inherit it with their own connections."""
    return create_app(Settings.from_env())
