"""Taking a merge back within 90 days: both vehicles as they were (C23).

Not overwritten is what a person changed on the kept vehicle since: it is listed. What a sync
brought since through a link that moved goes back with that link to the vehicle it belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Conflict, DuplicatePair, ExternalLink, Vehicle, VehicleMerge
from app.services import audit, vehicle_edits
from app.services.audit import Actor
from app.services.errors import NotAllowed
from app.services.vehicle_acts import NO_DIGEST
from app.services.vehicle_fields import FIELDS
from app.services.vehicle_merge import UNMERGE_FOR, differences, later_one, snapshot
from app.services.vehicle_merge_heirs import swap_life
from app.services.vehicle_merge_moving import (
    MovedPhotos,
    follow_conflicts,
    lock_links,
    lock_vehicles,
    move_links,
    return_photos,
)
from app.services.vehicle_values import put_values, value_of


@dataclass(frozen=True)
class Unmerging:
    """Both vehicles and their links, locked, with what was noted at the merge."""

    record: VehicleMerge
    kept: Vehicle
    merged: Vehicle
    links: Sequence[ExternalLink]

    @property
    def foreign(self) -> list[ExternalLink]:
        """Links that came to the kept vehicle with or after the merge."""
        noted = self.record.before["links"]
        return [
            link
            for link in self.links
            if link.entity_id == self.kept.id and noted[str(link.id)]["entity_id"] != self.kept.id
        ]


@dataclass(frozen=True)
class Restoration:
    """What an unmerge writes to the kept vehicle, and what it leaves because it changed since."""

    values: dict[str, Any]
    left: list[str]


def until(record: VehicleMerge) -> datetime:
    """The last moment at which it can be taken back."""
    return record.created_at + UNMERGE_FOR


def refusal(db: Session, record: VehicleMerge, now: datetime) -> str | None:
    """Why this merge cannot be taken back (any more), in a sentence; None when it can."""
    if record.unmerged_at is not None:
        return "This merge was taken back already."
    if now > until(record):
        return "This merge is more than 90 days old, so it cannot be taken back any more."
    later = later_one(db, record)
    if later is not None:
        return (
            f"Vehicle {later.kept_id} took over vehicle {later.merged_id} later. "
            "Take that merge back first."
        )
    return None


def restoration(db: Session, record: VehicleMerge) -> Restoration:
    """What the unmerge would do to the kept vehicle, for the question before it."""
    return _restoration(_read(db, record, lock=False))


def unmerge(db: Session, record: VehicleMerge, *, actor: Actor, now: datetime) -> list[str]:
    """Takes the merge back in the caller's transaction; returns the fields that were left as they
    are because a person changed them since. Raises NotAllowed."""
    if reason := refusal(db, record, now):
        raise NotAllowed(reason)
    both = _read(db, record, lock=True)
    was_kept, was_merged = snapshot(both.kept), snapshot(both.merged)
    restored, returned = _restoration(both), both.foreign
    put_values(both.kept, restored.values)
    _restore_columns(both)
    _catch_up(both, returned)
    _return_links(db, both, now)
    _return_photos(db, both, bool(returned))
    both.merged.merged_into_id = None
    _reopen_pair(db, record)
    record.unmerged_at, record.unmerged_by = now, actor.label[:254]
    db.flush()
    _tell(db, both, was_kept, was_merged, restored.left, actor, now)
    return restored.left


def _read(db: Session, record: VehicleMerge, *, lock: bool) -> Unmerging:
    ids, link_ids = [record.kept_id, record.merged_id], [int(one) for one in record.before["links"]]
    if lock:
        vehicles, links = lock_vehicles(db, ids), lock_links(db, link_ids)
    else:
        found = db.scalars(select(Vehicle).where(Vehicle.id.in_(ids)))
        vehicles = {vehicle.id: vehicle for vehicle in found}
        links = list(db.scalars(select(ExternalLink).where(ExternalLink.id.in_(link_ids))))
    return Unmerging(record, vehicles[record.kept_id], vehicles[record.merged_id], links)


# -- Values ------------------------------------------------------------------------------------


def _restoration(both: Unmerging) -> Restoration:
    before = both.record.before["kept"]["values"]
    after = both.record.after["kept"]["values"]
    values: dict[str, Any] = {}
    left: list[str] = []
    for name in FIELDS:
        old, written, now = before.get(name), after.get(name), value_of(both.kept, name)
        if now == old:
            continue
        by_sync = any(_by_sync(both.record, link, name, now) for link in both.foreign)
        if (now == written and written != old) or (now != written and by_sync):
            values[name] = old
        elif now != written and (written != old or both.foreign):
            left.append(name)
    return Restoration(values, left)


def _by_sync(record: VehicleMerge, link: ExternalLink, name: str, now: Any) -> bool:
    """Whether the value here is what the link's record says, so that no person gave it."""
    if name in link.agreed:
        return bool(link.agreed[name] == now)
    return now is None and name in _agreed_then(record, link)


