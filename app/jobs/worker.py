"""The worker processes: RQ with numbers that bring back a killed job within a minute."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

import redis
from rq import Worker
from sqlalchemy.orm import configure_mappers

from app.jobs.context import application
from app.jobs.queues import Queues
from app.log import get_logger
from app.parts import parts

log = get_logger(__name__)
# RQ's defaults find a killed worker after 13 minutes; these after one (stack §4).
WORKER_TTL_S = 30
MAINTENANCE_S = 10
MONITORING_S = 5


def main(queues: Sequence[str] | None = None, count: int = 1) -> None:
    """Runs `count` worker processes until stopped; one runs in this process."""
    names = list(queues or Queues.ALL)
    unknown = set(names) - set(Queues.ALL)
    if unknown:
        raise SystemExit(f"There is no queue called {', '.join(sorted(unknown))}.")
    if count == 1:
        work(names)
        return
    _work_together(names, count)


def work(names: Sequence[str]) -> None:
    """One worker: each job in a child of its own, so that a crash costs one job."""
    app = application()
    with app.app_context():
        settings = parts().settings
        if not settings.redis_url:
            raise SystemExit("REDIS_URL is not set and no embedded Redis is running.")
        connection = redis.Redis.from_url(settings.redis_url)
        worker = Worker(
            list(names),
            connection=connection,
            worker_ttl=WORKER_TTL_S,
            maintenance_interval=MAINTENANCE_S,
            job_monitoring_interval=MONITORING_S,
        )
        settle()
        # Our own lines tell of runs; RQ's would bury them every few seconds.
        worker.work(logging_level="WARNING", with_scheduler=False)


def settle() -> None:
    """Does once what each job's child would have to do again: imports, mapping, and looking
    through all that was loaded for something to throw away."""
    import app.jobs.periodic  # noqa: PLC0415 - by name only when a job asks for it
    import app.jobs.photos  # noqa: PLC0415
    import app.jobs.sync  # noqa: F401, PLC0415

    configure_mappers()
    gc.collect()
    gc.freeze()


def _work_together(names: Sequence[str], count: int) -> None:
    context = multiprocessing.get_context("spawn")
    children = [context.Process(target=work, args=(names,)) for _ in range(count)]
    for child in children:
        child.start()

    def stop(number: int, _frame: FrameType | None) -> None:
        for child in children:
            if child.pid is not None:
                os.kill(child.pid, number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    for child in children:
        child.join()
    sys.exit(max(child.exitcode or 0 for child in children))
