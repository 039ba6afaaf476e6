"""One question for all dealerships: the first records of each, and how many there are.

Statements select `owner`, the dealership; a window counts while it reads.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.services.problems.finding import NAMED, Finding

Findings = dict[int, Finding]


def ranked_rows(query: Any, owner: Any, order: Any) -> Select[Any]:
    """The first NAMED rows of each dealership, each with the count of all of its rows."""
    window = {"partition_by": owner}
    inner = query.add_columns(
        func.count().over(**window).label("number"),
        func.row_number().over(**window, order_by=order).label("place"),
    ).subquery()
    return select(inner).where(inner.c.place <= NAMED).order_by(inner.c.owner, inner.c.place)


def by_owner(db: Session, query: Select[Any], tell: Callable[[list[Any]], Finding]) -> Findings:
    rows = db.execute(query).all()
    return {
        owner: tell(list(some)) for owner, some in groupby(rows, key=lambda row: int(row.owner))
    }
