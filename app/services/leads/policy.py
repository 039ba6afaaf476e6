"""What a dealership decided about its leads, with defaults where nothing was set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import LeadPolicy
from app.services.sync.plan import Owner

STATUS: Final = "status"


@dataclass(frozen=True, slots=True)
class Policies:
    """See LeadPolicy. `owner` answers for a field of a lead, `customer` for a customer's."""

    status_owner: str = "ask"
    field_owner: str = "ask"
    customer_owner: str = "ask"
    overdue_minutes: int = 120
    is_alarm_on: bool = True
    is_discovery_on: bool = False
    discovery_gap: int = 10
    discovery_calls: int = 50
    reads_per_run: int = 200
    form_key: str | None = None

    def owner(self, name: str) -> Owner:
        return Owner(self.status_owner if name == STATUS else self.field_owner)

    def customer(self, _name: str) -> Owner:
        return Owner(self.customer_owner)


def read(db: Session) -> Policies:
    """The policies of the session's dealership."""
    row = db.scalar(select(LeadPolicy))
    if row is None:
        return Policies()
    return Policies(**{name: getattr(row, name) for name in Policies.__slots__})
