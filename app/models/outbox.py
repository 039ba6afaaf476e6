"""What leaves, written with its cause and delivered at least once (design §6)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, TenantOwned
from app.models.types import JsonText, UtcDateTime, utc_now

WAITING_ONLY = text("state = 'waiting' AND lane IS NOT NULL")


class OutboxMessage(TenantOwned, Base):
    """One message to one receiver. `key` makes repetition harmless; `payload` is the kind's own.

    Messages of one `lane` leave one at a time, in the order in which they were put.
    """

    __tablename__ = "outbox_message"
    __table_args__ = (
        UniqueConstraint("dealership_id", "key"),
        CheckConstraint("state IN ('waiting', 'sent', 'dead')", name="state"),
        Index(None, "state", "next_try_at"),
        Index(None, "dealership_id", "id"),
        Index(
            "ix_outbox_message_lane",
            "dealership_id",
            "lane",
            "id",
            sqlite_where=WAITING_ONLY,
            postgresql_where=WAITING_ONLY,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    key: Mapped[str] = mapped_column(String(200))
    recipient: Mapped[str] = mapped_column(String(254))
    lane: Mapped[str | None] = mapped_column(String(64))
    payload: Mapped[dict[str, Any]] = mapped_column(JsonText, default=dict)
    run_id: Mapped[int | None] = mapped_column(
        ForeignKey("sync_run.id", ondelete="SET NULL"), index=True
    )
    state: Mapped[str] = mapped_column(String(16), default="waiting")
    attempts: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    leased_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
