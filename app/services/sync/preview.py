"""The writer of a preview: it tells every decision and stores nothing else (C1, trap T22).

What the database would refuse must be told too, or the apply would end otherwise than the
preview. Values are compared with their columns; only a record with a doubtful one is tried, in a
savepoint that is taken back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, Final

from sqlalchemy import Boolean, Date, Integer, String
from sqlalchemy.orm import Session

from app.services.sync import bulk
from app.services.sync.apply import UNFIT, count_of, insert_items, is_told, unfit, write_batch
from app.services.sync.changes import Change
from app.services.sync.plan import Verb
from app.services.sync.targets import VEHICLES, column_fields
from app.services.sync.work import Work

LONGEST_NUMBER: Final = 200
INTEGER: Final = 2**31
BIG_INTEGER: Final = 2**63
# Numeric(18, 4), the archive's amounts.
AMOUNT: Final = Decimal(10) ** 14
Fits = Callable[[Any], bool]


def note(work: Work, session: Session, changes: Sequence[Change]) -> Counter[str]:
    """Writes the items of a batch; returns what to add to the counters, as a sync would."""
    seen = [_tried(work, session, change) if may_not_fit(change) else change for change in changes]
    told = list(filter(is_told, seen))
    insert_items(session, work.target, told, {}, bulk.stored_moment(session, work.now))
    return count_of(seen)


def _tried(work: Work, session: Session, change: Change) -> Change:
    """The change, or its refusal when the database does not take it."""
    trial = session.begin_nested()
    try:
        counts = write_batch(session, work.target, [change], work.now)
    except UNFIT:
        counts = Counter(failed=1)
    trial.rollback()
    return unfit(change) if counts["failed"] else change


def may_not_fit(change: Change) -> bool:
    """Whether a value might not fit its column. Sure of a yes only after a trial."""
    if change.draft is None or change.decision.verb is Verb.REFUSE or change.row is None:
        return False
    raw, write = change.row.raw, change.decision.write
    return (
        len(change.draft.external_id) > LONGEST_NUMBER
        or b"\\u0000" in raw
        or b"\x00" in raw
        or any(name in write and not fits(write[name]) for name, fits in _columns())
        or any(not _fits_archive(value) for value in (change.draft.archive or {}).values())
    )


@cache
def _columns() -> tuple[tuple[str, Fits], ...]:
    return tuple((name, _check_of(VEHICLES.c[name].type)) for name in column_fields())


def _check_of(kind: Any) -> Fits:
    if isinstance(kind, String):
        longest = kind.length
        return lambda value: (
            value is None or (isinstance(value, str) and (longest is None or len(value) <= longest))
        )
    if isinstance(kind, Boolean):
        return lambda value: value is None or isinstance(value, bool)
    if isinstance(kind, Integer):
        return lambda value: (
            value is None or (isinstance(value, int) and -INTEGER <= value < INTEGER)
        )
    return _is_day if isinstance(kind, Date) else lambda _value: True


def _is_day(value: Any) -> bool:
    try:
        return value is None or bool(date.fromisoformat(value))
    except (ValueError, TypeError):
        return False


def _fits_archive(value: Any) -> bool:
    if isinstance(value, Decimal):
        return value.is_finite() and abs(value) < AMOUNT
    return not isinstance(value, int) or -BIG_INTEGER <= value < BIG_INTEGER
