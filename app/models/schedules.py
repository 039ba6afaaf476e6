"""When each dealership's streams run by themselves, and the system's own switches."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, TenantOwned
from app.models.types import JsonText, UtcDateTime, utc_now


class Schedule(TenantOwned, Base):
    """One stream of one dealership; `cron` is read in the dealership's zone (trap T8)."""

    __tablename__ = "schedule"
    __table_args__ = (
        UniqueConstraint("dealership_id", "provider", "stream"),
        CheckConstraint("interval IN ('hourly', 'daily', 'custom')", name="interval"),
        Index(None, "next_run_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(String(32))
    stream: Mapped[str] = mapped_column(String(32))
    interval: Mapped[str] = mapped_column(String(16), default="daily")
    cron: Mapped[str] = mapped_column(String(100))
    enabled: Mapped[bool] = mapped_column(default=True)
    paused_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    pause_reason: Mapped[str | None] = mapped_column(String(300))
    next_run_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    changed_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("user_account.id", ondelete="SET NULL")
    )


class SystemSetting(Base):
    """A switch of the whole installation, with who moved it and when."""

    __tablename__ = "system_setting"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[Any] = mapped_column(JsonText)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    changed_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("user_account.id", ondelete="SET NULL")
    )
