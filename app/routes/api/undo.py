"""Undo of a run for programs (contract §4)."""

from __future__ import annotations

from flask import Blueprint, Response, g

from app.db import unit_of_work
from app.routes.access import api_requires, current_actor
from app.routes.api.common import ApiModel, ok, read_body
from app.routes.api.openapi import describe
from app.routes.api.sync_models import Started
from app.routes.fragments import page_at
from app.routes.sync_stock import means
from app.services import manual_sync, run_undo

bp = Blueprint("api_undo", __name__)
RUN = "/api/admin/easycars/sync/runs/<int(max=2147483647):run_id>"


class UndoBody(ApiModel):
    """`pauseSchedules`: stop scheduled syncs for 24 hours, so that the next one does not bring
    the same values again at once."""

    pause_schedules: bool = False


@bp.post(f"{RUN}/undo")
@describe("Undo a sync", body=UndoBody, answers={202: Started}, tag="easycars sync")
@api_requires("operator", scope="sync:write")
def start(run_id: int) -> Response:
    """Starts a run that puts back what the given one replaced. Fields that were changed since stay
    and are listed among its items with the action `conflict`. 409 says why it is not possible: not
    ended, more than 30 days old, undone already, changed nothing, or another run is active."""
    pause = read_body(UndoBody).pause_schedules
    with unit_of_work(g.dealership.id) as session:
        run = run_undo.start(
            session,
            run_id,
            actor=current_actor(),
            means=means(),
            pause=pause,
            trigger="api" if g.token else "person",
        )
        session.refresh(run)
        estimate = manual_sync.estimate_seconds(session, g.dealership.id, run.stream)
    body = {
        "jobId": run.job_id,
        "runId": run.id,
        "message": f"Undo of run {run_id} started",
        "estimatedDurationSeconds": estimate,
        "location": page_at(f"runs/{run.id}"),
    }
    return ok(body, 202)
