"""Reading stored records again: new rules for what EasyCars sent before, without a call (C10)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from app.db import Base, reading
from app.services.sync.apply import QUIET
from app.services.sync.changes import Change
from app.services.sync.collect import DIGEST_BYTES, Collected, Row
from app.services.sync.rows import Target
from app.services.sync.targets import LINKS
from app.services.sync.work import Work, batch, write_now

CHUNK: Final = 500
NOTHING: Final = bytes(DIGEST_BYTES)


def from_store(work: Work, collected: Collected) -> None:
    """Puts the stored record of every link that is in the feed into the spool, chunk by chunk.

    The digest stays the link's own: where the feed's spelling changed, it is newer than the
    stored bytes.
    """
    for link_id, external_id, digest, raw in _stored(work):
        collected.total += 1
        collected.numbers[external_id] += 1
        collected.spool.add(Row(link_id, digest, raw.encode()))


def _stored(work: Work) -> Iterator[tuple[int, str, bytes, str]]:
    last = 0
    while True:
        work.heart.check()
        with reading(work.dealership_id) as session:
            rows = session.execute(stored(work.target).where(LINKS.c.id > last)).all()
        yield from ((row[0], row[1], row[2], row[3]) for row in rows if row[3])
        if len(rows) < CHUNK:
            return
        last = rows[-1][0]


def stored(target: Target) -> Select[Any]:
    """(link id, external id, digest, raw) of the records that are in the feed, a chunk of them by
    link id; the caller says where it starts."""
    source = LINKS
    raw = LINKS.c.raw
    conditions = []
    if target.stream.archive is not None:
        archive = Base.metadata.tables[target.stream.archive]
        source = LINKS.join(archive, archive.c.link_id == LINKS.c.id)  # type: ignore[assignment]
        conditions.append(archive.c.dealership_id == target.dealership_id)
        raw = archive.c.raw
    return (
        select(LINKS.c.id, LINKS.c.external_id, LINKS.c.content_hash, raw)
        .select_from(source)
        .where(
            LINKS.c.dealership_id == target.dealership_id,
            LINKS.c.provider == target.provider,
            LINKS.c.stream == target.stream.key,
            LINKS.c.environment == target.environment,
            LINKS.c.missing_runs == 0,
            *conditions,
        )
        .order_by(LINKS.c.id)
        .limit(CHUNK)
    )


def write_changed(work: Work, session: Session, changes: Sequence[Change]) -> Counter[str]:
    """Writes what the rules changed; all else keeps its rows, and its moment of change."""
    touched = [change for change in changes if not is_untouched(change)]
    counts = Counter(unchanged=len(changes) - len(touched))
    return counts + write_now(work, session, touched) if touched else counts


def is_untouched(change: Change) -> bool:
    decision, existing = change.decision, change.existing
    return (
        existing is not None
        and decision.verb in QUIET
        and not decision.write
        and decision.agreed == existing.agreed
    )


def forget_digests(work: Work) -> None:
    """Vehicles that are not in the feed now are read anew when they come back: with new rules."""
    target = work.target
    with batch(work) as (session, _, __):
        session.execute(
            update(LINKS)
            .where(
                LINKS.c.dealership_id == target.dealership_id,
                LINKS.c.provider == target.provider,
                LINKS.c.stream == target.stream.key,
                LINKS.c.environment == target.environment,
                LINKS.c.missing_runs > 0,
            )
            .values(content_hash=NOTHING)
        )
