"""Vehicles that may be one: found, listed, dismissed. Nothing is ever merged by itself (C22, C24).

A pair is remembered: what a person dismissed is asked again only when evidence of a new kind
appears. What is no pair any more is "gone", and comes back when it is one again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.models import DuplicatePair, Vehicle
from app.services import audit, vehicles
from app.services.audit import Actor
from app.services.duplicates_score import (
    LIKELY,
    MAIN,
    VERY_LIKELY,
    Candidate,
    candidates,
    subject,
)
from app.services.errors import NotAllowed, NotFound
from app.services.vehicles import VehicleRow

PAGE_SIZE: Final = 20
# More than anybody can look at: the surest are kept, the next look finds the others.
MOST: Final = 2_000
IDS_AT_ONCE: Final = 500
COMPARED = (
    Vehicle.id,
    Vehicle.vin,
    Vehicle.rego_num,
    Vehicle.rego_state,
    Vehicle.stock_number,
    Vehicle.make,
    Vehicle.model,
    Vehicle.year,
    Vehicle.odometer,
    Vehicle.price_cents,
    Vehicle.colour,
    Vehicle.badge,
    Vehicle.kind,
    Vehicle.source,
    Vehicle.lifecycle,
)


@dataclass(frozen=True)
class Found:
    """What a look brought: pairs opened (again) by it, and all that are open now."""

    opened: int
    open: int


@dataclass(frozen=True)
class PairRow:
    """A line of the list: the pair with both vehicles as lists show them."""

    pair: DuplicatePair
    first: VehicleRow
    second: VehicleRow

    @property
    def likelihood(self) -> str:
        return likelihood(self.pair.score)


@dataclass(frozen=True)
class PairPage:
    """Pairs of one state; `page` counts from 1."""

    rows: Sequence[PairRow]
    total: int
    page: int
    size: int = PAGE_SIZE

    @property
    def first(self) -> int:
        return (self.page - 1) * self.size + 1 if self.rows else 0

    @property
    def last(self) -> int:
        return (self.page - 1) * self.size + len(self.rows)


def likelihood(score: int) -> str:
    """The score in a word."""
    if score >= VERY_LIKELY:
        return "Very likely"
    return "Likely" if score >= LIKELY else "Possible"


# -- Finding -----------------------------------------------------------------------------------


def find(db: Session, dealership_id: int, now: datetime) -> Found:
    """Looks through all vehicles of the session's dealership and notes the pairs."""
    return store(db, dealership_id, suggestions(db), now)


def suggestions(db: Session) -> list[Candidate]:
    """Reads only: the pairs among vehicles that are not merged away, the surest first."""
    rows = db.execute(select(*COMPARED).where(Vehicle.merged_into_id.is_(None)))
    return candidates([subject(row) for row in rows])[:MOST]


def store(db: Session, dealership_id: int, found: Sequence[Candidate], now: datetime) -> Found:
    """Notes the pairs in the caller's transaction; vehicles that went meanwhile are left out."""
    present = _present(db, {id_ for one in found for id_ in (one.first_id, one.second_id)})
    wanted = {
        (one.first_id, one.second_id): one
        for one in found
        if one.first_id in present and one.second_id in present
    }
    known = {(pair.first_id, pair.second_id): pair for pair in db.scalars(select(DuplicatePair))}
    opened = sum(_note(known[ids], wanted[ids], now) for ids in known.keys() & wanted.keys())
    for ids in wanted.keys() - known.keys():
        db.add(_new(dealership_id, wanted[ids], now))
        opened += 1
    for ids in known.keys() - wanted.keys():
        if known[ids].state == "open" and known[ids].score:
            known[ids].state = "gone"
    db.flush()
    return Found(opened, open_count(db))


def _present(db: Session, ids: set[int]) -> set[int]:
    present: set[int] = set()
    ordered = sorted(ids)
    for start in range(0, len(ordered), IDS_AT_ONCE):
        chunk = ordered[start : start + IDS_AT_ONCE]
        query = select(Vehicle.id).where(Vehicle.id.in_(chunk), Vehicle.merged_into_id.is_(None))
        present.update(db.scalars(query))
    return present


def _new(dealership_id: int, found: Candidate, now: datetime) -> DuplicatePair:
    return DuplicatePair(
        dealership_id=dealership_id,
        first_id=found.first_id,
        second_id=found.second_id,
        score=found.score,
        reasons=[reason.as_json() for reason in found.reasons],
        found_at=now,
    )


