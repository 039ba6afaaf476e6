"""Numbers for Prometheus, read from database and Redis when asked (row 212).

Counting inside processes would need a file for every worker's child (stack §6); the rows already
hold everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis import RedisError
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.adapters import health_checks
from app.db import ALL_DEALERSHIPS, reading
from app.log import get_logger
from app.models import EasyCarsCredential, SyncRun, Vehicle
from app.parts import Parts

log = get_logger(__name__)
# Previews and undos write other words into the same columns; they would count rows twice.
IS_SYNC: Final = SyncRun.mode == "sync"
COUNTED: Final = ("created", "updated", "unchanged", "failed", "held")


class InstallationCollector(Collector):
    """Sums over all dealerships. What cannot be asked is left out and shown by `forecourt_up`."""

    def __init__(self, made: Parts) -> None:
        self.made = made

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily("forecourt_up", "1 while the part answers", labels=["part"])
        for part, read in (("database", self._rows), ("redis", self._queues)):
            found = _safely(part, read)
            up.add_metric([part], 0.0 if found is None else 1.0)
            yield from found or []
        yield up

    def _rows(self) -> Iterator[Metric]:
        with reading(ALL_DEALERSHIPS) as db:
            yield _runs(db)
            yield _records(db)
            yield _seconds(db)
            yield _last_success(db)
            yield _totals(db)

    def _queues(self) -> Iterator[Metric]:
        server = health_checks.redis_server(self.made)
        depth = GaugeMetricFamily("forecourt_queue_jobs", "Jobs that wait", labels=["queue"])
        for name, count in server.details["queues"].items():
            depth.add_metric([name], count)
        yield depth
        alive = GaugeMetricFamily("forecourt_processes", "Processes that beat", labels=["kind"])
        alive.add_metric(["worker"], health_checks.workers(self.made).details["alive"])
        alive.add_metric(["scheduler"], health_checks.scheduler(self.made).details["alive"])
        yield alive


def _safely(part: str, read: Callable[[], Iterator[Metric]]) -> list[Metric] | None:
    try:
        return list(read())
    except (SQLAlchemyError, RedisError, KeyError) as exc:
        log.warning("metrics_incomplete", part=part, error=type(exc).__name__)
        return None


def _runs(db: Session) -> Metric:
    metric = CounterMetricFamily(
        "forecourt_sync_runs", "Runs by outcome", labels=["provider", "stream", "status"]
    )
    columns = (SyncRun.provider, SyncRun.stream, SyncRun.status)
    for provider, stream, status, count in db.execute(
        select(*columns, func.count(SyncRun.id)).group_by(*columns)
    ):
        metric.add_metric([provider, stream, status], count)
    return metric


def _records(db: Session) -> Metric:
    metric = CounterMetricFamily(
        "forecourt_sync_records", "Records by what a sync did", labels=["stream", "action"]
    )
    sums = [func.coalesce(func.sum(getattr(SyncRun, name)), 0) for name in COUNTED]
    query = select(SyncRun.stream, *sums).where(IS_SYNC).group_by(SyncRun.stream)
    for stream, *values in db.execute(query):
        for action, value in zip(COUNTED, values, strict=True):
            metric.add_metric([stream, action], value)
    return metric


def _seconds(db: Session) -> Metric:
    """Length of the newest finished sync of each stream; the history is in the product itself."""
    metric = GaugeMetricFamily(
        "forecourt_last_run_duration_seconds", "Of the last sync", labels=["stream"]
    )
    for run in _newest(db, SyncRun.completed_at.is_not(None)):
        if run.duration_ms is not None:
            metric.add_metric([run.stream], run.duration_ms / 1000)
    return metric


def _last_success(db: Session) -> Metric:
    metric = GaugeMetricFamily(
        "forecourt_last_success_timestamp_seconds", "End of the last good sync", labels=["stream"]
    )
    for run in _newest(db, SyncRun.status == "success"):
        if run.completed_at is not None:
            metric.add_metric([run.stream], run.completed_at.timestamp())
    return metric


def _newest(db: Session, condition: object) -> Iterable[SyncRun]:
    """Of what is read: a delivery of single leads must not hide that no sync succeeds."""
    wanted = (IS_SYNC, SyncRun.direction == "inbound", condition)
    newest = select(func.max(SyncRun.id)).where(*wanted).group_by(SyncRun.stream)  # type: ignore[arg-type]
    return db.scalars(select(SyncRun).where(SyncRun.id.in_(newest)))


def _totals(db: Session) -> Metric:
    metric = GaugeMetricFamily("forecourt_rows", "Rows of the main tables", labels=["kind"])
    for kind, model in (("vehicle", Vehicle), ("easycars_credential", EasyCarsCredential)):
        metric.add_metric([kind], db.scalar(select(func.count()).select_from(model)) or 0)
    return metric
