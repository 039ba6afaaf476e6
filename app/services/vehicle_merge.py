"""Two vehicles that are one become one, with a person's choice per field (C23).

Nothing is deleted: the merged one keeps its row, values and history, points to the kept one and is
in no list. `vehicle_merge` remembers what both were, so that an unmerge within 90 days restores
them (app/services/vehicle_merge_undo.py).

The sync afterwards: a kept vehicle that is synced goes on as it was. Where only the merged one is
synced, its link moves and the sync goes on into the kept one. Where both are, the merged one's
sync goes on hidden, and takes over when EasyCars drops the kept one's record
(app/services/vehicle_merge_heirs.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final

import orjson
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.models import ExternalLink, Vehicle, VehicleMerge
from app.services import audit, duplicates, vehicle_edits
from app.services.audit import Actor
from app.services.errors import NotAllowed, NotFound
from app.services.vehicle_merge_choices import (
    Side,
    chosen,
    lifecycle_after,
    links_of,
    staying,
    to_write,
)
from app.services.vehicle_merge_moving import (
    MovedPhotos,
    bring_photos,
    follow_conflicts,
    lock_links,
    lock_vehicles,
    move_links,
    photo_places,
    photos_of,
)
from app.services.vehicle_values import put_values, values_of

UNMERGE_FOR: Final = timedelta(days=90)
# What a merge may change beside the fields of the catalogue.
COLUMNS: Final = ("source", "lifecycle", "lifecycle_reason", "locked_fields", "photos_ordered")
LINK_COLUMNS: Final = ("entity_id", "kept_outside", "agreed")
KEPT_LISTED: Final = "Listed here when two vehicles were merged, although EasyCars lacks it."


class ChangedMeanwhile(NotAllowed):
    """One of the vehicles is not as the person saw it."""

    status = 409
    code = "changed_meanwhile"


@dataclass(frozen=True)
class Merging:
    """Both vehicles, locked, with the links that they had."""

    kept: Vehicle
    merged: Vehicle
    links: Mapping[int, Sequence[ExternalLink]]

    @property
    def sync_moves(self) -> bool:
        return staying(self.kept, self.merged, self.links).way == "moves"


def fingerprint(one: Vehicle, other: Vehicle) -> str:
    """Tells whether two vehicles are still as they were shown."""
    shown = [snapshot(vehicle) for vehicle in sorted((one, other), key=lambda row: row.id)]
    text = orjson.dumps(shown, option=orjson.OPT_SORT_KEYS)
    return blake2b(text, digest_size=12).hexdigest()


def snapshot(vehicle: Vehicle) -> dict[str, Any]:
    """A vehicle as JSON: `values` of the catalogue and the columns that a merge may change."""
    return {
        "values": values_of(vehicle),
        **{name: getattr(vehicle, name) for name in COLUMNS},
    }


def merge(
    db: Session,
    kept_id: int,
    merged_id: int,
    choices: Mapping[str, str],
    *,
    actor: Actor,
    now: datetime,
    seen: str | None = None,
) -> VehicleMerge:
    """Merges two vehicles of the session's dealership in the caller's transaction.

    `choices`: field → "kept" or "merged", for fields that differ; others take the proposal.
    `seen`: the fingerprint that the person was shown. Raises NotFound, NotAllowed when one is
    merged away already, ChangedMeanwhile.
    """
    both = _opened(db, kept_id, merged_id, seen)
    kept, merged = both.kept, both.merged
    before = _before(db, both)
    sides = chosen(kept, merged, choices)
    outside = _write_values(both, sides)
    brought = bring_photos(db, kept, merged, sync_moves=both.sync_moves)
    _hand_over_links(db, both, now)
    merged.merged_into_id = kept.id
    record = VehicleMerge(
        dealership_id=kept.dealership_id,
        kept_id=kept.id,
        merged_id=merged.id,
        choices=dict(sides),
        before=before | {"pair": _settle_pair(db, both, actor, now)},
        after=_after(kept, brought, outside),
        user_id=actor.user_id,
        actor=actor.label[:254],
        created_at=now,
    )
    db.add(record)
    db.flush()
    _tell(db, record, both, actor, now)
    return record


def _opened(db: Session, kept_id: int, merged_id: int, seen: str | None) -> Merging:
    found = lock_vehicles(db, [kept_id, merged_id])
    if kept_id == merged_id or len(found) != 2:
        raise NotFound("One of these vehicles does not exist here.")
    kept, merged = found[kept_id], found[merged_id]
    for vehicle in (kept, merged):
        if vehicle.merged_into_id is not None:
            raise NotAllowed("One of these vehicles was merged already. Nothing was changed.")
    if seen is not None and seen != fingerprint(kept, merged):
        raise ChangedMeanwhile(
            "One of these vehicles changed since you opened the page. Nothing was merged; look at "
            "the values again."
        )
    links = links_of(db, [kept_id, merged_id])
    lock_links(db, [link.id for own in links.values() for link in own])
    return Merging(kept, merged, links)


def _before(db: Session, both: Merging) -> dict[str, Any]:
    """All that the unmerge needs: values, links and photos of both."""
    own, theirs = photos_of(db, both.kept.id), photos_of(db, both.merged.id)
    links = [link for one in both.links.values() for link in one]
    return {
        "kept": snapshot(both.kept),
        "merged": snapshot(both.merged),
        "links": {
            str(link.id): {name: getattr(link, name) for name in LINK_COLUMNS} for link in links
        },
        "photos": photo_places([*own, *theirs]),
    }


def _write_values(both: Merging, sides: Mapping[str, Side]) -> list[int]:
    """The kept one takes over values, locks and life cycle; returns the links kept outside."""
    kept, merged = both.kept, both.merged
    put_values(kept, to_write(merged, sides))
    taken = {name for name, side in sides.items() if side == "merged"}
    locks = {*kept.locked_fields, *(taken & {*merged.locked_fields})}
    if locks != {*kept.locked_fields}:
        kept.locked_fields = sorted(locks)
    if both.sync_moves:
        kept.source = merged.source
    lifecycle = lifecycle_after(kept, merged)
    if lifecycle != kept.lifecycle:
        kept.lifecycle, kept.lifecycle_reason = lifecycle, merged.lifecycle_reason
    return _keep_outside(both) if lifecycle == "listed" else []


def _keep_outside(both: Merging) -> list[int]:
    """A merge takes no car off the market: where the feed lacks it, it stays listed by a person's
    word. Not where the other record is still there: that one takes over."""
    links = both.links[both.kept.id] or both.links[both.merged.id]
    if any(not link.missing_runs for one in both.links.values() for link in one):
        return []
    outside = [link for link in links if link.missing_runs and not link.kept_outside]
    for link in outside:
        link.kept_outside = True
        both.kept.lifecycle_reason = KEPT_LISTED
    return [link.id for link in outside]


def _hand_over_links(db: Session, both: Merging, now: datetime) -> None:
    if both.sync_moves:
        move_links(db, both.links[both.merged.id], both.kept, now)
    else:
        follow_conflicts(db, both.links[both.kept.id], both.kept, now)


def _settle_pair(db: Session, both: Merging, actor: Actor, now: datetime) -> int | None:
    pair = duplicates.pair_of(db, both.kept.id, both.merged.id)
    if pair is None:
        return None
    duplicates.decide(pair, "merged", actor, now)
    return pair.id


def _after(kept: Vehicle, brought: MovedPhotos, outside: list[int]) -> dict[str, Any]:
    return {
        "kept": snapshot(kept),
        "photos": {"moved": brought.moved, "copied": brought.copied},
        "kept_outside": outside,
    }


def _tell(db: Session, record: VehicleMerge, both: Merging, actor: Actor, now: datetime) -> None:
    """Both timelines and the audit."""
    was, became = differences(record.before["kept"], record.after["kept"])
    reason = f"Vehicle {both.merged.id} was merged into this one."
    vehicle_edits.record(db, both.kept, "merge", was, became, actor=actor, now=now, reason=reason)
    gone = {"merged_into_id": both.kept.id}
    vehicle_edits.record(db, both.merged, "merge", None, gone, actor=actor, now=now)
    audit.record(
        db,
        actor,
        "vehicle.merge",
        f"vehicle:{both.kept.id}",
        {"merged": both.merged.id, "fields": sorted(became), "photos": _photo_count(record)},
        dealership_id=both.kept.dealership_id,
    )


def _photo_count(record: VehicleMerge) -> int:
    photos = record.after["photos"]
    return len(photos["moved"]) + len(photos["copied"])


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of two snapshots, what changed: name → value before, name → value after."""
    old = {**before["values"], **{name: before[name] for name in COLUMNS}}
    new = {**after["values"], **{name: after[name] for name in COLUMNS}}
    changed = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return {name: old.get(name) for name in changed}, {name: new.get(name) for name in changed}


