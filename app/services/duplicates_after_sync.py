"""What follows a finished stock run: pairs looked for, and records that take over.

An owner of its transactions, called by the worker when the run's end is written: the sync itself
never waits for it, and its failure is none of the run's.
"""

from __future__ import annotations

from app.db import ALL_DEALERSHIPS, reading, unit_of_work
from app.log import get_logger
from app.models import SyncRun
from app.services import duplicates, vehicle_merge_heirs
from app.services.ports import Clock

log = get_logger(__name__)
# Modes that change vehicles.
MODES = ("sync", "remap", "undo")


def after_run(run_id: int, clock: Clock) -> duplicates.Found | None:
    """Looks through the run's dealership; None when the run gives no cause for it."""
    with reading(ALL_DEALERSHIPS) as session:
        run = session.get(SyncRun, run_id)
    if run is None or run.is_active or run.stream != "stock" or run.mode not in MODES:
        return None
    return look(run.dealership_id, clock)


def look(dealership_id: int, clock: Clock) -> duplicates.Found:
    """Reads and compares outside the writing transaction, which stays short."""
    with unit_of_work(dealership_id) as session:
        heirs = vehicle_merge_heirs.follow(session, clock.now())
    with reading(dealership_id) as session:
        suggested = duplicates.suggestions(session)
    with unit_of_work(dealership_id) as session:
        found = duplicates.store(session, dealership_id, suggested, clock.now())
    log.info("duplicates_found", opened=found.opened, open=found.open, heirs=len(heirs))
    return found
