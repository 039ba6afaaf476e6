"""The rows that a batch writes: one tuple for each table, in the order of its columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

from sqlalchemy import Table

from app.services.sync.bulk import Moment, json_text
from app.services.sync.changes import Change
from app.services.sync.protocol import Stream
from app.services.sync.targets import row_values

LINK_COLUMNS = (
    "id", "dealership_id", "provider", "stream", "environment", "entity", "entity_id",
    "first_seen_at", "missing_runs", "external_id", "content_hash", "agreed", "raw",
    "photo_urls", "photos_wanted", "missing_since", "changed_at", "changed_run_id",
)  # fmt: skip
ARCHIVE_HEAD = ("dealership_id", "vehicle_id", "run_id", "received_at", "raw")
ITEM_COLUMNS = (
    "id", "run_id", "dealership_id", "external_id", "label", "action", "entity_id",
    "before", "after", "reason", "warnings", "created_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """Where a run writes."""

    dealership_id: int
    run_id: int
    provider: str
    stream: Stream
    environment: str


class Placed(NamedTuple):
    """A new record with the ids that it gets; `agreed` is encoded once for all who store it."""

    change: Change
    vehicle_id: int
    link_id: int
    agreed: str | None


def vehicle_row(target: Target, one: Placed, now: Moment) -> tuple[Any, ...]:
    decision = one.change.decision
    return (
        one.vehicle_id, target.dealership_id, "EasyCars", "[]", now,
        *row_values(decision.write), decision.write.get("lifecycle", "listed"),
        decision.life_reason, now,
    )  # fmt: skip


def link_row(target: Target, one: Placed, now: Moment) -> tuple[Any, ...]:
    return (
        one.link_id, target.dealership_id, target.provider, target.stream.key, target.environment,
        target.stream.entity, one.vehicle_id, now, 0,
        *link_values(target, one.change, one.agreed, now),
    )  # fmt: skip


def link_values(target: Target, change: Change, agreed: str | None, now: Moment) -> tuple[Any, ...]:
    """external_id … changed_run_id, in the order of LINK_COLUMNS."""
    assert change.draft is not None  # noqa: S101 - only rows of the feed come here
    assert change.row is not None  # noqa: S101
    urls = list(change.draft.photo_urls)
    before = change.existing.photo_urls if change.existing else []
    # Addresses that no photo job turned into rows yet stay wanted, whatever else changes.
    wanted = urls != before or bool(change.existing and change.existing.photos_wanted)
    raw = None if target.stream.archive else change.row.raw.decode()
    return (
        change.draft.external_id, change.row.digest, agreed, raw,
        json_text(urls), wanted, None, now, target.run_id,
    )  # fmt: skip


def archive_row(
    target: Target, change: Change, vehicle_id: int, now: Moment, columns: Sequence[str]
) -> Iterator[Any]:
    assert change.draft is not None  # noqa: S101
    assert change.row is not None  # noqa: S101
    archived = change.draft.archive or {}
    head = (target.dealership_id, vehicle_id, target.run_id, now, change.row.raw.decode())
    return chain(head, map(archived.get, columns))


@cache
def archive_columns(table: Table) -> tuple[str, ...]:
    fixed = {"link_id", *ARCHIVE_HEAD}
    return tuple(column.name for column in table.columns if column.name not in fixed)


def item_row(
    target: Target, item_id: int, change: Change, new: Placed | None, now: Moment
) -> tuple[Any, ...]:
    decision, existing = change.decision, change.existing
    entity_id = existing.entity_id if existing else new and new.vehicle_id
    # A new record agrees on all that it was given.
    after = new.agreed if new else json_text(decision.after)
    warnings = [warned.as_json() for warned in change.warnings] or None
    return (
        item_id, target.run_id, target.dealership_id, change.external_id[:200],
        change.label[:300], decision.verb.value, entity_id, json_text(decision.before),
        after, decision.reason, json_text(warnings), now,
    )  # fmt: skip
