"""The support bundle of a run, as a file (C39)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO, Any, Final

from flask import Blueprint, Response, g

from app.db import unit_of_work
from app.parts import parts
from app.routes.access import current_actor, may, requires
from app.routes.history_export import download, place
from app.services import support_bundle
from app.services.support_bundle import Asked
from app.services.sync import runs

bp = Blueprint("support", __name__)
AT_ONCE: Final = 64 * 1024
IN_MEMORY: Final = 1024 * 1024
# Settings of the installation that say how syncs go, and nothing about where or with what keys.
TOLD: Final = (
    "env", "easycars_timeout", "easycars_stock_timeout", "auto_sync_enabled",
    "manual_syncs_per_hour", "stock_sync_cron", "lead_sync_cron", "sync_batch_size", "log_level",
)  # fmt: skip


@bp.post("/d/<slug>/runs/<int(max=2147483647):run_id>/support")
@requires("admin")
def bundle(run_id: int) -> Response:
    """Made whole before the first byte is sent, so that a fault is an error page and no torn
    file."""
    made, now = parts(), parts().clock.now()
    with unit_of_work(g.dealership.id) as session:
        support_bundle.record(session, runs.get(session, run_id), current_actor())
    installation = {name: getattr(made.settings, name) for name in TOLD}
    file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed by _sent
    support_bundle.write(Asked(place(), run_id, installation, may("system")), file, now)
    day = now.astimezone(place().zone).date().isoformat()
    name = f"support-run-{run_id}-{g.dealership.slug}-{day}.zip"
    return download(_sent(file), name, "application/zip")


def _sent(file: IO[Any]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while part := file.read(AT_ONCE):
            yield part
