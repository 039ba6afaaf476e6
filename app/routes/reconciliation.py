"""Reconciliation: what differs between here and EasyCars (story 4.3, contract §5).

The list with its filters in the address, the start of a comparison, and the weekly one. What is
done about differences: differences.py; the list as files: reconciliation_files.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.db import db, unit_of_work
from app.models import SyncRun
from app.parts import parts
from app.routes.access import current_actor, may, requires
from app.routes.differences import ACTS
from app.routes.fragments import fragment, is_fragment, key_of_page, unchanged
from app.routes.reconciliation_filters import chips, given, list_url, wanted_of
from app.routes.run_card import RunCard, card_of
from app.routes.sync_stock import means
from app.services import sync_overview
from app.services.errors import AlreadyRunning, InputInvalid, NotConfigured, TooMany
from app.services.reconciliation import acts, listing, starting, weekly, words
from app.services.reconciliation.listing import Counts, Page, Wanted
from app.templating import NavItem

bp = Blueprint("reconciliation", __name__)
PAGE: Final = "/d/<slug>/reconciliation"
TONES: Final = {"there_only": "warning", "here_only": "warning", "differing": "danger"}
TROUBLED: Final = ("failed", "warning")
HOURS: Final = [(hour, f"{hour:02}:00") for hour in range(24)]
bp.add_app_template_global(words, "recon")
bp.add_app_template_global(acts.why_not_take)
bp.add_app_template_global(acts.why_not_push)
bp.add_app_template_global(acts.why_not_list)


@dataclass(frozen=True)
class Stream:
    """Where the comparison of vehicles or of leads stands."""

    name: str
    latest: SyncRun | None
    last_good: SyncRun | None
    counts: Counts
    card: RunCard | None

    @property
    def is_active(self) -> bool:
        return self.latest is not None and self.latest.is_active

    @property
    def trouble(self) -> SyncRun | None:
        """The newest run, when it ended with something to say."""
        run = self.latest
        return run if run is not None and run.status in TROUBLED else None

    @property
    def tiles(self) -> list[tuple[str, int, str, str]]:
        return [
            (label, self.counts.by_kind.get(kind, 0), _found(self.name, kind), TONES[kind])
            for kind, label in words.KINDS.items()
        ]

    @property
    def facts(self) -> tuple[Any, ...]:
        run, good = self.latest, self.last_good
        return run and (run.id, run.version), good and good.id, sorted(self.counts.by_kind.items())


def _found(stream: str, kind: str) -> str:
    return list_url({"stream": stream, "kind": kind})


@bp.get("/d/<slug>/reconcile")
@requires("viewer")
def short_address() -> ResponseReturnValue:
    """The address that row 192 names."""
    return redirect(url_for(".index"), 301)


@bp.get(PAGE)
@requires("viewer")
def index() -> ResponseReturnValue:
    """Differences, newest first; filters, tab and page are in the address."""
    return _page()


def _page(typed: dict[str, str] | None = None, errors: dict[str, str] | None = None) -> str:
    session, wanted = db.session(), wanted_of(request.args)
    before, after = key_of_page("before"), key_of_page("after")
    found = listing.page(session, wanted, before=before, after=after)
    live = _live()
    return render_template(
        "reconciliation/index.html",
        found=found,
        wanted=wanted,
        given=given(wanted),
        at=given(wanted) | {"before": before, "after": after},
        acts=[(act, text) for act, (text, _) in ACTS.items() if _fits(act, wanted)],
        pages=_pages(found, wanted),
        tabs=_tabs(wanted, live["counts"]),
        severities=_severities(live["counts"]),
        chips=chips(wanted),
        empty=_empty_kind(found, wanted, live),
        typed=typed,
        errors=errors or {},
        days=list(enumerate(weekly.WEEKDAYS)),
        weekday=weekly.WEEKDAYS[live["weekly"].weekday],
        hours=HOURS,
        **live,
    )


@bp.get(f"{PAGE}/live")
@requires("viewer")
def live() -> ResponseReturnValue:
    """The part that refreshes itself: `?seen=` is the version that the browser has, `?listed=` the
    state of the list below it."""
    context = _live()
    if request.args.get("seen") == context["version"]:
        return unchanged()
    return fragment("reconciliation/_live.html", **context)


@bp.post(PAGE)
@requires("operator")
def start() -> ResponseReturnValue:
    """Starts the comparison of vehicles and of leads; answers at once (row 193)."""
    started = [stream for stream in words.STREAMS if _start(stream)]
    if started and not is_fragment():
        flash("The comparison has started. You can leave this page.", "success")
    if is_fragment():
        db.session.rollback()  # what was written above shall be read
        return fragment("reconciliation/_live.html", takes_focus=True, **_live())
    return redirect(url_for(".index"), 303)


def _start(stream: str) -> bool:
    try:
        with unit_of_work(g.dealership.id) as session:
            starting.start(session, g.dealership.id, stream, actor=current_actor(), means=means())
    except (AlreadyRunning, NotConfigured, TooMany) as refused:
        flash(f"{words.STREAMS[stream]}: {refused.user_message}", "warning")
        return False
    return True


@bp.post(f"{PAGE}/weekly")
@requires("admin")
def save_weekly() -> ResponseReturnValue:
    """Day, hour and switch of the weekly comparison (row 199)."""
    form = request.form
    try:
        with unit_of_work(g.dealership.id) as session:
            weekly.save(
                session,
                g.dealership,
                enabled="enabled" in form,
                weekday=form.get("weekday", -1, type=int),
                hour=form.get("hour", -1, type=int),
                actor=current_actor(),
                clock=parts().clock,
            )
    except InputInvalid as error:
        return _page(form.to_dict(), error.fields or {"": error.user_message}), 422
    flash("The weekly reconciliation was saved.", "success")
    return redirect(url_for(".index", _anchor="weekly"), 303)


def _now() -> datetime:
    return parts().clock.now()


def _live() -> dict[str, Any]:
    """What the top of the page tells, and its version: the minute is part of "5 minutes ago"."""
    session, now = db.session(), _now()
    streams = [_stream(session, name, now) for name in words.STREAMS]
    counts, schedule = listing.counts(session), weekly.read(session, g.dealership, now)
    by_status = sorted(counts.by_status.items())
    facts = [stream.facts for stream in streams], by_status, schedule
    ended = [stream.last_good and stream.last_good.id for stream in streams]
    listed = sha256(repr((ended, by_status)).encode()).hexdigest()[:16]
    return {
        "streams": streams,
        "counts": counts,
        "weekly": schedule,
        "configured": sync_overview.is_configured(session, g.dealership.id),
        "may": may,
        "may_start": may("operator"),
        "active": [stream for stream in streams if stream.is_active],
        "listed": request.args.get("listed", listed),
        "is_list_old": request.args.get("listed", listed) != listed,
        "version": sha256(repr((facts, int(now.timestamp()) // 60)).encode()).hexdigest()[:16],
    }


def _stream(session: Session, name: str, now: datetime) -> Stream:
    latest = starting.latest(session, name)
    return Stream(
        name,
        latest,
        starting.last_good(session, name),
        listing.counts(session, name),
        card_of(latest, None, now) if latest is not None else None,
    )


def _tabs(wanted: Wanted, counts: Counts) -> list[NavItem]:
    return [
        NavItem(
            label,
            list_url({"status": status if status != "open" else None}),
            active=wanted.status == status,
            count=counts.by_status.get(status, 0),
        )
        for status, label in words.STATUSES.items()
    ]


def _severities(counts: Counts) -> list[tuple[str, int, str, str]]:
    """(label, number of open ones, address, meaning)"""
    return [
        (label, counts.by_severity.get(name, 0), list_url({"severity": name}),
         words.SEVERITY_MEANS[name])
        for name, label in words.SEVERITIES.items()
    ]  # fmt: skip


def _fits(act: str, wanted: Wanted) -> bool:
    """Opening again is for what is put aside, ignoring for what is not."""
    aside = wanted.status in ("ignored", "listed")
    return aside if act == "reopen" else not (aside and act == "ignore")


def _pages(found: Page, wanted: Wanted) -> dict[str, Any]:
    parts_of = given(wanted)
    newer, older = found.newer, found.older
    return {
        "newer_url": list_url(parts_of | {"after": newer}) if newer is not None else None,
        "older_url": list_url(parts_of | {"before": older}) if older is not None else None,
    }


def _empty_kind(found: Page, wanted: Wanted, live: dict[str, Any]) -> str | None:
    """Which of the three empty states the page shows (ux-brief: Empty)."""
    if found.rows:
        return None
    if not any(stream.latest for stream in live["streams"]):
        return "nothing-yet"
    return "no-match" if given(wanted) else "all-done"
