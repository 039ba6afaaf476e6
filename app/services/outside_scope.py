"""Vehicles outside of what the connection asks for: another yard, account or environment (T15).

A changed connection makes the list shrink by design. Nobody but a person knows what that means
for the vehicles left behind, so they are asked, and nothing is removed before the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Select, Text, and_, cast, exists, func, or_, select, true
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql import ColumnElement

from app.models import ExternalLink, StreamState, SyncItem, SyncRun, Vehicle
from app.services import credentials, sync_policy, vehicle_bulk
from app.services.audit import Actor
from app.services.credential_encryption import CredentialEncryptionService
from app.services.credentials import PROVIDER
from app.services.errors import InputInvalid
from app.services.sync.connection import scope_of
from app.services.sync.ending import ASKED
from app.services.sync.plan import SOLD, Verb
from app.services.sync.terms import folded
from app.services.vehicle_acts import Act, Change, Links
from app.services.vehicle_bulk import Selection

STREAM: Final = "stock"
OUTSIDE: Final = "Outside the EasyCars connection"
PAGE_SIZE: Final = 50
Part = Literal["undecided", "kept", "taken"]
PARTS: Final[tuple[Part, ...]] = ("undecided", "kept", "taken")
CHOICES: Final = ("keep", "take")


@dataclass(frozen=True)
class Place:
    """What the saved connection asks for, and what the last whole sync asked for.

    `asked_by_last`: the last sync asked for what is saved now, so it knows what is outside.
    """

    now: Mapping[str, str]
    before: Mapping[str, Any]
    last_run_id: int | None
    asked_by_last: bool

    @property
    def changes(self) -> tuple[str, ...]:
        """The differences of the connection in words, for one environment."""
        if not self.before:
            return ()
        old, new = self.before.get("yard", ""), self.now["yard"]
        yard = f"The yard was {old or 'all yards'} at the last whole sync, now it is "
        account = self.before.get("account") not in ("", self.now["account"])
        return tuple(
            words
            for words, counts in (
                (f"{yard}{new or 'all yards'}.", folded(old) != folded(new)),
                ("Another EasyCars account is entered than at the last whole sync.", account),
            )
            if counts and (self.now["account"] or not account)
        )


@dataclass(frozen=True)
class Question:
    """What is asked. `is_known` False: only the next sync can tell which vehicles are outside."""

    changes: tuple[str, ...]
    is_known: bool
    environment: str
    undecided: int
    kept: int
    taken: int

    @property
    def is_open(self) -> bool:
        return self.undecided > 0


def place_of(db: Session, dealership_id: int, crypto: CredentialEncryptionService) -> Place | None:
    """The saved connection beside the last one; None while nothing is connected."""
    credential = credentials.find(db, dealership_id)
    if credential is None or not credential.is_active:
        return None
    scope = scope_of(credential, credentials.readable_keys(credential, crypto))
    state = db.scalar(
        select(StreamState).where(
            StreamState.provider == PROVIDER,
            StreamState.stream == STREAM,
            StreamState.environment == scope["environment"],
        )
    )
    if state is None:
        return Place(scope, {}, None, asked_by_last=False)
    last = db.get(SyncRun, state.last_run_id) if state.last_run_id else None
    asked = (last.scope or {}).get(ASKED) if last else None
    return Place(scope, state.scope or {}, state.last_run_id, asked == scope)


def question(db: Session, place: Place) -> Question:
    """What a page asks, with the number of vehicles in each part."""
    counts = {part: db.scalar(_counted(place, part)) or 0 for part in PARTS}
    changes = place.changes
    others = db.scalars(_environments(place)).all()
    environment = place.now["environment"]
    told = tuple(
        f"The connection reads {environment} now; some vehicles came from {other}."
        for other in others
    )
    known = place.asked_by_last or _is_told_by_yard(place) or not changes
    return Question((*told, *changes), known, environment, **counts)


def vehicles(
    db: Session, place: Place, part: Part, after: int | None = None
) -> tuple[Sequence[Vehicle], int | None]:
    """A page of one part, oldest first; the id to ask on with, None at the end."""
    query = select(Vehicle).where(_is_in(place, part)).order_by(Vehicle.id)
    if after is not None:
        query = query.where(Vehicle.id > after)
    found = db.scalars(query.limit(PAGE_SIZE + 1)).all()
    more = len(found) > PAGE_SIZE
    return found[:PAGE_SIZE], found[PAGE_SIZE - 1].id if more else None


def decide(
    db: Session,
    place: Place,
    part: Part,
    choice: str,
    *,
    expected: int,
    actor: Actor,
    now: datetime,
) -> int:
    """Keeps the vehicles of a part listed, or takes them off the market; how many.

    Raises InputInvalid for an unknown choice, or when there are not as many as were shown.
    """
    if choice not in CHOICES:
        raise InputInvalid("Choose what to do.", {"choice": "Choose one of the answers."})
    ids = tuple(db.scalars(select(Vehicle.id).where(_is_in(place, part)).order_by(Vehicle.id)))
    if not ids or len(ids) != expected:
        raise InputInvalid(
            f"{expected} vehicles were shown, now there are {len(ids)}. Nothing was changed; look "
            "at the new list."
        )
    act = _keeping(actor, now) if choice == "keep" else _taking(db, actor, now)
    vehicle_bulk.do(db, Selection(len(ids), ids), act, actor, now)
    return len(ids)


def _keeping(actor: Actor, now: datetime) -> Act:
    reason = f"{OUTSIDE}, kept listed by {actor.label}"[:300]

    def perform(vehicle: Vehicle, links: Links) -> Change:
        for link in links:
            link.kept_outside = True
            link.missing_runs = max(link.missing_runs, 1)
            link.missing_since = link.missing_since or now
        life = vehicle.lifecycle if vehicle.lifecycle == SOLD else "listed"
        return _move(vehicle, life, reason)

    return Act("lifecycle", perform, reason, {"outside": "keep"})


def _taking(db: Session, actor: Actor, now: datetime) -> Act:
    reason = f"{OUTSIDE}, taken off the market by {actor.label}"[:300]
    runs = sync_policy.read(db).missing_runs

    def perform(vehicle: Vehicle, links: Links) -> Change:
        for link in links:
            link.kept_outside = False
            link.missing_runs = max(link.missing_runs, runs)
            link.missing_since = link.missing_since or now
        return _move(vehicle, "off_market", reason)

    return Act("lifecycle", perform, reason, {"outside": "take"})


def _move(vehicle: Vehicle, life: str, reason: str) -> Change:
    was = {"lifecycle": vehicle.lifecycle, "lifecycle_reason": vehicle.lifecycle_reason}
    vehicle.lifecycle, vehicle.lifecycle_reason = life, reason
    after = {"lifecycle": life, "lifecycle_reason": reason}
    names = [name for name in was if was[name] != after[name]]
    return {name: was[name] for name in names}, {name: after[name] for name in names}


def _counted(place: Place, part: Part) -> Select[int]:
    return select(func.count(Vehicle.id)).where(_is_in(place, part))


def _is_in(place: Place, part: Part) -> ColumnElement[bool]:
    """Whether a vehicle belongs to a part of the question."""
    concerned = and_(Vehicle.merged_into_id.is_(None), Vehicle.is_excluded.is_(False))
    if part == "taken":
        reason = Vehicle.lifecycle_reason.startswith(OUTSIDE, autoescape=True)
        return and_(concerned, Vehicle.lifecycle == "off_market", reason)
    link = _link()
    if part == "kept":
        kept = link.kept_outside.is_(True)
        return and_(concerned, Vehicle.lifecycle == "listed", exists().where(_joined(link), kept))
    listed = Vehicle.lifecycle.in_(("listed", "missing"))
    return and_(concerned, listed, or_(_of_other_environment(place), _of_other_scope(place)))


def _link() -> Any:
    return aliased(ExternalLink)


def _joined(link: Any) -> ColumnElement[bool]:
    """The stock link of the vehicle of the query around."""
    return and_(
        link.dealership_id == Vehicle.dealership_id,
        link.entity == "vehicle",
        link.entity_id == Vehicle.id,
        link.provider == PROVIDER,
        link.stream == STREAM,
    )


def _of_other_environment(place: Place) -> ColumnElement[bool]:
    """Read from an environment that is not asked any more, and from no other one."""
    here, there = _link(), _link()
    environment = place.now["environment"]
    return and_(
        exists().where(
            _joined(there), there.environment != environment, there.kept_outside.is_(False)
        ),
        ~exists().where(_joined(here), here.environment == environment),
    )


def _of_other_scope(place: Place) -> ColumnElement[bool]:
    """Of the asked environment, but of another yard or account than what is asked now."""
    if not place.changes or not (place.asked_by_last or _is_told_by_yard(place)):
        return ~true()
    link = _link()
    still_there = exists().where(
        _joined(link),
        link.environment == place.now["environment"],
        link.missing_runs == 0,
        link.kept_outside.is_(False),
    )
    if not place.asked_by_last:
        yard = func.lower(func.trim(Vehicle.yard_code))
        return and_(still_there, yard != folded(place.now["yard"]))
    held = exists().where(
        SyncItem.dealership_id == Vehicle.dealership_id,
        SyncItem.run_id == place.last_run_id,
        SyncItem.entity_id == Vehicle.id,
        SyncItem.action == Verb.HOLD.value,
        cast(SyncItem.after, Text).contains('"lifecycle"'),
    )
    return and_(still_there, held)


def _is_told_by_yard(place: Place) -> bool:
    """A new yard in the old account: each vehicle's own yard says whether it is outside."""
    before, now = place.before, place.now
    same_account = before.get("account") == now["account"] or not now["account"]
    return bool(now["yard"]) and same_account and bool(place.changes)


def _environments(place: Place) -> Select[str]:
    """Other environments that undecided vehicles came from."""
    return (
        select(ExternalLink.environment)
        .join(Vehicle, Vehicle.id == ExternalLink.entity_id)
        .where(
            ExternalLink.entity == "vehicle",
            ExternalLink.provider == PROVIDER,
            ExternalLink.stream == STREAM,
            ExternalLink.environment != place.now["environment"],
            ExternalLink.kept_outside.is_(False),
            _is_in(place, "undecided"),
        )
        .distinct()
    )
