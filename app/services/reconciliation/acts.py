"""What a person does about differences, one or many: take, send, list, ignore, reopen (row 197).

The server is given ids, or a frozen filter with the number that the person saw; a selection that
changed meanwhile stops the act before anything is written. What cannot be done for a record is
skipped with its reason. Each act is one event of the audit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.models import Difference
from app.services import audit
from app.services.audit import Actor
from app.services.errors import InputInvalid
from app.services.leads.sending import Means
from app.services.reconciliation import lead_acts, vehicle_takes
from app.services.reconciliation.listing import Wanted, narrowed
from app.services.reconciliation.words import (
    CANNOT_PUSH_VEHICLES,
    HERE_ONLY,
    LEADS,
    STOCK,
)
from app.services.vehicle_bulk import MOST_AT_ONCE, SelectionMoved

NONE_CHOSEN: Final = (
    "No difference is chosen. Tick differences on the list, or choose the page or all that match."
)
LONGEST_REASON: Final = 300
AT_ONCE: Final = 500
IDS_NAMED: Final = 50
RESOLVED: Final = "It is resolved already."
NOT_IGNORED: Final = "It is neither ignored nor on the change list."
IGNORED: Final = "It is ignored already."
LISTED: Final = "It is on the change list already."
LEADS_ARE_SENT: Final = "Leads are sent to EasyCars; they need no change list."


@dataclass(frozen=True)
class Selection:
    """Ids that were ticked, or (None) all that match `wanted`; `expected` is the shown number."""

    expected: int
    ids: tuple[int, ...] | None = None
    wanted: Wanted = field(default_factory=Wanted)


@dataclass(frozen=True)
class Done:
    """`skipped`: reason → how many; `run_id`: the run that does the rest, None when all is done."""

    changed: int
    skipped: Mapping[str, int] = field(default_factory=dict)
    run_id: int | None = None


def count(db: Session, selection: Selection) -> int:
    """How many differences the selection has now."""
    return db.scalar(_chosen(select(func.count(Difference.id)), selection)) or 0


# -- Why not ---------------------------------------------------------------------------------------


def why_not_take(difference: Difference) -> str | None:
    """Why "Sync from EasyCars" is impossible; None when it is possible."""
    if difference.status == "resolved":
        return RESOLVED
    return lead_acts.why_not_take(difference) if difference.stream == LEADS else None


def why_not_push(difference: Difference) -> str | None:
    """Why "Push to EasyCars" is impossible as a call; vehicles have the change list instead."""
    if difference.stream == STOCK:
        return CANNOT_PUSH_VEHICLES
    return RESOLVED if difference.status == "resolved" else lead_acts.why_not_push(difference)


def why_not_list(difference: Difference) -> str | None:
    """Why it cannot be put on the change list."""
    if difference.stream == LEADS:
        return LEADS_ARE_SENT
    if difference.status == "resolved":
        return RESOLVED
    return LISTED if difference.status == "listed" else None


# -- Acts ------------------------------------------------------------------------------------------


def take(
    db: Session, dealership_id: int, selection: Selection, *, actor: Actor, means: Means
) -> Done:
    """Takes EasyCars' side.

    Vehicles of EasyCars are written by one sync of only these, which resolves the differences when
    it ends; vehicles only here go off the market at once. Leads are written at once; those only in
    EasyCars come with a lead sync by number.
    Raises SelectionMoved, InputInvalid, NotConfigured, AlreadyRunning.
    """
    rows, skipped = _usable(_rows(db, selection), why_not_take)
    vehicles = [row for row in rows if row.stream == STOCK]
    here_only = [row for row in vehicles if row.kind == HERE_ONLY]
    from_feed = [row for row in vehicles if row.kind != HERE_ONLY]
    changed = vehicle_takes.off_market(db, here_only, actor, means.clock.now())
    if len(here_only) > changed:
        skipped[vehicle_takes.CHANGED] += len(here_only) - changed
    lead_rows = [row for row in rows if row.stream == LEADS]
    taken = lead_acts.take(db, dealership_id, lead_rows, actor=actor, means=means)
    run_id = vehicle_takes.open_sync(db, dealership_id, from_feed, actor=actor, means=means)
    done = Done(
        changed + len(from_feed) + taken.changed, skipped + taken.skipped, run_id or taken.run_id
    )
    _audit(db, dealership_id, "take", selection, actor, done)
    return done


def push(
    db: Session, dealership_id: int, selection: Selection, *, actor: Actor, means: Means
) -> Done:
    """Gives EasyCars ours: leads are put on their way; vehicles go on the change list (T6).

    Raises SelectionMoved, InputInvalid.
    """

    def why_not(row: Difference) -> str | None:
        return why_not_list(row) if row.stream == STOCK else why_not_push(row)

    now = means.clock.now()
    rows, skipped = _usable(_rows(db, selection), why_not)
    vehicles = [row for row in rows if row.stream == STOCK]
    _decide(db, vehicles, "listed", actor, now)
    lead_rows = [row for row in rows if row.stream == LEADS]
    sent = lead_acts.push(db, lead_rows, actor=actor, means=means)
    done = Done(len(vehicles) + sent.changed, skipped + sent.skipped)
    _audit(db, dealership_id, "push", selection, actor, done)
    return done


def ignore(
    db: Session,
    dealership_id: int,
    selection: Selection,
    *,
    reason: str,
    actor: Actor,
    now: datetime,
) -> Done:
    """Asks about these no more, until a value changes. Raises SelectionMoved, InputInvalid."""
    words = _checked(reason)
    rows, skipped = _usable(_rows(db, selection), _why_not_ignore)
    _decide(db, rows, "ignored", actor, now, words)
    done = Done(len(rows), skipped)
    _audit(db, dealership_id, "ignore", selection, actor, done, reason=words)
    return done


def reopen(
    db: Session, dealership_id: int, selection: Selection, *, actor: Actor, now: datetime
) -> Done:
    """Takes back an ignore, or takes off the change list. Raises SelectionMoved, InputInvalid."""
    rows, skipped = _usable(_rows(db, selection), _why_not_reopen)
    _decide(db, rows, "open", None, now)
    done = Done(len(rows), skipped)
    _audit(db, dealership_id, "reopen", selection, actor, done)
    return done


def _checked(reason: str) -> str:
    words = " ".join(reason.replace("\0", " ").split())
    if not words:
        text = "Say why, so that others know."
        raise InputInvalid("A reason is missing.", {"reason": text})
    if len(words) > LONGEST_REASON:
        text = f"Enter at most {LONGEST_REASON} characters."
        raise InputInvalid("The reason is too long.", {"reason": text})
    return words


def _why_not_ignore(row: Difference) -> str | None:
    return {"resolved": RESOLVED, "ignored": IGNORED}.get(row.status)


def _why_not_reopen(row: Difference) -> str | None:
    return None if row.status in ("ignored", "listed") else NOT_IGNORED


# -- What they share -------------------------------------------------------------------------------


def _chosen(query: Any, selection: Selection) -> Any:
    if selection.ids is None:
        return narrowed(query, selection.wanted)
    return query.where(Difference.id.in_(selection.ids))


def _rows(db: Session, selection: Selection) -> Sequence[Difference]:
    """The chosen differences, held until the transaction ends."""
    found = count(db, selection)
    if selection.ids == () or (not found and not selection.expected):
        raise InputInvalid(NONE_CHOSEN, {"select": NONE_CHOSEN})
    if found != selection.expected:
        raise SelectionMoved(selection.expected, found, noun="differences")
    if found > MOST_AT_ONCE:
        text = f"At most {MOST_AT_ONCE:,} differences can be decided at once. Narrow the filter."
        raise InputInvalid(text, {"select": text})
    query = _chosen(select(Difference), selection).order_by(Difference.id)
    locked = query.with_for_update().execution_options(populate_existing=True)
    return list(db.scalars(locked))


def _usable(
    rows: Sequence[Difference], why_not: Callable[[Difference], str | None]
) -> tuple[list[Difference], Counter[str]]:
    """The rows for which the act is possible, and why it is not for the others."""
    reasons = [why_not(row) for row in rows]
    skipped = Counter(reason for reason in reasons if reason)
    return [row for row, reason in zip(rows, reasons, strict=True) if reason is None], skipped


def _decide(
    db: Session,
    rows: Sequence[Difference],
    status: str,
    actor: Actor | None,
    now: datetime,
    reason: str | None = None,
) -> None:
    ids = [row.id for row in rows]
    for start in range(0, len(ids), AT_ONCE):
        db.execute(
            update(Difference)
            .where(Difference.id.in_(ids[start : start + AT_ONCE]))
            .values(
                status=status,
                decided_at=now if actor else None,
                decided_by=actor.label[:254] if actor else None,
                reason=reason,
            )
            .execution_options(synchronize_session="fetch")
        )


def _audit(
    db: Session,
    dealership_id: int,
    act: str,
    selection: Selection,
    actor: Actor,
    done: Done,
    **more: Any,
) -> None:
    details = {
        "chosen": selection.expected,
        "changed": done.changed,
        "skipped": dict(done.skipped),
        "ids": list((selection.ids or ())[:IDS_NAMED]),
        "runId": done.run_id,
        **more,
    }
    subject = f"{selection.expected} difference{'' if selection.expected == 1 else 's'}"
    audit.record(db, actor, f"reconciliation.{act}", subject, details, dealership_id=dealership_id)
