"""The page EasyCars Settings (story 1.5): state, form, test, save, delete."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db import db, unit_of_work
from app.models import EasyCarsCredential
from app.parts import parts
from app.routes import outside
from app.routes.access import current_actor, requires
from app.routes.connection import Tried, proof_time, try_connection
from app.routes.fragments import fragment, is_fragment
from app.services import credential_removal, credentials
from app.services.credential_encryption import EncryptionError
from app.services.credential_input import LABELS, CredentialInput
from app.services.errors import InputInvalid

bp = Blueprint("credentials", __name__)
PAGE: Final = "/d/<slug>/settings/easycars"
DELETE_WORD: Final = "delete"
UNTESTED: Final = (
    "These values were not tested, or they changed since the test. Press Test Connection, or tick "
    "“Save without a passed test”."
)
DONE: Final = {
    "saved": "The credentials were saved. The next sync uses them.",
    "deleted": "The credentials were deleted. EasyCars synchronization is stopped; vehicles and "
    "history stay.",
}


@bp.get(PAGE)
@requires("admin")
def index() -> ResponseReturnValue:
    return _page(done=DONE.get(request.args.get("done", "")))


@bp.post(f"{PAGE}/test")
@requires("admin")
def test() -> ResponseReturnValue:
    """htmx gets the two lines; without script the page comes back with them."""
    try:
        tried = try_connection(_entered())
    except InputInvalid as error:
        if is_fragment():
            return fragment("credentials/_test_errors.html", 422, errors=error.fields)
        return _page(errors=error.fields), 422
    flash(*_toast(tried))
    if is_fragment():
        return fragment("credentials/_test_result.html", tried=tried)
    return _page(tried=tried)


@bp.post(PAGE)
@requires("admin")
def save() -> ResponseReturnValue:
    """Needs the proof of a passed test of these very values, or the override (row 37)."""
    try:
        _save(_entered())
    except InputInvalid as error:
        return _page(errors=error.fields), 422
    flash("EasyCars credentials saved.", "success")
    return redirect(url_for(".index", done="saved"), 303)


def _save(entered: CredentialInput) -> None:
    made = parts()
    tested_at = _proven(entered)
    with unit_of_work(g.dealership.id) as session:
        credentials.save(
            session,
            g.dealership.id,
            entered,
            made.crypto,
            current_actor(),
            made.clock,
            tested_at,
        )


def _proven(entered: CredentialInput) -> datetime | None:
    tested_at = proof_time(entered, request.form.get("test_token", ""))
    if tested_at is None and not request.form.get("override") and _needs_test(entered):
        raise InputInvalid(UNTESTED, {"": UNTESTED})
    return tested_at


@bp.get(f"{PAGE}/delete")
@requires("admin")
def ask_delete() -> ResponseReturnValue:
    """The question as a plain page; with script it opens as a dialog instead."""
    return _question()


@bp.post(f"{PAGE}/delete")
@requires("admin")
def delete() -> ResponseReturnValue:
    if request.form.get("confirm_word", "").strip().lower() != DELETE_WORD:
        return _question({"confirm_word": f"Type {DELETE_WORD} to confirm."}), 422
    with unit_of_work(g.dealership.id) as session:
        found = credentials.get(session, g.dealership.id)
        credential_removal.delete(
            session, g.dealership.id, found.id, current_actor(), parts().clock
        )
    flash("EasyCars credentials deleted.", "success")
    return redirect(url_for(".index", done="deleted"), 303)


@bp.post(f"{PAGE}/reveal")
@requires("admin")
def reveal() -> ResponseReturnValue:
    """The whole account number, once, in this answer; the audit keeps who asked (trap T10)."""
    with unit_of_work(g.dealership.id) as session:
        found = credentials.get(session, g.dealership.id)
        number = credentials.reveal(
            session, g.dealership.id, found.id, parts().crypto, current_actor()
        )
    if is_fragment():
        return fragment("credentials/_account_number.html", revealed=number.reveal())
    return _page(revealed=number.reveal())


def _question(errors: dict[str, str] | None = None) -> str:
    credentials.get(db.session(), g.dealership.id)
    stops = credential_removal.what_stops(db.session(), g.dealership.id)
    return render_template(
        "credentials/delete.html", stops=stops, word=DELETE_WORD, errors=errors or {}
    )


def _page(
    *,
    errors: dict[str, str] | None = None,
    tried: Tried | None = None,
    done: str | None = None,
    revealed: str | None = None,
) -> str:
    """What was typed stays, except secrets: those are never written into a page."""
    db.session.rollback()  # what this request wrote shall be read
    found = credentials.find(db.session(), g.dealership.id)
    return render_template(
        "credentials/index.html",
        credential=found,
        ending=_ending(found),
        stops=credential_removal.what_stops(db.session(), g.dealership.id),
        shared_client_pair=parts().settings.easycars_client_id is not None,
        typed=_typed(found),
        errors=errors or {},
        tried=tried,
        done=done,
        revealed=revealed,
        labels=LABELS,
        word=DELETE_WORD,
        outside=outside.notice(),
    )


def _typed(found: EasyCarsCredential | None) -> dict[str, Any]:
    stored = {
        "environment": found.environment if found else "Test",
        "yard_code": (found.yard_code if found else "") or "",
        "account_number": "",
    }
    return {name: request.form.get(name, value) for name, value in stored.items()}


def _ending(found: EasyCarsCredential | None) -> str | None:
    """The number's last characters; None when it cannot be read any more."""
    if found is None:
        return ""
    try:
        return credentials.ending(found, parts().crypto)
    except EncryptionError:
        return None


def _entered() -> CredentialInput:
    return CredentialInput.of(
        request.form, drop_client_pair=bool(request.form.get("drop_client_pair"))
    )


def _needs_test(entered: CredentialInput) -> bool:
    found = credentials.find(db.session(), g.dealership.id)
    stored = credentials.readable_keys(found, parts().crypto)
    return credentials.needs_test(found, entered, stored)


def _toast(tried: Tried) -> tuple[str, str]:
    if tried.attempt.passed:
        return f"Connected to EasyCars {tried.attempt.environment}.", "success"
    if tried.attempt.reached:
        return "EasyCars answered, but the dealer account was not verified.", "warning"
    return "The connection test did not pass.", "danger"
