"""Values and fields of the feed that nobody explained yet, each asked once (C20, C26)."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.db import db, unit_of_work
from app.models import FeedQuestion
from app.parts import parts
from app.routes.access import current_actor, requires
from app.services import feed_answers, feed_questions, mapping_versions
from app.services.errors import InputInvalid, NotAllowed
from app.services.mapping_input import CHOICES
from app.services.vehicle_fields import field_of_source, label_of

bp = Blueprint("feed_questions", __name__)
PAGE: Final = "/d/<slug>/settings/mapping/questions"
SHOWN_AT_ONCE: Final = 300


@bp.get(PAGE)
@requires("operator")
def index() -> ResponseReturnValue:
    return _page()


@bp.post(f"{PAGE}/<int(max=2147483647):question_id>")
@requires("operator")
def decide(question_id: int) -> ResponseReturnValue:
    """One question: a shown value, "It is fine as it is", or "Ask again"."""
    try:
        with unit_of_work(g.dealership.id) as session:
            done = _decide(session, question_id, request.form.get("do", "answer"))
    except InputInvalid as error:
        typed = {question_id: request.form.get("shown", "")}
        return _page(typed, {f"shown-{question_id}": error.user_message}), 422
    except NotAllowed as refused:
        flash(refused.user_message, "info")
        return redirect(url_for(".index"), 303)
    flash(done, "success")
    return redirect(url_for(".index"), 303)


def _decide(session: Session, question_id: int, act: str) -> str:
    actor, now = current_actor(), parts().clock.now()
    if act == "ignore":
        question = feed_questions.ignore(session, question_id, actor, now)
        return f"{_named(question)} stays as it is and is not asked about again."
    if act == "again":
        return f"{_named(feed_questions.ask_again(session, question_id, actor))} is asked again."
    shown = request.form.get("shown", "")
    made = feed_answers.answer(session, question_id, shown, actor=actor, now=now)
    return (
        f"Saved as version {made.number} of the mapping rules. Apply them to all stored vehicles "
        "when you are done with the questions."
    )


def _named(question: FeedQuestion) -> str:
    if question.kind == "value":
        return f"{label_of(question.field)} “{question.value}”"
    return f"The field {question.field}"


@bp.post(f"{PAGE}/ignore")
@requires("operator")
def ignore_shown() -> ResponseReturnValue:
    """ "All of these are fine": the questions of one kind that the person saw."""
    ids = request.form.getlist("question", type=int)[:SHOWN_AT_ONCE]
    with unit_of_work(g.dealership.id) as session:
        count = feed_questions.ignore_all(
            session, g.dealership.id, ids, current_actor(), parts().clock.now()
        )
    noun = "question is" if count == 1 else "questions are"
    flash(f"{count} {noun} closed; the values stay as they are.", "success")
    return redirect(url_for(".index"), 303)


def _page(typed: dict[int, str] | None = None, errors: dict[str, str] | None = None) -> str:
    session = db.session()
    return render_template(
        "mapping/questions.html",
        inbox=feed_questions.inbox(session),
        closed=feed_questions.closed(session),
        is_waiting=mapping_versions.is_waiting(session),
        named=_named,
        label_of=label_of,
        our_field=lambda name: (found := field_of_source(name)) and found.label,
        choices=CHOICES,
        typed=typed or {},
        errors=errors or {},
    )
