"""A sync of some records: the whole list is read, only the named records are taken (rows 185, T6).

EasyCars has no call for a single vehicle. Everything else in the answer is left alone: no other
row is decided, nothing counts as absent, and the run says nothing about the stock as a whole.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import reading
from app.models import SyncItem, SyncRun
from app.services.sync import ending
from app.services.sync.collect import Collected, Spool
from app.services.sync.holding import holding
from app.services.sync.opening import SOME
from app.services.sync.plan import Verb
from app.services.sync.removal import restore
from app.services.sync.runs import Outcome
from app.services.sync.ways import compare, fetch
from app.services.sync.work import End, Work

FAILED_OF: Final = "failed_of"
# How changes.py names a row that has no number, or shares its number with another row.
_ROW: Final = re.compile(r"(?:(?P<number>.*) )?\(row \d+\)", re.DOTALL)


def take(work: Work) -> End:
    """The way of a sync whose scope names records."""
    with reading(work.dealership_id) as session:
        wanted = numbers_of(session, work.scope[SOME])
    with Spool() as spool, Spool() as chosen:
        collected = Collected(spool)
        fetch(work, collected)
        _narrow(work, collected, chosen, wanted)
        compare(work, collected)
        restore(work, collected)
        there = len(wanted & collected.present)
    return partial(_end, work, collected.warnings, len(wanted), there)


def numbers_of(db: Session, some: list[str] | dict[str, int]) -> frozenset[str]:
    """The numbers that a scope names: a list of them, or {"failed_of": run id}."""
    if not isinstance(some, dict):
        return frozenset(some)
    rows = db.scalars(
        select(SyncItem.external_id).where(
            SyncItem.run_id == some[FAILED_OF], SyncItem.action == Verb.REFUSE.value
        )
    )
    return frozenset(number for row in rows if (number := number_of(row)))


def number_of(external_id: str) -> str | None:
    """The record's number behind an item's; None for a row without one."""
    found = _ROW.fullmatch(external_id)
    return found["number"] if found else external_id


def _narrow(work: Work, collected: Collected, chosen: Spool, wanted: frozenset[str]) -> None:
    """Leaves only the wanted rows to decide; what is present stays known, for look-ups by VIN."""
    for rows in collected.spool.batches(work.ports.batch_size):
        for row in rows:
            if work.target.stream.external_id(row.raw) in wanted:
                chosen.add(row)
    collected.spool, collected.wanted = chosen, wanted
    collected.returned = [link for link in collected.returned if link.external_id in wanted]


def _end(
    work: Work, warnings: list[str], wanted: int, there: int, session: Session, run: SyncRun
) -> Outcome:
    outcome = ending.of_some(run, warnings, holding(session, run, None), wanted, there)
    if outcome.status != "failed":
        ending.count_listed(session, work.target)
        outcome.extra |= work.ports.after_sync(session, work.dealership_id, run.id)
    return outcome
