"""Answering a question about the feed: the answer is a mapping rule (C20)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from app.models import MappingVersion
from app.services import feed_questions, mapping_versions
from app.services.audit import Actor
from app.services.errors import InputInvalid
from app.services.mapping import folded
from app.services.mapping_input import Typed, checked, typed_of
from app.services.vehicle_fields import label_of


def answer(
    db: Session, question_id: int, shown: str, *, actor: Actor, now: datetime
) -> MappingVersion:
    """Adds the rule "received value → shown" as a new version and closes the question.

    Raises NotFound, NotAllowed (answered meanwhile) and InputInvalid with the key "shown".
    """
    question = feed_questions.get_open(db, question_id)
    if question.kind != "value":
        raise InputInvalid("Only a received value can be answered with a shown value.")
    label = label_of(question.field)
    if not shown.strip():
        raise InputInvalid(f"{label}: enter what shall be shown.", {"shown": "Enter a value."})
    if shown.strip() == question.value:
        raise InputInvalid(
            f"{label}: that is the received value itself.",
            {"shown": "Press “It is fine as it is” to show it unchanged."},
        )
    before = mapping_versions.current(db)
    typed = typed_of(before)
    pairs = [
        pair
        for pair in typed.values.get(question.field, [])
        if folded(pair[0]) != folded(question.value)
    ]
    values = dict(typed.values) | {question.field: [*pairs, (question.value, shown)]}
    try:
        rules = checked(Typed(values, typed.title, typed.defaults))
    except InputInvalid as exc:
        text = next(iter(exc.fields.values()), exc.user_message)
        raise InputInvalid(text, {"shown": text}) from exc
    note = f"{label} “{question.value}” is shown as “{shown.strip()}”"[:300]
    made = mapping_versions.save(db, question.dealership_id, rules, actor=actor, now=now, note=note)
    feed_questions.close([question], "answered", actor, now)
    return made
