"""What happened to one vehicle: runs and people in one list, newest first (U7, C8)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import SyncItem, SyncRun, VehicleEdit
from app.services import vehicle_fields
from app.services.vehicle_view import STREAM, Change, in_words
from app.services.vehicles import LIFECYCLE_WORDS

AT_ONCE: Final = 20
# A preview says what would be, a reconciliation what differs: neither did anything.
WITHOUT_EFFECT: Final = ("preview", "reconcile")
LARGEST_ID: Final = 2_147_483_647
MARK: Final = re.compile(r"(\d{1,10})(?:-(\d{1,10}))?")
TOLD_BY_NAME: Final = ("photos", "exclude", "include", "publish", "unpublish")
# Names in log rows that are no fields of the catalogue.
OTHER_LABELS: Final = {
    "lifecycle": "Market state",
    "lifecycle_reason": "Reason",
    "photos": "Photos",
    "hidden_photos": "Hidden photos",
    "photos_ordered": "Photo order",
    "locked_fields": "Fields kept here",
    "is_excluded": "Excluded from sync",
    "is_published": "Published",
    "merged_into_id": "Merged into vehicle",
    "kept_outside": "Kept although EasyCars lacks it",
}


@dataclass(frozen=True)
class Mark:
    """Where a page begins: only items and edits older than these ids are on it."""

    item: int = LARGEST_ID
    edit: int = LARGEST_ID

    def __str__(self) -> str:
        return f"{self.item}-{self.edit}"


@dataclass(frozen=True)
class RunEvent:
    """What one run did to the vehicle."""

    item: SyncItem
    run: SyncRun
    changes: Sequence[Change]

    @property
    def at(self) -> datetime:
        return self.item.created_at


@dataclass(frozen=True)
class EditEvent:
    """What one person did to the vehicle."""

    edit: VehicleEdit
    changes: Sequence[Change]

    @property
    def at(self) -> datetime:
        return self.edit.created_at

    @property
    def words(self) -> str:
        return EDIT_WORDS.get(self.edit.kind, self.edit.kind.capitalize())


Event = RunEvent | EditEvent


@dataclass(frozen=True)
class TimelinePage:
    """`older`: the mark of the next page, None at the end."""

    events: Sequence[Event]
    older: Mark | None


EDIT_WORDS: Final = {
    "create": "Made here",
    "edit": "Edited",
    "lock": "Kept here from now on",
    "unlock": "Follows EasyCars again",
    "exclude": "Excluded from sync",
    "include": "Part of the sync again",
    "publish": "Published",
    "unpublish": "Taken off shops",
    "lifecycle": "Market state set by hand",
    "photos": "Photos changed",
    "merge": "Merged",
    "unmerge": "Merge taken back",
    "conflict": "Conflict resolved",
    "undo": "Change undone",
}


def mark_of(text: str) -> Mark | None:
    """The mark that an address carries: "<item>-<edit>"; what is no mark is none."""
    found = MARK.fullmatch(text)
    if found is None:
        return None
    item, edit = (min(int(part or LARGEST_ID), LARGEST_ID) for part in found.groups())
    return Mark(item, edit)


def page_of(db: Session, vehicle_id: int, before: Mark | None = None) -> TimelinePage:
    """A page of the list: two keyset queries of at most 21 rows, however long the history is."""
    mark = before or Mark()
    runs, edits = run_events(db, vehicle_id, mark.item), edit_events(db, vehicle_id, mark.edit)
    both: list[Iterable[Event]] = [runs, edits]
    events = list(islice(merge(*both, key=lambda event: event.at, reverse=True), AT_ONCE))
    if len(runs) + len(edits) <= AT_ONCE:
        return TimelinePage(events, None)
    return TimelinePage(events, _after(mark, events))


def _after(mark: Mark, events: Sequence[Event]) -> Mark:
    items = [event.item.id for event in events if isinstance(event, RunEvent)]
    edits = [event.edit.id for event in events if isinstance(event, EditEvent)]
    return Mark(min([mark.item, *items]), min([mark.edit, *edits]))


def run_events(
    db: Session, vehicle_id: int, before: int = LARGEST_ID, limit: int = AT_ONCE + 1
) -> list[RunEvent]:
    """The newest items of the vehicle whose runs had an effect, newest first."""
    query = (
        select(SyncItem, SyncRun)
        .join(SyncRun, SyncRun.id == SyncItem.run_id)
        .where(
            SyncItem.entity_id == vehicle_id,
            SyncItem.id < before,
            SyncRun.stream == STREAM,
            SyncRun.mode.not_in(WITHOUT_EFFECT),
        )
        .order_by(SyncItem.id.desc())
        .limit(limit)
    )
    return [RunEvent(item, run, item_changes(item)) for item, run in db.execute(query)]


def edit_events(
    db: Session, vehicle_id: int, before: int = LARGEST_ID, limit: int = AT_ONCE + 1
) -> list[EditEvent]:
    """The newest acts of people on the vehicle, newest first."""
    query = (
        select(VehicleEdit)
        .where(VehicleEdit.vehicle_id == vehicle_id, VehicleEdit.id < before)
        .order_by(VehicleEdit.id.desc())
        .limit(limit)
    )
    return [EditEvent(edit, edit_changes(edit)) for edit in db.scalars(query)]


def item_changes(item: SyncItem) -> list[Change]:
    """Changed fields with both values in words; none for a vehicle that was new."""
    return list(_changes(item.before or {}, item.after or {})) if item.before else []


def edit_changes(edit: VehicleEdit) -> list[Change]:
    """As item_changes; none for acts whose name tells all."""
    if edit.kind in TOLD_BY_NAME:
        return []
    return list(_changes(edit.before or {}, edit.after or {}))


def _changes(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Change]:
    for name in dict.fromkeys((*before, *after)):
        was, became = before.get(name), after.get(name)
        if was != became:
            yield Change(label_of(name), words_of(name, was), words_of(name, became))


def label_of(name: str) -> str:
    return OTHER_LABELS.get(name) or vehicle_fields.label_of(name)


def words_of(name: str, value: Any) -> Any:
    """A logged value as people read it; lists of fields by their labels."""
    if name == "lifecycle":
        return LIFECYCLE_WORDS.get(str(value), value)
    if name == "locked_fields" and isinstance(value, list):
        return ", ".join(vehicle_fields.label_of(str(field)) for field in value) or "None"
    if isinstance(value, list | dict) and name not in vehicle_fields.FIELDS:
        return f"{len(value)} entries"
    return in_words(name, value)
