"""The writer of an apply: exactly what the preview showed, or nothing (C2).

Each record is planned anew. Where the decision is the one that the preview told of, it is
written; where the record is already as the preview told, it is done (an apply that was cancelled
is done again); where it differs otherwise, somebody or something changed the record since, or the
rules by which it is decided, and it is left alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import SyncItem
from app.services.sync.apply import QUIET, is_told
from app.services.sync.changes import Change, leave_alone, refuse
from app.services.sync.opening import APPLIES
from app.services.sync.plan import LIFECYCLE, Verb
from app.services.sync.work import Work, write_now
from app.services.vehicle_fields import FIELDS

SINCE: Final = "Changed since preview "
WRITTEN: Final = ("create", "update", "restore", "conflict", "missing")
WRITABLE: Final = frozenset({*FIELDS, LIFECYCLE})


def write_as_shown(work: Work, session: Session, changes: Sequence[Change]) -> Counter[str]:
    """Writes what is as it was shown, and a refusal for every other record."""
    preview_id = int(work.scope[APPLIES])
    shown = _shown(session, preview_id, changes)
    checked = [_checked(change, shown.get(_key(change)), preview_id) for change in changes]
    return write_now(work, session, [change for change in checked if change is not None])


def left_alone(db: Session, run_id: int) -> int:
    """How many records an apply left alone because they had changed."""
    query = select(func.count(SyncItem.id)).where(
        SyncItem.run_id == run_id,
        SyncItem.action == Verb.REFUSE.value,
        SyncItem.reason.startswith(SINCE),
    )
    return db.scalar(query) or 0


def _key(change: Change) -> str:
    return change.external_id[:200]


def _shown(db: Session, preview_id: int, changes: Sequence[Change]) -> Mapping[str, SyncItem]:
    found = db.scalars(
        select(SyncItem).where(
            SyncItem.run_id == preview_id, SyncItem.external_id.in_(list(map(_key, changes)))
        )
    )
    return {item.external_id: item for item in found}


def _checked(change: Change, item: SyncItem | None, preview_id: int) -> Change | None:
    if _is_as_shown(change, item):
        return change
    if item is not None and _is_done(change, item):
        return _settled(change)
    if item is not None and item.action == Verb.REFUSE.value:
        return refuse(change.external_id, change.label, item.reason or "", change.row)
    return refuse(
        change.external_id,
        change.label,
        f"{SINCE}{preview_id}; left as it was. The next sync or preview looks at it again.",
        change.row,
    )


def _is_as_shown(change: Change, item: SyncItem | None) -> bool:
    """The same verb with the same values before and after; an unchanged record has no item."""
    if item is None:
        return not is_told(change)
    decision = change.decision
    return (
        item.action == decision.verb.value
        and (item.before or None) == (decision.before or None)
        and (item.after or None) == (decision.after or None)
    )


def _is_done(change: Change, item: SyncItem) -> bool:
    """Whether the record is already as the preview told: nothing of it is left to write."""
    if change.existing is None or item.action not in WRITTEN:
        return False
    verb, told = change.decision.verb, item.action
    quiet = verb in QUIET or (verb is Verb.CONFLICT and told == verb and not change.decision.after)
    shown = {name: value for name, value in (item.after or {}).items() if name in WRITABLE}
    here = change.existing.local
    return (quiet or (verb is Verb.MISSING and told == verb)) and all(
        here.get(name) == value for name, value in shown.items()
    )


def _settled(change: Change) -> Change | None:
    """Counts as unchanged, if it is in the feed; None: an absence that is noted already."""
    if change.decision.verb is Verb.MISSING:
        return None
    if change.row is None:
        return leave_alone(change.external_id, change.label, "As previewed already.")
    return change
