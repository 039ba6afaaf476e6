"""Where the leads stand between here and EasyCars: both directions, and what waits (story 3.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from app.config import Settings
from app.models import Dealership, Lead, OutboxMessage, SyncRun
from app.models.leads import UNSENT
from app.services import sync_overview
from app.services.leads import sending
from app.services.sync.opening import NUMBERS
from app.services.sync_overview import Overview

STREAM: Final = "leads"
LINES: Final = 10
RUNS_READ: Final = 300
FOLDED_WITHIN: Final = timedelta(hours=1)
# The worst of some deliveries stands for all of them.
WORST_FIRST: Final = ("running", "queued", "failed", "warning", "cancelled", "success")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the last runs: one run, or the deliveries of an hour as one (row 158).

    `at`: when the newest began, `since` when the oldest did; `run_id` is the newest's.
    """

    run_id: int
    direction: str
    status: str
    at: datetime
    since: datetime
    runs: int
    created: int
    updated: int
    unchanged: int
    failed: int
    numbers: tuple[str, ...] = ()

    @property
    def sent(self) -> int:
        return self.created + self.updated

    @property
    def is_outward(self) -> bool:
        return self.direction == "outbound"


@dataclass(frozen=True, slots=True)
class Queue:
    """What EasyCars lacks: leads by state, and how the first in the lane stands.

    `oldest`: since when it waits; None when nothing waits to be sent.
    """

    by_state: dict[str, int]
    oldest: datetime | None = None
    next_try_at: datetime | None = None
    last_error: str | None = None

    @property
    def total(self) -> int:
        return sum(self.by_state.values())


@dataclass(frozen=True)
class LeadOverview:
    """Both directions. `inbound` is the stream as any other; `outbound` the newest delivery."""

    inbound: Overview
    outbound: Line | None
    queue: Queue
    lines: Sequence[Line]
    readable: int

    def version(self, now: datetime) -> str:
        """Changes when anything that the page tells does."""
        facts = [self.inbound.version(now), self.queue, self.lines, self.readable]
        return sha256(repr(facts).encode()).hexdigest()[:16]


def overview(
    db: Session, dealership: Dealership, settings: Settings, now: datetime
) -> LeadOverview:
    """Reads it all with a fixed number of queries, each answered by an index."""
    lines = folded(_newest(db, dealership.id))
    return LeadOverview(
        inbound=sync_overview.overview(db, dealership, STREAM, settings, now),
        outbound=_last_delivery(db, dealership.id),
        queue=queue(db),
        lines=lines[:LINES],
        readable=_readable(db),
    )


def queue(db: Session) -> Queue:
    """What waits at the session's dealership."""
    rows = db.execute(
        select(Lead.sync_state, func.count(Lead.id).label("number"))
        .where(Lead.sync_state.in_(UNSENT))
        .group_by(Lead.sync_state)
    )
    by_state = {row.sync_state: row.number for row in rows}
    first = db.scalar(
        select(OutboxMessage)
        .where(OutboxMessage.lane == sending.LANE, OutboxMessage.state == "waiting")
        .order_by(OutboxMessage.id)
        .limit(1)
    )
    if first is None:
        return Queue(by_state)
    return Queue(by_state, first.created_at, first.next_try_at, first.last_error)


def _readable(db: Session) -> int:
    """Leads whose number at EasyCars is known: all that can be read again."""
    query = select(func.count(Lead.id)).where(Lead.lead_number.is_not(None))
    return db.scalar(query) or 0


COLUMNS: Final = (
    SyncRun.id, SyncRun.direction, SyncRun.status, SyncRun.started_at, SyncRun.created_at,
    SyncRun.created, SyncRun.updated, SyncRun.unchanged, SyncRun.failed, SyncRun.scope,
)  # fmt: skip


def _newest(db: Session, dealership_id: int) -> list[Line]:
    query = select(*COLUMNS).where(SyncRun.dealership_id == dealership_id, SyncRun.stream == STREAM)
    return [_line(row) for row in db.execute(query.order_by(SyncRun.id.desc()).limit(RUNS_READ))]


def _last_delivery(db: Session, dealership_id: int) -> Line | None:
    query = select(*COLUMNS).where(
        SyncRun.dealership_id == dealership_id,
        SyncRun.stream == STREAM,
        SyncRun.direction == "outbound",
    )
    row = db.execute(query.order_by(SyncRun.id.desc()).limit(1)).first()
    return _line(row) if row is not None else None


def _line(row: Row[Any]) -> Line:
    at = row.started_at or row.created_at
    return Line(
        row.id, row.direction, row.status, at, at, 1, row.created, row.updated, row.unchanged,
        row.failed, tuple(row.scope.get(NUMBERS, ())),
    )  # fmt: skip


def folded(newest: Sequence[Line]) -> list[Line]:
    """Deliveries that follow each other within an hour become one line; the newest come first."""
    lines: list[Line] = []
    for line in newest:
        if lines and _belongs(lines[-1], line):
            lines[-1] = _together(lines[-1], line)
        else:
            lines.append(line)
    return lines


def _belongs(group: Line, older: Line) -> bool:
    return group.is_outward and older.is_outward and group.at - older.since <= FOLDED_WITHIN


def _together(group: Line, older: Line) -> Line:
    return Line(
        run_id=group.run_id,
        direction=group.direction,
        status=min(group.status, older.status, key=WORST_FIRST.index),
        at=group.at,
        since=older.since,
        runs=group.runs + older.runs,
        created=group.created + older.created,
        updated=group.updated + older.updated,
        unchanged=group.unchanged + older.unchanged,
        failed=group.failed + older.failed,
    )
