"""Which runs a search text means: a record that they touched, a person, or the run itself (C33).

What the text can be is looked up first, by index; the runs are then found from a short list of
records, so that the size of the history does not matter. The dealership is the session's alone:
naming it a second time lets SQLite choose an index that knows only the dealership.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, or_, select, union
from sqlalchemy.orm import Session

from app.models import Customer, Lead, SyncItem, SyncRun, Vehicle
from app.services.leads import customers
from app.services.leads.delivery import SENT_LEAD

ENVIRONMENTS: Final = ("Test", "Production")
# How a queue names its jobs.
_JOB: Final = re.compile(r"sync-(\d{1,9})-\d+")
RECORDS: Final = 200


def touched(db: Session, text: str) -> ColumnElement[bool]:
    """A condition on SyncRun: the run of that number, reference or job, and runs that touched
    the record: by stock number, VIN, rego, lead number, or a customer's mail address."""
    spellings = {text, text.upper(), text.lower()}
    leads = _leads(db, text, spellings)
    names = spellings | {f"{SENT_LEAD}{lead_id}" for lead_id in leads}
    found: list[Select[Any]] = [
        select(SyncRun.id).where(SyncRun.request_id.in_(spellings)),
        select(SyncItem.run_id).where(SyncItem.external_id.in_(names)),
        *_by_entity("stock", _vehicles(db, spellings)),
        *_by_entity("leads", leads),
    ]
    if (number := _run_number(text)) is not None:
        found.append(select(SyncRun.id).where(SyncRun.id == number))
    return SyncRun.id.in_(union(*found))


def _run_number(text: str) -> int | None:
    job = _JOB.fullmatch(text)
    digits = job[1] if job else text
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 9 else None


def _by_entity(stream: str, ids: Sequence[int]) -> list[Select[Any]]:
    """Ids of vehicles and of leads are counted apart: only the run's stream tells them apart."""
    if not ids:
        return []
    return [
        select(SyncItem.run_id)
        .join(SyncRun, SyncRun.id == SyncItem.run_id)
        .where(SyncItem.entity_id.in_(ids), SyncRun.stream == stream)
    ]


def _vehicles(db: Session, spellings: set[str]) -> Sequence[int]:
    return db.scalars(
        select(Vehicle.id)
        .where(
            or_(
                Vehicle.vin.in_(spellings),
                Vehicle.rego_num.in_(spellings),
                Vehicle.stock_number.in_(spellings),
            )
        )
        .limit(RECORDS)
    ).all()


def _leads(db: Session, text: str, spellings: set[str]) -> Sequence[int]:
    """Leads by EasyCars' number, or those of a customer with that address."""
    mine = select(Lead.id).limit(RECORDS)
    if "@" not in text:
        # Naming both environments lets the index of numbers be used whole.
        known = Lead.environment.in_(ENVIRONMENTS) & Lead.lead_number.in_(spellings)
        return db.scalars(mine.where(known)).all()
    people = select(Customer.id).where(Customer.email_key == customers.email_key(text))
    newest = mine.where(Lead.customer_id.in_(people)).order_by(Lead.id.desc())
    return db.scalars(newest).all()
