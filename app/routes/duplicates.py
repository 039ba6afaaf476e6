"""Possible duplicates: the list, two vehicles side by side, merge and unmerge (C22 to C24)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db import db, unit_of_work
from app.models import Vehicle, VehicleMerge
from app.parts import parts
from app.routes.access import current_actor, may, requires
from app.routes.fragments import key_of_page, page_at
from app.routes.vehicles import Pages, photo_url
from app.services import (
    audit,
    duplicates,
    duplicates_after_sync,
    duplicates_by_hand,
    vehicle_merge,
    vehicle_merge_heirs,
    vehicle_merge_undo,
    vehicle_merge_view,
)
from app.services.errors import InputInvalid, NotAllowed
from app.services.vehicle_fields import label_of
from app.services.vehicle_merge import ChangedMeanwhile
from app.services.vehicle_merge_view import Comparison
from app.templating import NavItem

bp = Blueprint("duplicates", __name__)
LIST: Final = "/d/<slug>/duplicates"
PAIR: Final = f"{LIST}/<int(max=2147483647):pair_id>"
MERGE: Final = f"{LIST}/merges/<int(max=2147483647):merge_id>/unmerge"
TABS: Final = {"open": "To decide", "dismissed": "Not duplicates", "merged": "Merged"}
MAX_PAGE: Final = 1_000


@bp.get(LIST)
@requires("viewer")
def index() -> ResponseReturnValue:
    """Pairs to decide, the surest first; on tabs of their own what was decided."""
    return _index({}, {})


def _index(typed: Mapping[str, str], errors: Mapping[str, str]) -> str:
    tab = request.args.get("tab", "open")
    tab = tab if tab in TABS else "open"
    number = min(max(request.args.get("page", 1, type=int), 1), MAX_PAGE)
    return render_template(
        "duplicates/index.html",
        tab=tab,
        tabs=_tabs(tab),
        photo_url=photo_url,
        likelihood=duplicates.likelihood,
        may=may,
        typed=typed,
        errors=errors,
        dismissed=_just_dismissed(),
        **(_merges(number) if tab == "merged" else _pairs(tab, number)),
    )


def _pairs(state: str, number: int) -> dict[str, Any]:
    page = duplicates.page(db.session(), state, number)
    return {"rows": page.rows, "pages": _pages(state, page.first, page.last, page.total, number)}


def _merges(number: int) -> dict[str, Any]:
    session, size = db.session(), duplicates.PAGE_SIZE
    found = vehicle_merge.standing(session, size, (number - 1) * size)
    rows = vehicle_merge_view.merge_rows(session, found, parts().clock.now())
    first = (number - 1) * size + 1 if rows else 0
    total = vehicle_merge.standing_count(session)
    pages = _pages("merged", first, (number - 1) * size + len(rows), total, number, "merge")
    return {"rows": rows, "pages": pages, "until": vehicle_merge_undo.until}


def _pages(tab: str, first: int, last: int, total: int, number: int, noun: str = "pair") -> Pages:
    def address(page: int) -> str:
        return url_for(".index", tab=None if tab == "open" else tab, page=page)

    before = address(number - 1) if number > 1 else None
    after = address(number + 1) if last < total and first else None
    return Pages(first, last, total, noun if total == 1 else f"{noun}s", before, after)


def _tabs(active: str) -> list[NavItem]:
    session = db.session()
    counts = duplicates.counts(session)
    counts["merged"] = vehicle_merge.standing_count(session)
    return [
        NavItem(
            label, url_for(".index", tab=None if tab == "open" else tab), tab == active, counts[tab]
        )
        for tab, label in TABS.items()
    ]


def _just_dismissed() -> int | None:
    """The pair that a person just called no duplicate: one press takes it back."""
    pair_id = key_of_page("dismissed")
    return pair_id if pair_id and may("operator") else None


@bp.post(LIST)
@requires("operator")
def choose() -> ResponseReturnValue:
    """Two vehicles that nothing suggested, side by side."""
    texts = (request.form.get("first", ""), request.form.get("second", ""))
    try:
        with unit_of_work(g.dealership.id) as session:
            made = duplicates_by_hand.pair(
                session, g.dealership.id, texts, current_actor(), parts().clock.now()
            )
    except InputInvalid as error:
        return _index(request.form, error.fields), 422
    return redirect(url_for(".pair", pair_id=made.id), 303)


@bp.post(f"{LIST}/look")
@requires("operator")
def look() -> ResponseReturnValue:
    """Looks through all vehicles now."""
    found = duplicates_after_sync.look(g.dealership.id, parts().clock)
    with unit_of_work(g.dealership.id) as session:
        facts = {"opened": found.opened, "open": found.open}
        audit.record(
            session, current_actor(), "duplicates.look", "", facts, dealership_id=g.dealership.id
        )
    said = "No new pair was found." if not found.opened else f"New pairs found: {found.opened}."
    flash(f"All vehicles were compared. {said}", "success")
    return redirect(url_for(".index"), 303)


@bp.get(PAIR)
@requires("viewer")
def pair(pair_id: int) -> ResponseReturnValue:
    """Both vehicles side by side, with a choice for every field that differs."""
    return render_template("duplicates/pair.html", **_shown(pair_id))


def _shown(pair_id: int) -> dict[str, Any]:
    return {
        "shown": _comparison(pair_id, request.args),
        "photo_url": photo_url,
        "likelihood": duplicates.likelihood,
        "may": may,
    }


def _comparison(pair_id: int, asked: Any) -> Comparison:
    session = db.session()
    row = duplicates.row_of(session, duplicates.get(session, pair_id))
    return vehicle_merge_view.comparison(session, row, asked)


@bp.get(f"{PAIR}/preview")
@requires("viewer")
def preview(pair_id: int) -> ResponseReturnValue:
    """The result of the choices, before anybody says yes."""
    shown = _comparison(pair_id, request.args)
    if shown.pair.state == "merged":
        return redirect(url_for(".pair", pair_id=pair_id))
    asked: dict[str, Any] = {
        name: value for name, value in request.args.items() if _is_choice(name)
    }
    return render_template(
        "duplicates/preview.html",
        shown=shown,
        result=vehicle_merge_view.preview(db.session(), shown),
        asked={"stays": str(shown.kept.id), **_columns(shown)},
        back=url_for(".pair", pair_id=pair_id, **asked),
        until=parts().clock.now() + vehicle_merge.UNMERGE_FOR,
        may=may,
    )


def _is_choice(name: str) -> bool:
    return name == "stays" or name.startswith(vehicle_merge_view.PREFIX)


def _columns(shown: Comparison) -> dict[str, str]:
    """The choices as the form sends them: all, so that the merge does what was shown."""
    return {f"{vehicle_merge_view.PREFIX}{one.name}": one.side for one in shown.differing}


@bp.post(f"{PAIR}/merge")
@requires("operator")
def merge(pair_id: int) -> ResponseReturnValue:
    """Merges as previewed; not when one of the vehicles changed since."""
    shown = _comparison(pair_id, request.form)
    result = vehicle_merge_view.preview(db.session(), shown)
    try:
        _merge(shown, dict(result.choices), request.form.get("seen"))
    except NotAllowed as refused:
        flash(refused.user_message, "warning")
        asked: dict[str, Any] = {
            name: value for name, value in request.form.items() if _is_choice(name)
        }
        again = ".preview" if isinstance(refused, ChangedMeanwhile) else ".pair"
        return redirect(url_for(again, pair_id=pair_id, **asked), 303)
    flash("The two vehicles are one now. You can take that back for 90 days.", "success")
    return redirect(page_at(f"vehicles/{shown.kept.id}"), 303)


def _merge(shown: Comparison, choices: dict[str, str], seen: str | None) -> None:
    now, actor = parts().clock.now(), current_actor()
    with unit_of_work(g.dealership.id) as session:
        kept, merged = shown.kept.id, shown.merged.id
        vehicle_merge.merge(session, kept, merged, choices, actor=actor, now=now, seen=seen or "")
        # EasyCars may have dropped the kept one's record before.
        vehicle_merge_heirs.follow(session, now)


@bp.post(f"{PAIR}/dismiss")
@requires("operator")
def dismiss(pair_id: int) -> ResponseReturnValue:
    """ "Not a duplicate": no question, but Undo on the next page."""
    with unit_of_work(g.dealership.id) as session:
        found = duplicates.get(session, pair_id)
        duplicates.dismiss(session, found, actor=current_actor(), now=parts().clock.now())
    return redirect(url_for(".index", dismissed=pair_id), 303)


@bp.post(f"{PAIR}/reopen")
@requires("operator")
def reopen(pair_id: int) -> ResponseReturnValue:
    with unit_of_work(g.dealership.id) as session:
        duplicates.reopen(session, duplicates.get(session, pair_id), actor=current_actor())
    flash("The pair is open again.", "success")
    return redirect(url_for(".pair", pair_id=pair_id), 303)


@bp.get(MERGE)
@requires("operator")
def ask_unmerge(merge_id: int) -> ResponseReturnValue:
    """What comes back, and what stays because somebody changed it since."""
    session = db.session()
    record = vehicle_merge.get(session, merge_id)
    if refused := vehicle_merge_undo.refusal(session, record, parts().clock.now()):
        flash(refused, "warning")
        return redirect(url_for(".index", tab="merged"))
    return render_template(
        "duplicates/unmerge.html",
        row=vehicle_merge_view.merge_rows(session, [record], parts().clock.now())[0],
        restored=(restored := vehicle_merge_undo.restoration(session, record)),
        labels=[label_of(name) for name in restored.left],
    )


@bp.post(MERGE)
@requires("operator")
def unmerge(merge_id: int) -> ResponseReturnValue:
    try:
        with unit_of_work(g.dealership.id) as session:
            record = vehicle_merge.get(session, merge_id)
            left = vehicle_merge_undo.unmerge(
                session, record, actor=current_actor(), now=parts().clock.now()
            )
            merged_id = record.merged_id
    except NotAllowed as refused:
        flash(refused.user_message, "warning")
        return redirect(url_for(".index", tab="merged"), 303)
    kept = f" Changed since and kept: {', '.join(map(label_of, left))}." if left else ""
    flash(f"The merge was taken back; both are vehicles of their own again.{kept}", "success")
    return redirect(page_at(f"vehicles/{merged_id}"), 303)


@bp.app_template_global()
def merged_into(vehicle: Vehicle) -> dict[str, Any] | None:
    """For the page of a merged vehicle: where it went, and how to take that back."""
    if vehicle.merged_into_id is None:
        return None
    session = db.session()
    record: VehicleMerge | None = vehicle_merge.of_vehicle(session, vehicle.id)
    kept = session.get(Vehicle, vehicle.merged_into_id)
    refused = record and vehicle_merge_undo.refusal(session, record, parts().clock.now())
    return {"kept": kept, "merge": record, "refused": refused}
