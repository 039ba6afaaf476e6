"""A preview's answer, from the run that fetched it to the run that applies it (C2)."""

from __future__ import annotations

from collections import Counter
from typing import Final

from app.db import reading
from app.services.sync import payload
from app.services.sync.collect import Collected
from app.services.sync.payload import Facts
from app.services.sync.work import Work, batch

ROWS_IN_A_PART: Final = 1000


def keep(work: Work, collected: Collected) -> None:
    """Stores the answer, part by part; what a former owner left half-done is dropped first."""
    run_id = work.lease.run_id
    with batch(work) as (session, _, __):
        payload.forget(session, [run_id])
    part = 0
    for part, rows in enumerate(collected.spool.batches(ROWS_IN_A_PART), 1):
        with batch(work) as (session, _, __):
            payload.add_rows(session, work.dealership_id, run_id, part, rows)
    with batch(work) as (session, _, __):
        payload.add_facts(session, work.dealership_id, run_id, _facts(work, collected, part))


def recall(work: Work, run_id: int, collected: Collected) -> Facts | None:
    """Fills `collected` as it was when the preview `run_id` had fetched; None: there is nothing."""
    with reading(work.dealership_id) as session:
        facts = payload.facts_of(session, run_id)
    if facts is None:
        return None
    _sort_in(work, facts, collected)
    for part in range(1, facts.parts + 1):
        work.heart.check()
        with reading(work.dealership_id) as session:
            rows = payload.rows_of(session, run_id, part)
        for row in rows:
            collected.spool.add(row)
    return facts


def _facts(work: Work, collected: Collected, parts: int) -> Facts:
    return Facts(
        fetched_at=work.now.isoformat(),
        environment=work.target.environment,
        scope=dict(work.connection.scope),
        parts=parts,
        total=collected.total,
        equal=sorted(collected.equal),
        returned=[link.external_id for link in collected.returned],
        numbers=dict(collected.numbers),
        unidentified=collected.unidentified,
        warnings=collected.warnings,
    )


def _sort_in(work: Work, facts: Facts, collected: Collected) -> None:
    back = set(facts.returned)
    collected.total = facts.total
    collected.equal = set(facts.equal)
    collected.returned = [link for link in work.known if link.external_id in back]
    collected.numbers = Counter(facts.numbers)
    collected.unidentified = facts.unidentified
    collected.warnings = list(facts.warnings)
