"""What is no longer in the feed, and what came back (C3 to C6).

Nothing is deleted because a feed no longer has it. The guard looks at all removals of the run
before the first is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import replace

from sqlalchemy import Select, func, select

from app.db import reading
from app.models import SyncItem
from app.services.sync import ending, runs
from app.services.sync.approval import open_removals, open_rows
from app.services.sync.changes import Change, leave_alone
from app.services.sync.collect import Collected, KnownLink
from app.services.sync.guards import hold_removals
from app.services.sync.plan import GONE, SOLD, Decision, Verb, decide
from app.services.sync.targets import LINKS, VEHICLES, Existing, load_existing
from app.services.sync.work import Work, batch, write

ASKED_AT_ONCE = 5000
STILL_ASKED = "An earlier sync held this, and nobody has decided yet."


def restore(work: Work, collected: Collected) -> None:
    """Vehicles that came back without any change: only their life cycle heals (C6)."""

    def back(record: Existing) -> Decision:
        return decide(
            record.agreed,
            record.local,
            record.agreed,
            work.terms.owner,
            locked=record.locked | work.terms.locked,
            missing_runs=record.missing_runs,
            since=work.terms.since,
        )

    _each(work, collected.returned, back)


def remove(work: Work, collected: Collected) -> str | None:
    """Marks what is gone, or holds it; returns why it was held."""
    gone = _gone(work, collected.present)
    if not gone:
        return None
    gone = [link for link in gone if link.link_id not in work.relinked]
    gone, sold = _that_count(work, gone)
    approved = [link for link in gone if work.guards.lets_go(link.external_id)]
    others = [link for link in gone if not work.guards.lets_go(link.external_id)]

    def let_go(record: Existing) -> Decision:
        return _let_go(record, work)

    _each(work, approved, let_go)
    held = _removal_guard(work, collected, others)
    if held is None:
        asked, others = _still_asked(work, others)
        _each(work, [*others, *sold], let_go)
        others, held = asked, STILL_ASKED if asked else None
    if held is not None:
        reason = held
        _each(work, others, lambda record: _held_removal(_let_go(record, work), reason))
    return held


def _still_asked(work: Work, gone: Sequence[KnownLink]) -> tuple[list[KnownLink], list[KnownLink]]:
    """Those that wait for a decision since the last sync, and the others. When a person decided
    about some of a held set, the rest is small enough for the guard, but still held."""
    with reading(work.dealership_id) as session:
        waits = open_removals(session, runs.get(session, work.lease.run_id)) if gone else set()
    asked = [link for link in gone if link.external_id in waits]
    return asked, [link for link in gone if link.external_id not in waits]


def _let_go(record: Existing, work: Work) -> Decision:
    decision = decide(
        record.agreed,
        record.local,
        None,
        missing_runs=record.missing_runs,
        missing_limit=work.terms.missing_runs,
        excluded=record.excluded,
        kept_outside=record.kept_outside,
        since=work.terms.since,
    )
    told = record.life_reason or ""
    if record.missing_runs and decision.life_reason and told.startswith(GONE):
        return replace(decision, reason=told, life_reason=told)  # the first day counts
    return decision


def _gone(work: Work, present: Set[str]) -> list[KnownLink]:
    return [
        link
        for link in work.known
        if link.external_id not in present and link.missing_runs < work.terms.missing_runs
    ]


def _that_count(work: Work, gone: Sequence[KnownLink]) -> tuple[list[KnownLink], list[KnownLink]]:
    """The absent vehicles that somebody may miss, and those whose absence is noted once: sold ones,
    and ones that were merged into another.

    Excluded and kept vehicles are neither: their absence says nothing.
    """
    lives: dict[int, str] = {}
    with reading(work.dealership_id) as session:
        for start in range(0, len(gone), ASKED_AT_ONCE):
            some = [link.link_id for link in gone[start : start + ASKED_AT_ONCE]]
            found = session.execute(_lives(work.dealership_id, some))
            lives |= {row.id: SOLD if row.merged_into_id else row.lifecycle for row in found}
    counted = [link for link in gone if lives.get(link.link_id, SOLD) != SOLD]
    sold = [link for link in gone if lives.get(link.link_id) == SOLD and not link.missing_runs]
    return counted, sold


def _lives(dealership_id: int, link_ids: Sequence[int]) -> Select[int, str, int | None]:
    joined = (VEHICLES.c.id == LINKS.c.entity_id) & (
        VEHICLES.c.dealership_id == LINKS.c.dealership_id
    )
    return (
        select(LINKS.c.id, VEHICLES.c.lifecycle, VEHICLES.c.merged_into_id)
        .select_from(LINKS.join(VEHICLES, joined))
        .where(
            LINKS.c.dealership_id == dealership_id,
            LINKS.c.id.in_(link_ids),
            LINKS.c.kept_outside.is_(False),
            VEHICLES.c.is_excluded.is_(False),
        )
    )


def _held_removal(decision: Decision, reason: str) -> Decision:
    return replace(
        decision,
        verb=Verb.HOLD,
        write={},
        reason=f"{reason} Nothing was removed; the vehicle stays listed until a person decides.",
        life_reason=None,
    )


def _removal_guard(work: Work, collected: Collected, gone: Sequence[KnownLink]) -> str | None:
    listed = sum(1 for link in work.known if not link.missing_runs)
    with reading(work.dealership_id) as session:
        state = ending.stream_state(session, work.target)
        foreign = session.scalar(_foreign(work)) if gone else 0
    changed = state is not None and state.scope != work.connection.scope
    return hold_removals(
        listed=listed,
        newly_absent=sum(1 for link in gone if not link.missing_runs),
        feed_total=collected.total,
        unidentified=collected.unidentified,
        scope_changed=changed,
        limits=work.guards.limits,
        foreign=foreign or 0,
    )


def _foreign(work: Work) -> Select[int]:
    """How many new vehicles this run holds because of their yard, and nobody left out before."""
    waiting = open_rows(work.lease.run_id).where(
        SyncItem.dealership_id == work.dealership_id, SyncItem.entity_id.is_(None)
    )
    return select(func.count()).select_from(waiting.with_only_columns(SyncItem.id).subquery())


def _each(work: Work, links: Sequence[KnownLink], decision: Callable[[Existing], Decision]) -> None:
    """Applies one kind of decision to known records that have no row in the feed to read."""
    for start in range(0, len(links), work.ports.batch_size):
        ids = [link.link_id for link in links[start : start + work.ports.batch_size]]
        with batch(work) as (session, adds, _):
            existing = load_existing(session, work.target.stream, work.dealership_id, ids)
            changes = [
                leave_alone(record.external_id, _label(record))
                if record.excluded
                else Change(record.external_id, _label(record), decision(record), existing=record)
                for record in existing.values()
            ]
            adds.update(write(session, work, changes))


def _label(record: Existing) -> str:
    return str(record.local.get("title") or record.external_id)
