"""Writing what an undo decided: one transaction a batch, set-based like the sync itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.db import Base
from app.log import get_logger
from app.models import SyncRun
from app.services.errors import RecordRefused
from app.services.sync import bulk
from app.services.sync.apply import UNFIT
from app.services.sync.before import BEFORES
from app.services.sync.bulk import Moment, json_text
from app.services.sync.rows import ARCHIVE_HEAD, ITEM_COLUMNS, archive_columns
from app.services.sync.targets import LINKS, VEHICLES, row_values, write_columns
from app.services.sync.undo_found import ITEMS
from app.services.sync.undo_photos import put_back as put_photos_back
from app.services.sync.undo_plan import LOOK_AGAIN, PHOTOS, Created, Record, Undone
from app.services.sync.undo_query import Undoing
from app.services.sync.undo_words import Since

log = get_logger(__name__)
LINK_PARTS: Final = (
    "external_id", "content_hash", "agreed", "raw", "photo_urls", "photos_wanted", "missing_runs",
    "missing_since", "kept_outside", "changed_at", "changed_run_id",
)  # fmt: skip
UNSTORABLE: Final = (
    "This vehicle could not be put back: its earlier number or a value is in use elsewhere now. "
    "It stays as it is."
)


def put_back(
    db: Session, undoing: Undoing, batch: Sequence[Undone], since: Since, now: datetime
) -> Counter[str]:
    """Writes the batch at once; if that fails, record by record. Returns what to count."""
    try:
        with db.begin_nested():
            _write(db, undoing, batch, since, now)
        return _count(batch)
    except UNFIT as exc:
        kind = type(getattr(exc, "orig", None) or exc).__name__
        log.warning("undo_batch_failed", run_id=undoing.target.run_id, rows=len(batch), kind=kind)
    if len(batch) == 1:
        record = batch[0].record
        _consume(db, undoing, [record])
        refused = _item(undoing, record, "refuse", None, None, UNSTORABLE)
        insert_items(db, [refused], bulk.stored_moment(db, now))
        return Counter(failed=1)
    counts: Counter[str] = Counter()
    for one in batch:
        counts += put_back(db, undoing, [one], since, now)
    return counts


def _count(batch: Sequence[Undone]) -> Counter[str]:
    """A record of which something stays counts under conflicts, as in a sync."""
    counts: Counter[str] = Counter()
    for one in batch:
        counts["updated" if one.values or one.photos else "unchanged"] += 1
        counts["conflicts"] += bool(one.kept)
    return counts


def _write(
    db: Session, undoing: Undoing, batch: Sequence[Undone], since: Since, moment: datetime
) -> None:
    now = bulk.stored_moment(db, moment)
    known_runs = _known_runs(db, undoing, batch)
    _write_vehicles(db, undoing, batch, now)
    _write_archive(db, undoing, batch, known_runs)
    _write_links(db, undoing, batch, known_runs)
    images = {one.record.vehicle_id: one.record.photos_before or [] for one in batch if one.photos}
    counts = put_photos_back(db, undoing.dealership_id, images, known_runs)
    told = [_told(undoing, one, since, counts) for one in batch if one.is_told]
    insert_items(db, told, now)
    _consume(db, undoing, [one.record for one in batch])


def _write_vehicles(db: Session, undoing: Undoing, batch: Sequence[Undone], now: Moment) -> None:
    rows = []
    for one in batch:
        record = one.record
        if not one.values and (record.moved or one.reason == record.lifecycle_reason):
            continue
        merged = {**record.local, **one.values}
        rows.append((*row_values(merged), merged["lifecycle"], one.reason, now, record.vehicle_id))
    bulk.update_rows(db, VEHICLES, write_columns(), rows, dealership_id=undoing.dealership_id)


def _write_links(
    db: Session, undoing: Undoing, batch: Sequence[Undone], known_runs: set[int]
) -> None:
    stored = _stored(db)
    rows = []
    for one in batch:
        if not one.link:
            continue
        link = {name: one.record.link[name] for name in LINK_PARTS} | _plain_link(one.link)
        if undoing.target.stream.archive is None and not one.record.later:
            link["raw"] = one.record.raw_before
        link["agreed"] = json_text(link["agreed"])
        link["photo_urls"] = json_text(link["photo_urls"])
        link["missing_since"] = stored(link["missing_since"])
        link["changed_at"] = stored(link["changed_at"])
        if link["changed_run_id"] not in known_runs:
            link["changed_run_id"] = None
        rows.append((*(link[name] for name in LINK_PARTS), one.record.link_id))
    bulk.update_rows(db, LINKS, LINK_PARTS, rows, dealership_id=undoing.dealership_id)


def _plain_link(parts: Mapping[str, Any]) -> dict[str, Any]:
    """The image's members as the columns' own types."""
    plain = {name: value for name, value in parts.items() if name in LINK_PARTS}
    for name in ("photos_wanted", "kept_outside"):
        if name in plain:
            plain[name] = bool(plain[name])
    for name in ("missing_since", "changed_at"):
        if isinstance(plain.get(name), str):
            plain[name] = moment_of(plain[name])
    if isinstance(plain.get("content_hash"), str):
        plain["content_hash"] = bytes.fromhex(plain["content_hash"])
    return plain


def moment_of(text: str) -> datetime:
    """A moment as the databases write it into JSON; SQLite's are in UTC and do not say so."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _stored(db: Session) -> Callable[[datetime | None], Moment | None]:
    return lambda moment: None if moment is None else bulk.stored_moment(db, moment)


