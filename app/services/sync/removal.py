"""What is no longer in the feed, and what came back (C3 to C6).

Nothing is deleted because a feed no longer has it. The guard looks at all removals of the run
before the first is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set

from sqlalchemy import select

from app.db import reading
from app.services.sync import ending
from app.services.sync.changes import Change
from app.services.sync.collect import Collected, KnownLink
from app.services.sync.guards import hold_removals
from app.services.sync.plan import MISSING_RUNS_BEFORE_OFF_MARKET, Decision, Verb, decide
from app.services.sync.targets import LINKS, Existing, load_existing
from app.services.sync.work import Work, batch, write


def restore(work: Work, collected: Collected) -> None:
    """Vehicles that came back without any change: only their life cycle heals (C6)."""
    _each(
        work,
        collected.returned,
        lambda record: Decision(
            Verb.RESTORE,
            write={"lifecycle": "listed"},
            agreed=record.agreed,
            before={"lifecycle": record.local["lifecycle"]},
            after={"lifecycle": "listed"},
            reason="Back in the EasyCars feed.",
        ),
    )


def remove(work: Work, collected: Collected) -> str | None:
    """Marks what is gone, or holds it; returns why it was held."""
    gone = _gone(work, collected.present)
    if not gone:
        return None
    if collected.spool.count:
        relinked = _relinked(work)
        gone = [link for link in gone if link.link_id not in relinked]
    approved = [link for link in gone if work.guards.lets_go(link.external_id)]
    _each(work, approved, _let_go)
    others = [link for link in gone if not work.guards.lets_go(link.external_id)]
    held = _removal_guard(work, collected, others)
    if held is None:
        _each(work, others, _let_go)
    else:
        _each(work, others, lambda record: _held_removal(record.local["lifecycle"], held))
    return held


def _let_go(record: Existing) -> Decision:
    return decide(record.agreed, record.local, None, missing_runs=record.missing_runs)


def _gone(work: Work, present: Set[str]) -> list[KnownLink]:
    return [
        link
        for link in work.known
        if link.external_id not in present and link.missing_runs < MISSING_RUNS_BEFORE_OFF_MARKET
    ]


def _held_removal(lifecycle: str, reason: str) -> Decision:
    return Decision(
        Verb.HOLD,
        before={"lifecycle": lifecycle},
        after={"lifecycle": "missing"},
        reason=f"{reason} Nothing was removed; the vehicle stays listed until a person decides.",
    )


def _relinked(work: Work) -> frozenset[int]:
    """Links that this run gave another stock number, because the VIN told it is the same car."""
    query = select(LINKS.c.id).where(
        LINKS.c.dealership_id == work.dealership_id,
        LINKS.c.changed_run_id == work.lease.run_id,
    )
    with reading(work.dealership_id) as session:
        return frozenset(session.scalars(query))


def _removal_guard(work: Work, collected: Collected, gone: Sequence[KnownLink]) -> str | None:
    listed = sum(1 for link in work.known if not link.missing_runs)
    with reading(work.dealership_id) as session:
        state = ending.stream_state(session, work.target)
    changed = state is not None and state.scope != work.connection.scope
    return hold_removals(
        listed=listed,
        newly_absent=sum(1 for link in gone if not link.missing_runs),
        feed_total=collected.total,
        unidentified=collected.unidentified,
        scope_changed=changed,
        limits=work.guards.limits,
    )


def _each(work: Work, links: Sequence[KnownLink], decision: Callable[[Existing], Decision]) -> None:
    """Applies one kind of decision to known records that have no row in the feed to read."""
    for start in range(0, len(links), work.ports.batch_size):
        ids = [link.link_id for link in links[start : start + work.ports.batch_size]]
        with batch(work) as (session, adds, _):
            existing = load_existing(session, work.target.stream, work.dealership_id, ids)
            changes = [
                Change(
                    record.external_id,
                    str(record.local.get("title") or record.external_id),
                    decision(record),
                    existing=record,
                )
                for record in existing.values()
            ]
            adds.update(write(session, work, changes))
