"""The dashboard (story 4.1): health first, then stock and leads, then the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue

from app.db import db
from app.models import SyncRun
from app.parts import parts
from app.routes.access import may, requires
from app.routes.fragments import fragment, page_at, unchanged
from app.routes.run_card import card_of, tiles
from app.services import dashboard, run_words, schedules, sync_overview
from app.services.dashboard import Day, LeadTotals, Totals
from app.services.leads import sync_overview as lead_sync
from app.services.leads.sync_overview import Queue
from app.services.sync_overview import Overview
from app.templating import Problem

bp = Blueprint("dashboard", __name__)
PAGE = "/d/<slug>/"
CHART_HEIGHT, DAY_WIDTH, BAR_WIDTH = 100, 20, 14
LIFECYCLES = (
    ("listed", "Listed", "success"),
    ("missing", "Missing", "warning"),
    ("off_market", "Off market", "neutral"),
    ("sold", "Sold", "neutral"),
)


@dataclass(frozen=True)
class Bar:
    """One piece of a day's column in the chart's own units; `tone` names its colour."""

    x: int
    y: float
    height: float
    tone: str


@bp.get(PAGE)
@requires("viewer")
def index() -> ResponseReturnValue:
    context = _context()
    return render_template(
        "dashboard/index.html", problems=_problems(context["stock"], context["leads"]), **context
    )


@bp.get(f"{PAGE}live")
@requires("viewer")
def live() -> ResponseReturnValue:
    """All but the headings, once a minute; 204 when nothing is new."""
    context = _context()
    if request.args.get("seen") == context["version"]:
        return unchanged()
    return fragment("dashboard/_live.html", **context)


def _context() -> dict[str, Any]:
    made, session = parts(), db.session()
    now = made.clock.now()
    stock = sync_overview.overview(session, g.dealership, "stock", made.settings, now)
    days = dashboard.thirty_days(session, g.dealership.id, schedules.zone_of(g.dealership), now)
    leads = sync_overview.overview(session, g.dealership, "leads", made.settings, now)
    queue = lead_sync.queue(session)
    lead_totals = dashboard.lead_totals(session, g.dealership.id, now)
    active = stock.active or leads.active
    usual_s = stock.usual_s if stock.active else leads.usual_s
    return {
        "stock": stock,
        "leads": leads,
        "queue": queue,
        "card": card_of(active, usual_s, now) if active else None,
        "stock_tiles": tiles(stock.last) if stock.last else [],
        "health": dashboard.health(stock),
        "vehicle_tiles": _vehicle_tiles(dashboard.totals(session, g.dealership.id)),
        "lead_tiles": _lead_tiles(lead_totals, queue),
        "credential": dashboard.credential(session, g.dealership.id),
        "days": days,
        "bars": _bars(days),
        "share": dashboard.success_share(days),
        "version": f"{stock.version(now)}-{leads.version(now)}-{_digest(queue, lead_totals)}",
        "may_start": may("operator"),
        "may_configure": may("admin"),
        "started_by": run_words.started_by,
    }


def _digest(*facts: object) -> str:
    return sha256(repr(facts).encode()).hexdigest()[:16]


def _vehicle_tiles(totals: Totals) -> list[tuple[str, int, str, str]]:
    """Each number leads to the list that it counts (row 176)."""
    tiles = [
        ("Vehicles", totals.total, page_at("vehicles"), "neutral"),
        ("From EasyCars", totals.from_easycars, page_at("vehicles", source="EasyCars"), "neutral"),
    ]
    for name, label, tone in LIFECYCLES:
        number = totals.by_lifecycle.get(name, 0)
        if number or name == "listed":
            tiles.append((label, number, page_at("vehicles", lifecycle=name), tone))
    return tiles


def _lead_tiles(totals: LeadTotals, queue: Queue) -> list[tuple[str, int, str, str]]:
    return [
        ("Leads", totals.total, page_at("leads", tab="all"), "neutral"),
        (
            "From EasyCars",
            totals.from_easycars,
            page_at("leads", tab="all", source="EasyCars"),
            "neutral",
        ),
        ("Overdue", totals.overdue, page_at("leads", tab="overdue"), "danger"),
        ("Not at EasyCars", queue.total, page_at("leads", tab="unsent"), "warning"),
    ]


def _bars(days: Sequence[Day]) -> list[Bar]:
    """Columns from the ground up: failed, warning, success. Days without runs have none."""
    most = max((day.runs for day in days), default=0)
    bars = []
    for place, day in enumerate(days):
        ground = float(CHART_HEIGHT)
        for tone in ("failed", "warning", "success"):
            height = CHART_HEIGHT * getattr(day, tone) / most if most else 0.0
            if height:
                ground -= height
                x = place * DAY_WIDTH + (DAY_WIDTH - BAR_WIDTH) // 2
                bars.append(Bar(x, round(ground, 2), round(height, 2), tone))
    return bars


def _problems(*streams: Overview) -> list[Problem]:
    """The failure of a stream's last sync as a banner (row 177)."""
    last = [(one.stream, one.last) for one in streams if one.last is not None]
    return [_problem(stream, run) for stream, run in last if run.status == "failed"]


def _problem(stream: str, last: SyncRun) -> Problem:
    advice = run_words.advice(last)
    kind = run_words.KINDS[stream].lower()
    return Problem(
        last.message or f"The last {kind} sync failed.",
        advice.text if advice else "",
        page_at(f"runs/{last.id}"),
        since=last.completed_at,
        severity="danger",
    )
