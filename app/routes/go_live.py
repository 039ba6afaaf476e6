"""The go-live checklist: seven steps from the first credentials to a signed-off import (C67)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.db import db, unit_of_work
from app.parts import parts
from app.routes.access import current_actor, may, requires
from app.routes.fragments import page_at
from app.services import go_live, go_live_facts
from app.services.errors import InputInvalid, NotAllowed
from app.services.go_live import Checklist

bp = Blueprint("go_live", __name__)
PAGE: Final = "/d/<slug>/go-live"


@bp.get(PAGE)
@requires("viewer")
def index() -> ResponseReturnValue:
    return _page()


def _page(typed: dict[str, str] | None = None, errors: dict[str, str] | None = None) -> str:
    return render_template(
        "go_live/index.html",
        found=go_live.checklist(db.session(), g.dealership, parts().clock.now()),
        typed=typed or {"step": "", "reason": ""},
        errors=errors or {},
        page_at=page_at,
        may=may,
    )


@bp.post(f"{PAGE}/skip")
@requires("admin")
def skip() -> ResponseReturnValue:
    """Ends a step for a reason; without one the form comes back with a word."""
    step, reason = _step(), request.form.get("reason", "")
    try:
        return _act(
            lambda session: go_live.skip(
                session, g.dealership, step, reason, actor=current_actor(), now=_now()
            ),
            "The step is skipped. Take it up again whenever you like.",
        )
    except InputInvalid as wrong:
        db.session.rollback()
        errors = {f"reason-{step}": text for text in wrong.fields.values()}
        return _page({"step": step, "reason": reason}, errors), 422


@bp.post(f"{PAGE}/confirm")
@requires("admin")
def confirm() -> ResponseReturnValue:
    """A person's word for what the data cannot tell."""
    return _act(
        lambda session: go_live.confirm(
            session, g.dealership, _step(), actor=current_actor(), now=_now()
        ),
        "Noted.",
    )


@bp.post(f"{PAGE}/reopen")
@requires("admin")
def reopen() -> ResponseReturnValue:
    return _act(
        lambda session: go_live.reopen(session, g.dealership, _step(), actor=current_actor()),
        "The sign-off is taken back."
        if _step() == go_live.SIGNED_OFF
        else "The step is open again.",
    )


@bp.post(f"{PAGE}/test-mail")
@requires("admin")
def test_mail() -> ResponseReturnValue:
    return _act(
        lambda session: go_live_facts.send_test_mail(
            session, g.dealership, g.user.email, actor=current_actor(), now=_now()
        ),
        "A test mail is on its way to you.",
    )


@bp.post(f"{PAGE}/sign-off")
@requires("admin")
def sign_off() -> ResponseReturnValue:
    return _act(
        lambda session: go_live.sign_off(session, g.dealership, actor=current_actor(), now=_now()),
        f"{g.dealership.name} is live.",
    )


def _act(work: Callable[[Session], Any], said: str) -> ResponseReturnValue:
    try:
        with unit_of_work(g.dealership.id) as session:
            work(session)
        flash(said, "success")
    except NotAllowed as refused:
        flash(refused.user_message, "warning")
    return redirect(url_for(".index"), 303)


def _step() -> str:
    return request.form.get("step", "")[:32]


def _now() -> Any:
    return parts().clock.now()


@bp.app_template_global()
def go_live_checklist() -> Checklist | None:
    """For the dashboard's card; None once the dealership was signed off."""
    if go_live.is_live(g.dealership):
        return None
    return go_live.checklist(db.session(), g.dealership, parts().clock.now())
