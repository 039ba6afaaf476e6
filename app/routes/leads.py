"""Leads: the list and one lead (requirements rows 137, 141, 159, 169; C53)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db import db
from app.models import Lead
from app.models.leads import CLOSED, SYNC_STATES, UNSENT
from app.parts import parts
from app.routes.access import may, requires
from app.routes.fragments import STOP_POLLING, fragment, page_at
from app.routes.vehicles import Pages
from app.services.leads import fields, listing, saving, sending, view
from app.services.leads.listing import LeadFilter, LeadPage
from app.templating import NavItem

bp = Blueprint("leads", __name__)
LIST: Final = "/d/<slug>/leads"
ONE: Final = f"{LIST}/<int:lead_id>"
PAGE_SIZE: Final = 50
MAX_PAGE: Final = 100_000
LONGEST: Final = 100
DEFAULT_TAB: Final = "open"
# Name in the address → field of the filter.
FILTERS: Final = {"q": "q", "status": "status", "source": "source", "stock": "stock_number"}
DETAIL_TABS: Final = {"": "Lead", "timeline": "Timeline", "source": "Source"}


@bp.get(LIST)
@requires("viewer")
def index() -> ResponseReturnValue:
    """The list; tab, filters and page number are in the address."""
    wanted, page = _wanted(), _page_number()
    found = listing.page_of(db.session(), wanted, parts().clock.now(), page, PAGE_SIZE)
    if not found.rows and page > 1 and found.total:
        return redirect(_address(wanted))
    return render_template(
        "leads/index.html",
        found=found,
        wanted=wanted,
        pages=_pages(found, wanted),
        tabs=_tabs(found, wanted),
        tab_words=listing.TABS,
        given=_given(wanted),
        chips=_chips(wanted),
        statuses=fields.STATUSES,
        sources=view.SOURCE_WORDS,
        interests=fields.INTERESTS,
        everywhere=_address(replace(wanted, tab="all")),
        **shared(),
    )


def shared() -> dict[str, Any]:
    """What the templates of leads have in common."""
    return {
        "may": may,
        "page_at": page_at,
        "unsent": UNSENT,
        "closed": CLOSED,
        "sync_words": fields.SYNC_STATES,
    }


def _wanted() -> LeadFilter:
    """The filter that the address carries; what cannot be read is not there."""
    texts: dict[str, Any] = {
        field: request.args.get(name, "").replace("\0", "").strip()[:LONGEST] or None
        for name, field in FILTERS.items()
    }
    tab, state = request.args.get("tab", ""), request.args.get("state", "")
    tab = tab if tab in listing.TABS else DEFAULT_TAB
    return LeadFilter(tab=tab, sync_state=state if state in SYNC_STATES else None, **texts)


def _given(wanted: LeadFilter) -> dict[str, str]:
    """The filter as parts of an address, without its tab."""
    found = {name: getattr(wanted, field) for name, field in FILTERS.items()}
    return {name: value for name, value in (found | {"state": wanted.sync_state}).items() if value}


def _address(wanted: LeadFilter, **more: Any) -> str:
    tab = None if wanted.tab == DEFAULT_TAB else wanted.tab
    return url_for("leads.index", **({"tab": tab} | _given(wanted) | more))


def _page_number() -> int:
    return min(max(request.args.get("page", 1, type=int), 1), MAX_PAGE)


def _pages(found: LeadPage, wanted: LeadFilter) -> Pages:
    before = found.page - 1 if found.page > 2 else None
    back = _address(wanted, page=before) if found.page > 1 else None
    onward = _address(wanted, page=found.page + 1) if found.has_more else None
    noun = "lead" if found.total == 1 else "leads"
    return Pages(found.first, found.last, found.total, noun, back, onward, "Newer", "Older")


def _tabs(found: LeadPage, wanted: LeadFilter) -> list[NavItem]:
    return [
        NavItem(words, _address(replace(wanted, tab=tab)), tab == wanted.tab, found.counts[tab])
        for tab, words in listing.TABS.items()
    ]


def _chips(wanted: LeadFilter) -> list[tuple[str, str]]:
    """Active filters in words, each with the address without it."""
    told = {
        "q": f"“{wanted.q}”",
        "status": fields.STATUSES.get(wanted.status or ""),
        "source": view.SOURCE_WORDS.get(wanted.source or ""),
        "stock": f"Stock number {wanted.stock_number}",
        "state": fields.SYNC_STATES.get(wanted.sync_state or ""),
    }
    return [
        (told[name] or value, _address(wanted, **{name: None}))
        for name, value in _given(wanted).items()
    ]


@bp.get(ONE)
@requires("viewer")
def one(lead_id: int) -> ResponseReturnValue:
    """One lead: what it is and what can be done, its timeline, or what EasyCars sent."""
    lead = saving.get(db.session(), lead_id)
    tab = request.args.get("tab", "")
    tab = tab if tab in DETAIL_TABS else ""
    return lead_page(lead, tab, **TAB_CONTENT[tab](lead))


def lead_page(lead: Lead, tab: str = "", **content: Any) -> str:
    """The page of a lead on one of its tabs; `content` is what that tab's template reads."""
    return render_template(
        f"leads/{TAB_TEMPLATES[tab]}",
        lead=lead,
        customer=lead.customer,
        standing=view.standing(db.session(), lead, parts().clock.now()),
        tabs=tabs_of(lead, tab),
        sources=view.SOURCE_WORDS,
        **shared(),
        **content,
    )


