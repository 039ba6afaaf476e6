"""Logs: one pipeline for web, workers and commands; JSON outside development.

The event is a constant, details are fields. Request, dealership, run and job ids are bound once
at the edge. Keys named like secrets or persons are masked at this one choke point (trap T3).
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from app.config import Settings
from app.secret import Secret

MASKED = (
    "secret", "password", "token", "authorization", "cookie", "account_number", "client_id",
    "email", "phone", "body",
)  # fmt: skip


def get_logger(name: str) -> Any:
    return structlog.get_logger(name)


@contextmanager
def bound(**fields: Any) -> Iterator[None]:
    """Adds fields to every line logged inside."""
    with structlog.contextvars.bound_contextvars(**fields):
        yield


def configure_logging(settings: Settings) -> None:
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        mask,
    ]
    pretty = settings.log_format == "pretty"
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            # The default prints the locals of every frame: keys and tokens among them.
            exception_formatter=structlog.dev.plain_traceback,
        )
        if pretty
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    _install_handler(shared, [] if pretty else [structlog.processors.format_exc_info], renderer)
    logging.getLogger().setLevel(settings.log_level)
    for chatty in ("httpx", "httpcore", "alembic", "rq", "rq_scheduler", "werkzeug"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLogger().level))


def _install_handler(shared: list[Processor], extra: list[Processor], renderer: Processor) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.set_name("forecourt")
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *extra,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    for old in [known for known in root.handlers if known.get_name() == "forecourt"]:
        root.removeHandler(old)
    root.addHandler(handler)


def mask(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Replaces the values of telling names, whatever they hold."""
    for key, value in event.items():
        if isinstance(value, Secret) or _telling(key):
            event[key] = "***"
    return event


def _telling(key: str) -> bool:
    lowered = key.lower()
    return any(word in lowered for word in MASKED)
