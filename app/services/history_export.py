"""The history and one run's records as files: CSV and JSON (row 187, T18).

Read by keyset in chunks, each in a short read of its own: memory stays flat, and nobody's slow
download holds a transaction open. Only columns are read, never whole objects.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from app.db import reading
from app.models import SyncItem, SyncRun
from app.services import history, run_items, run_words
from app.services.history import Filters
from app.services.run_items import FieldChange
from app.services.sync import summary
from app.services.vehicle_export import safe_text

AT_ONCE: Final = 1000
COUNTS: Final = ("created", "updated", "unchanged", "failed", "held", "missing", "conflicts")
ITEM_HEAD: Final = (
    "Record", "Name", "Action", "Field", "Before", "After", "Reason", "Warnings",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Whose file it is: the dealership and the zone in which its people read times."""

    id: int
    slug: str
    zone: ZoneInfo


def runs_csv(place: Place, filters: Filters) -> Iterator[str]:
    """A line for each run, newest first; starts with the mark by which Excel knows UTF-8."""
    yield "\ufeff" + _lines([_run_head(place.zone)])
    for rows in _runs(place, filters):
        yield _lines(_run_cells(run, place.zone) for run in rows)


def runs_json(place: Place, filters: Filters, now: datetime) -> Iterator[str]:
    """{"dealership", "exportedAt", "timeZone", "runs": [run summary and more]}."""
    rows = ([_run_object(run, place.zone) for run in some] for some in _runs(place, filters))
    yield from _object(place, now, {}, "runs", rows)


def items_csv(place: Place, run: SyncRun) -> Iterator[str]:
    """A line for each changed field, with the value before and after; a record without changed
    fields has one line."""
    yield "\ufeff" + _lines([ITEM_HEAD])
    for rows in item_chunks(place, run.id):
        yield _lines(line for item in rows for line in _item_lines(item, run.stream))


def items_json(place: Place, run: SyncRun, now: datetime) -> Iterator[str]:
    """{"dealership", "exportedAt", "timeZone", "run": …, "items": [item of contract §4]}."""
    rows = (
        [summary.item_summary(item, run.stream) for item in some]
        for some in item_chunks(place, run.id)
    )
    yield from _object(place, now, {"run": _run_object(run, place.zone)}, "items", rows)


# -- Chunks ----------------------------------------------------------------------------------------


RUN_COLUMNS: Final = (
    SyncRun.id, SyncRun.stream, SyncRun.direction, SyncRun.mode, SyncRun.trigger, SyncRun.status,
    SyncRun.actor, SyncRun.parent_id, SyncRun.request_id, SyncRun.scope, SyncRun.created_at,
    SyncRun.started_at, SyncRun.completed_at, SyncRun.total, SyncRun.created, SyncRun.updated,
    SyncRun.unchanged, SyncRun.failed, SyncRun.held, SyncRun.missing, SyncRun.conflicts,
    SyncRun.photos_kept, SyncRun.photos_new, SyncRun.photos_failed, SyncRun.photos_state,
    SyncRun.message, SyncRun.error_code,
)  # fmt: skip


def _runs(place: Place, filters: Filters) -> Iterator[list[SyncRun]]:
    def chunk(db: Session, before: int | None) -> Sequence[Row[Any]]:
        query = history.filtered(db, place.id, filters).with_only_columns(*RUN_COLUMNS)
        if before is not None:
            query = query.where(SyncRun.id < before)
        return db.execute(query.order_by(SyncRun.id.desc()).limit(AT_ONCE)).all()

    for rows in _chunks(place, chunk):
        yield [SyncRun(**row._mapping) for row in rows]  # noqa: SLF001 - its public name


ITEM_COLUMNS: Final = (
    SyncItem.id, SyncItem.external_id, SyncItem.label, SyncItem.action, SyncItem.entity_id,
    SyncItem.before, SyncItem.after, SyncItem.reason, SyncItem.warnings,
)  # fmt: skip


def item_chunks(place: Place, run_id: int) -> Iterator[list[SyncItem]]:
    """The records of a run in the order in which they were decided, detached from any session."""

    def chunk(db: Session, after: int | None) -> Sequence[Row[Any]]:
        query = select(*ITEM_COLUMNS).where(SyncItem.run_id == run_id, SyncItem.id > (after or 0))
        return db.execute(query.order_by(SyncItem.id).limit(AT_ONCE)).all()

    for rows in _chunks(place, chunk):
        yield [SyncItem(**row._mapping) for row in rows]  # noqa: SLF001 - its public name


