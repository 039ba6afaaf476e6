"""Adding a lead of EasyCars by its number (T5): a run that reads this one lead."""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy.orm import Session

from app.models import SyncRun
from app.services import manual_sync
from app.services.audit import Actor
from app.services.errors import InputInvalid
from app.services.manual_sync import Means
from app.services.sync.opening import NUMBERS

STREAM: Final = "leads"
NUMBER: Final = re.compile(r"[0-9A-Za-z-]{1,20}")


def add(
    db: Session,
    dealership_id: int,
    lead_number: str,
    actor: Actor,
    means: Means,
    trigger: str = "person",
) -> SyncRun:
    """Opens the run in the caller's transaction; the lead is here when it ends.

    One call of EasyCars: the hourly limit does not count. Raises InputInvalid (`lead_number`),
    NotConfigured, AlreadyRunning.
    """
    number = lead_number.strip()
    if not NUMBER.fullmatch(number):
        raise InputInvalid(
            "This is not a lead number.",
            {"lead_number": "Enter the number as EasyCars shows it, such as 000231."},
        )
    return manual_sync.start(
        db,
        dealership_id=dealership_id,
        stream=STREAM,
        actor=actor,
        trigger=trigger,
        means=means,
        scope={NUMBERS: [number]},
    )
