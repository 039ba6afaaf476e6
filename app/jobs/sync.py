"""The sync job: a run's id in, its outcome on the run row."""

from __future__ import annotations

import os
import socket
from typing import Any

from sqlalchemy.orm import Session

from app.jobs.context import application
from app.log import get_logger
from app.models import SyncRun
from app.parts import Parts, parts
from app.services import duplicates_after_sync
from app.services.leads import reading_run
from app.services.photos.handover import hand_over
from app.services.reconciliation import leads as reconciled_leads
from app.services.reconciliation import ticking
from app.services.sync import connection, engine, work

log = get_logger(__name__)


def run_sync(run_id: int) -> None:
    """Works on one run; harmless to repeat, because the claim decides (design §3)."""
    with application().app_context():
        engine.execute(run_id, owner(), engine_ports(parts()))
        look_for_duplicates(run_id)


def look_for_duplicates(run_id: int) -> None:
    """After the run has ended: what goes wrong here must not look like a failed sync."""
    try:
        duplicates_after_sync.after_run(run_id, parts().clock)
    except Exception as exc:  # noqa: BLE001 - the run is finished; the next one looks again
        log.warning("duplicates_failed", run_id=run_id, kind=type(exc).__name__)


def owner() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def engine_ports(made: Parts) -> work.Ports:
    """The engine's needs, from the application's parts."""

    def open_connection(db: Session, run: SyncRun) -> connection.Connection:
        if run.stream == reading_run.STREAM:
            return reading_run.open_connection(db, run, made.crypto)
        return connection.open_connection(db, run, made.crypto)

    def after_sync(db: Session, dealership_id: int, run_id: int) -> dict[str, Any]:
        return hand_over(db, dealership_id, run_id, queue=made.queue, clock=made.clock)

    return work.Ports(
        clock=made.clock,
        queue=made.queue,
        connect=lambda opened: connection.connect(opened, made.outside),
        open_connection=open_connection,
        after_sync=after_sync,
        batch_size=made.settings.sync_batch_size,
        tick_off=ticking.tick_off,
        own_ways={
            (reading_run.STREAM, "sync"): reading_run.execute,
            (reading_run.STREAM, "reconcile"): reconciled_leads.execute,
        },
    )
