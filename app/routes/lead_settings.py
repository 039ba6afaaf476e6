"""Settings, leads: who wins, when a lead is overdue, what a sync reads, the public form (row 168).

Every form is its own, saves one part and works without script.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.db import db, unit_of_work
from app.parts import parts
from app.routes.access import current_actor, requires
from app.services.errors import InputInvalid
from app.services.leads import policy, policy_edit
from app.services.leads.policy import Policies

bp = Blueprint("lead_settings", __name__)
PAGE: Final = "/d/<slug>/settings/leads"
# Each form: what saves it, what is said then.
SAVES: Final[dict[str, tuple[Callable[..., None], str]]] = {
    "owners": (policy_edit.save_owners, "Who wins was saved."),
    "alarm": (policy_edit.save_alarm, "The alarm was saved."),
    "reading": (policy_edit.save_reading, "What a sync reads was saved."),
}


@bp.get(PAGE)
@requires("admin")
def index() -> ResponseReturnValue:
    return _page()


@bp.post(f"{PAGE}/owners")
@requires("admin")
def save_owners() -> ResponseReturnValue:
    return _save("owners")


@bp.post(f"{PAGE}/alarm")
@requires("admin")
def save_alarm() -> ResponseReturnValue:
    return _save("alarm")


@bp.post(f"{PAGE}/reading")
@requires("admin")
def save_reading() -> ResponseReturnValue:
    return _save("reading")


def _save(card: str) -> ResponseReturnValue:
    """One part in one transaction: back to its card, or the page again with what was typed."""
    save, done = SAVES[card]
    typed = request.form.to_dict()
    try:
        with unit_of_work(g.dealership.id) as session:
            save(session, g.dealership.id, typed, current_actor(), parts().clock.now())
    except InputInvalid as error:
        return _page(card, typed, error.fields), 422
    return _back(done, card)


@bp.post(f"{PAGE}/form")
@requires("admin")
def switch_form() -> ResponseReturnValue:
    """Opens or closes the public form; `do` "renew" gives it another address."""
    wish, now = request.form.get("do"), parts().clock.now()
    with unit_of_work(g.dealership.id) as session:
        if wish == "renew":
            policy_edit.renew_form(session, g.dealership.id, current_actor(), now)
        else:
            on = wish == "open"
            policy_edit.switch_form(session, g.dealership.id, on, current_actor(), now)
    return _back(FORM_WORDS.get(wish or "", "The public form is closed."), "form")


FORM_WORDS: Final = {
    "open": "The public form is open. Put its address on your website.",
    "renew": "The public form has a new address; the old one does not work any more.",
}


def _back(done: str, card: str) -> ResponseReturnValue:
    flash(done, "success")
    return redirect(url_for(".index", _anchor=card), 303)


def _page(
    card: str | None = None,
    typed: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
) -> str:
    session: Session = db.session()
    kept = policy.read(session)
    person, moment = policy_edit.changed_by(session)
    return render_template(
        "lead_settings/index.html",
        shown=_shown(kept, card, typed or {}),
        owned=policy_edit.OWNED,
        owners=list(policy_edit.OWNERS.items()),
        limits={name: (least, most) for name, (least, most, _) in policy_edit.NUMBERS.items()},
        form_url=_form_url(kept),
        errors=errors or {},
        changed_at=moment,
        changed_by=person,
    )


# The switches of each form: one that is not ticked is not sent.
SWITCHES: Final = {"alarm": ("is_alarm_on",), "reading": ("is_discovery_on",)}


def _shown(kept: Policies, card: str | None, typed: dict[str, str]) -> dict[str, Any]:
    """What stands in the forms: what was typed in the refused one, else what is stored."""
    stored = {name: getattr(kept, name) for name in Policies.__slots__}
    ticked = {name: name in typed for name in SWITCHES.get(card or "", ())}
    return stored | {name: typed[name] for name in typed if name in stored} | ticked


def _form_url(kept: Policies) -> str | None:
    """Where the public form stands for the dealership's website; None while it is closed."""
    if kept.form_key is None:
        return None
    public_url = parts().settings.public_url
    if public_url:
        path = url_for("public_form.show", form_key=kept.form_key)
        return f"{public_url.rstrip('/')}{path}"
    return url_for("public_form.show", form_key=kept.form_key, _external=True)
