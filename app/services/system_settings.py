"""Switches of the whole installation, moved by the system role (row 89)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from app.models import SystemSetting
from app.services import audit
from app.services.audit import Actor
from app.services.schedules import AUTO_SYNC


def auto_sync(db: Session) -> SystemSetting | None:
    """The switch for automatic syncs as it was last moved; None means never moved, so on."""
    return db.get(SystemSetting, AUTO_SYNC)


def set_auto_sync(db: Session, actor: Actor, on: bool, now: datetime) -> None:
    """Lets schedules start runs at all, or not; runs that are going on go on."""
    row = db.get(SystemSetting, AUTO_SYNC)
    if row is None:
        row = SystemSetting(key=AUTO_SYNC)
        db.add(row)
    row.value, row.changed_at, row.changed_by_id = on, now, actor.user_id
    audit.record(db, actor, "system.auto_sync", "all dealerships", {"on": on})
