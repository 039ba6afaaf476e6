"""Before and after an act on differences: what it would do, and what staff have entered (T6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Conflict, Difference
from app.services import conflicts
from app.services.reconciliation import acts, listing, words
from app.services.reconciliation.acts import Selection

FIRST: Final = 10
SHOWN_FOR: Final = timedelta(days=7)
SHOWN_AT_MOST: Final = 100


def _why_not_push(difference: Difference) -> str | None:
    """Vehicles go on the change list instead."""
    is_vehicle = difference.stream == words.STOCK
    return acts.why_not_list(difference) if is_vehicle else acts.why_not_push(difference)


def _why_not_ignore(difference: Difference) -> str | None:
    return {"ignored": acts.IGNORED, "resolved": acts.RESOLVED}.get(difference.status)


WHY_NOT: Final[Mapping[str, Callable[[Difference], str | None]]] = {
    "take": acts.why_not_take,
    "push": _why_not_push,
    "ignore": _why_not_ignore,
}


@dataclass
class Outlook:
    """`found` differences are selected; `possible` of them, by stream, can be acted on; `reasons`
    says why the others cannot, with how many of them; `first`: some of the selected, to be shown.
    """

    found: int = 0
    possible: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    first: list[Difference] = field(default_factory=list)


def outlook(db: Session, selection: Selection, act: str | None) -> Outlook:
    """What an act would do to the selection now; reads in chunks."""
    told, why_not = Outlook(), WHY_NOT.get(act or "", _possible)
    for difference in _selected(db, selection):
        reason = why_not(difference)
        told.found += 1
        if reason is None:
            told.possible[difference.stream] += 1
        else:
            told.reasons[reason] += 1
        if len(told.first) < FIRST:
            told.first.append(difference)
    return told


def _possible(_difference: Difference) -> None:
    return None


def _selected(db: Session, selection: Selection) -> Iterable[Difference]:
    if selection.ids is None:
        return listing.rows(db, selection.wanted)
    ticked = select(Difference).where(Difference.id.in_(selection.ids))
    return db.scalars(ticked.order_by(Difference.id.desc()))


def open_conflict(db: Session, difference: Difference) -> int | None:
    """The conflict in which this record's fields can be settled one by one."""
    query = select(Conflict.id).where(
        conflicts.is_open(),
        Conflict.entity == ("lead" if difference.stream == words.LEADS else "vehicle"),
        Conflict.entity_id == difference.entity_id,
    )
    return db.scalar(query.order_by(Conflict.id).limit(1)) if difference.entity_id else None


def entered_lately(db: Session, now: datetime) -> Sequence[Difference]:
    """What left the change list in the last week because EasyCars shows it, newest first."""
    query = select(Difference).where(
        Difference.status == "resolved",
        Difference.resolution == "shown",
        Difference.resolved_at > now - SHOWN_FOR,
    )
    return db.scalars(query.order_by(Difference.id.desc()).limit(SHOWN_AT_MOST)).all()
