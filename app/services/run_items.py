"""What a run did, record by record: pages of rows, its warnings by field (rows 72, 185, 186)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Text, and_, cast, func, or_, select
from sqlalchemy.orm import Session

from app.models import SyncItem
from app.services.leads.fields import CUSTOMER_FIELDS, LEAD_FIELDS, shown
from app.services.vehicle_fields import FIELDS, label_of

PAGE_SIZE: Final = 25
WARNINGS_READ: Final = 500
FIELDS_READ: Final = 200
TABS: Final = ("created", "updated", "unchanged", "held", "failed", "missing", "conflicts")
ACTIONS: Final = {
    "created": ("create",),
    "updated": ("update", "restore", "push", "delete"),
    "unchanged": ("same", "keep-local"),
    "held": ("hold",),
    "failed": ("refuse",),
    "missing": ("missing",),
    "conflicts": ("conflict",),
}
LIFECYCLE_WORDS: Final = {
    "listed": "Listed",
    "missing": "Missing",
    "off_market": "Off market",
    "sold": "Sold",
}


@dataclass(frozen=True)
class Wanted:
    """What to look for among the rows: part of a stock number or name, a changed field."""

    text: str = ""
    field: str = ""


ALL: Final = Wanted()


@dataclass(frozen=True)
class ItemPage:
    """Rows in the order in which they were decided; `before` and `after` are ids to ask on with."""

    items: Sequence[SyncItem]
    before: int | None
    after: int | None


@dataclass(frozen=True)
class FieldChange:
    """One field of a row, for people. Money is in cents; None is "not given"."""

    field: str
    kind: str
    unit: str | None
    before: Any
    after: Any


@dataclass(frozen=True)
class FieldWarnings:
    """What was odd about one field, and in which records: [(stock number, label, text)]."""

    field: str
    found: list[tuple[str, str, str]]


def page(
    db: Session,
    run_id: int,
    tab: str,
    *,
    wanted: Wanted = ALL,
    after: int | None = None,
    before: int | None = None,
    size: int = PAGE_SIZE,
) -> ItemPage:
    """A page of one tab by keyset, so that the ten thousandth row costs what the first does."""
    query = _of_tab(run_id, tab, wanted)
    if before is not None:
        rows = list(
            db.scalars(
                query.where(SyncItem.id < before).order_by(SyncItem.id.desc()).limit(size + 1)
            )
        )
        return _page(rows[:size][::-1], earlier=len(rows) > size, later=True)
    if after is not None:
        query = query.where(SyncItem.id > after)
    rows = list(db.scalars(query.order_by(SyncItem.id).limit(size + 1)))
    return _page(rows[:size], earlier=after is not None, later=len(rows) > size)


def _page(items: list[SyncItem], *, earlier: bool, later: bool) -> ItemPage:
    if not items:
        return ItemPage([], None, None)
    return ItemPage(items, items[0].id if earlier else None, items[-1].id if later else None)


def _of_tab(run_id: int, tab: str, wanted: Wanted = ALL) -> Select[SyncItem]:
    query = select(SyncItem).where(SyncItem.run_id == run_id, _in_tab(tab))
    if wanted.text:
        of_number = SyncItem.external_id.icontains(wanted.text, autoescape=True)
        query = query.where(or_(of_number, SyncItem.label.icontains(wanted.text, autoescape=True)))
    return query.where(_has_field(wanted.field)) if wanted.field else query


def _has_field(name: str) -> ColumnElement[bool]:
    """Rows whose before or after holds the field: its key stands in the JSON text as "name":."""
    return or_(
        *(
            cast(side, Text).contains(f'"{name}":', autoescape=True)
            for side in (SyncItem.before, SyncItem.after)
        )
    )


def count(db: Session, run_id: int, tab: str, wanted: Wanted) -> int:
    """How many rows of the tab are wanted."""
    found = _of_tab(run_id, tab, wanted).with_only_columns(func.count(SyncItem.id))
    return db.scalar(found) or 0


def fields(db: Session, run_id: int, tab: str, stream: str = "stock") -> list[tuple[str, str]]:
    """The fields that changed in the first rows of a tab, with their labels, in form order."""
    rows = db.execute(
        _of_tab(run_id, tab)
        .with_only_columns(SyncItem.before, SyncItem.after)
        .order_by(SyncItem.id)
        .limit(FIELDS_READ)
    )
    names: set[str] = set()
    for before, after in rows:
        names |= (before or {}).keys() | (after or {}).keys()
    order = _ORDERS[stream]
    ordered = sorted(names, key=lambda name: (order.get(name, len(order)), name))
    return [(name, field_label(name, stream)) for name in ordered]


def field_label(name: str, stream: str = "stock") -> str:
    if stream == "leads":
        return _LEAD_FIELDS[name].label if name in _LEAD_FIELDS else label_of(name)
    return "Life cycle" if name == "lifecycle" else label_of(name)


def _in_tab(tab: str) -> ColumnElement[bool]:
    """A conflict whose other fields were written counts as updated too (apply.count_of)."""
    by_action = SyncItem.action.in_(ACTIONS.get(tab, ()))
    if tab != "updated":
        return by_action
    written = and_(SyncItem.action == "conflict", SyncItem.after.is_not(None))
    return or_(by_action, written)


def numbered(
    db: Session, run_id: int, action: str | None, page_number: int, size: int
) -> tuple[Sequence[SyncItem], int]:
    """Rows for programs, by page number, and how many there are; `action` as stored, or a tab."""
    query = select(SyncItem).where(SyncItem.run_id == run_id)
    if action is not None:
        known = action in ACTIONS
        query = query.where(_in_tab(action) if known else SyncItem.action == action)
    total = db.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    rows = query.order_by(SyncItem.id).offset((page_number - 1) * size).limit(size)
    return db.scalars(rows).all(), total


def changes(item: SyncItem, stream: str = "stock") -> list[FieldChange]:
    """The row's changed fields with the labels that people know (row 186)."""
    before, after = item.before or {}, item.after or {}
    names = [*before, *(name for name in after if name not in before)]
    order, one = _ORDERS[stream], _lead_change if stream == "leads" else _change
    ordered = sorted(names, key=lambda name: order.get(name, len(order)))
    return [one(name, before.get(name), after.get(name)) for name in ordered]


