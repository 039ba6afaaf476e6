"""The act of settling: records, links and open conflicts held together, and written (C21)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Conflict, ExternalLink
from app.services import conflicts
from app.services.audit import Actor
from app.services.conflict_shape import Kind, Settled
from app.services.errors import HubError
from app.services.leads.sending import Means

Take = Literal["local", "easycars", "manual"]
WORDS: Final = {"local": "kept here", "easycars": "taken from EasyCars", "manual": "a third value"}
# Records that are held at once; more are settled in slices of one transaction.
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

    def result(self, here: Any, theirs: Any) -> Any:
        """What will be here."""
        return {"local": here, "easycars": theirs, "manual": self.value}[self.take]


def agreed_with(agreed: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    """What is agreed, with another value of one field; None: not given."""
    rest = {key: kept for key, kept in agreed.items() if key != name}
    return rest if value is None else rest | {name: value}


def slices(ids: Sequence[int]) -> list[Sequence[int]]:
    """The ids in parts that can be held at once."""
    return [ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE)]


class Settling:
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
        act: str,
    ) -> None:
        self.db, self.kind, self.actor, self.means = db, kind, actor, means
        self.now, self.act, self.entity = means.clock.now(), act, entity
        links = db.scalars(
            select(ExternalLink)
            .where(ExternalLink.entity == entity, ExternalLink.entity_id.in_(ids))
            .order_by(ExternalLink.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        self.links = {link.id: link for link in links}
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
            name: choice.result(here.get(name), rows[name].remote)
            for name, choice in choices.items()
        }
        changes = {name: value for name, value in results.items() if value != here.get(name)}
        agreed = {row.field: row.agreed for row in rows.values()}
        if changes:
            self.kind.put(record, changes, agreed)
        for name, choice in choices.items():
            self._close(rows[name], choice, here.get(name), results[name])
        self._note(record, rows, choices, {name: here.get(name) for name in changes}, changes)
        if any(choice.take != "easycars" for choice in choices.values()):
            self.kind.differs_now(self.db, record, self.means)

    def _close(self, row: Conflict, choice: Choice, before: Any, after: Any) -> None:
        if link := self.links.get(row.link_id):
            link.agreed = agreed_with(link.agreed, row.field, row.remote)
        row.local, row.result, row.settled_in = before, after, self.act
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
        run_id = max((rows[name].run_id or 0 for name in choices), default=0) or None
        why = f"Conflict settled. {'; '.join(words)}."
        settled = Settled(before, after, self.actor, self.now, why, run_id)
        self.kind.note(self.db, record, settled)
