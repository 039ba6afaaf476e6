"""The local side of a stream: how drafts become rows of ours.

`VehicleTarget` is the only target so far; leads get theirs. It knows columns and JSON, and
decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import Row, RowMapping, Select, Table, select
from sqlalchemy.orm import Session

from app.db import Base
from app.models import ExternalLink, Vehicle
from app.models.vehicles import SOURCES
from app.services.sync.bulk import json_text
from app.services.sync.protocol import Stream, Values
from app.services.vehicle_fields import FIELDS
from app.services.vehicle_values import DEFAULTS

LINKS: Table = ExternalLink.__table__  # type: ignore[assignment]
VEHICLES: Table = Vehicle.__table__  # type: ignore[assignment]
# Sources that no feed has; named one by one, so that an index finds their few rows.
BY_HAND = tuple(source for source in SOURCES if source != "EasyCars")


@dataclass(frozen=True, slots=True)
class Existing:
    """A known record: its link and the local row as field → value.

    `excluded`: a sync leaves the vehicle alone, because a person said so. One that was merged goes
    on hidden: its record takes over when the kept one's is gone (vehicle_merge_heirs.py).
    """

    link_id: int
    entity_id: int
    external_id: str
    agreed: dict[str, Any]
    photo_urls: list[str]
    missing_runs: int
    raw: bytes
    local: dict[str, Any]
    locked: frozenset[str]
    photos_wanted: bool = False
    excluded: bool = False
    kept_outside: bool = False
    life_reason: str | None = None


@cache
def column_fields() -> tuple[str, ...]:
    """Fields that are columns of `vehicle`; all others live in `details`."""
    return tuple(name for name, field in FIELDS.items() if field.stored == "column")


@cache
def write_columns() -> tuple[str, ...]:
    return (*column_fields(), "details", "lifecycle", "lifecycle_reason", "updated_at")


@cache
def insert_columns() -> tuple[str, ...]:
    fixed = ("id", "dealership_id", "source", "locked_fields", "created_at")
    return (*fixed, *write_columns())


@cache
def detail_fields() -> frozenset[str]:
    return frozenset(FIELDS) - frozenset(column_fields())


@cache
def _odd_places() -> tuple[tuple[int, str], ...]:
    """Where among `column_fields()` a value is not stored as it is: lists, and defaults."""
    lists = {name for name, field in FIELDS.items() if field.kind == "list"}
    return tuple(
        (place, name)
        for place, name in enumerate(column_fields())
        if name in lists or name in DEFAULTS
    )


def row_values(values: Values) -> list[Any]:
    """The values of `column_fields()` and `details`, ready for the driver."""
    cells = list(map(values.get, column_fields()))
    for place, name in _odd_places():
        given = cells[place]
        cells[place] = (
            (DEFAULTS[name] if given is None else given) if name in DEFAULTS else json_text(given)
        )
    known = detail_fields()
    details = {name: value for name, value in values.items() if name in known and value is not None}
    cells.append(json_text(details))
    return cells


def load_existing(
    db: Session,
    stream: Stream,
    dealership_id: int,
    link_ids: Sequence[int],
    *,
    lock: bool = True,
) -> dict[str, Existing]:
    """The known records behind these links, locked until the transaction ends; without `lock`
    for who only looks."""
    if not link_ids:
        return {}
    archive = Base.metadata.tables[stream.archive] if stream.archive else None
    query = _existing_query(archive).where(
        LINKS.c.dealership_id == dealership_id, LINKS.c.id.in_(link_ids)
    )
    if lock:
        query = query.with_for_update(of=[LINKS, VEHICLES])
    found = (_existing(row) for row in db.execute(query))
    return {record.external_id: record for record in found}


def _existing_query(archive: Table | None) -> Select[Any]:
    raw = LINKS.c.raw if archive is None else archive.c.raw
    joined = LINKS.join(
        VEHICLES,
        (VEHICLES.c.id == LINKS.c.entity_id) & (VEHICLES.c.dealership_id == LINKS.c.dealership_id),
    )
    if archive is not None:
        joined = joined.outerjoin(
            archive,
            (archive.c.link_id == LINKS.c.id) & (archive.c.dealership_id == LINKS.c.dealership_id),
        )
    return select(
        LINKS.c.id.label("link_id"),
        LINKS.c.external_id,
        LINKS.c.agreed,
        LINKS.c.content_hash,
        LINKS.c.photo_urls,
        LINKS.c.photos_wanted,
        LINKS.c.missing_runs,
        LINKS.c.kept_outside,
        raw.label("raw"),
        *(column.label(f"v_{column.name}") for column in VEHICLES.c),
    ).select_from(joined)


def _existing(row: Row[Any]) -> Existing:
    cells = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for it
    # An undo clears the hash so that the record is decided anew, whatever was received last.
    raw = cells["raw"] if any(cells["content_hash"]) else None
    return Existing(
        link_id=cells["link_id"],
        entity_id=cells["v_id"],
        external_id=cells["external_id"],
        agreed=cells["agreed"],
        photo_urls=cells["photo_urls"],
        missing_runs=cells["missing_runs"],
        raw=(raw or "").encode(),
        local=local_values(cells),
        locked=frozenset(cells["v_locked_fields"] or ()),
        photos_wanted=cells["photos_wanted"],
        excluded=cells["v_is_excluded"],
        kept_outside=cells["kept_outside"],
        life_reason=cells["v_lifecycle_reason"],
    )


def local_values(cells: RowMapping) -> dict[str, Any]:
    """Field → JSON value of a vehicle whose columns are labelled `v_…`; the life cycle is one."""
    local = {name: _as_json(cells[f"v_{name}"]) for name in column_fields()}
    local |= cells["v_details"] or {}
    local["lifecycle"] = cells["v_lifecycle"]
    return {name: value for name, value in local.items() if value is not None}


def _as_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


@dataclass(frozen=True, slots=True)
class HandMade:
    """Vehicles that no feed made, by what could make a feed row their twin (trap T11)."""

    by_vin: Mapping[str, int]
    by_stock_number: Mapping[str, int]

    def twin_of(self, values: Values) -> str | None:
        """A sentence when a new record looks like a vehicle entered by hand (row 2.2.7)."""
        vin, number = values.get("vin", ""), values.get("stock_number", "")
        if vin in self.by_vin:
            return f"Possible duplicate of vehicle {self.by_vin[vin]}: same VIN."
        if number in self.by_stock_number:
            return (
                f"Possible duplicate of vehicle {self.by_stock_number[number]}: same stock number."
            )
        return None


def hand_made(db: Session, dealership_id: int) -> HandMade:
    rows = db.execute(
        select(VEHICLES.c.id, VEHICLES.c.vin, VEHICLES.c.stock_number).where(
            VEHICLES.c.dealership_id == dealership_id,
            VEHICLES.c.source.in_(BY_HAND),
            VEHICLES.c.merged_into_id.is_(None),
        )
    ).all()
    return HandMade(
        by_vin={row.vin: row.id for row in rows if plausible_vin(row.vin)},
        by_stock_number={row.stock_number: row.id for row in rows if row.stock_number},
    )


def plausible_vin(vin: str | None) -> bool:
    """17 characters without I, O, Q: good enough as a second key, never required (trap T25)."""
    return (
        vin is not None
        and len(vin) == 17
        and vin.isalnum()
        and not set("IOQ") & set(vin.upper())
        and len(set(vin)) > 3
    )


def vins_of(db: Session, dealership_id: int, vehicle_ids: Iterable[int]) -> dict[str, int]:
    """Plausible and unambiguous VIN → vehicle id, among the given vehicles."""
    wanted = list(vehicle_ids)
    if not wanted:
        return {}
    rows = db.execute(
        select(VEHICLES.c.vin, VEHICLES.c.id).where(
            VEHICLES.c.dealership_id == dealership_id,
            VEHICLES.c.vin.is_not(None),
            VEHICLES.c.merged_into_id.is_(None),
        )
    ).all()
    among = set(wanted)
    counts: dict[str, list[int]] = {}
    for vin, vehicle_id in rows:
        if plausible_vin(vin):
            counts.setdefault(vin, []).append(vehicle_id)
    return {vin: ids[0] for vin, ids in counts.items() if len(ids) == 1 and ids[0] in among}
