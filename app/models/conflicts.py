"""Fields that changed here and there since both sides agreed (C21)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, TenantOwned
from app.models.types import JsonText, UtcDateTime, utc_now

RESOLUTIONS = ("local", "easycars", "manual", "gone")
OPEN_ONLY = text("state = 'open'")


class Conflict(TenantOwned, Base):
    """One field of one record: what was agreed, what is here, what the provider says.

    `resolution`: whose value was taken; "manual" for a third one, "gone" when both sides agree
    again by themselves. A settled row keeps for an undo: `local`, what was here before, `result`,
    what was here after, and `settled_in`, the act, which is one for all fields settled together.
    """

    __tablename__ = "conflict"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'resolved')", name="state"),
        CheckConstraint(
            "resolution IS NULL OR resolution IN ('local', 'easycars', 'manual', 'gone')",
            name="resolution",
        ),
        Index(
            "uq_conflict_one_open",
            "dealership_id",
            "entity",
            "entity_id",
            "field",
            unique=True,
            sqlite_where=OPEN_ONLY,
            postgresql_where=OPEN_ONLY,
        ),
        Index(None, "dealership_id", "state", "id"),
        Index(None, "dealership_id", "resolved_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(String(32))
    stream: Mapped[str] = mapped_column(String(32))
    entity: Mapped[str] = mapped_column(String(32))
    entity_id: Mapped[int] = mapped_column()
    link_id: Mapped[int] = mapped_column(
        ForeignKey("external_link.id", ondelete="CASCADE"), index=True
    )
    external_id: Mapped[str] = mapped_column(String(200))
    field: Mapped[str] = mapped_column(String(100))
    agreed: Mapped[Any | None] = mapped_column(JsonText)
    local: Mapped[Any | None] = mapped_column(JsonText)
    remote: Mapped[Any | None] = mapped_column(JsonText)
    state: Mapped[str] = mapped_column(String(16), default="open")
    resolution: Mapped[str | None] = mapped_column(String(16))
    run_id: Mapped[int | None] = mapped_column(
        ForeignKey("sync_run.id", ondelete="SET NULL"), index=True
    )
    first_seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    resolved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    resolved_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("user_account.id", ondelete="SET NULL")
    )
    resolved_by: Mapped[str | None] = mapped_column(String(254))
    result: Mapped[Any | None] = mapped_column(JsonText)
    settled_in: Mapped[str | None] = mapped_column(String(32))
