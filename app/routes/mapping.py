"""Settings, mapping: value maps, title template, defaults, their versions (C19, C10).

Everything works by plain forms: "Try" shows what would change, "Save" makes a version, "Apply" goes
through the stored vehicles.
"""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db import db, unit_of_work
from app.parts import parts
from app.routes.access import current_actor, requires
from app.routes.fragments import fragment, page_at
from app.routes.sync_stock import means
from app.services import (
    feed_questions,
    manual_sync,
    mapping_page,
    mapping_trial,
    mapping_versions,
)
from app.services.errors import AlreadyRunning, InputInvalid
from app.services.manual_sync import PROVIDER
from app.services.mapping import MAPPED, Rules, rules_of
from app.services.mapping_input import DEFAULTABLE, Typed, checked, typed_of
from app.services.mapping_trial import Trial
from app.services.sync.rows import Target
from app.services.vehicle_fields import FIELDS

bp = Blueprint("mapping", __name__)
PAGE: Final = "/d/<slug>/settings/mapping"
VERSION: Final = f"{PAGE}/versions/<int(max=2147483647):version_number>"


@bp.get(PAGE)
@requires("admin")
def index() -> ResponseReturnValue:
    return _page(typed_of(mapping_versions.current(db.session())))


@bp.post(PAGE)
@requires("admin")
def save() -> ResponseReturnValue:
    """The button "Try" only shows what the typed rules would do; "Save" makes a version."""
    typed = _typed()
    try:
        rules = checked(typed)
        if request.form.get("do") == "try":
            return _page(typed, trial=_try(rules))
        made = _save(rules)
    except InputInvalid as error:
        return _page(typed, error.fields or {"": error.user_message}), 422
    flash(
        f"Version {made} of the rules is saved. Vehicles that change in EasyCars follow it from "
        "now on; apply it to all stored vehicles to change the others too.",
        "success",
    )
    return redirect(url_for(".index"), 303)


def _save(rules: Rules) -> int:
    with unit_of_work(g.dealership.id) as session:
        made = mapping_versions.save(
            session,
            g.dealership.id,
            rules,
            actor=current_actor(),
            now=parts().clock.now(),
            note=request.form.get("note", ""),
            base=request.form.get("base", type=int),
        )
        return made.number


@bp.get(f"{PAGE}/title")
@requires("admin")
def title() -> ResponseReturnValue:
    """Real titles while the template is being typed."""
    examples, fault = mapping_page.title_examples(db.session(), request.args.get("title", ""))
    return fragment("mapping/_titles.html", examples=examples, fault=fault)


@bp.post(f"{PAGE}/apply")
@requires("operator")
def apply() -> ResponseReturnValue:
    """Starts the run that goes through all stored vehicles; nobody asks EasyCars."""
    try:
        with unit_of_work(g.dealership.id) as session:
            run_id = manual_sync.remap(
                session, g.dealership.id, actor=current_actor(), means=means()
            ).id
    except AlreadyRunning as running:
        flash(f"{running.user_message} Apply the rules when it has ended.", "info")
        run_id = running.run_id
    return redirect(page_at(f"runs/{run_id}"), 303)


@bp.get(VERSION)
@requires("admin")
def version(version_number: int) -> ResponseReturnValue:
    """What a version changed against the one before, and what going back to it would change."""
    return _version_page(version_number)


@bp.post(VERSION)
@requires("admin")
def go_back(version_number: int) -> ResponseReturnValue:
    try:
        with unit_of_work(g.dealership.id) as session:
            made = mapping_versions.go_back(
                session,
                g.dealership.id,
                version_number,
                actor=current_actor(),
                now=parts().clock.now(),
            )
    except InputInvalid as error:
        return _version_page(version_number, {"": error.user_message}), 422
    flash(
        f"The rules of version {version_number} are in force again, as version {made.number}. "
        "Apply them to all stored vehicles when you are ready.",
        "success",
    )
    return redirect(url_for(".index"), 303)


def _version_page(number: int, errors: dict[str, str] | None = None) -> str:
    session = db.session()
    shown = mapping_versions.get(session, number)
    rules, current = rules_of(shown.rules, number), mapping_versions.current(session)
    before = mapping_versions.get(session, number - 1) if number > 1 else None
    return render_template(
        "mapping/version.html",
        version=shown,
        in_force=current.number,
        changed=list(mapping_versions.changes(rules_of(before.rules if before else None), rules)),
        back=list(mapping_versions.changes(current, rules)),
        errors=errors or {},
    )


def _typed() -> Typed:
    """The form's pairs lie in the order of its rows; a row has both parts or neither."""
    form = request.form
    return Typed(
        values={
            name: list(
                zip(form.getlist(f"received_{name}"), form.getlist(f"shown_{name}"), strict=False)
            )
            for name in MAPPED
        },
        title=form.get("title", ""),
        defaults={name: form.get(f"default_{name}", "") for name in DEFAULTABLE},
    )


def _try(rules: Rules) -> Trial:
    return mapping_trial.try_rules(db.session(), _target(), rules, parts().clock.now())


def _target() -> Target:
    return mapping_trial.stock_target(db.session(), g.dealership.id, PROVIDER, parts().crypto)


def _page(typed: Typed, errors: dict[str, str] | None = None, trial: Trial | None = None) -> str:
    session = db.session()
    versions = mapping_versions.history(session)
    examples, fault = mapping_page.title_examples(session, typed.title)
    return render_template(
        "mapping/index.html",
        fields=mapping_page.fields(session, _target(), typed),
        defaults=_defaults(typed),
        title=typed.title,
        examples=examples,
        fault=fault,
        versions=versions,
        base=request.form.get("base", type=int, default=versions[0].number if versions else 0),
        note=request.form.get("note", ""),
        is_waiting=mapping_versions.is_waiting(session),
        questions=feed_questions.open_count(session),
        trial=trial,
        errors=errors or {},
    )


def _defaults(typed: Typed) -> list[dict[str, Any]]:
    """The form's fields for defaults: those with a value first."""
    shown = [
        {
            "name": name,
            "label": FIELDS[name].label,
            "kind": "kind" if name == "kind" else FIELDS[name].kind,
            "value": typed.defaults.get(name, ""),
        }
        for name in DEFAULTABLE
    ]
    return sorted(shown, key=lambda one: not one["value"])
