"""What the page of mapping rules shows: received values beside rules, and example titles (C19)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import FeedQuestion, Vehicle
from app.services.mapping import MAPPED, folded
from app.services.mapping_input import CHOICES, Typed
from app.services.mapping_received import Received, received_values
from app.services.mapping_title import BadTemplate, Template
from app.services.sync.rows import Target
from app.services.vehicle_fields import label_of
from app.services.vehicle_values import values_of

VALUES_SHOWN: Final = 100
BLANK_ROWS: Final = 2
# (field, folded value) of the open questions → the value as it was received.
Asked = Mapping[tuple[str, str], str]
EXAMPLES: Final = 3


@dataclass(frozen=True, slots=True)
class MapRow:
    """One received value with the value that the form shows for it; a blank row is for a value
    that did not come yet. `is_asked`: it is an open question."""

    received: str
    shown: str
    count: int = 0
    vehicle_id: int | None = None
    vehicle: str = ""
    is_asked: bool = False


@dataclass(frozen=True, slots=True)
class MapField:
    """A field's rows; `more` received values are not shown; `choices`: the only words allowed."""

    name: str
    label: str
    rows: list[MapRow]
    rules: int
    received: int
    more: int
    choices: tuple[str, ...] = ()


def fields(db: Session, target: Target, typed: Typed) -> list[MapField]:
    """Every mapped field with the values that its stored records hold, and the typed rules."""
    found = received_values(db, target.dealership_id, target.provider, target.stream)
    asked = _asked(db)
    titles = _titles(db, found)
    return [_field(name, found.get(name, []), typed, asked, titles) for name in MAPPED]


def _asked(db: Session) -> Asked:
    query = select(FeedQuestion.field, FeedQuestion.value).where(
        FeedQuestion.state == "open", FeedQuestion.kind == "value"
    )
    return {(row.field, folded(row.value)): row.value for row in db.execute(query)}


def _titles(db: Session, found: Mapping[str, Sequence[Received]]) -> dict[int, str]:
    wanted = {one.vehicle_id for values in found.values() for one in values[:VALUES_SHOWN]}
    query = select(Vehicle.id, Vehicle.stock_number, Vehicle.title).where(Vehicle.id.in_(wanted))
    return {row.id: row.stock_number or row.title for row in db.execute(query)}


def _field(
    name: str,
    received: Sequence[Received],
    typed: Typed,
    asked: Asked,
    titles: Mapping[int, str],
) -> MapField:
    pairs = typed.values.get(name, ())
    shown: dict[str, str] = {}
    for value, text in pairs:
        shown.setdefault(folded(value), text)
    came = {folded(one.value): one for one in received}
    rows = [
        MapRow(
            one.value,
            shown.get(key, ""),
            one.count,
            one.vehicle_id,
            titles.get(one.vehicle_id, ""),
            (name, key) in asked,
        )
        for place, (key, one) in enumerate(came.items())
        if place < VALUES_SHOWN or key in shown
    ]
    hidden = len(came) - len(rows)
    rows += _typed_besides(pairs, came, name, asked)
    rows += _only_asked(name, asked, {folded(row.received) for row in rows})
    rows += [MapRow("", "")] * BLANK_ROWS
    rules = sum(1 for row in rows if row.shown and row.received)
    choices = CHOICES.get(name, ())
    return MapField(name, label_of(name), rows, rules, len(came), hidden, choices)


def _typed_besides(
    pairs: Sequence[tuple[str, str]], came: Mapping[str, Received], name: str, asked: Asked
) -> list[MapRow]:
    """Rules for values that no stored record has, and a second rule for one value, as typed."""
    rows, seen = [], set()
    for value, text in pairs:
        key = folded(value)
        has_row = key in came and key not in seen
        seen.add(key)
        if not has_row and (value.strip() or text.strip()):
            rows.append(MapRow(value, text, is_asked=(name, key) in asked))
    return rows


def _only_asked(name: str, asked: Asked, shown: Set[str]) -> list[MapRow]:
    """Values in question that are not in the archive's columns, such as kinds."""
    return [
        MapRow(value, "", is_asked=True)
        for (field, key), value in sorted(asked.items())
        if field == name and key not in shown
    ]


@dataclass(frozen=True, slots=True)
class TitleExample:
    """A real vehicle's title now, and as the template would write it (None: it says nothing)."""

    vehicle_id: int
    now: str
    then: str | None


def title_examples(db: Session, template: str) -> tuple[list[TitleExample], str | None]:
    """Some listed vehicles under the template, and what is wrong with it, or None."""
    made, fault = None, None
    try:
        made = Template(template) if template.strip() else None
    except BadTemplate as exc:
        fault = str(exc)
    query = (
        select(Vehicle)
        .where(Vehicle.source == "EasyCars", Vehicle.lifecycle == "listed")
        .order_by(Vehicle.id.desc())
        .limit(EXAMPLES)
    )
    return [
        TitleExample(car.id, car.title, (made.render(values_of(car)) or None) if made else None)
        for car in db.scalars(query)
    ], fault
