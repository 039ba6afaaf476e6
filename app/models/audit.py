"""Who did what, when, from where: append-only (rows 24, B-2b.15)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base
from app.models.accounts import User
from app.models.types import JsonText, UtcDateTime, utc_now


class AuditEvent(Base):
    """One act. `dealership_id` is empty for acts on the whole installation."""

    __tablename__ = "audit_event"
    __table_args__ = (Index(None, "dealership_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    dealership_id: Mapped[int | None] = mapped_column(
        ForeignKey("dealership.id", ondelete="CASCADE")
    )
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    actor: Mapped[str] = mapped_column(String(254))
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(200), default="")
    details: Mapped[dict[str, Any]] = mapped_column(JsonText, default=dict)
    outcome: Mapped[str] = mapped_column(String(16), default="done")
    address: Mapped[str | None] = mapped_column(String(64))
    request_id: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)

    user: Mapped[User | None] = relationship()
