"""The checks of health page, readiness and doctor: each looks at one real part, briefly."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import redis
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask, current_app
from rq import Queue, Worker
from sqlalchemy import text

from app.db import ALL_DEALERSHIPS, db, reading
from app.jobs.queues import Queues
from app.parts import Parts
from app.services import health
from app.services.health import CURES, Check, Part

PATIENCE_S: Final = 2
BEATS_WITHIN_S: Final = 120
SCHEDULERS: Final = "rq:scheduler_instance:*"
FULL_BELOW: Final = 0.05


def checks(made: Parts, dealership_id: int | None = None) -> dict[str, Check]:
    """All parts by name. Runs are those of one dealership, or of all when none is given."""
    inside = in_app()
    scope = ALL_DEALERSHIPS if dealership_id is None else dealership_id
    return {
        "database": inside(database),
        "migrations": inside(migrations),
        "redis": lambda: redis_server(made),
        "queue": inside(lambda: _reading(health.waiting, ALL_DEALERSHIPS, made)),
        "workers": lambda: workers(made),
        "scheduler": lambda: scheduler(made),
        "easycars": lambda: breaker(made),
        "media": lambda: media(made),
        "disk": lambda: disk(made),
        "runs": inside(lambda: _reading(health.last_runs, scope, made)),
        "outbox": inside(lambda: _reading(health.outgoing, scope, made)),
    }


def in_app() -> Callable[[Check], Check]:
    """Wraps a check that needs the application: a thread has no context of its own."""
    # Flask's documented way to the app behind the proxy, which a thread cannot follow.
    app: Flask = current_app._get_current_object()  # noqa: SLF001

    def inside(check: Check) -> Check:
        def run() -> Part:
            with app.app_context():
                return check()

        return run

    return inside


def database() -> Part:
    with reading() as session:
        session.execute(text("SELECT 1"))
        kind = session.get_bind().dialect.name
    return Part("ok", f"Answers ({kind}).", details={"kind": kind})


def migrations() -> Part:
    """Whether the tables are those of this version of the code."""
    folder = current_app.extensions["migrate"].directory
    wanted = ScriptDirectory(folder).get_current_head()
    with db.engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    details = {"found": found, "wanted": wanted}
    if found == wanted:
        return Part("ok", f"At {found}.", details=details)
    words = f"The tables are at {found}, {wanted} is needed."
    return Part("down", words, CURES["migrations"], details)


def _connection(made: Parts) -> Any:
    """Our own short patience; the queue's connection waits longer."""
    return redis.Redis.from_url(
        made.settings.redis_url or "redis://unset.invalid",
        socket_connect_timeout=PATIENCE_S,
        socket_timeout=PATIENCE_S,
    )


def redis_server(made: Parts) -> Part:
    if not made.settings.redis_url:
        return Part("down", "No Redis is configured.", CURES["redis"])
    with _connection(made) as connection:
        connection.ping()
        depth = {name: Queue(name, connection=connection).count for name in Queues.ALL}
    return Part("ok", "Answers.", details={"queues": depth})


def workers(made: Parts) -> Part:
    with _connection(made) as connection:
        alive = sum(1 for worker in Worker.all(connection=connection) if _beats(worker))
    if not alive:
        return Part("degraded", "No worker runs.", CURES["workers"], {"alive": 0})
    return Part("ok", f"{alive} at work or ready.", details={"alive": alive})


def _beats(worker: Any) -> bool:
    last = worker.last_heartbeat
    if last is None:
        return False
    moment = last if last.tzinfo else last.replace(tzinfo=UTC)
    return (datetime.now(UTC) - moment).total_seconds() < BEATS_WITHIN_S


def scheduler(made: Parts) -> Part:
    """A living scheduler renews its key every few seconds."""
    with _connection(made) as connection:
        alive = sum(1 for _ in connection.scan_iter(SCHEDULERS, count=500))
    if not alive:
        return Part("degraded", "No scheduler runs.", CURES["scheduler"], {"alive": 0})
    return Part("ok", f"{alive} running, one of them active.", details={"alive": alive})


def breaker(made: Parts) -> Part:
    """EasyCars itself is not asked: a network call could hang, and this page must not."""
    blocked = {
        environment: round(seconds)
        for environment in ("Test", "Production")
        if (seconds := made.outside.circuits.blocked_for(_host(made, environment))) > 0
    }
    if not blocked:
        return Part("ok", "Calls go through.", details={"blockedSeconds": {}})
    words = f"Calls to EasyCars {' and '.join(blocked)} pause after repeated failures."
    cure = f"Wait {max(blocked.values())} s: the next sync tries again by itself."
    return Part("degraded", words, cure, {"blockedSeconds": blocked})


def _host(made: Parts, environment: str) -> str:
    return urlsplit(made.outside.base_url("easycars", environment)).netloc


def media(made: Parts) -> Part:
    made.media.check()
    kind = made.settings.media_url.partition(":")[0]
    return Part("ok", "Can be written.", details={"kind": kind})


def disk(made: Parts) -> Part:
    """A full disk stops SQLite, logs and photos alike."""
    place = made.settings.instance if made.settings.instance.exists() else Path.cwd()
    usage = shutil.disk_usage(place)
    free = usage.free / usage.total
    details = {"freePercent": round(free * 100)}
    if free < FULL_BELOW:
        return Part("degraded", f"{free:.0%} free.", "Make room on the disk.", details)
    return Part("ok", f"{free:.0%} free.", details=details)


def _reading(part: Callable[..., Part], scope: int | str, made: Parts) -> Part:
    with reading(scope) as session:
        return part(session, made.clock.now())
