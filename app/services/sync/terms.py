"""What a dealership decided about its syncs, as one run plans by it (C6, C18). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from app.services.sync.plan import MISSING_RUNS_BEFORE_OFF_MARKET, Policy, ask_always


@dataclass(frozen=True, slots=True)
class Terms:
    """`since`: the run's day in the dealership's zone and its number, "12 May (run 81)".

    `locked`: fields that no sync moves, on any vehicle.
    `anew`: records are decided although their bytes are as before (a re-map).
    """

    owner: Policy = ask_always
    locked: frozenset[str] = frozenset()
    missing_runs: int = MISSING_RUNS_BEFORE_OFF_MARKET
    since: str = ""
    anew: bool = False


def since(now: datetime, zone: str, run_id: int) -> str:
    """ "12 May (run 81)": a day of the dealership and the run that found out."""
    local = now.astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%B} (run {run_id})"


def folded(yard: str) -> str:
    """What counts when yards are compared."""
    return yard.strip().casefold()
