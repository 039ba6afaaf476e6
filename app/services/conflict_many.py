"""The same choice for the conflicts of many records: counted, shown, then done as shown (C21)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Conflict
from app.services import audit, conflicts
from app.services.audit import Actor
from app.services.conflict_records import KINDS
from app.services.conflict_settling import WORDS, Choice, Moved, Settling, slices
from app.services.conflicts import is_open, mark_of
from app.services.leads.sending import Means

NAMED: Final = 50


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
    for some in slices(ids):
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
    act: str,
) -> Selection:
    """The same choice for every open field of these records, or of all (None), in one go.

    `act` names what is settled together, for an undo.

    Raises Moved when a value changed, or a conflict came or went, since the question was shown.
    """
    chosen = select_many(db, entity, conflict_ids)
    if chosen.mark != mark:
        raise Moved(
            "Some of these values changed since the question was shown. Nothing was changed. "
            "Look at the newest values and choose again."
        )
    for some in slices(chosen.ids):
        settled = Settling(db, KINDS[entity], entity, some, actor, means, act)
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
