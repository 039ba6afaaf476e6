"""Why something is not taken back: who changed what, and when (C9)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from app.models import SyncRun
from app.services.sync.undo_found import ITEMS
from app.services.sync.undo_plan import LIFECYCLE, NOT_WRITTEN, PHOTOS, Record
from app.services.sync.undo_query import Undoing
from app.services.vehicle_fields import FIELDS, label_of

RUNS: Table = SyncRun.__table__  # type: ignore[assignment]
LABELS: Final = {LIFECYCLE: "Life cycle", PHOTOS: "Photos"}
ACTS: Final = {"lock": "locked", "unlock": "unlocked", "merge": "merged", "exclude": "excluded"}
Edits = Mapping[int, Sequence[Any]]


class Since:
    """Answers "who changed this since?" for the vehicles of one batch."""

    def __init__(self, edits: Edits, items: Edits, zone: ZoneInfo) -> None:
        self._edits, self._items, self._zone = edits, items, zone

    def kept(self, record: Record, kept: Iterable[str]) -> str:
        """The sentence for a record of which something stays as it is."""
        if record.moved:
            return "Not put back: this vehicle was merged into another one since."
        parts = [self._part(record, name) for name in kept]
        return f"Not put back, because it was changed since: {'; '.join(parts)}."

    def touched(self, vehicle_id: int) -> str:
        """The sentence for a created vehicle that stays."""
        who = self._last_act(vehicle_id)
        return f"Not removed: this vehicle was changed since the run created it{who}."

    def _part(self, record: Record, name: str) -> str:
        now = "" if name == PHOTOS else f", now {in_words(name, record.local.get(name))}"
        locked = ", locked here" if name in record.locked else ""
        return f"{LABELS.get(name) or label_of(name)}{now}{self._who(record, name)}{locked}"

    def _who(self, record: Record, name: str) -> str:
        for edit in reversed(self._edits.get(record.vehicle_id, ())):
            if name in _named(edit):
                return f" ({edit.actor}, {self._at(edit)})"
        for item in reversed(self._items.get(record.vehicle_id, ())):
            if name in (item.after or {}) or name in (item.before or {}):
                return f" (run {item.run_id}, {self._at(item)})"
        return ""

    def _last_act(self, vehicle_id: int) -> str:
        for edit in reversed(self._edits.get(vehicle_id, ())):
            return f": {ACTS.get(edit.kind, 'edited')} by {edit.actor}, {self._at(edit)}"
        for item in reversed(self._items.get(vehicle_id, ())):
            return f": by run {item.run_id}, {self._at(item)}"
        return ""

    def _at(self, row: Any) -> str:
        local = row.created_at.astimezone(self._zone)
        return f"{local.day} {local:%b %Y %H:%M %Z}"


def _named(edit: Any) -> set[str]:
    """Fields that an edit is about, also those that it locked or unlocked."""
    before, after = edit.before or {}, edit.after or {}
    locks = (*(before.get("locked_fields") or ()), *(after.get("locked_fields") or ()))
    return {edit.kind, *before, *after, *locks}


def in_words(name: str, value: Any) -> str:
    """A value as people write it; "not given" for none."""
    known = FIELDS.get(name)
    if value is None or value == "":
        return "not given"
    if known and known.kind == "money":
        return f"${value / 100:,.2f}".removesuffix(".00")
    text = str(value).replace("_", " ") if name == LIFECYCLE else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def since(
    db: Session, undoing: Undoing, vehicle_ids: Sequence[int], edits: Edits, zone: ZoneInfo
) -> Since:
    """Looks up the later runs' items of the few vehicles of which something stays."""
    items: dict[int, list[Any]] = {}
    if vehicle_ids:
        query = (
            select(
                ITEMS.c.entity_id, ITEMS.c.run_id, ITEMS.c.before, ITEMS.c.after, ITEMS.c.created_at
            )
            .join(RUNS, RUNS.c.id == ITEMS.c.run_id)
            .where(
                ITEMS.c.dealership_id == undoing.dealership_id,
                RUNS.c.dealership_id == undoing.dealership_id,
                RUNS.c.stream == "stock",
                ITEMS.c.entity_id.in_(vehicle_ids),
                ITEMS.c.run_id > undoing.run_id,
                ITEMS.c.run_id != undoing.target.run_id,
                ITEMS.c.action.not_in(NOT_WRITTEN),
            )
            .order_by(ITEMS.c.id)
        )
        for row in db.execute(query):
            items.setdefault(row.entity_id, []).append(row)
    return Since(edits, items, zone)
