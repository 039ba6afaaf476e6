"""What is wrong at a dealership: one row per cause, never one per record (C30, design §7)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, TenantOwned
from app.models.types import JsonText, UtcDateTime, utc_now

SEVERITIES = ("danger", "warning")
OPEN_ONLY = text("resolved_at IS NULL")


class Problem(TenantOwned, Base):
    """One cause. The row stays when the cause is gone, and opens again when it comes back.

    `cause` names it ("stock-sync:provider_unavailable", "leads-overdue"). `path` is where the next
    step is taken, below the dealership's address; `link` are the words for it. `affected` counts
    all records, `records` names the first of them: `label`, `path` or None, and `of` where the
    cause itself tells them apart. `times`: how often it was noticed since `opened_at`; `openings`:
    how often it began. `told_at`: when people were last told by mail.
    """

    __tablename__ = "problem"
    __table_args__ = (
        UniqueConstraint("dealership_id", "cause"),
        CheckConstraint("severity IN ('danger', 'warning')", name="severity"),
        # The sweep asks for all open ones of all dealerships every minute.
        Index(
            "ix_problem_open", "dealership_id", sqlite_where=OPEN_ONLY, postgresql_where=OPEN_ONLY
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    cause: Mapped[str] = mapped_column(String(100))
    severity: Mapped[str] = mapped_column(String(16))
    title: Mapped[str] = mapped_column(String(200))
    detail: Mapped[str] = mapped_column(Text)
    next_step: Mapped[str] = mapped_column(Text)
    path: Mapped[str] = mapped_column(String(200))
    link: Mapped[str] = mapped_column(String(100))
    affected: Mapped[int] = mapped_column(default=0)
    records: Mapped[list[dict[str, Any]]] = mapped_column(JsonText, default=list)
    run_id: Mapped[int | None] = mapped_column(
        ForeignKey("sync_run.id", ondelete="SET NULL"), index=True
    )
    first_seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    times: Mapped[int] = mapped_column(default=1)
    openings: Mapped[int] = mapped_column(default=1)
    told_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    snoozed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    snoozed_by: Mapped[str | None] = mapped_column(String(254))
    resolved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    resolution: Mapped[str | None] = mapped_column(String(200))

    @property
    def is_open(self) -> bool:
        return self.resolved_at is None

    def is_snoozed(self, now: datetime) -> bool:
        return self.is_open and self.snoozed_until is not None and self.snoozed_until > now