@bp.get(f"{ONE}/easycars")
@requires("viewer")
def easycars(lead_id: int) -> ResponseReturnValue:
    """The EasyCars part of the page; 286 ends the poll when the lead waits no more."""
    lead = saving.get(db.session(), lead_id)
    return fragment(
        "leads/_easycars.html",
        status=200 if lead.sync_state == "waiting" else STOP_POLLING,
        lead=lead,
        standing=view.standing(db.session(), lead, parts().clock.now()),
        connected=sending.is_connected(db.session(), lead.dealership_id),
        **shared(),
    )


def tabs_of(lead: Lead, active: str) -> list[NavItem]:
    """The lead's pages; the form is for those who may change it."""
    found = [
        NavItem(words, url_for("leads.one", lead_id=lead.id, tab=tab or None), tab == active)
        for tab, words in DETAIL_TABS.items()
    ]
    if may("operator"):
        edit = url_for("lead_edit.edit", lead_id=lead.id)
        found.append(NavItem("Edit", edit, active == "edit"))
    return found


def details(lead: Lead) -> dict[str, Any]:
    """What the first tab shows."""
    session = db.session()
    return {
        "quotations": view.quotations_of(session, lead),
        "connected": sending.is_connected(session, lead.dealership_id),
        "statuses": fields.STATUSES,
        "rows": _facts(lead),
        "errors": {},
        "note": "",
    }


def _facts(lead: Lead) -> list[tuple[str, str]]:
    names = ("interest", "rating", "finance_status")
    return [
        (fields.LEAD_FIELDS[name].label, fields.shown(fields.LEAD_FIELDS[name], value))
        for name, value in ((name, getattr(lead, name)) for name in names)
    ]


def _timeline(lead: Lead) -> dict[str, Any]:
    return {"lines": view.story(db.session(), lead)}


def _source(lead: Lead) -> dict[str, Any]:
    own, customers = view.links_of(db.session(), lead)
    archive = view.archive_of(db.session(), own)
    return {
        "archive": archive,
        "received": view.received(archive),
        "agreed": view.agreed_values(own),
        "agreed_customer": view.agreed_values(customers),
        "link": own,
    }


TAB_CONTENT: Final = {"": details, "timeline": _timeline, "source": _source}
TAB_TEMPLATES: Final = {"": "details.html", "timeline": "timeline.html", "source": "source.html"}
