"""Settling conflicts: whose value counts, field by field or for many records at once (C21).

Local keeps ours and agrees on EasyCars' value, so that it is not asked again until EasyCars
changes it; EasyCars takes theirs; a third value is ours from now on. Both sides must still be as
the page showed them: what moved meanwhile is refused and shown anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Conflict, ExternalLink
from app.services import audit, conflicts
from app.services.audit import Actor
from app.services.conflict_records import KINDS
from app.services.conflict_shape import FieldInfo, Kind
from app.services.conflicts import Record, is_open, mark_of
from app.services.errors import HubError, InputInvalid
from app.services.leads.sending import Means

Take = Literal["local", "easycars", "manual"]
WORDS: Final = {"local": "kept here", "easycars": "taken from EasyCars", "manual": "a third value"}
NAMED: Final = 50
AT_ONCE: Final = 500


class Moved(HubError):
    """A value changed after the page was shown; nothing was written."""

    status = 409
    code = "conflict_moved"


@dataclass(frozen=True, slots=True)
class Choice:
    """Whose value counts; `value` is the third one of "manual". `mark`: both values as shown."""

    take: Take
    mark: str
    value: Any = None


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
        Outcome(field.info, field.here, _result(choices[field.info.name], field.here, field.theirs))
        for field in record.fields
        if field.info.name in choices
    ]


def _result(choice: Choice, here: Any, theirs: Any) -> Any:
    return {"local": here, "easycars": theirs, "manual": choice.value}[choice.take]


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
    settled = _Settling(db, kind, entity, [entity_id], actor, means)
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


class _Settling:
    """Some records with their links and open conflicts, held until the transaction ends.

    Links first, then records, as a sync does it: two who wait for each other would be one too many.
    """

    def __init__(
        self,
        db: Session,
        kind: Kind,
        entity: str,
        ids: Sequence[int],
        actor: Actor,
        means: Means,
    ) -> None:
        self.db, self.kind, self.actor, self.means = db, kind, actor, means
        self.now = means.clock.now()
        links = db.scalars(
            select(ExternalLink)
            .where(ExternalLink.entity == entity, ExternalLink.entity_id.in_(ids))
            .order_by(ExternalLink.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        self._links = {link.id: link for link in links}
        self._records = kind.load(db, ids, lock=True)
        self._rows: dict[int, dict[str, Conflict]] = {}
        for row in conflicts.of_records(db, entity, ids, lock=True):
            self._rows.setdefault(row.entity_id, {})[row.field] = row

    def record(self, entity_id: int) -> Any:
        return self._records.get(entity_id)

    def rows(self, entity_id: int) -> dict[str, Conflict]:
        return self._rows.get(entity_id, {})

    def apply(self, entity_id: int, choices: Mapping[str, Choice]) -> None:
        record, rows = self._records[entity_id], self._rows[entity_id]
        here = self.kind.values(record)
        results = {
            name: _result(choice, here.get(name), rows[name].remote)
            for name, choice in choices.items()
        }
        changes = {name: value for name, value in results.items() if value != here.get(name)}
        agreed = {row.field: row.agreed for row in rows.values()}
        if changes:
            self.kind.put(record, changes, agreed)
        for name, choice in choices.items():
            self._close(rows[name], choice)
        self._note(record, rows, choices, {name: here.get(name) for name in changes}, changes)
        if any(choice.take != "easycars" for choice in choices.values()):
            self.kind.differs_now(self.db, record, self.means)

    def _close(self, row: Conflict, choice: Choice) -> None:
        if link := self._links.get(row.link_id):
            agreed = {name: value for name, value in link.agreed.items() if name != row.field}
            link.agreed = agreed if row.remote is None else agreed | {row.field: row.remote}
        row.state, row.resolution = "resolved", choice.take
        row.resolved_at, row.resolved_by = self.now, self.actor.label[:254]
        row.resolved_by_id = self.actor.user_id

    def _note(
        self,
        record: Any,
        rows: Mapping[str, Conflict],
        choices: Mapping[str, Choice],
        before: Mapping[str, Any],
        after: Mapping[str, Any],
    ) -> None:
        labels = {info.name: info.label for info in self.kind.fields()}
        words = (f"{labels[name]}: {WORDS[choice.take]}" for name, choice in choices.items())
        self.kind.note(
            self.db,
            record,
            before,
            after,
            actor=self.actor,
            now=self.now,
            reason=f"Conflict settled. {'; '.join(words)}.",
            run_id=max((rows[name].run_id or 0 for name in choices), default=0) or None,
        )


# -- Many at once ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Selection:
    """Open conflicts of chosen records; `mark` stands for all their values as they are now."""

    entity: str
    ids: tuple[int, ...]
    fields: int
    mark: str

    @property
    def records(self) -> int:
        return len(self.ids)


def select_many(db: Session, entity: str, conflict_ids: Sequence[int] | None) -> Selection:
    """The records of these conflicts, or all with open ones (None), for the question."""
    query = select(Conflict.entity_id).where(is_open(), Conflict.entity == entity).distinct()
    if conflict_ids is not None:
        query = query.where(Conflict.id.in_(conflict_ids))
    ids = sorted(db.scalars(query))
    kind, count, digest = KINDS[entity], 0, blake2b(digest_size=12)
    for some in _slices(ids):
        values = {number: kind.values(one) for number, one in kind.load(db, some).items()}
        for row in conflicts.of_records(db, entity, some):
            here = values[row.entity_id].get(row.field)
            digest.update(f"{row.id}:{mark_of(here, row.remote)};".encode())
            count += 1
    return Selection(entity, tuple(ids), count, digest.hexdigest())


def resolve_many(  # noqa: PLR0913 - one keyword for each fact of the act
    db: Session,
    entity: str,
    conflict_ids: Sequence[int] | None,
    take: Literal["local", "easycars"],
    *,
    mark: str,
    actor: Actor,
    means: Means,
    dealership_id: int,
) -> Selection:
    """The same choice for every open field of these records, or of all (None), in one go.

    Raises Moved when a value changed, or a conflict came or went, since the question was shown.
    """
    chosen = select_many(db, entity, conflict_ids)
    if chosen.mark != mark:
        raise Moved(
            "Some of these values changed since the question was shown. Nothing was changed. "
            "Look at the newest values and choose again."
        )
    for some in _slices(chosen.ids):
        settled = _Settling(db, KINDS[entity], entity, some, actor, means)
        for number in some:
            rows = settled.rows(number)
            settled.apply(number, {name: Choice(take, "") for name in rows})
    details = {
        "records": chosen.records,
        "fields": chosen.fields,
        "choice": WORDS[take],
        "ids": list(chosen.ids[:NAMED]),
    }
    subject = f"{chosen.records} {entity}s"
    audit.record(db, actor, "conflict.resolve", subject, details, dealership_id=dealership_id)
    return chosen


def _slices(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE)]
