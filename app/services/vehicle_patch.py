"""A change that a program sends for one vehicle: any member of the shape, all or nothing.

Members are named as in the answer of GET (contract §4). Members that say what already is change
nothing, so an answer that was read may be sent back with one value replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from sqlalchemy.orm import Session

from app.models import Vehicle
from app.services import vehicle_acts, vehicle_editing
from app.services.audit import Actor
from app.services.errors import HubError, InputInvalid
from app.services.vehicle_acts import Act
from app.services.vehicle_editing import NotSaved, is_feed_field
from app.services.vehicle_fields import FIELDS
from app.services.vehicle_input import Unreadable, read_sent
from app.services.vehicle_shape import outside_name
from app.services.vehicle_values import value_of

FLAG_ACTS: Final = {
    "isExcluded": {True: "exclude", False: "include"},
    "isPublished": {True: "publish", False: "unpublish"},
}
SWITCHES: Final = ("lock", "confirm")


class ChangedMeanwhile(HubError):
    """The vehicle is not as the program read it (`updatedAt`); nothing was written."""

    status = 409
    code = "changed_meanwhile"


class NeedsConfirmation(InputInvalid):
    """Some values look like a slip; send `confirm: true` with them if they are meant."""

    code = "needs_confirmation"


@dataclass
class Patch:
    """What was sent, read: field → value, acts in their order, and problems by member."""

    changes: dict[str, Any] = field(default_factory=dict)
    acts: list[Act] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)


@cache
def fields_by_member() -> dict[str, str]:
    """Member of the JSON shape → field of the catalogue."""
    return {outside_name(name): name for name in FIELDS}


def apply(
    db: Session, vehicle_id: int, sent: Mapping[str, Any], actor: Actor, now: datetime
) -> Vehicle:
    """Writes what differs, with log and audit; members that we do not know are ignored.

    Raises NotFound, NotAllowed (merged), ChangedMeanwhile, NeedsConfirmation, and InputInvalid
    with every problem under its member's name.
    """
    vehicle = vehicle_editing.locked_row(db, vehicle_id)
    patch = read(vehicle, sent, synced=vehicle_editing.is_synced(db, vehicle_id))
    _check_moment(vehicle, sent, patch)
    if patch.errors:
        raise _refused(patch.errors)
    _write(db, vehicle, patch, sent, actor, now)
    for act in patch.acts:
        vehicle_acts.do(db, vehicle_id, act, actor, now)
    return vehicle


def read(vehicle: Vehicle, sent: Mapping[str, Any], *, synced: bool) -> Patch:
    """The members of `sent` that differ from the vehicle, as values and acts."""
    patch = Patch()
    for member, name in fields_by_member().items():
        if member in sent:
            _read_value(vehicle, member, name, sent[member], patch)
    for member in (*FLAG_ACTS, *SWITCHES):
        if member in sent and not isinstance(sent[member], bool):
            patch.errors[member] = "Send true or false."
    _read_locks(vehicle, sent, patch, synced=synced)
    _read_lifecycle(vehicle, sent, patch)
    for member, kinds in FLAG_ACTS.items():
        if member in sent and member not in patch.errors:
            patch.acts.append(vehicle_acts.flag(kinds[sent[member]]))
    return patch


def _read_value(vehicle: Vehicle, member: str, name: str, value: Any, patch: Patch) -> None:
    stored = value_of(vehicle, name)
    try:
        found = read_sent(name, value, stored)
    except Unreadable as error:
        patch.errors[member] = str(error)
        return
    if found != stored:
        patch.changes[name] = found


def _read_locks(vehicle: Vehicle, sent: Mapping[str, Any], patch: Patch, *, synced: bool) -> None:
    if "lockedFields" not in sent:
        return
    members = sent["lockedFields"]
    known = {member: name for member, name in fields_by_member().items() if is_feed_field(name)}
    if not isinstance(members, list) or not all(isinstance(one, str) for one in members):
        patch.errors["lockedFields"] = "Send a list of field names."
        return
    unknown = [one for one in members if one not in known]
    if unknown:
        patch.errors["lockedFields"] = f"No sync writes such a field: {', '.join(unknown)[:200]}."
        return
    wanted, old = {known[one] for one in members}, set(vehicle.locked_fields or ())
    if wanted - old and not synced:
        patch.errors["lockedFields"] = "No sync changes this vehicle, so nothing can be locked."
    elif wanted - old:
        patch.acts.append(vehicle_acts.lock(wanted - old))
    if old - wanted:
        patch.acts.append(vehicle_acts.unlock(old - wanted, take=False))


def _read_lifecycle(vehicle: Vehicle, sent: Mapping[str, Any], patch: Patch) -> None:
    state = sent.get("lifecycle", vehicle.lifecycle)
    moved = state != vehicle.lifecycle
    reason = sent.get("lifecycleReason", None if moved else vehicle.lifecycle_reason)
    if not moved and reason == vehicle.lifecycle_reason:
        return
    if reason is not None and not isinstance(reason, str):
        patch.errors["lifecycleReason"] = "Send a text, or null."
        return
    try:
        patch.acts.append(vehicle_acts.lifecycle(str(state), reason))
    except InputInvalid as error:
        told = {"reason": "lifecycleReason"}
        patch.errors |= {told.get(name, name): words for name, words in error.fields.items()}


def _check_moment(vehicle: Vehicle, sent: Mapping[str, Any], patch: Patch) -> None:
    """`updatedAt` as it was read; moments of the interface have whole seconds."""
    if sent.get("updatedAt") is None:
        return
    try:
        seen = datetime.fromisoformat(str(sent["updatedAt"]))
    except ValueError:
        patch.errors["updatedAt"] = "Send the moment as GET answered it."
        return
    if seen.replace(tzinfo=seen.tzinfo or UTC, microsecond=0) != last_change(vehicle):
        raise ChangedMeanwhile(
            "This vehicle changed since it was read. Nothing was written: read it again."
        )


def last_change(vehicle: Vehicle) -> datetime:
    """When the vehicle changed last, in whole seconds as programs see it."""
    return vehicle.updated_at.replace(microsecond=0)


def _write(
    db: Session,
    vehicle: Vehicle,
    patch: Patch,
    sent: Mapping[str, Any],
    actor: Actor,
    now: datetime,
) -> None:
    try:
        vehicle_editing.write(
            db,
            vehicle,
            patch.changes,
            keep=tuple(patch.changes) if sent.get("lock") else (),
            sure=None if sent.get("confirm") else (),
            actor=actor,
            now=now,
        )
    except NotSaved as refused:
        told = {outside_name(name): words for name, words in refused.fields.items()}
        if refused.doubts.keys() == refused.fields.keys():
            words = "Some values look like a slip. Send confirm with true if they are meant."
            raise NeedsConfirmation(words, told) from None
        raise _refused(told) from None


def _refused(errors: Mapping[str, str]) -> InputInvalid:
    return InputInvalid(f"Some values cannot be accepted: {', '.join(sorted(errors))}.", errors)
