"""The data quality list as CSV, read and written in chunks (C44, C76, T18)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any, Final

from sqlalchemy.orm import Session

from app.services.data_quality import QualityRow, all_told
from app.services.vehicle_export import safe_text

HEAD: Final = ("Id", "Stock number", "Title", "Points", "Issues")


def quality_csv(db: Session, newest_year: int, issue: str | None = None) -> Iterator[str]:
    """Lines of the file, a chunk at a time, worst vehicle first; starts with the mark of UTF-8."""
    yield "\ufeff" + _lines([HEAD])
    for rows in all_told(db, newest_year, issue):
        yield _lines(_cells(row) for row in rows)


def _cells(found: QualityRow) -> tuple[Any, ...]:
    vehicle = found.row.vehicle
    issues = "; ".join(f"{rule.label} ({rule.points})" for rule in found.rules)
    number, title = safe_text(vehicle.stock_number or ""), safe_text(vehicle.title)
    return vehicle.id, number, title, found.points, issues


def _lines(rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
