"""Telling by mail what a run held and what an approval did (C3, design §7).

Put in the transaction that ends the run, so that no held change goes unsaid and nothing is said
that did not happen. Those who may approve get it: administrators and operators. One held set is
told once a day, however often it is held again meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Dealership, Membership, SyncItem, SyncRun, User
from app.services import mails, outbox
from app.services.sync.approval import APPROVES, VALID_FOR, kind_of
from app.services.sync.holding import waiting_rows
from app.services.sync.plan import Verb

TOLD_ROLES: Final = ("admin", "operator")
ROWS_NAMED: Final = 15


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the run, as far as the mail tells of it."""

    external_id: str
    label: str
    kind: str
    after: dict[str, Any]


def tell(db: Session, run: SyncRun, message: str, now: datetime) -> None:
    """Puts the mails of a run that ends at `now` with `message`; none when nothing was held.

    Only a sync tells: a preview, an undo or a new mapping changes nothing behind anybody's back.
    """
    if run.mode != "sync":
        return
    approves = run.scope.get(APPROVES)
    held = [_row(item) for item in waiting_rows(db, run.id)] if run.held else []
    if held:
        _put(db, run, _held_mail(db, run, held, message, now), f"held:{_digest(held, now)}", now)
    if approves:
        removed = _removed(db, run.id)
        _put(db, run, _approved_mail(db, run, removed, message), f"approved:{run.id}", now)


def _row(item: SyncItem) -> _Row:
    return _Row(item.external_id, item.label, kind_of(item), item.after or {})


def _removed(db: Session, run_id: int) -> list[_Row]:
    found = db.scalars(
        select(SyncItem)
        .where(SyncItem.run_id == run_id, SyncItem.action == Verb.MISSING.value)
        .order_by(SyncItem.id)
    )
    return [_row(item) for item in found]


def _digest(held: Sequence[_Row], now: datetime) -> str:
    """The same for the same rows on the same day."""
    told = sorted(
        (row.external_id, orjson.dumps(row.after, option=orjson.OPT_SORT_KEYS)) for row in held
    )
    return f"{now:%Y%m%d}:{blake2b(repr(told).encode(), digest_size=12).hexdigest()}"


def _held_mail(
    db: Session, run: SyncRun, held: Sequence[_Row], message: str, now: datetime
) -> dict[str, Any]:
    place = _place(db, run)
    until = _moment(now + VALID_FOR, place)
    wait = "waits" if len(held) == 1 else "wait"
    first = (
        f"Stock sync {run.id} of {place.name} held {_vehicles(len(held))}: "
        f"{_held_words(Counter(row.kind for row in held))}."
    )
    done = f"What the sync did: {message}" if message else ""
    last = (
        f"{_vehicles(len(held))} {wait} for your decision until {until}. If nobody decides, "
        "nothing is removed and nothing held is taken over; the next sync asks again."
    )
    subject = f"{place.name}: {_vehicles(len(held))} {wait} for approval"
    path = f"/d/{place.slug}/review"
    return mails.payload(
        subject, [first, *filter(None, [done]), last], rows=_names(held), link=("Review", path)
    )


def _held_words(kinds: Counter[str]) -> str:
    removals, values, new = kinds["removal"], kinds["value"], kinds["new"]
    words = []
    if removals:
        no_longer = "is no longer in the feed" if removals == 1 else "are no longer in the feed"
        words.append(f"{_vehicles(removals)} {no_longer} and nothing was removed")
    if values:
        words.append(f"{_vehicles(values)} with an unusual value kept the value that was here")
    if new:
        was = "was" if new == 1 else "were"
        words.append(
            f"{_vehicles(new)} of a yard that the connection did not ask for {was} not taken over"
        )
    return "; ".join(words)


def _approved_mail(db: Session, run: SyncRun, rows: Sequence[_Row], message: str) -> dict[str, Any]:
    place = _place(db, run)
    removed = (
        f"{_vehicles(len(rows))} marked as no longer on the market."
        if rows
        else "No vehicle was removed."
    )
    return mails.payload(
        f"{place.name}: approved changes were applied",
        [
            f"{run.actor} approved what stock sync {run.parent_id} of {place.name} held. {removed}",
            f"What the sync did: {message}",
            "Nothing was deleted; a vehicle that comes back to the feed is listed again.",
        ],
        rows=_names(rows),
        link=(f"Stock sync {run.id}", f"/d/{place.slug}/runs/{run.id}"),
    )


def _names(rows: Sequence[_Row]) -> list[str]:
    named = [f"{row.label} ({row.external_id})" for row in rows[:ROWS_NAMED]]
    more = len(rows) - len(named)
    return [*named, f"and {more} more"] if more else named


def _vehicles(count: int) -> str:
    return "1 vehicle" if count == 1 else f"{count:,} vehicles"


def _moment(moment: datetime, place: Dealership) -> str:
    local = moment.astimezone(ZoneInfo(place.timezone))
    return f"{local:%A} {local.day} {local:%B}, {local:%H:%M %Z}"


def _place(db: Session, run: SyncRun) -> Dealership:
    return db.scalars(select(Dealership).where(Dealership.id == run.dealership_id)).one()


def _put(db: Session, run: SyncRun, payload: dict[str, Any], key: str, now: datetime) -> None:
    for user_id, email in people(db, run.dealership_id):
        outbox.put(
            db,
            dealership_id=run.dealership_id,
            key=f"{key}:{user_id}",
            recipient=email,
            payload=payload,
            now=now,
            run_id=run.id,
        )


def people(
    db: Session, dealership_id: int, roles: Sequence[str] = TOLD_ROLES
) -> list[tuple[int, str]]:
    """Those who have one of the roles here and may sign in: (id, address)."""
    rows = db.execute(
        select(User.id, User.email)
        .join(Membership, Membership.user_id == User.id)
        .where(
            Membership.dealership_id == dealership_id,
            Membership.role.in_(roles),
            User.is_active,
        )
        .order_by(User.id)
    )
    return [(row.id, row.email) for row in rows]
