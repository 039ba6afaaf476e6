"""Sync History (story 4.2): every run, filters in the address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Blueprint, g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db import db
from app.models.sync_runs import STATUSES, TRIGGERS
from app.routes.access import requires
from app.routes.fragments import key_of_page
from app.services import history, run_words, schedules
from app.services.history import Filters, HistoryPage

bp = Blueprint("history", __name__)
NAMES = ("q", "from", "to", "type", "direction", "status", "trigger")
STATUS_LABELS = {
    "queued": "Queued",
    "running": "In progress",
    "success": "Success",
    "warning": "Warning",
    "failed": "Failed",
    "cancelled": "Cancelled",
    "held": "Held",
}


@dataclass(frozen=True)
class Paging:
    """What the pagination macro reads."""

    first: int
    last: int
    total: int
    noun: str
    newer_url: str | None
    older_url: str | None


@bp.get("/d/<slug>/history")
@requires("viewer")
def index() -> ResponseReturnValue:
    asked = {name: request.args.get(name, "").strip().replace("\0", "") for name in NAMES}
    filters = _filters(asked)
    before, after = key_of_page("before"), key_of_page("after")
    page = history.page(db.session(), g.dealership.id, filters, before=before, after=after)
    return render_template(
        "history/index.html",
        asked=asked,
        is_filtered=filters.any,
        runs=page.runs,
        page=_paging(page, filters, asked),
        types=list(run_words.KINDS.items()),
        statuses=[(status, STATUS_LABELS[status]) for status in STATUSES],
        triggers=[(trigger, run_words.TRIGGERS[trigger]) for trigger in TRIGGERS],
        kinds=run_words.KINDS,
        directions=run_words.DIRECTIONS,
        started_by=run_words.started_by,
    )


def _filters(asked: dict[str, str]) -> Filters:
    """Values that do not exist are left out: an old link still shows something."""
    zone = schedules.zone_of(g.dealership)
    return Filters(
        stream=_one_of(asked["type"], run_words.KINDS),
        status=_one_of(asked["status"], STATUSES),
        trigger=_one_of(asked["trigger"], TRIGGERS),
        direction=_one_of(asked["direction"], run_words.DIRECTIONS),
        text=asked["q"][:200] or None,
        **history.day_range(_day(asked["from"]), _day(asked["to"]), zone),
    )


def _one_of(value: str, known: Any) -> str | None:
    return value if value in known else None


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 2000 <= day.year <= 2200 else None


def _paging(page: HistoryPage, filters: Filters, asked: dict[str, str]) -> Paging:
    total = history.total(db.session(), g.dealership.id, filters)
    first = 0
    if page.runs:
        is_start = page.newer is None
        first = (
            1
            if is_start
            else 1 + history.position(db.session(), g.dealership.id, filters, page.runs[0].id)
        )
    given: dict[str, Any] = {name: value for name, value in asked.items() if value}
    return Paging(
        first,
        first + len(page.runs) - 1 if page.runs else 0,
        total,
        "sync" if total == 1 else "syncs",
        url_for(".index", **given, after=page.newer) if page.newer is not None else None,
        url_for(".index", **given, before=page.older) if page.older is not None else None,
    )
