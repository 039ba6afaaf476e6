"""What stands in the demo yard, and what goes wrong in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

SOME_VEHICLES: Final[tuple[Mapping[str, Any], ...]] = (
    {"id": "D-1", "make": "Toyota", "model": "HiLux", "year": 2022, "price": "48990.00"},
    {"id": "D-2", "make": "Mazda", "model": "CX-5", "year": 2021, "price": "36450.50"},
    {"id": "D-3", "make": "Jayco", "model": "Journey", "year": 2019, "price": None},
)


@dataclass
class Yard:
    """Rows in their order. `failure` is raised before page `failing_page`."""

    rows: list[bytes] = field(default_factory=list)
    rows_per_page: int = 2
    warning: str | None = None
    failure: Exception | None = None
    failing_page: int = 0

    def __post_init__(self) -> None:
        if not self.rows:
            self.park(SOME_VEHICLES)

    def park(self, records: Iterable[Mapping[str, Any] | bytes]) -> None:
        """Replaces everything; mappings are written as JSON, bytes are taken as they are."""
        self.rows = [row if isinstance(row, bytes) else orjson.dumps(row) for row in records]

    def fail_if_due(self, page: int) -> None:
        if self.failure is not None and page >= self.failing_page:
            raise self.failure