def _chunks(
    place: Place, chunk: Callable[[Session, int | None], Sequence[Row[Any]]]
) -> Iterator[Sequence[Row[Any]]]:
    last: int | None = None
    while True:
        with reading(place.id) as db:
            rows = chunk(db, last)
        if rows:
            yield rows
        if len(rows) < AT_ONCE:
            return
        last = rows[-1].id


# -- Cells -----------------------------------------------------------------------------------------


def _run_head(zone: ZoneInfo) -> list[str]:
    return [
        "Run", f"Began ({zone.key})", "Began (UTC)", f"Ended ({zone.key})", "Ended (UTC)",
        "Type", "What", "Direction", "Started by", "Status", "Records",
        *(name.capitalize() for name in COUNTS),
        "Duration (s)", "Message", "Code", "Reference",
    ]  # fmt: skip


def _run_cells(run: SyncRun, zone: ZoneInfo) -> list[Any]:
    began = run.started_at or run.created_at
    took = run.duration_ms
    return [
        run.id,
        *_moments(began, zone),
        *_moments(run.completed_at, zone),
        run_words.KINDS.get(run.stream, run.stream),
        safe_text(run_words.label(run)),
        run_words.DIRECTIONS.get(run.direction, run.direction),
        safe_text(run_words.started_by(run)),
        summary.status_word(run.status),
        run.done,
        *(getattr(run, name) for name in COUNTS),
        None if took is None else took / 1000,
        safe_text(run.message or ""),
        safe_text(run.error_code or ""),
        safe_text(run.request_id or ""),
    ]


def _moments(moment: datetime | None, zone: ZoneInfo) -> tuple[str, str]:
    """The dealership's time as a spreadsheet reads it, and the moment that is the same anywhere."""
    if moment is None:
        return "", ""
    local, anywhere = moment.astimezone(zone), moment.astimezone(UTC)
    return f"{local:%Y-%m-%d %H:%M:%S}", f"{anywhere:%Y-%m-%dT%H:%M:%SZ}"


def _item_lines(item: SyncItem, stream: str) -> Iterator[list[Any]]:
    warned = "; ".join(str(one.get("text", "")) for one in item.warnings or [])
    first = [safe_text(item.external_id), safe_text(item.label), item.action]
    last = [safe_text(item.reason or ""), safe_text(warned)]
    changes = run_items.changes(item, stream)
    for change in changes:
        values = (_value(change, change.before), _value(change, change.after))
        yield [*first, safe_text(change.field), *values, *last]
    if not changes:
        yield [*first, "", "", "", *last]


def _value(change: FieldChange, value: Any) -> Any:
    """Not given is an empty cell; numbers stay numbers; text cannot become a formula."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if change.kind == "money" and isinstance(value, int):
        return f"{value / 100:.2f}"
    if isinstance(value, list):
        return safe_text(", ".join(map(str, value)))
    return value if value is None or isinstance(value, int | float) else safe_text(str(value))


def _lines(rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


# -- Objects ---------------------------------------------------------------------------------------


def _run_object(run: SyncRun, zone: ZoneInfo) -> dict[str, Any]:
    """The run summary of contract §4, with what the list shows besides; local times have their
    distance from UTC."""
    local = {
        f"{name}Local": moment.astimezone(zone).isoformat(timespec="seconds")
        for name, moment in (("startedAt", run.started_at), ("completedAt", run.completed_at))
        if moment is not None
    }
    return summary.summary(run) | local | {
        "requestedAt": summary.moment(run.created_at),
        "direction": run.direction,
        "trigger": run.trigger,
        "startedBy": run.actor,
        "afterRunId": run.parent_id,
        "records": run.done,
        "reference": run.request_id,
    }  # fmt: skip


def _object(
    place: Place,
    now: datetime,
    more: Mapping[str, Any],
    name: str,
    chunks: Iterable[Sequence[Mapping[str, Any]]],
) -> Iterator[str]:
    head = {
        "dealership": place.slug,
        "exportedAt": summary.moment(now.astimezone(UTC)),
        "timeZone": place.zone.key,
        **more,
    }
    yield f'{orjson.dumps(head).decode()[:-1]},"{name}":['
    for number, rows in enumerate(chunks):
        yield ("," if number else "") + orjson.dumps(rows).decode()[1:-1]
    yield "]}\n"