def _restore_columns(both: Unmerging) -> None:
    """Source, life cycle, locks and photo order as before, unless set anew since."""
    kept, merged = both.kept, both.merged
    before, after = both.record.before["kept"], both.record.after["kept"]
    if "heir" in both.record.after:
        if kept.lifecycle != "sold":
            swap_life(kept, merged)
    elif both.foreign:
        # What the sync did to the kept one since is the merged one's own life cycle.
        if (kept.lifecycle, kept.lifecycle_reason) != _life(after):
            merged.lifecycle, merged.lifecycle_reason = kept.lifecycle, kept.lifecycle_reason
        kept.lifecycle, kept.lifecycle_reason = _life(before)
    elif (kept.lifecycle, kept.lifecycle_reason) == _life(after):
        kept.lifecycle, kept.lifecycle_reason = _life(before)
    if kept.source == after["source"]:
        kept.source = before["source"]
    if not before["photos_ordered"] and after["photos_ordered"]:
        kept.photos_ordered = False
    kept.locked_fields = _locks(kept.locked_fields, before["locked_fields"], after["locked_fields"])


def _life(of: Mapping[str, Any]) -> tuple[str, str | None]:
    return of["lifecycle"], of["lifecycle_reason"]


def _locks(now: Sequence[str], before: Sequence[str], after: Sequence[str]) -> list[str]:
    """Without the padlocks that came with the merge; those set or opened since stay so."""
    found = (set(now) - (set(after) - set(before))) | (set(before) - set(after))
    return list(now) if found == set(now) else sorted(found)


def _catch_up(both: Unmerging, returned: Sequence[ExternalLink]) -> None:
    """What EasyCars changed while the link was with the kept one belongs to the merged one."""
    locked = {*both.merged.locked_fields}
    for link in returned:
        then = _agreed_then(both.record, link)
        changes = {
            name: link.agreed.get(name)
            for name in then.keys() | link.agreed.keys()
            if name in FIELDS
            and name not in locked
            and link.agreed.get(name) != then.get(name)
            and value_of(both.merged, name) == then.get(name)
        }
        put_values(both.merged, changes)


def _agreed_then(record: VehicleMerge, link: ExternalLink) -> Mapping[str, Any]:
    heir = record.after.get("heir") or {}
    noted = heir if heir.get("link") == link.id else record.before["links"][str(link.id)]
    agreed: Mapping[str, Any] = noted["agreed"]
    return agreed


# -- Links, photos, the pair -------------------------------------------------------------------


def _return_links(db: Session, both: Unmerging, now: datetime) -> None:
    noted = both.record.before["links"]
    owners = {both.kept.id: both.kept, both.merged.id: both.merged}
    for link in both.links:
        before = noted[str(link.id)]
        if link.id in both.record.after["kept_outside"]:
            link.kept_outside = before["kept_outside"]
        move_links(db, [link], owners[before["entity_id"]], now)
        _settle_conflicts(db, link, owners[before["entity_id"]], now)


def _settle_conflicts(db: Session, link: ExternalLink, owner: Vehicle, now: datetime) -> None:
    """A conflict that only the merge's value had made is none: the next sync decides anew."""
    follow_conflicts(db, [link], owner, now)
    query = select(Conflict).where(Conflict.link_id == link.id, Conflict.state == "open")
    if any(conflict.local == conflict.agreed for conflict in db.scalars(query)):
        link.content_hash = NO_DIGEST


def _return_photos(db: Session, both: Unmerging, sync_returns: bool) -> None:
    record = both.record
    brought = MovedPhotos(record.after["photos"]["moved"], record.after["photos"]["copied"])
    places = record.before["photos"]
    return_photos(db, both.kept, both.merged, places, brought, sync_returns=sync_returns)


def _reopen_pair(db: Session, record: VehicleMerge) -> None:
    pair_id = record.before.get("pair")
    pair = db.scalar(select(DuplicatePair).where(DuplicatePair.id == pair_id)) if pair_id else None
    if pair is not None and pair.state == "merged":
        pair.state = "open"
        pair.decided_at = pair.decided_by = pair.decided_by_id = None


def _tell(
    db: Session,
    both: Unmerging,
    was_kept: Mapping[str, Any],
    was_merged: Mapping[str, Any],
    left: Sequence[str],
    actor: Actor,
    now: datetime,
) -> None:
    kept, merged = both.kept, both.merged
    was, became = differences(was_kept, snapshot(kept))
    reason = f"Vehicle {merged.id} is a vehicle of its own again."
    vehicle_edits.record(db, kept, "unmerge", was, became, actor=actor, now=now, reason=reason)
    was, became = differences(was_merged, snapshot(merged))
    was["merged_into_id"], became["merged_into_id"] = kept.id, None
    vehicle_edits.record(db, merged, "unmerge", was, became, actor=actor, now=now)
    facts = {"merge": both.record.id, "unmerged": merged.id, "left_as_changed_since": list(left)}
    audit.record(
        db, actor, "vehicle.unmerge", f"vehicle:{kept.id}", facts, dealership_id=kept.dealership_id
    )
