"""The history and the records of one run as files, streamed (row 187)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from flask import Blueprint, Response, g, stream_with_context

from app.db import db
from app.models import SyncRun
from app.parts import parts
from app.routes.access import requires
from app.routes.history import what_is_asked
from app.services import history_export, schedules
from app.services.history_export import Place
from app.services.sync import runs

bp = Blueprint("history_export", __name__)
RUN: Final = "/d/<slug>/runs/<int(max=2147483647):run_id>"
CSV: Final = "text/csv; charset=utf-8"
JSON: Final = "application/json"


@bp.get("/d/<slug>/history.csv")
@requires("viewer")
def runs_csv() -> Response:
    """The runs that the page's filters let through."""
    _, filters = what_is_asked()
    return download(history_export.runs_csv(place(), filters), _name("history", "csv"), CSV)


@bp.get("/d/<slug>/history.json")
@requires("viewer")
def runs_json() -> Response:
    _, filters = what_is_asked()
    lines = history_export.runs_json(place(), filters, parts().clock.now())
    return download(lines, _name("history", "json"), JSON)


@bp.get(f"{RUN}/rows.csv")
@requires("viewer")
def rows_csv(run_id: int) -> Response:
    """What the run did to each record, before and after."""
    lines = history_export.items_csv(place(), _run(run_id))
    return download(lines, _name(f"run-{run_id}", "csv"), CSV)


@bp.get(f"{RUN}/rows.json")
@requires("viewer")
def rows_json(run_id: int) -> Response:
    lines = history_export.items_json(place(), _run(run_id), parts().clock.now())
    return download(lines, _name(f"run-{run_id}", "json"), JSON)


def place() -> Place:
    return Place(g.dealership.id, g.dealership.slug, schedules.zone_of(g.dealership))


def _run(run_id: int) -> SyncRun:
    return runs.get(db.session(), run_id)


def _name(what: str, ending: str) -> str:
    """ "history-harbour-2026-05-03.csv": the day is the dealership's."""
    day = parts().clock.now().astimezone(schedules.zone_of(g.dealership)).date()
    return f"{what}-{g.dealership.slug}-{day.isoformat()}.{ending}"


def download(lines: Iterator[str] | Iterator[bytes], name: str, content_type: str) -> Response:
    """A file of the request's dealership, sent as it is made."""
    response = Response(stream_with_context(lines), content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response
