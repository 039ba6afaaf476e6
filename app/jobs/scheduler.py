"""The scheduler process: rq-scheduler's minute tick; beside it a sweeper and the mail dispatcher.

Any number may run. rq-scheduler's own lock keeps one active; the others need none, because the
database decides who claims a run or a message. The process leaves when Redis does and is started
again by its supervisor.
"""

from __future__ import annotations

import itertools
import os
import threading
import time

import redis
from flask import Flask
from rq_scheduler import Scheduler

from app.jobs.context import application
from app.jobs.periodic import TICK_CRON, TICK_ID, bring_back, deliver, look_for_problems, wake_lanes
from app.jobs.queues import Queues
from app.log import get_logger
from app.parts import parts

log = get_logger(__name__)
SWEEP_EVERY_S = 5
LOOK_EVERY = 12  # sweeps: once a minute
DELIVER_EVERY_S = 3
BEAT_KEY = "forecourt:scheduler:beat"


def main() -> None:
    """Runs until it is stopped. Times in Redis are UTC, whatever the host's zone is."""
    os.environ["TZ"] = "UTC"  # noqa: TID251 - rq-scheduler reads cron lines in the host's zone
    time.tzset()
    app = application()
    with app.app_context():
        connection = redis.Redis.from_url(parts().settings.redis_url or "")
        scheduler = Scheduler(queue_name=Queues.CONTROL, connection=connection, interval=1)
        ensure_tick(scheduler)
        threading.Thread(
            target=_sweep_forever, args=(app, connection), name="sweeper", daemon=True
        ).start()
        # A thread of its own: a mail server that hangs must not keep lost runs from coming back.
        threading.Thread(
            target=_deliver_forever, args=(app,), name="dispatcher", daemon=True
        ).start()
        scheduler.run()


def ensure_tick(scheduler: Scheduler) -> None:
    """One tick with a fixed id; made anew when Redis forgot it (stack §4)."""
    if TICK_ID in {job.id for job in scheduler.get_jobs()}:
        return
    scheduler.cron(
        TICK_CRON,
        func="app.jobs.periodic.tick",
        id=TICK_ID,
        queue_name=Queues.CONTROL,
        timeout=60,
    )


def _sweep_forever(app: Flask, connection: redis.Redis) -> None:
    scheduler = Scheduler(queue_name=Queues.CONTROL, connection=connection, interval=1)
    for number in itertools.count(1):
        time.sleep(SWEEP_EVERY_S)
        try:
            connection.set(BEAT_KEY, int(time.time()), ex=60)
            ensure_tick(scheduler)
        except redis.RedisError as exc:
            log.warning("scheduler_redis_away", kind=type(exc).__name__)
        with app.app_context():
            _sweep_once()
            if number % LOOK_EVERY == 0:
                _look_once()


def _look_once() -> None:
    try:
        look_for_problems()
    except Exception as exc:  # noqa: BLE001 - a database that is away for a moment must not end it
        log.warning("problems_not_looked_for", kind=type(exc).__name__)


def _sweep_once() -> None:
    try:
        bring_back()
        wake_lanes()
    except Exception as exc:  # noqa: BLE001 - a database that is away for a moment must not end it
        log.warning("sweep_failed", kind=type(exc).__name__)


def _deliver_forever(app: Flask) -> None:
    while True:
        time.sleep(DELIVER_EVERY_S)
        with app.app_context():
            _deliver_once()


def _deliver_once() -> None:
    try:
        deliver()
    except Exception as exc:  # noqa: BLE001 - a database that is away for a moment must not end it
        log.warning("delivery_failed", kind=type(exc).__name__)
