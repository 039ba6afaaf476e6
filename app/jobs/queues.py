"""Queue names, and the RQ implementation of the JobQueue port.

Redis only carries ids: the run rows are the truth, and a sweeper enqueues again what a lost or
emptied Redis forgot (stack §4).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import redis
from rq import Queue, Retry
from rq.exceptions import DuplicateJobError
from rq.job import Job

from app.services.ports import QueueDown

DEFAULT_TIMEOUT_S = 600


class Queues:
    """Every queue there is; workers watch all of them in this order."""

    CONTROL = "control"
    SYNC = "sync"
    LEADS = "leads"
    PHOTOS = "photos"
    ALL = (CONTROL, LEADS, SYNC, PHOTOS)


class RqJobQueue:
    """Enqueues by function name, so that web processes import no job code."""

    def __init__(self, redis_url: str | None) -> None:
        self.redis_url = redis_url

    @cached_property
    def connection(self) -> Any:
        if not self.redis_url:
            raise QueueDown("no Redis is configured")
        return redis.Redis.from_url(
            self.redis_url, socket_connect_timeout=2, socket_timeout=5, health_check_interval=30
        )

    def sync(self, run_id: int, attempt: int) -> str:
        return self._enqueue(
            Queues.SYNC, "app.jobs.sync.run_sync", run_id, job_id=f"sync-{run_id}-{attempt}"
        )

    def photos(self, run_id: int, attempt: int) -> str:
        return self._enqueue(
            Queues.PHOTOS,
            "app.jobs.photos.sync_photos",
            run_id,
            attempt,
            job_id=f"photos-{run_id}-{attempt}",
            timeout=3600,
        )

    def leads(self, dealership_id: int, token: str) -> str:
        return self._enqueue(
            Queues.LEADS,
            "app.jobs.leads.send_leads",
            dealership_id,
            job_id=f"leads-{dealership_id}-{token}",
        )

    def waiting(self, job_ids: Sequence[str]) -> set[str]:
        try:
            jobs = Job.fetch_many(list(job_ids), connection=self.connection)
            return {job.id for job in jobs if job is not None and job.is_queued}
        except (redis.RedisError, QueueDown):
            return set(job_ids)

    def _enqueue(
        self, queue: str, function: str, *ids: int, job_id: str, timeout: int = DEFAULT_TIMEOUT_S
    ) -> str:
        try:
            Queue(queue, connection=self.connection).enqueue(
                function,
                *ids,
                job_id=job_id,
                job_timeout=timeout,
                retry=Retry(max=2),
                unique=True,
                result_ttl=60,
                failure_ttl=86_400,
            )
        except DuplicateJobError:
            return job_id
        except redis.RedisError as exc:
            raise QueueDown(str(exc)) from exc
        return job_id
