"""What a preview received, kept for its apply: the answer itself, in compressed parts (C2).

Part 0 holds the facts and is written last: a payload without it is not whole. The other parts
hold the rows that must be looked at, as the spool packs them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Final

import orjson
from sqlalchemy import Table, delete, insert, select
from sqlalchemy.orm import Session

from app.models import SyncPayload
from app.services.sync.collect import Row, packed, unpacked

PAYLOADS: Table = SyncPayload.__table__  # type: ignore[assignment]
# The fastest level: the rows are text that repeats itself, 70 MB become 10.
LEVEL: Final = 1
FACTS: Final = 0


@dataclass(frozen=True)
class Facts:
    """What the answer told as a whole. `scope` says whose stock it was (trap T15)."""

    fetched_at: str
    environment: str
    scope: Mapping[str, str]
    parts: int
    total: int
    equal: list[str]
    returned: list[str]
    numbers: Mapping[str, int]
    unidentified: int
    warnings: list[str]

    @property
    def seen_at(self) -> datetime:
        return datetime.fromisoformat(self.fetched_at)


def facts_of(db: Session, run_id: int) -> Facts | None:
    """The facts of a preview's answer; None when it was never whole, or is not kept any more."""
    body = _part(db, run_id, FACTS)
    return None if body is None else Facts(**orjson.loads(zlib.decompress(body)))


def add_rows(db: Session, dealership_id: int, run_id: int, part: int, rows: Iterable[Row]) -> None:
    """Adds a part; they count from 1."""
    _add(db, dealership_id, run_id, part, b"".join(map(packed, rows)))


def add_facts(db: Session, dealership_id: int, run_id: int, facts: Facts) -> None:
    """Makes the payload whole."""
    _add(db, dealership_id, run_id, FACTS, orjson.dumps(vars(facts)))


def _add(db: Session, dealership_id: int, run_id: int, part: int, body: bytes) -> None:
    packed_body = zlib.compress(body, LEVEL)
    db.execute(
        insert(PAYLOADS).values(
            run_id=run_id, part=part, dealership_id=dealership_id, body=packed_body
        )
    )


def rows_of(db: Session, run_id: int, part: int) -> Iterator[Row]:
    body = _part(db, run_id, part)
    return unpacked(BytesIO(zlib.decompress(body))) if body is not None else iter(())


def _part(db: Session, run_id: int, part: int) -> bytes | None:
    query = select(SyncPayload.body).where(SyncPayload.run_id == run_id, SyncPayload.part == part)
    return db.scalar(query)


def forget(db: Session, run_ids: Iterable[int]) -> None:
    """Drops what these previews received; what they told stays readable as items."""
    db.execute(delete(SyncPayload).where(SyncPayload.run_id.in_(list(run_ids))))
