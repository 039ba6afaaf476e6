"""Keeps the lease alive while the worker waits for somebody else's server."""

from __future__ import annotations

import threading
from datetime import timedelta
from types import TracebackType

from sqlalchemy import Engine, update

from app.log import get_logger
from app.models import SyncRun
from app.services.errors import LeaseLost, RunCancelled
from app.services.ports import Clock
from app.services.sync.runs import BEAT_S, LEASE_S, Lease

log = get_logger(__name__)


class Heart:
    """Beats in a thread. `check()` raises once the lease was lost or the run was cancelled."""

    def __init__(self, engine: Engine, lease: Lease, clock: Clock) -> None:
        self._engine = engine
        self._lease = lease
        self._clock = clock
        self._stop = threading.Event()
        self._lost = self._cancelled = False
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)

    def __enter__(self) -> Heart:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=BEAT_S)

    def check(self) -> None:
        if self._lost:
            raise LeaseLost("Another worker took this run over.", run_id=self._lease.run_id)
        if self._cancelled:
            raise RunCancelled("The run was cancelled.", run_id=self._lease.run_id)

    def _run(self) -> None:
        while not self._stop.wait(BEAT_S):
            try:
                self._beat()
            except Exception as exc:  # noqa: BLE001 - one missed beat must not end the work
                log.warning("heartbeat_failed", run_id=self._lease.run_id, kind=type(exc).__name__)

    def _beat(self) -> None:
        expires = self._clock.now() + timedelta(seconds=LEASE_S)
        with self._engine.begin() as connection:
            row = connection.execute(
                update(SyncRun)
                .where(
                    SyncRun.id == self._lease.run_id,
                    SyncRun.lease_token == self._lease.token,
                    SyncRun.status == "running",
                )
                .values(lease_expires_at=expires)
                .returning(SyncRun.cancel_asked_at)
            ).one_or_none()
        self._lost = row is None
        self._cancelled = row is not None and row.cancel_asked_at is not None
