"""The filtered list of differences as CSV, a line for each differing field (row 200, T18)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any, Final

from sqlalchemy.orm import Session

from app.models import Difference
from app.services.reconciliation import listing, words
from app.services.reconciliation.listing import Wanted
from app.services.vehicle_export import safe_text

AT_ONCE: Final = 500
HEAD: Final = (
    "Id", "Records", "Kind", "Severity", "Status", "Number in EasyCars", "Record",
    "Field", "Here", "EasyCars", "First seen", "Last seen", "Reason", "Note",
)  # fmt: skip


def differences_csv(db: Session, wanted: Wanted) -> Iterator[str]:
    """Lines of the file, a chunk at a time; starts with the mark by which Excel knows UTF-8."""
    yield "\ufeff" + _lines([HEAD])
    chunk: list[tuple[Any, ...]] = []
    for difference in listing.rows(db, wanted):
        chunk += _cells(difference)
        if len(chunk) >= AT_ONCE:
            yield _lines(chunk)
            chunk = []
    yield _lines(chunk)


def _cells(difference: Difference) -> Iterator[tuple[Any, ...]]:
    record = (
        difference.id,
        words.STREAMS[difference.stream],
        words.KINDS[difference.kind],
        words.SEVERITIES[difference.severity],
        words.STATUSES[difference.status],
        safe_text(difference.external_id or ""),
        safe_text(difference.label),
    )
    seen = (
        difference.first_seen_at.isoformat(timespec="seconds"),
        difference.last_seen_at.isoformat(timespec="seconds"),
        safe_text(difference.reason or ""),
        safe_text(difference.note or ""),
    )
    fields = [(one.label, one.here, one.there) for one in words.lines(difference)]
    for field in fields or [("", "", "")]:
        yield (*record, *map(safe_text, field), *seen)


def _lines(rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
