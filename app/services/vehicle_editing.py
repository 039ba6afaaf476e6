"""Creating and changing a vehicle by hand (C18, C27, issue 3.11).

A form says what was typed and what stood there when it was opened. Only fields that were touched
are written, so a sync that changed another field meanwhile loses nothing; a touched field that
changed meanwhile comes back with both values. `agreed` of the link stays as it is: the three-way
merge of the next sync then knows the change as ours (design §1).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import ExternalLink, Vehicle
from app.services import (
    audit,
    conflict_by_hand,
    sync_policy,
    vehicle_edits,
    vehicle_sync,
    vehicles,
)
from app.services.audit import Actor
from app.services.errors import InputInvalid, NotAllowed
from app.services.vehicle_doubts import Doubt, doubts
from app.services.vehicle_fields import FIELDS, label_of
from app.services.vehicle_input import (
    TITLE_PARTS,
    Unreadable,
    as_typed,
    read_typed,
    same_text,
    title_from,
)
from app.services.vehicle_values import put_values, value_of, values_of

NAMELESS: Final = "Enter a title, or at least a make or a model: the vehicle needs a name."


@dataclass(frozen=True)
class Typed:
    """A filled form. `texts`: field → text; `was`: the texts when the form was opened.

    `keep`: fields whose change gets the padlock; `sure`: keys of doubts that are meant;
    `yielded`: fields where the value that is here now is taken after all.
    """

    texts: Mapping[str, str]
    was: Mapping[str, str] = field(default_factory=dict)
    keep: Collection[str] = ()
    sure: Collection[str] = ()
    yielded: Collection[str] = ()


class NotSaved(InputInvalid):
    """Nothing was written; the form comes back. `fields` has every problem in words.

    `doubts`: suspicious values by field; `meanwhile`: field → the value that is here now.
    """

    def __init__(
        self,
        errors: Mapping[str, str],
        found: Iterable[Doubt] = (),
        meanwhile: Mapping[str, Any] | None = None,
    ) -> None:
        self.doubts = {doubt.field: doubt for doubt in found}
        self.meanwhile = dict(meanwhile or {})
        told = dict.fromkeys(self.meanwhile, CHANGED) | dict(errors)
        told |= {name: doubt.text for name, doubt in self.doubts.items() if name not in told}
        super().__init__("The vehicle was not saved: some entries need you.", told)


CHANGED: Final = "This changed while the form was open. Both values are shown here; choose one."


@dataclass(frozen=True)
class Saved:
    """What was written: changed fields, those that got the padlock, conflicts that it settled."""

    vehicle: Vehicle
    changed: tuple[str, ...]
    locked: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()


def create(db: Session, dealership_id: int, typed: Typed, actor: Actor, now: datetime) -> Saved:
    """A vehicle of source Manual. Raises NotSaved."""
    values, errors = _read(typed.texts, {})
    values = {name: value for name, value in values.items() if value is not None}
    values["title"] = values.get("title") or title_from(values)
    if not values["title"] and "title" not in errors:
        errors["title"] = NAMELESS
    found = _unsure(_doubts(db, {}, values, now), typed.sure)
    if errors or found:
        raise NotSaved(errors, found)
    vehicle = Vehicle(dealership_id=dealership_id, source="Manual", created_at=now)
    put_values(vehicle, values)
    db.add(vehicle)
    db.flush()
    vehicle_edits.record(db, vehicle, "create", None, values, actor=actor, now=now)
    _audit(db, vehicle, "vehicle.create", actor, {"title": vehicle.title})
    return Saved(vehicle, tuple(values))


def change(db: Session, vehicle_id: int, typed: Typed, actor: Actor, now: datetime) -> Saved:
    """Writes what was touched in the form. Raises NotSaved, NotFound, NotAllowed (merged)."""
    vehicle = locked_row(db, vehicle_id)
    current = values_of(vehicle)
    touched = _touched(typed)
    values, errors = _read(touched, current)
    meanwhile = {
        name: current.get(name)
        for name in touched
        if name in typed.was
        and not same_text(name, typed.was[name], as_typed(name, current.get(name)))
        and (name in errors or values[name] != current.get(name))
    }
    changes = {name: value for name, value in values.items() if value != current.get(name)}
    return write(
        db, vehicle, changes, keep=typed.keep, sure=typed.sure, errors=errors,
        meanwhile=meanwhile, actor=actor, now=now,
    )  # fmt: skip


def write(  # noqa: PLR0913 - one keyword for each thing that a form or a program says
    db: Session,
    vehicle: Vehicle,
    changes: Mapping[str, Any],
    *,
    keep: Collection[str],
    sure: Collection[str] | None,
    actor: Actor,
    now: datetime,
    errors: Mapping[str, str] | None = None,
    meanwhile: Mapping[str, Any] | None = None,
) -> Saved:
    """Writes changed fields of a locked row, with edit log and audit; `sure` None: all is meant.

    `keep` names fields that get the padlock if they change and a feed has them.
    Raises NotSaved with everything that is wrong at once.
    """
    current, problems = values_of(vehicle), dict(errors or {})
    changes = _with_title(current, changes)
    if "title" in changes and not changes["title"]:
        problems.setdefault("title", NAMELESS)
    found = [] if sure is None else _unsure(_doubts(db, current, changes, now, vehicle), sure)
    if problems or found or meanwhile:
        raise NotSaved(problems, found, meanwhile)
    if not changes:
        return Saved(vehicle, ())
    before = {name: value_of(vehicle, name) for name in changes}
    after = dict(changes)
    put_values(vehicle, changes)
    if "status" in changes:
        life = vehicle_sync.follow_status(vehicle, before["status"], f"by {actor.label}")
        before, after = before | life[0], after | life[1]
    fresh = _lock(db, vehicle, changes, keep, before, after)
    settled = conflict_by_hand.settle(db, vehicle, changes, actor, now)
    reason = f"Conflict settled. {', '.join(map(label_of, settled))}." if settled else None
    vehicle_edits.record(db, vehicle, "edit", before, after, actor=actor, now=now, reason=reason)
    told = {"fields": sorted(changes), "kept": list(fresh)}
    told |= {"settled": list(settled)} if settled else {}
    _audit(db, vehicle, "vehicle.edit", actor, told)
    return Saved(vehicle, tuple(changes), fresh, settled)


def locked_row(db: Session, vehicle_id: int) -> Vehicle:
    """The vehicle, held until the transaction ends, so that no sync writes it meanwhile.

    Its links come first, in the order of a sync: two who wait for each other would be one too many.
    Raises NotFound, and NotAllowed for one that was merged into another.
    """
    links = select(ExternalLink.id).where(
        ExternalLink.entity == "vehicle", ExternalLink.entity_id == vehicle_id
    )
    db.execute(links.order_by(ExternalLink.id).with_for_update()).all()
    query = select(Vehicle).where(Vehicle.id == vehicle_id).with_for_update()
    vehicle = db.scalar(query.execution_options(populate_existing=True))
    if vehicle is None:
        return vehicles.get(db, vehicle_id)
    if vehicle.merged_into_id is not None:
        raise NotAllowed(
            f"This vehicle was merged into vehicle {vehicle.merged_into_id}. Change that one, or "
            "unmerge them first."
        )
    return vehicle


def is_synced(db: Session, vehicle_id: int) -> bool:
    """Whether a feed has or had the vehicle: only then a padlock means something."""
    query = select(ExternalLink.id).where(
        ExternalLink.entity == "vehicle", ExternalLink.entity_id == vehicle_id
    )
    return db.scalar(query.limit(1)) is not None


def is_feed_field(name: str) -> bool:
    """Whether a sync writes the field; the title is made from others of the feed."""
    return name == "title" or FIELDS[name].source is not None


def same_stock_number(db: Session, number: str | None, but: int | None = None) -> Vehicle | None:
    """Another listed vehicle with this stock number, None when there is none."""
    if not number:
        return None
    query = select(Vehicle).where(
        Vehicle.stock_number == number,
        Vehicle.lifecycle == "listed",
        Vehicle.merged_into_id.is_(None),
        Vehicle.id != (but or 0),
    )
    return db.scalar(query.order_by(Vehicle.id).limit(1))


def _touched(typed: Typed) -> dict[str, str]:
    return {
        name: text
        for name, text in typed.texts.items()
        if name not in typed.yielded
        and (name not in typed.was or not same_text(name, text, typed.was[name]))
    }


def _read(
    texts: Mapping[str, str], known: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Every readable text as value, and what is wrong with the others."""
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for name, text in texts.items():
        try:
            values[name] = read_typed(name, text, known.get(name))
        except Unreadable as error:
            errors[name] = str(error)
    return values, errors


