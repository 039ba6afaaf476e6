"""How old the data is, in words (C31): measured by what the schedule promised, not by the clock.

A dealership that syncs once a day is not late after three hours; one that syncs every hour is.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import Final, Literal
from zoneinfo import ZoneInfo

from app.services import schedules

Age = Literal["up_to_date", "late", "stale"]
GRACE: Final = timedelta(minutes=30)
MISSES_UNTIL_STALE: Final = 3
WITHOUT_SCHEDULE: Final = timedelta(days=1)


def age_of(last: datetime | None, cron: str | None, zone: ZoneInfo, now: datetime) -> Age | None:
    """The age of data that was last good at `last`; None when there never was any.

    `cron` None (switched off): once a day is what one would expect. A run has GRACE to finish.
    """
    if last is None:
        return None
    promised = _promised(last, cron, zone)
    missed = sum(1 for due in promised if due + GRACE < now)
    if not missed:
        return "up_to_date"
    return "stale" if missed >= MISSES_UNTIL_STALE else "late"


def _promised(last: datetime, cron: str | None, zone: ZoneInfo) -> list[datetime]:
    if cron is None:
        return [last + WITHOUT_SCHEDULE * number for number in range(1, MISSES_UNTIL_STALE + 1)]
    return list(islice(schedules.due_times(cron, zone, last), MISSES_UNTIL_STALE))