# -- Reading -----------------------------------------------------------------------------------


def get(db: Session, merge_id: int) -> VehicleMerge:
    """A merge of the session's dealership. Raises NotFound."""
    found = db.scalar(select(VehicleMerge).where(VehicleMerge.id == merge_id))
    if found is None:
        raise NotFound("There is no such merge here.")
    return found


def of_vehicle(db: Session, merged_id: int) -> VehicleMerge | None:
    """The merge by which this vehicle went into another and still is."""
    query = select(VehicleMerge).where(
        VehicleMerge.merged_id == merged_id, VehicleMerge.unmerged_at.is_(None)
    )
    return db.scalar(query.order_by(VehicleMerge.id.desc()).limit(1))


def standing(db: Session, limit: int, offset: int = 0) -> list[VehicleMerge]:
    """Merges that were not taken back, newest first."""
    query = select(VehicleMerge).where(VehicleMerge.unmerged_at.is_(None))
    return list(db.scalars(query.order_by(VehicleMerge.id.desc()).limit(limit).offset(offset)))


def standing_count(db: Session) -> int:
    """How many merges stand."""
    query = select(func.count(VehicleMerge.id)).where(VehicleMerge.unmerged_at.is_(None))
    return db.scalar(query) or 0


def later_one(db: Session, record: VehicleMerge) -> VehicleMerge | None:
    """A newer merge that one of the two is part of; it must be taken back first."""
    both = (record.kept_id, record.merged_id)
    query = select(VehicleMerge).where(
        VehicleMerge.id > record.id,
        VehicleMerge.unmerged_at.is_(None),
        or_(VehicleMerge.kept_id.in_(both), VehicleMerge.merged_id.in_(both)),
    )
    return db.scalar(query.order_by(VehicleMerge.id.desc()).limit(1))
