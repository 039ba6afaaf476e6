"""How a reconciliation ends: its sentence, its status, and the mail when it found something."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import Dealership, Difference, SyncRun
from app.services import mails, outbox
from app.services.reconciliation.words import (
    CONFLICTING,
    KINDS,
    LEADS,
    MISSING,
    OUTDATED,
    counted,
)
from app.services.sync.runs import Outcome
from app.services.sync_mail import people
from app.services.vehicle_fields import label_of

ROWS_NAMED: Final = 15
FOOT: Final = (
    "You get this mail because you may approve changes at this dealership in Forecourt. The weekly "
    "reconciliation has a switch on the Reconciliation page."
)
SEVERITY_WORDS: Final = {MISSING: "missing", OUTDATED: "outdated", CONFLICTING: "conflicting"}


@dataclass(frozen=True, slots=True)
class Said:
    """What a run tells besides its counters. `left_out`: how many were not compared, by reason;
    `locked`: fields that the dealership keeps here; `more`: whole sentences."""

    resolved: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    locked: Sequence[str] = ()
    warnings: Sequence[str] = ()
    more: Sequence[str] = ()


def concluded(db: Session, run: SyncRun, stream: str, said: Said, now: datetime) -> Outcome:
    """The outcome, with the mail put into the outbox of the same transaction (row 199).

    Only a reconciliation that nobody started tells by mail, and only of what is open.
    """
    outcome = Outcome(
        "warning" if run.failed or said.warnings else "success", _sentence(run, stream, said)
    )
    if run.trigger == "schedule":
        _tell(db, run, stream, outcome.message, now)
    return outcome


def _sentence(run: SyncRun, stream: str, said: Said) -> str:
    parts = [_counts(run, stream)]
    if said.resolved:
        are = "difference is" if said.resolved == 1 else "differences are"
        parts.append(f"{said.resolved:,} earlier {are} no longer found.")
    if run.failed:
        parts.append(f"{counted(run.failed, stream)} could not be read; see Failed.")
    if said.left_out:
        listed = ", ".join(f"{count:,} {why}" for why, count in sorted(said.left_out.items()))
        parts.append(f"Not compared: {listed}.")
    if said.locked:
        names = ", ".join(label_of(name) for name in said.locked)
        parts.append(f"Never compared, because your settings keep them here: {names}.")
    parts += said.more
    parts += [f"EasyCars says: {warning}" for warning in said.warnings]
    return " ".join(parts)


def _counts(run: SyncRun, stream: str) -> str:
    found = (
        (run.created, "only in EasyCars"),
        (run.missing, "only here"),
        (run.updated, "different"),
    )
    words = [f"{count:,} {what}" for count, what in found if count]
    looked = f"Looked at {counted(run.total or 0, stream)} of EasyCars"
    if not words:
        return f"{looked}: no difference."
    alike = [f"{run.unchanged:,} alike"] if run.unchanged else []
    return f"{looked}: {', '.join([*words, *alike])}."


def _tell(db: Session, run: SyncRun, stream: str, message: str, now: datetime) -> None:
    open_now = _open(db, run)
    total = sum(open_now.values())
    if not total:
        return
    place = db.scalars(select(Dealership).where(Dealership.id == run.dealership_id)).one()
    noun = "lead" if stream == LEADS else "vehicle"
    kinds = ", ".join(
        f"{open_now[name]:,} {word}" for name, word in SEVERITY_WORDS.items() if open_now[name]
    )
    differ = f"{counted(total, stream)} {'differs' if total == 1 else 'differ'}"
    first = (
        f"The {noun} reconciliation {run.id} of {place.name} found what EasyCars and Forecourt do "
        f"not have alike: {kinds}. Nothing was changed."
    )
    kept = mails.payload(
        f"{place.name}: {differ} from EasyCars",
        [first, message],
        rows=_named(db, run, total),
        link=("Open the differences", f"/d/{place.slug}/reconciliation?stream={stream}"),
        foot=FOOT,
    )
    for user_id, email in people(db, run.dealership_id):
        outbox.put(
            db, dealership_id=run.dealership_id, key=f"differences:{run.id}:{user_id}",
            recipient=email, payload=kept, now=now, run_id=run.id,
        )  # fmt: skip


def _open(db: Session, run: SyncRun) -> Counter[str]:
    query = (
        select(Difference.severity, func.count())
        .where(Difference.run_id == run.id, Difference.status == "open")
        .group_by(Difference.severity)
    )
    return Counter({row[0]: row[1] for row in db.execute(query)})


def _named(db: Session, run: SyncRun, total: int) -> list[str]:
    query: Any = (
        select(Difference)
        .where(Difference.run_id == run.id, Difference.status == "open")
        .order_by(Difference.id)
        .limit(ROWS_NAMED)
    )
    named = [
        f"{row.label} ({', '.join(filter(None, (row.external_id, KINDS[row.kind].lower())))})"
        for row in db.scalars(query)
    ]
    return [*named, f"and {total - len(named):,} more"] if total > len(named) else named
