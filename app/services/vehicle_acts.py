"""What a person does to a vehicle besides editing it: padlocks, market state, sync, publishing.

One act works on one vehicle and on twenty thousand (app/services/vehicle_bulk.py): it changes a
row and says what changed. C6, C18, C28.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session, load_only

from app.models import ExternalLink, Vehicle
from app.services import audit, vehicle_edits, vehicle_sync
from app.services.audit import Actor
from app.services.errors import InputInvalid
from app.services.vehicle_editing import is_feed_field, locked_row
from app.services.vehicle_fields import FIELDS, GROUPS
from app.services.vehicle_values import put_values, value_of

Links = Sequence[ExternalLink]
Change = tuple[dict[str, Any], dict[str, Any]]
# The states that a person may choose; "missing" is what a sync finds out.
CHOSEN_STATES: Final = {"listed": "Listed", "off_market": "Off market", "sold": "Sold"}
LIGHT_LINK: Final = (
    ExternalLink.id,
    ExternalLink.dealership_id,
    ExternalLink.entity_id,
    ExternalLink.missing_runs,
    ExternalLink.kept_outside,
    ExternalLink.content_hash,
)
NO_DIGEST: Final = bytes(16)
NOTHING: Final[Change] = ({}, {})
FLAGS: Final = {
    "exclude": ("is_excluded", True),
    "include": ("is_excluded", False),
    "publish": ("is_published", True),
    "unpublish": ("is_published", False),
}
LONGEST_REASON: Final = 300


@dataclass(frozen=True)
class Act:
    """`kind` is one of EDITS; `perform` changes a vehicle and answers (before, after).

    `sets`: the act does nothing but give this column this value, so many rows need one statement.
    """

    kind: str
    perform: Callable[[Vehicle, Links], Change]
    reason: str | None = None
    details: Mapping[str, Any] | None = None
    sets: tuple[str, bool] | None = None


def flag(kind: str) -> Act:
    """exclude, include, publish or unpublish. Raises KeyError for another word."""
    name, value = FLAGS[kind]

    def perform(vehicle: Vehicle, links: Links) -> Change:
        if getattr(vehicle, name) == value:
            return NOTHING
        setattr(vehicle, name, value)
        if kind == "include":
            look_again(links)
        return {name: not value}, {name: value}

    return Act(kind, perform, sets=(name, value))


def look_again(links: Links) -> None:
    """The next sync compares these records even when the feed sends the same bytes."""
    for link in links:
        link.content_hash = NO_DIGEST


def lifecycle(state: str, reason: str | None = None) -> Act:
    """Sets the market state by hand. Raises InputInvalid for a state that nobody can choose."""
    if state not in CHOSEN_STATES:
        raise InputInvalid("Choose a market state.", {"lifecycle": "Choose one of the three."})
    words = " ".join((reason or "").replace("\0", " ").split())
    if len(words) > LONGEST_REASON:
        text = f"Enter at most {LONGEST_REASON} characters."
        raise InputInvalid("The reason is too long.", {"reason": text})
    told = words or None

    def perform(vehicle: Vehicle, links: Links) -> Change:
        was = {"lifecycle": vehicle.lifecycle, "lifecycle_reason": vehicle.lifecycle_reason}
        now = {"lifecycle": state, "lifecycle_reason": told}
        if was == now:
            return NOTHING
        vehicle.lifecycle, vehicle.lifecycle_reason = state, told
        for link in links:
            link.kept_outside = state == "listed" and link.missing_runs > 0
        return _changed(was, now)

    return Act("lifecycle", perform, told, {"lifecycle": state})


def lock(fields: Iterable[str]) -> Act:
    """The padlock on these feed fields: no sync changes them from now on."""
    wanted = _feed_fields(fields)

    def perform(vehicle: Vehicle, links: Links) -> Change:
        return _set_locks(vehicle, _locks(vehicle) | wanted) if links else NOTHING

    return Act("lock", perform, details={"fields": sorted(wanted)})


def unlock(fields: Iterable[str] | None, *, take: bool) -> Act:
    """Takes padlocks off: of these fields, or all (None).

    `take`: what EasyCars wants comes in at once; else the value here stays until EasyCars
    changes it.
    """
    wanted = None if fields is None else _feed_fields(fields)

    def perform(vehicle: Vehicle, links: Links) -> Change:
        locks = _locks(vehicle)
        freed = locks if wanted is None else locks & wanted
        if not freed:
            return NOTHING
        before, after = _take(vehicle, links[0], freed) if take and links else ({}, {})
        lock_before, lock_after = _set_locks(vehicle, locks - freed)
        return before | lock_before, after | lock_after

    return Act("unlock", perform, details={"fields": sorted(wanted or ()), "take": take})


def group_fields(group: str) -> list[str]:
    """The feed fields of a group of the catalogue. Raises InputInvalid for an unknown one."""
    if group not in GROUPS:
        raise InputInvalid("Choose a group of fields.", {"group": "Choose a group of fields."})
    return [name for name, field in FIELDS.items() if field.group == group and is_feed_field(name)]


def do(db: Session, vehicle_id: int, act: Act, actor: Actor, now: datetime) -> bool:
    """Performs the act on one vehicle, with log and audit; whether anything changed.

    Raises NotFound, NotAllowed for a merged vehicle.
    """
    vehicle = locked_row(db, vehicle_id)
    links = links_of(db, [vehicle_id]).get(vehicle_id, [])
    before, after = act.perform(vehicle, links)
    if not before and not after:
        return False
    vehicle_edits.record(
        db, vehicle, act.kind, before, after, actor=actor, now=now, reason=act.reason
    )
    audit.record(
        db,
        actor,
        f"vehicle.{act.kind}",
        f"vehicle:{vehicle.id}",
        act.details,
        dealership_id=vehicle.dealership_id,
    )
    return True


def links_of(
    db: Session, vehicle_ids: Sequence[int], *, light: bool = False
) -> dict[int, list[ExternalLink]]:
    """Vehicle id → its links, the one in force first; held until the transaction ends.

    `light`: without what EasyCars sent, which is read only when somebody asks a link for it.
    """
    query = (
        select(ExternalLink)
        .where(ExternalLink.entity == "vehicle", ExternalLink.entity_id.in_(vehicle_ids))
        .order_by(ExternalLink.missing_runs, ExternalLink.id.desc())
        .with_for_update()
    )
    if light:
        query = query.options(load_only(*LIGHT_LINK))
    found: dict[int, list[ExternalLink]] = {}
    for link in db.scalars(query.execution_options(populate_existing=True)):
        found.setdefault(link.entity_id, []).append(link)
    return found


def _feed_fields(fields: Iterable[str]) -> frozenset[str]:
    wanted = frozenset(fields)
    if not wanted or not all(name in FIELDS and is_feed_field(name) for name in wanted):
        raise InputInvalid("There is no such field to lock.", {"field": "There is no such field."})
    return wanted


def _locks(vehicle: Vehicle) -> frozenset[str]:
    return frozenset(vehicle.locked_fields or ())


def _set_locks(vehicle: Vehicle, wanted: Iterable[str]) -> Change:
    old, new = sorted(_locks(vehicle)), sorted(wanted)
    if old == new:
        return NOTHING
    vehicle.locked_fields = new
    return {"locked_fields": old}, {"locked_fields": new}


def _take(vehicle: Vehicle, link: ExternalLink, fields: Iterable[str]) -> Change:
    """The values that EasyCars wants, written; what differs."""
    known = [name for name in fields if name in FIELDS]
    before = {name: value_of(vehicle, name) for name in known}
    put_values(vehicle, {name: (link.agreed or {}).get(name) for name in known})
    after = {name: value_of(vehicle, name) for name in known}
    if "status" in known:
        life = vehicle_sync.follow_status(vehicle, before["status"], "from EasyCars by unlocking")
        before, after = before | life[0], after | life[1]
    return _changed(before, after)


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Change:
    names = [name for name in before if before[name] != after[name]]
    return {name: before[name] for name in names}, {name: after[name] for name in names}
