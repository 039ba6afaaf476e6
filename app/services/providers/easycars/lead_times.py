"""Sydney wall time without an offset, as EasyCars writes it, into UTC (trap T26)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

SYDNEY: Final = ZoneInfo("Australia/Sydney")
_WALL_TIME = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}) +(\d{1,2}):(\d{2})(?::(\d{2}))?")


@dataclass(frozen=True, slots=True)
class Moment:
    """`at` in UTC, None when there is none; `problem` then says why.

    `is_ambiguous`: clocks went back and showed that hour twice; `at` is the first of the two.
    """

    at: datetime | None
    is_ambiguous: bool = False
    problem: str | None = None


def moment_of(text: str) -> Moment:
    """Reads dd/MM/yyyy HH:mm:ss, seconds optional."""
    wall = _wall_time(text)
    if wall is None:
        return Moment(None, problem="is not a date and time")
    first, second = (wall.replace(tzinfo=SYDNEY, fold=fold) for fold in (0, 1))
    at = first.astimezone(UTC)
    if at.astimezone(SYDNEY).replace(tzinfo=None) != wall:
        return Moment(None, problem="never was: clocks in Sydney skipped that hour")
    return Moment(at, is_ambiguous=first.utcoffset() != second.utcoffset())


def _wall_time(text: str) -> datetime | None:
    found = _WALL_TIME.fullmatch(text)
    if found is None:
        return None
    day, month, year, hour, minute, second = (int(part or 0) for part in found.groups())
    try:
        return datetime(year, month, day, hour, minute, second) if year >= 1900 else None  # noqa: DTZ001 - its zone is added by the caller
    except ValueError:
        return None
