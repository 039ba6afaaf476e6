"""Differences on paper: the filtered list, and the change list for staff (rows 197, 200, T6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.models import Dealership, Difference
from app.services.reconciliation import listing, starting, words
from app.services.reconciliation.listing import Wanted
from app.services.reports import MOST_ROWS, Column, Report, Section, moment_in_words

TITLE: Final = "Data reconciliation"
CHANGE_LIST: Final = "Change list for EasyCars"
NOT_GIVEN: Final = "Not given"
BOX: Final = "\u2610"
# Of a text in the report; of one that somebody has to enter; of the fields of one record.
LONGEST: Final = 160
LONGEST_TO_ENTER: Final = 1500
MOST_FIELDS: Final = 25
DAY: Final = "%d/%m/%Y"
COLUMNS: Final = (
    Column("Record", 2.3),
    Column("Severity", 1.1),
    Column("What differs", 3.9),
    Column("First seen", 1.2),
)
LIST_COLUMNS: Final = (
    Column("Done", 0.6),
    Column("Field", 1.5),
    Column("In EasyCars now", 2.2),
    Column("Enter in EasyCars", 2.2),
)
LEFT_OUT: Final = (
    "The first {:,} of {:,} differences are printed. The CSV has all of them; a filter makes the "
    "list shorter."
)


@dataclass
class _Gathered:
    """What one pass over the rows leaves: numbers of all of them, words of the first ones."""

    numbers: Counter[str] = field(default_factory=Counter)
    rows: dict[tuple[str, str], list[Sequence[str]]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return self.numbers["all"]


def report(
    db: Session, dealership: Dealership, wanted: Wanted, about: Sequence[str], now: datetime
) -> Report:
    """The list as the page shows it with `wanted`. `about`: the filter in words."""
    zone = dealership.timezone
    found = _gather(listing.rows(db, wanted), zone)
    return Report(
        title=TITLE,
        dealership=dealership.name,
        made_at=now,
        zone=zone,
        totals=_totals(found),
        about=[*about, *_compared(db, zone)],
        notes=_notes(found, wanted),
        sections=[
            Section(f"{words.STREAMS[stream]}: {words.KINDS[kind]}", COLUMNS, rows)
            for (stream, kind), rows in sorted(found.rows.items(), key=_place)
        ],
    )


def change_list(db: Session, dealership: Dealership, now: datetime) -> Report:
    """What staff enter in EasyCars by hand, a table for each vehicle, with boxes to tick."""
    differences = list(listing.rows(db, Wanted(status="listed")))[:MOST_ROWS]
    sections = [
        Section(_record(one).replace("\n", ", "), LIST_COLUMNS, _to_enter(one))
        for one in differences
    ]
    notes = [words.CANNOT_PUSH_VEHICLES] if differences else ["Nothing is on the change list."]
    totals = [("Records to change in EasyCars", len(differences))]
    return Report(
        CHANGE_LIST, dealership.name, now, dealership.timezone, totals, (), notes, sections
    )


def _to_enter(difference: Difference) -> list[Sequence[str]]:
    return [(BOX, line.label, *_to_type(line)) for line in words.lines(difference)]


def _to_type(line: words.Line) -> Iterator[str]:
    return (_short(side, LONGEST_TO_ENTER) or NOT_GIVEN for side in (line.there, line.here))


def _gather(differences: Iterable[Difference], zone: str) -> _Gathered:
    found = _Gathered()
    for one in differences:
        found.numbers.update(("all", one.kind, one.severity))
        if found.total <= MOST_ROWS:
            found.rows.setdefault((one.stream, one.kind), []).append(_row(one, zone))
    return found


def _row(difference: Difference, zone: str) -> Sequence[str]:
    lines = words.lines(difference)
    told = [_field(difference, line) for line in lines[:MOST_FIELDS]]
    if len(lines) > MOST_FIELDS:
        told.append(f"and {len(lines) - MOST_FIELDS} more fields, which the CSV has")
    if difference.status != "open":
        told.append(_standing(difference))
    first_seen = difference.first_seen_at.astimezone(ZoneInfo(zone)).strftime(DAY)
    severity = words.SEVERITIES[difference.severity]
    return _record(difference), severity, "\n".join(told), first_seen


def _record(difference: Difference) -> str:
    return "\n".join(filter(None, (difference.external_id, _short(difference.label))))


def _field(difference: Difference, line: words.Line) -> str:
    """What both sides say; of a record that one side does not have, what the other says."""
    here, there = (_short(side) or NOT_GIVEN for side in (line.here, line.there))
    if difference.kind == words.DIFFERING:
        return f"{line.label}: {here} here, {there} in EasyCars"
    return f"{line.label}: {here if difference.kind == words.HERE_ONLY else there}"


def _standing(difference: Difference) -> str:
    reason = f": {difference.reason}" if difference.reason else ""
    return f"{words.STATUSES[difference.status]}{reason}"


def _short(text: str, longest: int = LONGEST) -> str:
    """A description of 60 kB would fill pages."""
    return text if len(text) <= longest else f"{text[:longest].rstrip()}…"


def _place(group: tuple[tuple[str, str], Any]) -> tuple[int, int]:
    (stream, kind), _rows = group
    return list(words.STREAMS).index(stream), list(words.KINDS).index(kind)


def _totals(found: _Gathered) -> list[tuple[str, int]]:
    """Every number that the rows add up to; a category of nothing is told as 0."""
    named = {**words.KINDS, **words.SEVERITIES}
    return [
        ("Differences", found.total),
        *((name, found.numbers[key]) for key, name in named.items()),
    ]


def _compared(db: Session, zone: str) -> Iterable[str]:
    """When each stream was compared last."""
    for stream, name in words.STREAMS.items():
        run = starting.last_good(db, stream)
        ended = run.completed_at if run else None
        told = moment_in_words(ended, zone) if ended else "never"
        yield f"{name} last compared: {told}"


def _notes(found: _Gathered, wanted: Wanted) -> Sequence[str]:
    notes = [] if wanted.stream == words.STOCK else [words.CANNOT_LIST_LEADS]
    if found.total > MOST_ROWS:
        notes.append(LEFT_OUT.format(MOST_ROWS, found.total))
    if not found.total:
        notes.append("No difference is on this list.")
    return notes
