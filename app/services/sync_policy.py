"""A dealership's guards and ownership, with defaults where nothing was set (C3, C7, C18)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import SyncPolicy
from app.services.sync.guards import Limits
from app.services.sync.plan import Owner
from app.services.vehicle_fields import FIELDS

EVERYTHING: Final = "*"
GROUP: Final = "group:"
LOCKED: Final = "locked"
RULES: Final = (*(owner.value for owner in Owner), LOCKED)


@dataclass(frozen=True, slots=True)
class Policies:
    """`owners`: "*", "group:<group>" or a field → one of RULES; the most exact one counts.

    "locked" is a lock for all vehicles: a field that a sync fills once, for a new vehicle, and
    never changes.
    """

    removals_count: int = 10
    removals_percent: int = 20
    price_drop_percent: int = 30
    missing_runs: int = 2
    owners: Mapping[str, str] = field(default_factory=dict)

    def rule(self, name: str) -> str:
        """What counts for a field, by the most exact rule."""
        known = FIELDS.get(name)
        group = f"{GROUP}{known.group}" if known else ""
        rules = (self.owners.get(key) for key in (name, group, EVERYTHING))
        return next((rule for rule in rules if rule in RULES), Owner.ASK.value)

    def owner(self, name: str) -> Owner:
        """Who wins when both sides changed the field."""
        rule = self.rule(name)
        return Owner.LOCAL if rule == LOCKED else Owner(rule)

    @property
    def locked(self) -> frozenset[str]:
        """Fields that no sync moves, on any vehicle."""
        if LOCKED not in self.owners.values():
            return frozenset()
        return frozenset(name for name in FIELDS if self.rule(name) == LOCKED)

    def limits(self, newest_year: int) -> Limits:
        return Limits(
            newest_year=newest_year,
            price_drop=self.price_drop_percent / 100,
            removals_count=self.removals_count,
            removals_share=self.removals_percent / 100,
        )


def read(db: Session) -> Policies:
    """The policies of the session's dealership."""
    row = db.scalar(select(SyncPolicy))
    if row is None:
        return Policies()
    return Policies(
        row.removals_count,
        row.removals_percent,
        row.price_drop_percent,
        row.missing_runs,
        dict(row.owners),
    )
