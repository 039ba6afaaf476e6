"""Settling the conflicts of one record: whose value counts, field by field (C21).

Local keeps ours and agrees on EasyCars' value, so that it is not asked again until EasyCars
changes it; EasyCars takes theirs; a third value is ours from now on. Both sides must still be as
the page showed them: what moved meanwhile is refused and shown anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from sqlalchemy.orm import Session

from app.models import Conflict
from app.services import audit
from app.services.audit import Actor
from app.services.conflict_records import KINDS
from app.services.conflict_settling import WORDS, Choice, Moved, Settling
from app.services.conflict_shape import FieldInfo, Kind
from app.services.conflicts import Record, mark_of
from app.services.errors import InputInvalid
from app.services.leads.sending import Means


@dataclass(frozen=True, slots=True)
class Outcome:
    """One field of the result: what is here now, what will be here."""

    info: FieldInfo
    before: Any
    after: Any


def read_choices(
    record: Record, takes: Mapping[str, str], texts: Mapping[str, str], marks: Mapping[str, str]
) -> dict[str, Choice]:
    """A form's choices by field; fields without a choice stay open.

    Raises InputInvalid with every field that cannot be read, or when nothing was chosen.
    """
    kind = KINDS[record.entity]
    found: dict[str, Choice] = {}
    errors: dict[str, str] = {}
    for field in record.fields:
        name = field.info.name
        take = takes.get(name, "")
        mark = marks.get(name) or field.mark
        if take in ("local", "easycars"):
            found[name] = Choice("local" if take == "local" else "easycars", mark)
        elif take == "manual":
            try:
                found[name] = Choice("manual", mark, kind.read(name, texts.get(name, "")))
            except ValueError as wrong:
                errors[name] = f"{field.info.label}: {wrong}"
    if errors:
        raise InputInvalid("Some values cannot be read.", errors)
    if not found:
        raise InputInvalid("Choose for at least one field.", {"": "Choose for at least one field."})
    return found


def preview(record: Record, choices: Mapping[str, Choice]) -> list[Outcome]:
    """What the record will hold after these choices; nothing is written."""
    return [
        Outcome(field.info, field.here, choices[field.info.name].result(field.here, field.theirs))
        for field in record.fields
        if field.info.name in choices
    ]


def resolve(
    db: Session,
    entity: str,
    entity_id: int,
    choices: Mapping[str, Choice],
    *,
    actor: Actor,
    means: Means,
) -> int:
    """Settles the chosen fields of one record; how many.

    Raises Moved when a field was settled or either side changed since its mark was made.
    """
    kind = KINDS[entity]
    settled = Settling(db, kind, entity, [entity_id], actor, means, token_hex(8))
    record, rows = settled.record(entity_id), settled.rows(entity_id)
    _refuse_moved(kind, record, rows, choices)
    settled.apply(entity_id, choices)
    details = {name: WORDS[choice.take] for name, choice in choices.items()}
    audit.record(
        db, actor, "conflict.resolve", f"{entity}:{entity_id}", details,
        dealership_id=next(iter(rows.values())).dealership_id,
    )  # fmt: skip
    return len(choices)


def _refuse_moved(
    kind: Kind, record: Any, rows: Mapping[str, Conflict], choices: Mapping[str, Choice]
) -> None:
    labels = {info.name: info.label for info in kind.fields()}
    if record is None or choices.keys() - rows.keys():
        gone = ", ".join(sorted(labels[name] for name in choices.keys() - rows.keys()))
        raise Moved(
            f"This was settled meanwhile by somebody else or by a sync: {gone or 'the record'}. "
            "Nothing was changed. Look at what is open now."
        )
    here = kind.values(record)
    moved = [
        labels[name]
        for name, choice in choices.items()
        if choice.mark != mark_of(here.get(name), rows[name].remote)
    ]
    if moved:
        raise Moved(
            f"Changed since this page was shown: {', '.join(moved)}. Nothing was changed. "
            "The values below are the newest; choose again."
        )