def _with_title(current: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A title that was made from make, model, badge and year follows them; an emptied one too."""
    made = dict(changes)
    after = {**current, **changes}
    was_made = "title" not in changes and current.get("title", "") == title_from(current)
    emptied = "title" in changes and not changes["title"]
    if (was_made and any(name in changes for name in TITLE_PARTS)) or emptied:
        made["title"] = title_from(after)
    if made.get("title") == current.get("title") and made.get("title"):
        made.pop("title")
    return made


def _doubts(
    db: Session,
    before: Mapping[str, Any],
    changes: Mapping[str, Any],
    now: datetime,
    vehicle: Vehicle | None = None,
) -> list[Doubt]:
    limits = sync_policy.read(db).limits(now.year + 2)
    found = doubts(before, changes, limits)
    number = changes.get("stock_number")
    twin = same_stock_number(db, number, vehicle.id if vehicle else None)
    if twin is not None:
        words = f"{twin.title or 'Another vehicle'} is listed with this stock number too."
        found.append(Doubt("stock_number", words, number, vehicle_id=twin.id))
    return found


def _unsure(found: Iterable[Doubt], sure: Collection[str]) -> list[Doubt]:
    return [doubt for doubt in found if doubt.key not in sure]


def _lock(
    db: Session,
    vehicle: Vehicle,
    changes: Mapping[str, Any],
    keep: Collection[str],
    before: dict[str, Any],
    after: dict[str, Any],
) -> tuple[str, ...]:
    """Puts the padlock on kept fields and notes it with the edit; the fields that got it."""
    old = set(vehicle.locked_fields or ())
    parts_kept = any(name in keep for name in TITLE_PARTS if name in changes)
    wanted = {name for name in changes if name in keep or (name == "title" and parts_kept)}
    fresh = {name for name in wanted if is_feed_field(name)} - old
    if not fresh or not is_synced(db, vehicle.id):
        return ()
    before["locked_fields"], after["locked_fields"] = sorted(old), sorted(old | fresh)
    vehicle.locked_fields = after["locked_fields"]
    return tuple(sorted(fresh))


def _audit(
    db: Session, vehicle: Vehicle, action: str, actor: Actor, details: Mapping[str, Any]
) -> None:
    audit.record(
        db, actor, action, f"vehicle:{vehicle.id}", details, dealership_id=vehicle.dealership_id
    )
