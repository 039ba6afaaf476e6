"""Before-images: what a run found, kept beside it so that it can be taken back (C9).

Items tell the changed fields. What they do not hold is kept here by one statement a batch, inside
the database: no row travels. Looked at again by the undo, deleted after 30 days.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import CursorResult, Table, delete, func, literal, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from app.db import Base
from app.models import SyncBefore
from app.services.sync.rows import Target
from app.services.sync.targets import LINKS, VEHICLES
from app.tenancy import ALL_DEALERSHIPS, SCOPE

KEPT_FOR: Final = timedelta(days=30)
PRUNED_AT_ONCE: Final = 5000
BEFORES: Table = SyncBefore.__table__  # type: ignore[assignment]
# Columns of external_link as they are; agreed, raw and content_hash are kept in their own ways.
PLAIN: Final = (
    "external_id", "photo_urls", "photos_wanted", "missing_runs", "missing_since", "kept_outside",
    "changed_at", "changed_run_id",
)  # fmt: skip
VEHICLE_KEPT: Final = ("lifecycle", "lifecycle_reason")


def keep(db: Session, target: Target, link_ids: Sequence[int], now: datetime) -> None:
    """Notes these links, their archive rows and life cycles as they are, before they change.

    A run that was taken over meets rows of its former owner: the first image is the true one.
    """
    if not link_ids:
        return
    archive = Base.metadata.tables[target.stream.archive] if target.stream.archive else None
    on_postgresql = db.get_bind().dialect.name == "postgresql"
    made = _images(target, archive, on_postgresql, now).where(
        LINKS.c.dealership_id == target.dealership_id, LINKS.c.id.in_(link_ids)
    )
    columns = ["run_id", "dealership_id", "created_at", "link_id", "vehicle_id"]
    statement = (postgresql.insert if on_postgresql else sqlite.insert)(BEFORES)
    db.execute(
        statement.from_select([*columns, "link", "vehicle", "raw"], made).on_conflict_do_nothing(
            index_elements=["run_id", "link_id"]
        )
    )


def _images(target: Target, archive: Table | None, on_postgresql: bool, now: datetime) -> Any:
    joined: Any = LINKS.join(
        VEHICLES,
        (VEHICLES.c.id == LINKS.c.entity_id) & (VEHICLES.c.dealership_id == LINKS.c.dealership_id),
    )
    raw: ColumnElement[Any] = LINKS.c.raw
    if archive is not None:
        joined = joined.outerjoin(
            archive,
            (archive.c.link_id == LINKS.c.id) & (archive.c.dealership_id == LINKS.c.dealership_id),
        )
        raw = archive.c.raw
    return select(
        literal(target.run_id),
        LINKS.c.dealership_id,
        literal(now, BEFORES.c.created_at.type),
        LINKS.c.id,
        LINKS.c.entity_id,
        _object(_link_parts(archive, on_postgresql), on_postgresql),
        _object({name: VEHICLES.c[name] for name in VEHICLE_KEPT}, on_postgresql),
        raw,
    ).select_from(joined)


def _link_parts(archive: Table | None, on_postgresql: bool) -> dict[str, Any]:
    """Member → expression. SQLite keeps JSON as text, which must be read as JSON again."""
    as_json: Any = (lambda column: column) if on_postgresql else func.json
    digest = LINKS.c.content_hash
    parts: dict[str, Any] = {name: LINKS.c[name] for name in PLAIN}
    parts["photo_urls"] = as_json(LINKS.c.photo_urls)
    parts["agreed"] = as_json(LINKS.c.agreed)
    parts["content_hash"] = (
        func.encode(digest, literal_column("'hex'")) if on_postgresql else (func.hex(digest))
    )
    if archive is not None:
        parts |= {"archive_run_id": archive.c.run_id, "received_at": archive.c.received_at}
    return parts


def _object(parts: dict[str, Any], on_postgresql: bool) -> ColumnElement[Any]:
    pairs: list[Any] = []
    for name, value in parts.items():
        pairs += [literal_column(f"'{name}'"), value]
    return func.jsonb_build_object(*pairs) if on_postgresql else func.json_object(*pairs)


def prune(db: Session, now: datetime) -> int:
    """Deletes images that are too old for an undo, a part of them at a time; how many went."""
    if db.info.get(SCOPE) != ALL_DEALERSHIPS:
        raise RuntimeError("old before-images are deleted in the system scope")
    old = (
        select(BEFORES.c.run_id, BEFORES.c.link_id)
        .where(BEFORES.c.created_at < now - KEPT_FOR)
        .limit(PRUNED_AT_ONCE)
    )
    pairs = [tuple(row) for row in db.execute(old)]
    gone = 0
    for run_id in {run_id for run_id, _ in pairs}:
        links = [link_id for run, link_id in pairs if run == run_id]
        result = db.execute(
            delete(BEFORES).where(BEFORES.c.run_id == run_id, BEFORES.c.link_id.in_(links))
        )
        gone += result.rowcount if isinstance(result, CursorResult) else 0
    return gone