def _note(pair: DuplicatePair, found: Candidate, now: datetime) -> bool:
    """Brings a known pair up to date; whether it is open now and was not before."""
    reasons = [reason.as_json() for reason in found.reasons]
    if pair.state in ("dismissed", "merged") and not _kinds(reasons) - _kinds(pair.reasons):
        return False
    again = pair.state != "open"
    if again:
        pair.state, pair.found_at = "open", now
        pair.decided_at = pair.decided_by = pair.decided_by_id = None
    if (pair.score, pair.reasons) != (found.score, reasons):
        pair.score, pair.reasons = found.score, reasons
    return again


def _kinds(reasons: Iterable[Any]) -> set[str]:
    """Which kinds of evidence speak for the pair by themselves."""
    return {reason["field"] for reason in reasons if reason["points"] > 0} & MAIN


# -- Reading -----------------------------------------------------------------------------------


def counts(db: Session) -> Counter[str]:
    """Pairs per state."""
    query = select(DuplicatePair.state, func.count(DuplicatePair.id))
    rows = db.execute(query.group_by(DuplicatePair.state))
    return Counter({row[0]: row[1] for row in rows})


def counting() -> Select[int]:
    """How many pairs wait for a decision."""
    return select(func.count(DuplicatePair.id)).where(DuplicatePair.state == "open")


def open_count(db: Session) -> int:
    return db.scalar(counting()) or 0


def page(db: Session, state: str, number: int = 1) -> PairPage:
    """Pairs of a state, the surest first; dismissed ones newest first. Five queries."""
    total = counts(db)[state]
    order = (
        (DuplicatePair.decided_at.desc().nulls_last(), DuplicatePair.id.desc())
        if state == "dismissed"
        else (DuplicatePair.score.desc(), DuplicatePair.id)
    )
    query = select(DuplicatePair).where(DuplicatePair.state == state).order_by(*order)
    pairs = db.scalars(query.limit(PAGE_SIZE).offset((number - 1) * PAGE_SIZE)).all()
    return PairPage(_rows(db, pairs), total, number)


def _rows(db: Session, pairs: Sequence[DuplicatePair]) -> list[PairRow]:
    ids = {id_ for pair in pairs for id_ in (pair.first_id, pair.second_id)}
    found = db.scalars(select(Vehicle).where(Vehicle.id.in_(ids))).all() if ids else []
    rows = {row.vehicle.id: row for row in vehicles.rows_of(db, found)}
    return [PairRow(pair, rows[pair.first_id], rows[pair.second_id]) for pair in pairs]


def get(db: Session, pair_id: int) -> DuplicatePair:
    """A pair of the session's dealership. Raises NotFound."""
    pair = db.scalar(select(DuplicatePair).where(DuplicatePair.id == pair_id))
    if pair is None:
        raise NotFound("There is no such pair of vehicles here.")
    return pair


def row_of(db: Session, pair: DuplicatePair) -> PairRow:
    """One pair with both vehicles."""
    return _rows(db, [pair])[0]


def pair_of(db: Session, one_id: int, other_id: int) -> DuplicatePair | None:
    """The remembered pair of two vehicles, whatever its state."""
    first, second = sorted((one_id, other_id))
    return db.scalar(
        select(DuplicatePair).where(
            DuplicatePair.first_id == first, DuplicatePair.second_id == second
        )
    )


# -- Deciding ----------------------------------------------------------------------------------


def dismiss(db: Session, pair: DuplicatePair, *, actor: Actor, now: datetime) -> None:
    """ "Not a duplicate": remembered, with who said so. Raises NotAllowed for a merged pair."""
    _refuse_merged(pair)
    decide(pair, "dismissed", actor, now)
    _audit(db, pair, "duplicate.dismiss", actor)


def reopen(db: Session, pair: DuplicatePair, *, actor: Actor) -> None:
    """Takes a "not a duplicate" back. Raises NotAllowed for a merged pair."""
    _refuse_merged(pair)
    pair.state = "open"
    pair.decided_at = pair.decided_by = pair.decided_by_id = None
    _audit(db, pair, "duplicate.reopen", actor)


def decide(pair: DuplicatePair, state: str, actor: Actor, now: datetime) -> None:
    """Writes who ended the question, how and when."""
    pair.state = state
    pair.decided_at, pair.decided_by, pair.decided_by_id = now, actor.label[:254], actor.user_id


def _refuse_merged(pair: DuplicatePair) -> None:
    if pair.state == "merged":
        raise NotAllowed("These two vehicles were merged. Unmerge them first.")


def _audit(db: Session, pair: DuplicatePair, action: str, actor: Actor) -> None:
    facts = {"vehicles": [pair.first_id, pair.second_id], "score": pair.score}
    audit.record(db, actor, action, f"duplicate:{pair.id}", facts, dealership_id=pair.dealership_id)