def _write_archive(
    db: Session, undoing: Undoing, batch: Sequence[Undone], known_runs: set[int]
) -> None:
    stream = undoing.target.stream
    if stream.archive is None:
        return
    table = Base.metadata.tables[stream.archive]
    columns = archive_columns(table)
    stored = _stored(db)
    rows = []
    for one in batch:
        if not one.archive:
            continue
        record, raw = one.record, one.record.raw_before or ""
        try:
            archived = stream.draft(raw.encode()).archive or {}
        except RecordRefused:
            # What was readable once is not any more: the next sync shall look at the record.
            one.link["content_hash"] = LOOK_AGAIN
            continue
        received = record.link_before.get("received_at")
        run_id = record.link_before.get("archive_run_id")
        head = (
            undoing.dealership_id,
            record.vehicle_id,
            run_id if run_id in known_runs else None,
            stored(moment_of(received) if received else record.link["changed_at"]),
            raw,
        )
        rows.append((*head, *map(archived.get, columns), record.link_id))
    names = (*ARCHIVE_HEAD, *columns)
    where = undoing.dealership_id
    bulk.update_rows(db, table, names, rows, dealership_id=where, key="link_id")


def _known_runs(db: Session, undoing: Undoing, batch: Sequence[Undone]) -> set[int]:
    """Runs that the images name and that still exist: history may have been pruned."""
    named = {
        run_id
        for one in batch
        for run_id in (
            one.record.link["changed_run_id"],
            one.record.link_before.get("changed_run_id"),
            one.record.link_before.get("archive_run_id"),
            *(image["run_id"] for image in one.record.photos_before or ()),
        )
        if run_id is not None
    }
    query = select(SyncRun.id).where(
        SyncRun.dealership_id == undoing.dealership_id, SyncRun.id.in_(named)
    )
    return set(db.scalars(query))


def _told(
    undoing: Undoing, one: Undone, since: Since, counts: Mapping[int, tuple[int, int]]
) -> tuple[Any, ...]:
    record = one.record
    before = {name: record.local.get(name) for name in one.values}
    after = dict(one.values)
    if one.photos:
        was, is_now = counts[record.vehicle_id]
        before[PHOTOS], after[PHOTOS] = f"{was} photos", f"{is_now} photos, as before the run"
    reason = since.kept(record, one.kept) if one.kept else None
    action = "conflict" if one.kept else "update"
    return _item(undoing, record, action, before or None, after or None, reason)


def _item(
    undoing: Undoing,
    record: Record | Created,
    action: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    reason: str | None,
) -> tuple[Any, ...]:
    """All of ITEM_COLUMNS but the id and the moment."""
    told = record.told
    entity_id = None if action == "delete" else record.vehicle_id
    return (
        undoing.target.run_id, undoing.dealership_id, told.external_id[:200], told.label[:300],
        action, entity_id, json_text(before), json_text(after), reason, None,
    )  # fmt: skip


def insert_items(db: Session, items: Sequence[tuple[Any, ...]], now: Moment) -> None:
    if items:
        ids = bulk.allocate_ids(db, ITEMS, len(items))
        rows = ((item_id, *item, now) for item_id, item in zip(ids, items, strict=True))
        bulk.insert_rows(db, ITEMS, ITEM_COLUMNS, rows)


def _consume(db: Session, undoing: Undoing, records: Iterable[Record]) -> None:
    """A before-image serves once: what is done is not done again, by whoever takes over, and an
    earlier run's undo sees that this one does not stand in its way any more."""
    db.execute(
        delete(BEFORES).where(
            BEFORES.c.dealership_id == undoing.dealership_id,
            BEFORES.c.run_id == undoing.run_id,
            BEFORES.c.link_id.in_([record.link_id for record in records]),
        )
    )


def delete_created(
    db: Session, undoing: Undoing, going: Sequence[Created], staying: Sequence[Created],
    since: Since, moment: datetime,
) -> Counter[str]:  # fmt: skip
    """Takes away vehicles that the run created, with link, archive and photo rows; stored
    pictures stay. Tells of each, also of those that stay because they were touched."""
    where = undoing.dealership_id
    if going:
        links = [one.link_id for one in going]
        vehicles = [one.vehicle_id for one in going]
        db.execute(delete(LINKS).where(LINKS.c.dealership_id == where, LINKS.c.id.in_(links)))
        db.execute(
            delete(VEHICLES).where(VEHICLES.c.dealership_id == where, VEHICLES.c.id.in_(vehicles))
        )
    items = [
        _item(undoing, one, "delete", one.told.after, None, "Created by the run, removed again.")
        for one in going
    ]
    items += [
        _item(undoing, one, "conflict", None, None, since.touched(one.vehicle_id))
        for one in staying
    ]
    insert_items(db, items, bulk.stored_moment(db, moment))
    return Counter(updated=len(going), unchanged=len(staying), conflicts=len(staying))
