"""The versions of a dealership's mapping rules: the highest number is in force (C19).

Nothing is ever changed in a version; going back makes a new one with the old rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.models import MappingVersion, SyncRun
from app.services import audit, feed_questions
from app.services.audit import Actor
from app.services.errors import InputInvalid, NotFound
from app.services.mapping import Rules, rules_of
from app.services.mapping_input import LONGEST_NOTE, clean
from app.services.vehicle_fields import label_of

SHOWN_VERSIONS = 50


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One rule that differs between two versions; None: there was none."""

    field: str
    before: str | None
    after: str | None


def latest(db: Session) -> MappingVersion | None:
    """The version in force at the session's dealership."""
    return db.scalar(select(MappingVersion).order_by(MappingVersion.number.desc()).limit(1))


def current(db: Session) -> Rules:
    """The rules in force; empty ones before the first version."""
    found = latest(db)
    return rules_of(found.rules, found.number) if found else Rules()


def get(db: Session, number: int) -> MappingVersion:
    """Raises NotFound."""
    found = db.scalar(select(MappingVersion).where(MappingVersion.number == number))
    if found is None:
        raise NotFound("There is no such version of the mapping rules.")
    return found


def history(db: Session) -> Sequence[MappingVersion]:
    """The newest versions, newest first."""
    query = select(MappingVersion).order_by(MappingVersion.number.desc()).limit(SHOWN_VERSIONS)
    return db.scalars(query).all()


def save(
    db: Session,
    dealership_id: int,
    rules: Rules,
    *,
    actor: Actor,
    now: datetime,
    note: str = "",
    base: int | None = None,
) -> MappingVersion:
    """Makes the next version in the caller's transaction, audits it, and closes the questions
    that it answers.

    `base`: the version that the person started from. Raises InputInvalid when somebody saved
    another one meanwhile, when nothing differs, or when the note is too long.
    """
    before = current(db)
    text = clean(note)
    if len(text) > LONGEST_NOTE:
        raise InputInvalid(
            "The note is too long.", {"note": f"The note has at most {LONGEST_NOTE} characters."}
        )
    if base is not None and base != before.number:
        raise InputInvalid(_OVERTAKEN)
    changed = list(changes(before, rules))
    if not changed:
        raise InputInvalid("Nothing was saved: these are the rules that are in force already.")
    made = MappingVersion(
        dealership_id=dealership_id,
        number=before.number + 1,
        rules=rules.as_json(),
        note=text or None,
        user_id=actor.user_id,
        actor=actor.label[:254],
        created_at=now,
    )
    _insert(db, made)
    feed_questions.close_answered(db, dealership_id, rules, actor, now)
    details = {"version": made.number, "rulesChanged": len(changed), "note": text or None}
    audit.record(
        db, actor, "mapping.save", f"mapping version {made.number}", details,
        dealership_id=dealership_id,
    )  # fmt: skip
    return made


_OVERTAKEN = (
    "Somebody saved other rules while you worked on these. Nothing of yours was saved. "
    "Look at the newest version, then enter your changes again."
)


def _insert(db: Session, made: MappingVersion) -> None:
    """The unique number decides between two persons who save at once."""
    try:
        with db.begin_nested():
            db.add(made)
    except IntegrityError as exc:
        raise InputInvalid(_OVERTAKEN) from exc


def go_back(
    db: Session, dealership_id: int, number: int, *, actor: Actor, now: datetime
) -> MappingVersion:
    """A new version with the rules of an old one. Raises NotFound, and InputInvalid as `save`."""
    old = get(db, number)
    note = f"Back to version {number}"
    return save(db, dealership_id, rules_of(old.rules), actor=actor, now=now, note=note)


def changes(before: Rules, after: Rules) -> Iterator[RuleChange]:
    """What differs between two sets of rules, in words for the page."""
    for name in sorted(before.values.keys() | after.values.keys()):
        pairs = before.values.get(name, {}), after.values.get(name, {})
        yield from _pairs_changed(*pairs, f"{label_of(name)} “{{}}”".format)
    if (before.title or None) != (after.title or None):
        yield RuleChange("Title", before.title, after.title)
    yield from _pairs_changed(
        before.defaults, after.defaults, lambda key: f"{label_of(key)}, when not given"
    )


def _pairs_changed(
    before: Mapping[str, Any], after: Mapping[str, Any], named: Callable[[str], str]
) -> Iterator[RuleChange]:
    for key in sorted(before.keys() | after.keys()):
        was, now = before.get(key), after.get(key)
        if was != now:
            yield RuleChange(named(key), _shown(was), _shown(now))


def _shown(value: Any) -> str | None:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return None if value is None else str(value)


def is_waiting(db: Session) -> bool:
    """Whether stored vehicles have not been gone through since the newest version was saved."""
    newest = latest(db)
    if newest is None:
        return False
    applied = db.scalar(
        select(func.max(SyncRun.created_at)).where(
            SyncRun.mode == "remap", SyncRun.status.in_(("success", "warning"))
        )
    )
    return applied is None or applied < newest.created_at
