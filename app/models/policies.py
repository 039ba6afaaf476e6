"""What a dealership decided about its sync: limits, who owns which field, how values are read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, TenantOwned
from app.models.types import JsonText, UtcDateTime, utc_now

QUESTIONS = ("value", "new_field", "gone_field")


class SyncPolicy(TenantOwned, Base):
    """Guards and ownership of one dealership (C3, C7, C18); no row: the defaults.

    `owners`: "*", "group:<group>" or a field's name → "easycars", "local", "ask" or "locked"; the
    most exact one counts. Shares are whole per cents.
    """

    __tablename__ = "sync_policy"
    __table_args__ = (UniqueConstraint("dealership_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    removals_count: Mapped[int] = mapped_column(default=10)
    removals_percent: Mapped[int] = mapped_column(default=20)
    price_drop_percent: Mapped[int] = mapped_column(default=30)
    missing_runs: Mapped[int] = mapped_column(default=2)
    owners: Mapped[dict[str, str]] = mapped_column(JsonText, default=dict)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    changed_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("user_account.id", ondelete="SET NULL")
    )


class MappingVersion(TenantOwned, Base):
    """One version of the mapping rules (C19); the highest number is in force.

    `rules`: {"values": {field: {received: shown}}, "title": template or null,
    "defaults": {field: value}}.
    """

    __tablename__ = "mapping_version"
    __table_args__ = (UniqueConstraint("dealership_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column()
    rules: Mapped[dict[str, Any]] = mapped_column(JsonText, default=dict)
    note: Mapped[str | None] = mapped_column(String(300))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    actor: Mapped[str] = mapped_column(String(254), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class FeedQuestion(TenantOwned, Base):
    """Something in the feed that nobody has explained yet, asked once (C20, C26)."""

    __tablename__ = "feed_question"
    __table_args__ = (
        UniqueConstraint("dealership_id", "provider", "stream", "kind", "field", "value"),
        CheckConstraint("kind IN ('value', 'new_field', 'gone_field')", name="kind"),
        CheckConstraint("state IN ('open', 'answered', 'ignored')", name="state"),
        Index(None, "dealership_id", "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(String(32))
    stream: Mapped[str] = mapped_column(String(32))
    kind: Mapped[str] = mapped_column(String(16))
    field: Mapped[str] = mapped_column(String(100))
    value: Mapped[str] = mapped_column(String(200), default="")
    seen: Mapped[int] = mapped_column(default=0)
    example: Mapped[str | None] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(16), default="open")
    first_run_id: Mapped[int | None] = mapped_column(
        ForeignKey("sync_run.id", ondelete="SET NULL"), index=True
    )
    last_run_id: Mapped[int | None] = mapped_column(
        ForeignKey("sync_run.id", ondelete="SET NULL"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[str | None] = mapped_column(String(254))
