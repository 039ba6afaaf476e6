"""Leaving persons out of what goes to support (C39): names, mail addresses, phone numbers.

Fields are let through by name, not struck by name: what nobody listed stays out. Sentences keep
their words, without addresses, numbers and the names that the dealership knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Customer, Lead, Membership, SyncItem, SyncRun, User
from app.services.leads.fields import LEAD_FIELDS
from app.services.vehicle_fields import FIELDS

LEFT_OUT: Final = "[left out]"
MAIL: Final = "[mail]"
PHONE: Final = "[phone]"
NAME: Final = "[name]"
SHORTEST_NAME: Final = 3
_MAIL: Final = re.compile(r"[^\s@<>\"',;()]+@[^\s@<>\"',;()]+\.[^\s@<>\"',;()]+")
# From +61 412 345 678 to (02) 9876 5432; a date or a stock number does not begin like that.
_PHONE: Final = re.compile(r"(?<![\w.])(?:\+|\(?0)\d(?:[ .()/-]{0,2}\d){6,13}(?!\w)")
# Free text is written by anybody about anything.
_FREE_TEXT: Final = frozenset(
    {"short_description", "description", "additional_description", "video_link", "warranty"}
)
SAFE: Final[Mapping[str, frozenset[str]]] = {
    "stock": frozenset(FIELDS) - _FREE_TEXT | {"lifecycle", "photos"},
    "leads": frozenset(LEAD_FIELDS) - {"message", "page_url"},
}


class Redactor:
    """Takes persons out of the texts of one dealership's run."""

    def __init__(self, names: Iterable[str]) -> None:
        known = {name.strip() for name in names if len(name.strip()) >= SHORTEST_NAME}
        longest_first = sorted(known, key=len, reverse=True)
        words = "|".join(re.escape(name) for name in longest_first)
        self._names = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE) if words else None

    def text(self, text: str | None) -> str | None:
        """A sentence without mail addresses, phone numbers and known names."""
        if not text:
            return text
        clean = _PHONE.sub(PHONE, _MAIL.sub(MAIL, text))
        return self._names.sub(NAME, clean) if self._names else clean

    def deep(self, value: Any) -> Any:
        """The same for all texts inside lists and objects."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {name: self.deep(one) for name, one in value.items()}
        return [self.deep(one) for one in value] if isinstance(value, list | tuple) else value

    def values(self, values: Mapping[str, Any] | None, stream: str) -> dict[str, Any] | None:
        """Changed fields: the listed ones; of the others only that they were there."""
        if values is None:
            return None
        safe = SAFE.get(stream, frozenset())
        return {
            name: self.deep(value) if name in safe else _hidden(value)
            for name, value in values.items()
        }

    def item(self, item: SyncItem, stream: str) -> dict[str, Any]:
        """One record of a run; a lead is called by its number, for its label is a name."""
        of_lead = stream != "stock"
        return {
            "externalId": item.external_id,
            "label": LEFT_OUT if of_lead else self.text(item.label),
            "action": item.action,
            "entityId": item.entity_id,
            "before": self.values(item.before, stream),
            "after": self.values(item.after, stream),
            "reason": self.text(item.reason),
            "warnings": self.deep(item.warnings or []),
        }


def _hidden(value: Any) -> Any:
    return value if value is None or isinstance(value, bool) else LEFT_OUT


def actor_of(run: SyncRun, redactor: Redactor) -> str | None:
    """Who started it, as a number that the dealership can look up."""
    return f"person {run.user_id}" if run.user_id else redactor.text(run.actor)


def redactor_for(db: Session, run: SyncRun) -> Redactor:
    """Knows the people of the dealership, and the customers of the leads that the run touched."""
    staff = db.execute(
        select(User.name, User.email)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.dealership_id == run.dealership_id)
    )
    names = [text for row in staff for text in row]
    if run.stream == "leads":
        names += _customers(db, run.id)
    return Redactor(names)


def _customers(db: Session, run_id: int) -> list[str]:
    leads = select(SyncItem.entity_id).where(SyncItem.run_id == run_id)
    people = (
        select(Customer.name)
        .join(Lead, Lead.customer_id == Customer.id)
        .where(Lead.id.in_(leads), Customer.name != "")
    )
    return list(db.scalars(people.distinct()))
