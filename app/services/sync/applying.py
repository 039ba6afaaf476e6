"""The writer of an apply: exactly what the preview showed, or nothing (C2).

Each record is planned anew. Where the decision is the one that the preview told of, it is
written; where it differs, somebody or something changed the record since, and it is left alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import SyncItem
from app.services.sync.apply import is_told
from app.services.sync.changes import Change, refuse
from app.services.sync.opening import APPLIES
from app.services.sync.plan import Verb
from app.services.sync.work import Work, write_now

SINCE: Final = "Changed since preview "


def write_as_shown(work: Work, session: Session, changes: Sequence[Change]) -> Counter[str]:
    """Writes what is as it was shown, and a refusal for every other record."""
    preview_id = int(work.scope[APPLIES])
    shown = _shown(session, preview_id, changes)
    checked = [_checked(change, shown.get(_key(change)), preview_id) for change in changes]
    return write_now(work, session, checked)


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


def _checked(change: Change, item: SyncItem | None, preview_id: int) -> Change:
    if _is_as_shown(change, item):
        return change
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
