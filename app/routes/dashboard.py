"""The dashboard (story 4.1): health first, then stock and leads, then the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.db import db
from app.models import Problem
from app.parts import parts
from app.routes import pressing
from app.routes.access import may, requires
from app.routes.fragments import fragment, page_at, unchanged
from app.routes.run_card import card_of, tiles
from app.services import dashboard, run_words, schedules, sync_overview
from app.services.dashboard import Day, LeadTotals, Totals
from app.services.leads import sync_overview as lead_sync
from app.services.leads.sync_overview import Queue
from app.services.sync_overview import Overview

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
    """The chart, which counts most and tells least, follows by itself; without script by a link."""
    chart = _chart() if request.args.get("whole") else {"days": None}
    return render_template("dashboard/index.html", **_context(), **chart)


@bp.get(f"{PAGE}live")
@requires("viewer")
def live() -> ResponseReturnValue:
    """All but the headings, once a minute; 204 when nothing is new."""
    context = _context()
    if request.args.get("seen") == context["version"]:
        return unchanged()
    return fragment("dashboard/_live.html", **context, **_chart())


@bp.get(f"{PAGE}chart")
@requires("viewer")
def chart() -> ResponseReturnValue:
    """The last 30 days, for the place that the page keeps free for them."""
    return fragment("dashboard/_chart.html", **_chart())


def _chart() -> dict[str, Any]:
    zone = schedules.zone_of(g.dealership)
    days = dashboard.thirty_days(db.session(), g.dealership.id, zone, parts().clock.now())
    return {"days": days, "bars": _bars(days), "share": dashboard.success_share(days)}


def _context() -> dict[str, Any]:
    session, now = db.session(), parts().clock.now()
    stock, leads = _streams(session, now)
    queue = lead_sync.queue(session)
    problems = pressing.pressing()
    lead_totals = dashboard.lead_totals(session, g.dealership.id, now)
    active = stock.active or leads.active
    usual_s = stock.usual_s if stock.active else leads.usual_s
    return {
        "stock": stock,
        "leads": leads,
        "queue": queue,
        "card": card_of(active, usual_s, now) if active else None,
        "stock_tiles": tiles(stock.last) if stock.last else [],
        "health": dashboard.health(stock, lead_totals.overdue, queue.by_state, problems),
        "problems": pressing.shown(problems),
        "may_open": pressing.may_open,
        "vehicle_tiles": _vehicle_tiles(dashboard.totals(session, g.dealership.id)),
        "lead_tiles": _lead_tiles(lead_totals, queue),
        "credential": dashboard.credential(session, g.dealership.id),
        "version": f"{stock.version(now)}-{leads.version(now)}"
        f"-{_digest(queue, lead_totals, *map(_facts_of, problems))}",
        "may_start": may("operator"),
        "may_configure": may("admin"),
        "started_by": run_words.started_by,
    }


def _streams(session: Session, now: datetime) -> tuple[Overview, Overview]:
    settings = parts().settings
    known = sync_overview.common(session, g.dealership.id, settings)
    stock, leads = (
        sync_overview.overview(session, g.dealership, stream, settings, now, known)
        for stream in ("stock", "leads")
    )
    return stock, leads


def _facts_of(problem: Problem) -> tuple[object, ...]:
    return problem.id, problem.title, problem.detail, problem.severity, problem.opened_at


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
