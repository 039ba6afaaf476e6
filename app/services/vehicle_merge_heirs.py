"""When EasyCars has a car twice and drops the record that was kept here (C23).

Then the other record's link, which went on hidden with the merged vehicle, takes over: the car
stays listed, and the sync goes on under the record that is left. Run after each sync.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import ExternalLink, Vehicle, VehicleMerge
from app.services import sync_policy, vehicle_edits
from app.services.audit import Actor
from app.services.sync.plan import Owner, decide
from app.services.vehicle_merge import differences, snapshot
from app.services.vehicle_merge_choices import links_of
from app.services.vehicle_merge_moving import (
    bring_photos,
    lock_links,
    lock_vehicles,
    move_links,
    photo_places,
    photos_of,
)
from app.services.vehicle_values import put_values, values_of

FORECOURT: Final = Actor(None, "Forecourt")


def follow(db: Session, now: datetime, actor: Actor = FORECOURT) -> list[int]:
    """Hands over where it is due; returns the ids of the kept vehicles."""
    query = select(VehicleMerge).where(VehicleMerge.unmerged_at.is_(None))
    merges = db.scalars(query.order_by(VehicleMerge.id)).all()
    ids = [one for record in merges for one in (record.kept_id, record.merged_id)]
    links = links_of(db, ids)
    due = [one for one in merges if _is_due(links[one.kept_id], links[one.merged_id])]
    return [record.kept_id for record in due if _hand_over(db, record, actor, now)]


def _is_due(own: Sequence[ExternalLink], theirs: Sequence[ExternalLink]) -> bool:
    lost = bool(own) and all(link.missing_runs and not link.kept_outside for link in own)
    return lost and any(not link.missing_runs for link in theirs)


def _hand_over(db: Session, record: VehicleMerge, actor: Actor, now: datetime) -> bool:
    both = lock_vehicles(db, [record.kept_id, record.merged_id])
    links = links_of(db, list(both))
    own = lock_links(db, [link.id for link in links[record.kept_id]])
    theirs = lock_links(db, [link.id for link in links[record.merged_id]])
    if not _is_due(own, theirs):
        return False
    kept, merged = both[record.kept_id], both[record.merged_id]
    heir = next(link for link in theirs if not link.missing_runs)
    before = snapshot(kept)
    _take_values(db, kept, own[0], heir)
    if kept.lifecycle != "sold":
        swap_life(kept, merged)
    places = photo_places(photos_of(db, merged.id))
    brought = bring_photos(db, kept, merged, sync_moves=True)
    move_links(db, [heir], kept, now)
    move_links(db, own, merged, now)
    _note(record, heir, places, brought.moved)
    was, became = differences(before, snapshot(kept))
    words = f"EasyCars no longer has {own[0].external_id}; the sync goes on as {heir.external_id}."
    vehicle_edits.record(db, kept, "merge", was, became, actor=actor, now=now, reason=words)
    return True


def swap_life(one: Vehicle, other: Vehicle) -> None:
    """A life cycle belongs to the record in EasyCars, so it goes where the link goes."""
    mine = one.lifecycle, one.lifecycle_reason
    one.lifecycle, one.lifecycle_reason = other.lifecycle, other.lifecycle_reason
    other.lifecycle, other.lifecycle_reason = mine


def _take_values(db: Session, kept: Vehicle, lost: ExternalLink, heir: ExternalLink) -> None:
    """What nobody changed here becomes what the other record says; the plan decides, as always."""
    policies, locked = sync_policy.read(db), {*kept.locked_fields}
    decision = decide(
        lost.agreed,
        values_of(kept),
        heir.agreed,
        lambda name: Owner.LOCAL if name in locked else policies.owner(name),
    )
    put_values(kept, {name: value for name, value in decision.write.items() if name != "lifecycle"})


def _note(
    record: VehicleMerge, heir: ExternalLink, places: dict[str, Any], moved: Sequence[int]
) -> None:
    """For the unmerge: when the link came, with which values, and whose photos moved."""
    record.before = {**record.before, "photos": {**record.before["photos"], **places}}
    photos = record.after["photos"]
    record.after = {
        **record.after,
        "photos": {**photos, "moved": [*photos["moved"], *moved]},
        "heir": {"link": heir.id, "agreed": heir.agreed},
    }
