"""What the conflict pages need to know of a kind of record; kinds are in conflict_records.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from app.services.audit import Actor
from app.services.leads.sending import Means


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """A field for people; `kind` and `unit` as in the catalogue of the record's fields.

    `choices`: stored value → words, "yes" and "no" for truth values; empty: written as it is.
    """

    name: str
    label: str
    kind: str
    unit: str | None
    choices: Mapping[str, str] = field(default_factory=dict)

    def words(self, value: Any) -> str | None:
        """A choice in words; None for a value that is written as it is."""
        if not self.choices or value is None:
            return None
        key = ("no", "yes")[value] if isinstance(value, bool) else str(value)
        return self.choices.get(key)


@dataclass(frozen=True, slots=True)
class ChangedHere:
    """Who changed a field here last, and when."""

    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Settled:
    """An act on a record's conflicts for its story: changed fields before and after, who, why."""

    before: Mapping[str, Any]
    after: Mapping[str, Any]
    actor: Actor
    now: datetime
    reason: str
    run_id: int | None = None


def last_changes(rows: Iterable[Any]) -> dict[str, ChangedHere]:
    """The last change of each field; rows are (values after, actor, moment), newest first."""
    found: dict[str, ChangedHere] = {}
    for after, actor, at in rows:
        for name in after or {}:
            found.setdefault(name, ChangedHere(actor, at))
    return found


class Kind(Protocol):
    """What the conflict pages need to know of one kind of record.

    `number`: how its number at EasyCars is called.
    """

    noun: str
    path: str
    number: str

    def load(self, db: Session, ids: Sequence[int], *, lock: bool = False) -> dict[int, Any]: ...
    def visible(self) -> ColumnElement[bool]: ...
    def label(self, record: Any) -> str: ...
    def values(self, record: Any) -> dict[str, Any]: ...
    def locked(self, record: Any) -> frozenset[str]: ...
    def fields(self) -> Iterable[FieldInfo]: ...
    def read(self, name: str, text: str) -> Any: ...
    def typed(self, name: str, value: Any) -> str: ...
    def options(self, name: str, value: Any) -> Mapping[str, str]: ...
    def put(self, record: Any, changes: Mapping[str, Any], agreed: Mapping[str, Any]) -> None: ...
    def edits(self, db: Session, record_id: int) -> dict[str, ChangedHere]: ...
    def note(self, db: Session, record: Any, settled: Settled) -> None: ...
    def differs_now(self, db: Session, record: Any, means: Means) -> None:
        """Ours was chosen where EasyCars says something else: what may be sent there goes out."""
