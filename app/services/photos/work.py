"""The photo part of a run, from its lease to its last line (rows 105 to 114).

1. take the lease; 2. turn the feed's lists into rows; 3. count; 4. fetch what is due;
5. say how it ended and go on with the dealership's next waiting run.
Killed at any step, it is taken over and goes on where the rows say.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select

from app.db import ALL_DEALERSHIPS, reading, unit_of_work
from app.log import bound, get_logger
from app.models import SyncRun
from app.services.errors import LeaseLost
from app.services.photos import lease as leases
from app.services.photos.addresses import AllowedHosts
from app.services.photos.downloads import Downloads, Result
from app.services.photos.fetch import PhotoServer
from app.services.photos.lease import PhotoLease
from app.services.photos.pace import Pace
from app.services.photos.reconcile import reconcile_links
from app.services.photos.record import due_photos, write
from app.services.ports import Clock, MediaStore, MediaUnavailable

WRITE_EVERY_S = 0.3
WRITE_AT = 25
State = Literal["done", "failed"]
log = get_logger(__name__)


@dataclass(frozen=True)
class PhotoMeans:
    """What the work needs from outside; `pace` None is the normal one."""

    media: MediaStore
    clock: Clock
    allowed: AllowedHosts
    pace: Pace | None = None


def sync_photos(run_id: int, means: PhotoMeans) -> State | None:
    """Fetches the photos of a run, then those of the dealership's runs that wait behind it.

    None: there was nothing to take, or the lease was lost. Safe to call twice and from several
    processes: one works, the others return. Raises MediaUnavailable when pictures cannot be
    stored; the run then says so.
    """
    lease = _claim(run_id, means)
    state = first = _hold(lease, means) if lease else None
    while lease and state:
        waiting = _next(lease.dealership_id)
        lease = _claim(waiting, means) if waiting else None
        state = _hold(lease, means) if lease else None
    return first


def _claim(run_id: int, means: PhotoMeans) -> PhotoLease | None:
    with unit_of_work(ALL_DEALERSHIPS) as db:
        return leases.claim(db, run_id, means.clock)


def _next(dealership_id: int) -> int | None:
    with reading(dealership_id) as db:
        return leases.next_waiting(db, dealership_id)


def _hold(lease: PhotoLease, means: PhotoMeans) -> State | None:
    with bound(run_id=lease.run_id, dealership_id=lease.dealership_id):
        try:
            state = _work(lease, means)
            _finish(lease, state)
        except LeaseLost:
            log.info("photos_lease_lost")
            return None
        except MediaUnavailable:
            _finish(lease, "failed")
            raise
        log.info("photos_finished", state=state)
    return state


def _work(lease: PhotoLease, means: PhotoMeans) -> State:
    _reconcile(lease, means)
    _count(lease, means)
    with PhotoServer(means.allowed, means.pace) as server:
        downloads = Downloads(server, means.media, lease.dealership_id)
        photos = due_photos(lease.dealership_id, means.clock.now())
        for batch in _batches(downloads.results(photos)):
            with unit_of_work(lease.dealership_id) as db:
                write(db, lease, batch, means.clock.now())
    if downloads.silent_hosts:
        log.warning("picture_server_silent", hosts=downloads.silent_hosts)
    return "failed" if downloads.silent_hosts else "done"


def _reconcile(lease: PhotoLease, means: PhotoMeans) -> None:
    more = True
    while more:
        with unit_of_work(lease.dealership_id) as db:
            leases.beat(db, lease, means.clock.now())
            more = bool(reconcile_links(db, lease.dealership_id, lease.provider, lease.run_id))


def _count(lease: PhotoLease, means: PhotoMeans) -> None:
    now = means.clock.now()
    with unit_of_work(lease.dealership_id) as db:
        run = db.scalars(select(SyncRun).where(SyncRun.id == lease.run_id)).one()
        counts = leases.totals(db, lease.dealership_id, run.photos_new, now)
        leases.beat(db, lease, now, **counts)


def _batches(results: Iterator[list[Result]]) -> Iterator[list[Result]]:
    """Gathers results until there are some or some time went by; empty ones are beats."""
    gathered: list[Result] = []
    since = time.monotonic()
    for found in results:
        gathered += found
        waited = time.monotonic() - since
        if len(gathered) >= WRITE_AT or waited >= WRITE_EVERY_S:
            yield gathered
            gathered, since = [], time.monotonic()
    if gathered:
        yield gathered


def _finish(lease: PhotoLease, state: State) -> None:
    """Ends the part; photos that were not tried because a server is silent count as failed."""
    with unit_of_work(lease.dealership_id) as db:
        run = db.scalars(select(SyncRun).where(SyncRun.id == lease.run_id)).one()
        failed = (run.photos_total or 0) - run.photos_kept - run.photos_new
        leases.finish(db, lease, state, photos_failed=max(failed, run.photos_failed))
