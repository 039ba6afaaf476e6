"""The way from "connected" to "live", step by step (C67)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, TenantOwned
from app.models.types import UtcDateTime, utc_now


class GoLiveStep(TenantOwned, Base):
    """A step that a person ended: done, or skipped for a reason. Steps that follow from the
    data are not stored."""

    __tablename__ = "go_live_step"
    __table_args__ = (
        UniqueConstraint("dealership_id", "step"),
        CheckConstraint("state IN ('done', 'skipped')", name="state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    step: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(String(300))
    run_id: Mapped[int | None] = mapped_column(
        ForeignKey("sync_run.id", ondelete="SET NULL"), index=True
    )
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    actor: Mapped[str] = mapped_column(String(254), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
