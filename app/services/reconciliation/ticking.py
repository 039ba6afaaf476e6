"""Ticking off: what a sync saw alike leaves the open differences and the change list (row 197).

A reconciliation comes once a week; a sync comes every hour or night and has the feed in its hands.
So behind its last row it looks again at the vehicles with a standing difference, at the rows that
EasyCars has just sent, and resolves what is none any more. It finds nothing new: for that, all
vehicles have to be looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from app.db import reading
from app.models import Difference, ExternalLink, Vehicle
from app.services.reconciliation import comparing, keeping
from app.services.reconciliation.vehicles import ON_MARKET
from app.services.reconciliation.words import DIFFERING, HERE_ONLY, STOCK, THERE_ONLY
from app.services.sync.changes import read_rows
from app.services.sync.collect import Collected, Row
from app.services.sync.protocol import Draft
from app.services.sync.targets import Existing, load_existing
from app.services.sync.work import Work, batch

AT_ONCE: Final = 500
_STANDING: Final = (
    Difference.stream == STOCK,
    Difference.status != "resolved",
    Difference.taking_run_id.is_(None),
)
# A record's number → the row that came, None where the stored one is the same to the byte.
Rows = Mapping[str, Row | None]


def tick_off(work: Work, collected: Collected) -> None:
    """The hook of a sync, see `work.Ports.tick_off`. Harmless to repeat."""
    standing = _standing(work)
    differing = standing[DIFFERING]
    for rows in _rows(work, collected, differing) if differing else ():
        with batch(work) as (session, _, __):
            alike = _alike(session, work, collected, rows)
            keeping.close(session, [differing[number] for number in alike], work.now)
    there = standing[THERE_ONLY]
    if there or standing[HERE_ONLY]:
        with batch(work) as (session, _, __):
            found = _found(session, work, there, collected) + _shown(session, work, collected)
            keeping.close(session, found, work.now)
            keeping.close(session, _left(session), work.now, "gone")


def _standing(work: Work) -> defaultdict[str, dict[str, int]]:
    """Kind → the record's key → the id of its difference."""
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    query = select(Difference.kind, Difference.record_key, Difference.id).where(*_STANDING)
    with reading(work.dealership_id) as session:
        for kind, key, difference_id in session.execute(query):
            found[kind][key] = difference_id
    return found


def _of_kind(kind: str, *columns: Any) -> Select[Any]:
    return select(*columns).where(*_STANDING, Difference.kind == kind)


def _of_target(work: Work) -> tuple[ColumnElement[bool], ...]:
    """Narrows links to those of the run's provider, stream and environment."""
    return (
        ExternalLink.provider == work.target.provider,
        ExternalLink.stream == work.target.stream.key,
        ExternalLink.environment == work.target.environment,
    )


# -- Vehicles that both sides have -----------------------------------------------------------------


def _rows(work: Work, collected: Collected, wanted: Collection[str]) -> Iterator[Rows]:
    """The wanted records of the feed, batch by batch."""
    number_of = work.target.stream.external_id
    for rows in collected.spool.batches(AT_ONCE):
        named = ((number_of(row.raw), row) for row in rows)
        yield {number: row for number, row in named if number is not None and number in wanted}
    same = sorted(collected.equal.intersection(wanted))
    for start in range(0, len(same), AT_ONCE):
        yield dict.fromkeys(same[start : start + AT_ONCE])


def _alike(session: Session, work: Work, collected: Collected, rows: Rows) -> list[str]:
    """The numbers whose row says what the vehicle is; a row that cannot be read does not."""
    existing = _existing(session, work, rows)
    came = [
        row or Row(0, b"", existing[number].raw)
        for number, row in rows.items()
        if number in existing and (row or existing[number].raw)
    ]
    drafts = [one.draft for one in read_rows(work.target.stream, came, collected, work.rules)]
    return [
        draft.external_id for draft in drafts
        if draft and _is_alike(work, draft, existing[draft.external_id])
    ]  # fmt: skip


def _existing(session: Session, work: Work, numbers: Collection[str]) -> dict[str, Existing]:
    query = select(ExternalLink.id).where(*_of_target(work), ExternalLink.external_id.in_(numbers))
    links = session.scalars(query).all()
    return load_existing(session, work.target.stream, work.dealership_id, links, lock=False)


def _is_alike(work: Work, draft: Draft, record: Existing) -> bool:
    found = comparing.differing(draft, record, work.terms, work.guards.limits)
    return found is None and not record.excluded


# -- Vehicles that one side had --------------------------------------------------------------------


def _found(
    session: Session, work: Work, there: Mapping[str, int], collected: Collected
) -> list[int]:
    """What only EasyCars had: here by now, or not there any more."""
    wanted = ExternalLink.external_id.in_(_of_kind(THERE_ONLY, Difference.record_key))
    here = session.scalars(select(ExternalLink.external_id).where(*_of_target(work), wanted))
    # A row without a number may be one of those that seem to be absent.
    absent = set() if collected.unidentified else there.keys() - collected.present
    return [there[number] for number in absent.union(here)]


def _shown(session: Session, work: Work, collected: Collected) -> list[int]:
    """What only we had: EasyCars shows it."""
    query = _of_kind(HERE_ONLY, Difference.id, ExternalLink.external_id).join(
        ExternalLink,
        (ExternalLink.entity == "vehicle") & (ExternalLink.entity_id == Difference.entity_id),
    )
    rows = session.execute(query.where(*_of_target(work)))
    return [row_id for row_id, number in rows if number in collected.present]


def _left(session: Session) -> list[int]:
    """What only we had: off the market or merged here."""
    query = _of_kind(HERE_ONLY, Difference.id).join(Vehicle, Vehicle.id == Difference.entity_id)
    left = Vehicle.merged_into_id.is_not(None) | Vehicle.lifecycle.not_in(ON_MARKET)
    return list(session.scalars(query.where(left)))
