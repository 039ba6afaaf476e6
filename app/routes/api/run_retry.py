"""Retry what failed in a run, for programs (row 185)."""

from __future__ import annotations

from flask import Blueprint, Response, g

from app.db import unit_of_work
from app.routes.access import api_requires, current_actor
from app.routes.api.common import ApiModel, ok
from app.routes.api.openapi import describe
from app.routes.fragments import page_at
from app.routes.sync_stock import means
from app.services import run_retry

bp = Blueprint("api_run_retry", __name__)


class Retried(ApiModel):
    """`runId` is null for leads that are sent again: their run is told when they have left."""

    run_id: int | None
    records: int
    message: str
    location: str


@bp.post("/api/admin/easycars/sync/runs/<int(max=2147483647):run_id>/retry")
@describe("Retry what failed in a sync", answers={202: Retried})
@api_requires("operator", scope="sync:write")
def retry(run_id: int) -> Response:
    """Takes only the records that failed in this run. Stock: the whole list is read, nothing else
    of it is taken. Leads: only these numbers are read, or only these leads sent. 409
    `not_possible` when nothing failed that can be tried again, 409 with `existingRunId` while
    another sync runs, 429 as for any start."""
    with unit_of_work(g.dealership.id) as session:
        done = run_retry.retry(session, run_id, actor=current_actor(), means=means())
    body = {
        "runId": done.run_id,
        "records": done.records,
        "message": f"Retry of {done.records} failed started",
        "location": page_at(f"runs/{done.run_id or run_id}"),
    }
    return ok(body, 202)
