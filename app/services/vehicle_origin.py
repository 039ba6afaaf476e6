"""Why is it so? Where each value of a vehicle comes from (U7).

Read from what was kept: the items of runs, the log of people's acts, what both sides agreed on,
and the record as it was received. Nothing is guessed: a value that no act explains is Unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import SyncItem, SyncRun, Vehicle, VehicleEdit, VehicleMerge
from app.services.errors import NotFound
from app.services.vehicle_fields import FIELDS
from app.services.vehicle_received import Received, received
from app.services.vehicle_timeline import (
    EDIT_WORDS,
    EditEvent,
    RunEvent,
    edit_events,
    label_of,
    run_events,
    words_of,
)
from app.services.vehicle_values import DEFAULTS, value_of
from app.services.vehicle_view import STREAM, Origin, differs, disputed_of, origin_of

LIFECYCLE: Final = "lifecycle"
# How far back both logs are read for one field; the run that made the vehicle is looked up beyond.
ACTS_READ: Final = 500
# What a run says without writing it.
ONLY_SAID: Final = frozenset({"hold", "refuse", "keep-local", "same", "push"})
Kind = Literal[
    "easycars",
    "rules",
    "undo",
    "edit",
    "create",
    "merge",
    "conflict",
    "default",
    "nobody",
    "unknown",
]
BY_EDIT: Final[dict[str, Kind]] = {
    "create": "create",
    "merge": "merge",
    "unmerge": "merge",
    "conflict": "conflict",
    "undo": "undo",
}


@dataclass(frozen=True)
class Act:
    """One change of the field, by a run or by a person; values as JSON and in words."""

    event: RunEvent | EditEvent
    was: Any
    became: Any
    before: Any
    after: Any

    @property
    def at(self) -> datetime:
        return self.event.at

    @property
    def item(self) -> SyncItem | None:
        return self.event.item if isinstance(self.event, RunEvent) else None

    @property
    def run(self) -> SyncRun | None:
        return self.event.run if isinstance(self.event, RunEvent) else None

    @property
    def edit(self) -> VehicleEdit | None:
        return self.event.edit if isinstance(self.event, EditEvent) else None

    @property
    def wrote(self) -> bool:
        """Whether the vehicle took the value; a held change only says what would come."""
        return self.item is None or self.item.action not in ONLY_SAID

    @property
    def words(self) -> str:
        if self.edit is not None:
            return EDIT_WORDS.get(self.edit.kind, self.edit.kind.capitalize())
        return _run_words(self.run, self.item)


def _run_words(run: SyncRun | None, item: SyncItem | None) -> str:
    if run is not None and run.mode in ("undo", "remap"):
        return "Undo" if run.mode == "undo" else "New mapping rules"
    words = {"hold": "Held", "conflict": "Sync with a conflict", "create": "First sync"}
    return words.get(item.action if item else "", "Sync")


@dataclass(frozen=True)
class FieldOrigin:
    """The answer for one field.

    `value`, `theirs`, `mapped_from` are in words. `act` brought the value, None when nothing kept
    says so; `theirs` is what EasyCars has where that differs (`differs`).
    """

    name: str
    label: str
    value: Any
    kind: Kind
    sentence: str
    act: Act | None
    history: Sequence[Act]
    received: Received | None = None
    locked: bool = False
    locked_by: EditEvent | None = None
    differs: bool = False
    theirs: Any = None
    conflict_id: int | None = None
    merged_id: int | None = None
    link: Origin | None = field(default=None, repr=False)


def why(db: Session, vehicle: Vehicle, name: str) -> FieldOrigin:
    """The origin and history of one field. Raises NotFound for a name that is no field."""
    if name not in FIELDS and name != LIFECYCLE:
        raise NotFound("A vehicle has no such field.")
    link = origin_of(db, vehicle.id)
    value = vehicle.lifecycle if name == LIFECYCLE else value_of(vehicle, name)
    edits = edit_events(db, vehicle.id, limit=ACTS_READ)
    history = _history(db, vehicle.id, name, edits)
    act = next((one for one in history if one.wrote), None)
    if act is not None and act.became != value:
        act = None
    sent = received(db, link, name) if link else None
    kind = _kind(act, value, link, name, unexplained=any(one.wrote for one in history))
    conflict = disputed_of(db, vehicle.id).get(name)
    agreed = (link.link.agreed or {}).get(name) if link else None
    says = conflict.remote if conflict else agreed
    locked = name in (vehicle.locked_fields or ())
    return FieldOrigin(
        name,
        label_of(name),
        words_of(name, value) if value not in (None, "", []) else None,
        kind,
        _sentence(kind, act, sent, name),
        act,
        history,
        sent,
        locked,
        _locked_by(edits, name) if locked else None,
        differs=link is not None and name != LIFECYCLE and differs(name, value, says),
        theirs=words_of(name, says),
        conflict_id=conflict.id if conflict else None,
        merged_id=_merged_id(db, vehicle.id, act) if kind == "merge" else None,
        link=link,
    )


def _history(db: Session, vehicle_id: int, name: str, edits: Sequence[EditEvent]) -> list[Act]:
    runs = run_events(db, vehicle_id, limit=ACTS_READ)
    if len(runs) == ACTS_READ:
        runs += _first_run(db, vehicle_id, runs[-1].item.id)
    acts = [*_acts(runs, name), *_acts(edits, name)]
    return sorted(acts, key=lambda act: act.at, reverse=True)


def _first_run(db: Session, vehicle_id: int, before: int) -> list[RunEvent]:
    query = (
        select(SyncItem, SyncRun)
        .join(SyncRun, SyncRun.id == SyncItem.run_id)
        .where(
            SyncItem.entity_id == vehicle_id,
            SyncItem.action == "create",
            SyncItem.id < before,
            SyncRun.stream == STREAM,
            SyncRun.mode != "preview",
        )
        .limit(1)
    )
    return [RunEvent(item, run, ()) for item, run in db.execute(query)]


def _acts(events: Sequence[RunEvent] | Sequence[EditEvent], name: str) -> Iterator[Act]:
    for event in events:
        row = event.item if isinstance(event, RunEvent) else event.edit
        before, after = row.before or {}, row.after or {}
        was, became = before.get(name), after.get(name)
        if name in after or (name in before and was != became):
            yield Act(event, was, became, words_of(name, was), words_of(name, became))


def _kind(
    act: Act | None, value: Any, link: Origin | None, name: str, *, unexplained: bool
) -> Kind:
    if act is not None:
        return _kind_of_act(act)
    if unexplained:
        return "unknown"
    if value in (None, "", []):
        return "nobody"
    if link is not None and name != LIFECYCLE and (link.link.agreed or {}).get(name) == value:
        return "easycars"
    if DEFAULTS.get(name) == value or (name == LIFECYCLE and value == "listed"):
        return "default"
    return "unknown"


def _kind_of_act(act: Act) -> Kind:
    if act.edit is not None:
        return BY_EDIT.get(act.edit.kind, "edit")
    mode = act.run.mode if act.run else "sync"
    return "undo" if mode == "undo" else "rules" if mode == "remap" else "easycars"


def _sentence(kind: Kind, act: Act | None, sent: Received | None, name: str) -> str:
    if kind == "easycars" and name == LIFECYCLE:
        return "The sync set it, because of what EasyCars lists."
    if kind == "easycars":
        return _easycars_words(act, sent)
    who = act.edit.actor if act and act.edit and act.edit.actor else "Somebody"
    return {
        "rules": "The mapping rules were changed, and applied to what EasyCars sent before.",
        "undo": "A change was undone: this is an earlier value again.",
        "edit": f"{who} entered it here.",
        "create": f"{who} entered it when the vehicle was made here.",
        "merge": f"{who} merged two vehicles; the value was chosen or taken over then.",
        "conflict": f"{who} resolved a conflict between EasyCars and here.",
        "default": "Nobody set it: it is what every vehicle starts with.",
        "nobody": "Not given: EasyCars does not say it, and nobody entered it here."
        if sent
        else "Not given: nobody entered it here.",
        "unknown": "Unknown: nothing that was kept says where this value comes from.",
    }[kind]


def _easycars_words(act: Act | None, sent: Received | None) -> str:
    rule = sent.rule_words if sent else None
    told = "EasyCars sent it" if act else "EasyCars sent it; the run is not kept any more"
    return f"{told}. {rule}" if rule else f"{told}."


def _locked_by(edits: Sequence[EditEvent], name: str) -> EditEvent | None:
    """Who put the padlock on, as far back as the log was read."""
    for event in edits:
        after = (event.edit.after or {}).get("locked_fields")
        before = (event.edit.before or {}).get("locked_fields") or ()
        if after and name in after and name not in before:
            return event
    return None


def _merged_id(db: Session, vehicle_id: int, act: Act | None) -> int | None:
    """The vehicle that was merged into this one, by the newest merge up to the act."""
    if act is None:
        return None
    return db.scalar(
        select(VehicleMerge.merged_id)
        .where(VehicleMerge.kept_id == vehicle_id, VehicleMerge.created_at <= act.at)
        .order_by(VehicleMerge.id.desc())
        .limit(1)
    )
