"""Customers that may be the same: the list, two side by side, merge and unmerge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db import db, unit_of_work
from app.models import Customer
from app.routes.access import current_actor, may, requires
from app.routes.customers import LIST, ONE, means
from app.services.errors import NotAllowed
from app.services.leads import customer_list, customer_merge, customer_twins, customer_unmerge
from app.services.leads.customer_merge import ChangedMeanwhile
from app.services.leads.fields import CUSTOMER_FIELDS, customer_values
from app.templating import NavItem

bp = Blueprint("customer_merge", __name__)
DUPLICATES: Final = f"{LIST}/duplicates"
PAIR: Final = f"{ONE}/merge/<int(max=2147483647):other_customer_id>"
MERGE: Final = f"{LIST}/merges/<int(max=2147483647):customer_merge_id>/unmerge"
PREFIX: Final = "f."


@bp.get(DUPLICATES)
@requires("viewer")
def index() -> ResponseReturnValue:
    """Pairs with their reasons; on a tab of its own what was merged."""
    session = db.session()
    pairs, merges = customer_twins.pairs(session), customer_merge.standing(session)
    tab = "merged" if request.args.get("tab") == "merged" else "open"
    tabs = [
        NavItem("To decide", url_for(".index"), tab == "open", len(pairs)),
        NavItem("Merged", url_for(".index", tab="merged"), tab == "merged", len(merges)),
    ]
    return render_template(
        "customers/duplicates.html",
        tab=tab,
        tabs=tabs,
        pairs=pairs,
        merges=[(one, *customer_twins.both(session, one.kept_id, one.merged_id)) for one in merges],
        most=customer_twins.SHOWN,
        may=may,
    )


@bp.get(PAIR)
@requires("viewer")
def pair(customer_id: int, other_customer_id: int) -> ResponseReturnValue:
    """Both customers side by side, with a choice for every field that differs."""
    shown = _shown(customer_id, other_customer_id, request.args)
    if shown is None:
        return _gone(customer_id)
    return render_template("customers/pair.html", **shown)


def _shown(first_id: int, second_id: int, asked: Mapping[str, str]) -> dict[str, Any] | None:
    """Two customers with the choices so far; None when they cannot be merged."""
    session = db.session()
    first, second = customer_twins.both(session, first_id, second_id)
    if first.id == second.id or first.merged_into_id or second.merged_into_id:
        return None
    kept, merged = (second, first) if asked.get("stays") == str(second.id) else (first, second)
    choices = _choices(kept, merged, asked)
    return {
        "first": first,
        "second": second,
        "kept": kept,
        "merged": merged,
        "rows": {row.customer.id: row for row in customer_list.rows_of(session, [first, second])},
        "reasons": _reasons(first, second),
        "fields": CUSTOMER_FIELDS,
        "differing": customer_merge.differing(first, second),
        "choices": choices,
        "new": customer_merge.taken_over(kept, merged, choices),
        "values": {one.id: customer_values(one) for one in (first, second)},
        "may": may,
    }


def _choices(kept: Customer, merged: Customer, asked: Mapping[str, str]) -> dict[str, str]:
    """Field → "kept" or "merged"; the form names the customer whose value was chosen."""
    return {
        name: "merged" if asked.get(PREFIX + name) == str(merged.id) else "kept"
        for name in customer_merge.differing(kept, merged)
    }


def _reasons(first: Customer, second: Customer) -> list[str]:
    others = set(customer_twins.signs(second))
    return [sign for sign in customer_twins.signs(first) if sign in others]


def _gone(customer_id: int) -> ResponseReturnValue:
    flash("These two cannot be merged: one of them was merged already.", "warning")
    return redirect(url_for("customers.one", customer_id=customer_id), 303)


@bp.get(f"{PAIR}/preview")
@requires("viewer")
def preview(customer_id: int, other_customer_id: int) -> ResponseReturnValue:
    """The result of the choices, before anybody says yes."""
    shown = _shown(customer_id, other_customer_id, request.args)
    if shown is None:
        return _gone(customer_id)
    asked = _asked(shown)
    ids: dict[str, Any] = {"customer_id": customer_id, "other_customer_id": other_customer_id}
    return render_template(
        "customers/preview.html",
        **shown,
        asked=asked | {"seen": customer_merge.fingerprint(shown["first"], shown["second"])},
        back=url_for(".pair", **ids, **asked),
        action=url_for(".merge", **ids),
    )


def _asked(shown: Mapping[str, Any]) -> dict[str, Any]:
    """The choices as the form sends them: all, so that the merge does what was shown."""
    side = {"kept": shown["kept"].id, "merged": shown["merged"].id}
    chosen = {PREFIX + name: str(side[which]) for name, which in shown["choices"].items()}
    return {"stays": str(shown["kept"].id), **chosen}


@bp.post(PAIR)
@requires("operator")
def merge(customer_id: int, other_customer_id: int) -> ResponseReturnValue:
    """Merges as previewed; not when one of the customers changed since."""
    shown = _shown(customer_id, other_customer_id, request.form)
    if shown is None:
        return _gone(customer_id)
    kept, merged = shown["kept"].id, shown["merged"].id
    try:
        with unit_of_work(g.dealership.id) as session:
            customer_merge.merge(
                session, kept, merged, shown["choices"], actor=current_actor(), means=means(),
                seen=request.form.get("seen", ""),
            )  # fmt: skip
    except ChangedMeanwhile as refused:
        flash(refused.user_message, "warning")
        ids: dict[str, Any] = {"customer_id": customer_id, "other_customer_id": other_customer_id}
        return redirect(url_for(".preview", **ids, **_asked(shown)), 303)
    except NotAllowed as refused:
        flash(refused.user_message, "warning")
        return redirect(url_for("customers.one", customer_id=kept), 303)
    flash("The two customers are one now. You can take that back.", "success")
    return redirect(url_for("customers.one", customer_id=kept), 303)


@bp.get(MERGE)
@requires("operator")
def ask_unmerge(customer_merge_id: int) -> ResponseReturnValue:
    """What comes back, and what stays because somebody changed it since."""
    session = db.session()
    record = customer_merge.get(session, customer_merge_id)
    if refused := customer_unmerge.refusal(session, record):
        flash(refused, "warning")
        return redirect(url_for(".index", tab="merged"))
    kept, merged = customer_twins.both(session, record.kept_id, record.merged_id)
    restored = customer_unmerge.restoration(session, record)
    return render_template(
        "customers/unmerge.html",
        record=record,
        kept=kept,
        merged=merged,
        restored=restored,
        labels=_labels(restored.left),
    )


def _labels(names: Any) -> list[str]:
    return [CUSTOMER_FIELDS[name].label for name in names]


@bp.post(MERGE)
@requires("operator")
def unmerge(customer_merge_id: int) -> ResponseReturnValue:
    try:
        with unit_of_work(g.dealership.id) as session:
            left = customer_unmerge.unmerge(
                session, customer_merge_id, actor=current_actor(), means=means()
            )
            merged_id = customer_merge.get(session, customer_merge_id).merged_id
    except NotAllowed as refused:
        flash(refused.user_message, "warning")
        return redirect(url_for(".index", tab="merged"), 303)
    kept = f" Changed since and kept: {', '.join(_labels(left))}." if left else ""
    flash(f"The merge was taken back; both are customers of their own again.{kept}", "success")
    return redirect(url_for("customers.one", customer_id=merged_id), 303)
