"""Sync History (story 4.2): every run, filters in the address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Blueprint, g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db import db
from app.models.sync_runs import STATUSES, TRIGGERS
from app.routes.access import may, requires
from app.routes.fragments import key_of_page
from app.services import history, history_policy, run_words, schedules
from app.services.history import MOST_COUNTED, Filters, HistoryPage
from app.templating import count

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
    """Where one is, in words, and the ways from here; None where there is none.

    `total`: MOST_COUNTED + 1 means more than that.
    """

    total: int
    count_words: str
    words: str
    newest_url: str | None
    newer_url: str | None
    older_url: str | None
    oldest_url: str | None


@bp.get("/d/<slug>/history")
@requires("viewer")
def index() -> ResponseReturnValue:
    asked, filters = what_is_asked()
    page = history.page(
        db.session(),
        g.dealership.id,
        filters,
        before=key_of_page("before"),
        after=key_of_page("after"),
        oldest="oldest" in request.args,
    )
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
        kept_days=history_policy.days(db.session(), g.dealership.id),
        may_set=may("admin"),
        given=given(asked),
    )


def what_is_asked() -> tuple[dict[str, str], Filters]:
    """The filters of the address, as typed and as understood."""
    asked = {name: request.args.get(name, "").strip().replace("\0", "") for name in NAMES}
    return asked, _filters(asked)


def given(asked: dict[str, str]) -> dict[str, Any]:
    """What was typed, for addresses with the same filters."""
    return {name: value for name, value in asked.items() if value}


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
    total = history.counted(db.session(), g.dealership.id, filters)

    def link(**key: Any) -> str:
        return url_for(".index", **given(asked), **key)

    counted = _count_words(total)
    return Paging(
        total,
        counted,
        _where(page, filters, counted),
        link() if page.newer is not None else None,
        link(after=page.newer) if page.newer is not None else None,
        link(before=page.older) if page.older is not None else None,
        link(oldest=1) if page.older is not None else None,
    )


def _count_words(total: int) -> str:
    if total > MOST_COUNTED:
        return f"more than {count(MOST_COUNTED)} syncs"
    return f"{count(total)} {'sync' if total == 1 else 'syncs'}"


def _where(page: HistoryPage, filters: Filters, counted: str) -> str:
    """ "26 to 50 of 418 syncs"; far back, where nobody counts, how many are shown."""
    if not page.runs:
        return counted
    newer = 0
    if page.newer is not None:
        newer = history.position(db.session(), g.dealership.id, filters, page.runs[0].id)
    if newer > MOST_COUNTED:
        return f"{count(len(page.runs))} of {counted}"
    return f"{count(newer + 1)} to {count(newer + len(page.runs))} of {counted}"
