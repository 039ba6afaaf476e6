"""What every full page shows around its content: navigation, switcher, tag, running run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flask import Blueprint, Flask, current_app, g, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from app.db import db
from app.models import Problem, SyncRun
from app.models.sync_runs import ACTIVE
from app.parts import parts
from app.routes import pressing
from app.routes.access import may, requires, rule_of
from app.services import dealerships, go_live, surroundings
from app.services.surroundings import Surroundings
from app.templating import NavGroup, NavItem, RunningRun

bp = Blueprint("context", __name__)
REVIEW = "review"
LEADS = "leads"
STREAMS = {"stock": "Stock sync", "leads": "Lead sync"}
GO_LIVE = "go-live"
PROBLEMS = "alerts"
# (heading, [(label, path below /d/<slug>/, icon)]): ux-brief "Structure"
PAGES = (
    ("Work", (
        ("Dashboard", "", "dashboard"),
        ("Problems", PROBLEMS, "warning"),
        ("Go live", GO_LIVE, "check"),
        ("Vehicles", "vehicles", "vehicles"),
        ("Leads", "leads", "leads"),
        ("Customers", "customers", "people"),
        ("Review", "review", "review"),
        ("Data quality", "quality", "pencil"),
        ("Duplicates", "duplicates", "copy"),
    )),
    ("EasyCars", (
        ("Stock Sync", "sync/stock", "sync"),
        ("Lead Sync", "sync/leads", "sync"),
        ("History", "history", "history"),
        ("Reconciliation", "reconciliation", "review"),
    )),
    ("Manage", (
        ("Monitoring", "monitoring", "info"),
        ("EasyCars settings", "settings/easycars", "plug"),
        ("Sync settings", "settings/sync", "settings"),
        ("Lead settings", "settings/leads", "settings"),
        ("Mapping rules", "settings/mapping", "settings"),
        ("People", "settings/people", "people"),
        ("Tokens", "settings/tokens", "lock"),
        ("Audit", "audit", "audit"),
    )),
)  # fmt: skip
SYSTEM_PAGES = (
    ("System", "/system/", "shield"),
    ("Dealerships", "/system/dealerships", "dealership"),
    ("Accounts", "/system/users", "people"),
)


def register(app: Flask) -> None:
    """Gives the variables of base.html (docs/front-end.md) to every template."""
    app.context_processor(_surroundings)


def _surroundings() -> dict[str, Any]:
    """Fragments have no surroundings; without a person nothing is asked of the database."""
    dealership = g.get("dealership")
    values: dict[str, Any] = {"dealership": dealership, "problems": []}
    if g.get("user") is None or request.headers.get("HX-Request"):
        return values
    groups: list[NavGroup] = []
    if dealership is not None:
        around = surroundings.read(db.session(), parts().clock.now())
        values |= {"environment_tag": _environment_tag(around), "running": _running_of(around)}
        values["problems"] = pressing.shown(_pressing(around))
        values["search_url"] = f"/d/{dealership.slug}/search"
        groups = list(_nav(_counts(around)))
    if g.user.is_system:
        groups.append(NavGroup("System", [_item(*page) for page in SYSTEM_PAGES]))
    return values | {"nav": groups, "dealerships": _switcher()}


def _nav(counts: Mapping[str, int]) -> Iterable[NavGroup]:
    """Only pages that exist and that the person may open; no number where nothing is open."""
    start = f"/d/{g.dealership.slug}/"
    for heading, pages in PAGES:
        items = [
            _item(label, start + path, icon, counts.get(path) or None)
            for label, path, icon in pages
            if _is_open("/d/<slug>/" + path)
            and not (path == GO_LIVE and go_live.is_live(g.dealership))
        ]
        if items:
            yield NavGroup(heading, items)


def _counts(around: Surroundings) -> dict[str, int]:
    session, now = db.session(), parts().clock.now()
    return {
        REVIEW: surroundings.to_review(session, around, now),
        LEADS: surroundings.leads_needing(session, around, now),
        PROBLEMS: len(_pressing(around)),
    }


def _pressing(around: Surroundings) -> Sequence[Problem]:
    """The rows are read where there are any."""
    return pressing.pressing() if around.problems else ()


def _item(label: str, url: str, icon: str, count: int | None = None) -> NavItem:
    here = request.path == url or (not url.endswith("/") and request.path.startswith(url + "/"))
    return NavItem(label, url, active=here, count=count, icon=icon)


def _is_open(pattern: str) -> bool:
    endpoint = _endpoints().get(pattern)
    rule = rule_of(current_app, endpoint) if endpoint else None
    return rule is not None and may(rule.role)


def _endpoints() -> dict[str, str]:
    """GET pages by pattern, built once per app: its routes do not change."""
    known: dict[str, str] | None = current_app.extensions.get("forecourt_pages")
    if known is None:
        rules = current_app.url_map.iter_rules()
        known = {rule.rule: rule.endpoint for rule in rules if "GET" in (rule.methods or ())}
        current_app.extensions["forecourt_pages"] = known
    return known


def _switcher() -> list[NavItem]:
    here = g.get("dealership")
    return [
        NavItem(
            place.dealership.name,
            f"/d/{place.dealership.slug}/",
            active=here is not None and place.dealership.id == here.id,
            icon="dealership",
        )
        for place in dealerships.places_of(db.session(), g.user)
    ]


def _environment_tag(around: Surroundings) -> str | None:
    """ "Test" whenever the connection is not to Production (ux-brief)."""
    return around.environment if around.environment != "Production" else None


def _running_of(around: Surroundings) -> RunningRun | None:
    return _running() if around.active_run is not None else None


def _running() -> RunningRun | None:
    run = db.session.scalar(
        select(SyncRun).where(SyncRun.status.in_(ACTIVE)).order_by(SyncRun.id).limit(1)
    )
    if run is None:
        return None
    return RunningRun(
        "Reconciliation" if run.mode == "reconcile" else STREAMS.get(run.stream, run.stream),
        f"/d/{g.dealership.slug}/runs/{run.id}",
        done=run.done,
        total=run.total,
        poll_url=url_for("context.running"),
    )


@bp.get("/d/<slug>/running")
@requires("viewer")
def running() -> ResponseReturnValue:
    """The chip of the top bar; 286 ends the poll when nothing runs any more."""
    run = _running()
    return render_template("_running.html", running=run), 200 if run else 286
