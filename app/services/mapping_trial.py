"""Trying mapping rules on the stored records before they are saved: no network, nothing written.

It decides with what a re-map run decides with (the same stored records, terms, guards and plan), so
that what is shown is what the run will do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from app.models import SyncItem, SyncRun
from app.services import run_items
from app.services.credential_encryption import CredentialEncryptionService
from app.services.mapping import Rules
from app.services.run_items import FieldChange
from app.services.sync import remapping, terms_of_run
from app.services.sync.changes import Change, Matcher, Read, plan_rows, read_rows
from app.services.sync.collect import Collected, KnownLink, Row, Spool
from app.services.sync.connection import open_connection
from app.services.sync.plan import Verb
from app.services.sync.rows import Target
from app.services.sync.targets import LINKS, HandMade, load_existing

SHOWN: Final = 50
NOBODY: Final = HandMade({}, {})


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One vehicle that would change; `is_held`: a guard would hold it for a person."""

    vehicle_id: int
    label: str
    changes: list[FieldChange]
    is_held: bool


@dataclass
class Trial:
    """What the rules would do to all stored vehicles; `rows` are the first SHOWN of them.

    `changed` vehicles would be written, `held` ones wait for approval, `conflicts` have a field
    that was changed here too: it stays until a person decides.
    """

    looked_at: int = 0
    changed: int = 0
    held: int = 0
    conflicts: int = 0
    rows: list[TrialRow] = field(default_factory=list)


def stock_target(
    db: Session, dealership_id: int, provider: str, crypto: CredentialEncryptionService
) -> Target:
    """Where a re-map of the dealership's stock would read and write."""
    run = _as_if(dealership_id, provider, "stock")
    opened = open_connection(db, run, crypto)
    return Target(dealership_id, 0, provider, opened.stream, opened.ask.environment)


def _as_if(dealership_id: int, provider: str, stream: str) -> SyncRun:
    """The run that is not made; it never enters a session."""
    return SyncRun(
        id=0, dealership_id=dealership_id, provider=provider, stream=stream, mode="remap", scope={}
    )


def try_rules(db: Session, target: Target, rules: Rules, now: datetime) -> Trial:
    """Decides every stored record of the target with these rules."""
    run = _as_if(target.dealership_id, target.provider, target.stream.key)
    terms, guards = terms_of_run.read(db, run, {}, now)
    trial = Trial()
    with Spool() as nothing:
        for chunk in _chunks(db, target):
            reads = read_rows(target.stream, _rows(chunk), Collected(nothing), rules)
            open_ones = _not_settled(reads, chunk)
            links = [read.row.number for read in open_ones]
            existing = load_existing(db, target.stream, target.dealership_id, links, lock=False)
            trial.looked_at += len(chunk)
            for change in plan_rows(
                open_ones, existing, _matcher(chunk), target.stream, guards, terms
            ):
                _note(trial, change)
    return trial


def _chunks(db: Session, target: Target) -> Iterator[list[Any]]:
    """Rows (link id, external id, digest, raw, agreed), those without a raw record left out."""
    query, last = remapping.stored(target).add_columns(LINKS.c.agreed), 0
    while True:
        found = db.execute(query.where(LINKS.c.id > last)).all()
        yield [one for one in found if one[3]]
        if len(found) < remapping.CHUNK:
            return
        last = found[-1][0]


def _rows(chunk: list[Any]) -> list[Row]:
    return [Row(one[0], one[2], one[3].encode()) for one in chunk]


def _not_settled(reads: list[Read], chunk: list[Any]) -> list[Read]:
    """Without the rows that say exactly what was agreed: of them a plan changes nothing, and their
    vehicles need not be read."""
    agreed = {one[0]: one[4] for one in chunk}
    return [read for read in reads if read.draft and read.draft.values != agreed[read.row.number]]


def _matcher(chunk: list[Any]) -> Matcher:
    """Stored records are found by their own number."""
    return Matcher({one[1]: KnownLink(one[0], 0, one[1], one[2], 0) for one in chunk}, {}, NOBODY)


def _note(trial: Trial, change: Change) -> None:
    kind = Counter(_kinds(change))
    trial.changed += kind["changed"]
    trial.held += kind["held"]
    trial.conflicts += kind["conflict"]
    told = kind["changed"] or kind["held"]
    if told and change.existing is not None and len(trial.rows) < SHOWN:
        trial.rows.append(_row(change, change.existing.entity_id, bool(kind["held"])))


def _kinds(change: Change) -> Iterator[str]:
    verb, decision = change.decision.verb, change.decision
    if verb is Verb.HOLD:
        yield "held"
    elif verb in (Verb.UPDATE, Verb.RESTORE) or (verb is Verb.CONFLICT and decision.write):
        yield "changed"
    if verb is Verb.CONFLICT:
        yield "conflict"


def _row(change: Change, vehicle_id: int, is_held: bool) -> TrialRow:
    # As the run's own rows will say it.
    item = SyncItem(before=change.decision.before, after=change.decision.after)
    label = str((change.existing and change.existing.local.get("title")) or change.label)
    return TrialRow(vehicle_id, label, run_items.changes(item), is_held)