_LEAD_FIELDS: Final = LEAD_FIELDS | CUSTOMER_FIELDS
_ORDERS: Final = {
    "stock": {name: place for place, name in enumerate(FIELDS)},
    "leads": {name: place for place, name in enumerate(_LEAD_FIELDS)},
}


def _lead_change(name: str, before: Any, after: Any) -> FieldChange:
    known = _LEAD_FIELDS.get(name)
    if known is None:
        return FieldChange(label_of(name), "text", None, before, after)
    return FieldChange(
        known.label, "text", None, shown(known, before) or None, shown(known, after) or None
    )


def _change(name: str, before: Any, after: Any) -> FieldChange:
    if name == "lifecycle":
        return FieldChange(
            field_label(name), "text", None, LIFECYCLE_WORDS.get(before), LIFECYCLE_WORDS.get(after)
        )
    field = FIELDS.get(name)
    if field is None:
        return FieldChange(label_of(name), "text", None, before, after)
    return FieldChange(field.label, field.kind, field.unit, before, after)


def warnings(db: Session, run_id: int, stream: str = "stock") -> list[FieldWarnings]:
    """What was kept although it is odd, grouped by field, the most frequent first (row 72)."""
    rows = db.execute(
        select(SyncItem.external_id, SyncItem.label, SyncItem.warnings)
        .where(SyncItem.run_id == run_id, SyncItem.warnings.is_not(None))
        .order_by(SyncItem.id)
        .limit(WARNINGS_READ)
    )
    by_field: dict[str, list[tuple[str, str, str]]] = {}
    for number, label, found in rows:
        for warned in found or []:
            entry = (number, label, str(warned.get("text", "")))
            label_of_field = field_label(str(warned.get("field", "")), stream)
            by_field.setdefault(label_of_field, []).append(entry)
    groups = [FieldWarnings(field, found) for field, found in by_field.items()]
    return sorted(groups, key=lambda group: -len(group.found))
