"""Runs and what each did to each record: one row is the truth (design §3)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base, TenantOwned
from app.models.accounts import Dealership, User
from app.models.types import JsonText, UtcDateTime, utc_now

ACTIVE = ("queued", "running")
STATUSES = (*ACTIVE, "success", "warning", "failed", "cancelled", "held")
MODES = ("sync", "preview", "reconcile", "undo", "remap")
TRIGGERS = ("schedule", "person", "api", "retry", "first-import")
ACTIVE_ONLY = text("status IN ('queued', 'running')")
# New vehicles that a person left out: no other row remembers it.
LEFT_OUT = text("decision = 'kept' AND entity_id IS NULL")


def _one_of(column: str, allowed: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in allowed)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


class SyncRun(TenantOwned, Base):
    """One run of one stream. Only app/services/sync/runs.py writes `status`."""

    __tablename__ = "sync_run"
    __table_args__ = (
        _one_of("status", STATUSES),
        _one_of("mode", MODES),
        _one_of("trigger", TRIGGERS),
        CheckConstraint("completed_at IS NULL OR completed_at >= started_at", name="order"),
        Index(
            "uq_sync_run_one_active",
            "dealership_id",
            "provider",
            "stream",
            unique=True,
            sqlite_where=ACTIVE_ONLY,
            postgresql_where=ACTIVE_ONLY,
        ),
        Index(
            "ix_sync_run_active",
            "lease_expires_at",
            sqlite_where=ACTIVE_ONLY,
            postgresql_where=ACTIVE_ONLY,
        ),
        UniqueConstraint("dealership_id", "provider", "stream", "due_at"),
        Index(None, "dealership_id", "id"),
        Index(None, "dealership_id", "status", "id"),
        Index(None, "dealership_id", "stream", "id"),
        Index(None, "dealership_id", "trigger", "id"),
        Index(None, "dealership_id", "direction", "id"),
        Index(None, "dealership_id", "mode", "id"),
        Index(None, "dealership_id", "created_at", "id"),
        Index(None, "dealership_id", "request_id"),
        Index(None, "parent_id"),
        Index(None, "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(String(32))
    stream: Mapped[str] = mapped_column(String(32))
    direction: Mapped[str] = mapped_column(String(16), default="inbound")
    mode: Mapped[str] = mapped_column(String(16), default="sync")
    trigger: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16), default="queued")
    phase: Mapped[str] = mapped_column(String(32), default="queued")
    credential_id: Mapped[int | None] = mapped_column(
        ForeignKey("dealership_easycar_credentials.id", ondelete="SET NULL")
    )
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    actor: Mapped[str] = mapped_column(String(254), default="")
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("sync_run.id", ondelete="SET NULL"))
    request_id: Mapped[str | None] = mapped_column(String(64))
    job_id: Mapped[str | None] = mapped_column(String(64))
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    scope: Mapped[dict[str, Any]] = mapped_column(JsonText, default=dict)

    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    enqueued_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cancel_asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempt: Mapped[int] = mapped_column(default=0)
    lease_owner: Mapped[str | None] = mapped_column(String(100))
    lease_token: Mapped[str | None] = mapped_column(String(32))
    lease_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=0)

    total: Mapped[int | None] = mapped_column()
    created: Mapped[int] = mapped_column(default=0)
    updated: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    held: Mapped[int] = mapped_column(default=0)
    missing: Mapped[int] = mapped_column(default=0)
    conflicts: Mapped[int] = mapped_column(default=0)
    photos_state: Mapped[str] = mapped_column(String(16), default="none")
    photos_kept: Mapped[int] = mapped_column(default=0)
    photos_new: Mapped[int] = mapped_column(default=0)
    photos_failed: Mapped[int] = mapped_column(default=0)
    photos_total: Mapped[int | None] = mapped_column()
    photos_attempt: Mapped[int] = mapped_column(default=0)
    photos_lease_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    message: Mapped[str | None] = mapped_column(Text)
    error_code: Mapped[str | None] = mapped_column(String(64))
    error_details: Mapped[str | None] = mapped_column(Text)
    request_payload: Mapped[dict[str, Any] | None] = mapped_column(JsonText)
    response_summary: Mapped[dict[str, Any] | None] = mapped_column(JsonText)

    dealership: Mapped[Dealership] = relationship()
    user: Mapped[User | None] = relationship()

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE

    @property
    def done(self) -> int:
        """Rows of the feed that are decided. Held removals are not rows of the feed."""
        decided = self.created + self.updated + self.unchanged + self.failed + self.held
        return decided if self.total is None else min(decided, self.total)

    @property
    def duration_ms(self) -> int | None:
        if self.started_at is None or self.completed_at is None:
            return None
        return round((self.completed_at - self.started_at).total_seconds() * 1000)


class SyncItem(TenantOwned, Base):
    """What a run did to one record: changed fields only, before and after (C8).

    `decision`: what a person said to a held change, "approved" or "kept" (as it was).
    """

    __tablename__ = "sync_item"
    __table_args__ = (
        UniqueConstraint("run_id", "external_id"),
        Index(None, "run_id", "action", "id"),
        Index(None, "dealership_id", "external_id"),
        Index(None, "dealership_id", "entity_id"),
        Index(
            "ix_sync_item_left_out",
            "run_id",
            sqlite_where=LEFT_OUT,
            postgresql_where=LEFT_OUT,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("sync_run.id", ondelete="CASCADE"))
    external_id: Mapped[str] = mapped_column(String(200))
    label: Mapped[str] = mapped_column(String(300))
    action: Mapped[str] = mapped_column(String(16))
    entity_id: Mapped[int | None] = mapped_column()
    before: Mapped[dict[str, Any] | None] = mapped_column(JsonText)
    after: Mapped[dict[str, Any] | None] = mapped_column(JsonText)
    reason: Mapped[str | None] = mapped_column(Text)
    warnings: Mapped[list[dict[str, Any]] | None] = mapped_column(JsonText)
    decision: Mapped[str | None] = mapped_column(String(16))
    decided_by: Mapped[str | None] = mapped_column(String(254))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class StreamState(TenantOwned, Base):
    """Where one stream of one dealership stands: the last good run and its scope."""

    __tablename__ = "stream_state"
    __table_args__ = (UniqueConstraint("dealership_id", "provider", "stream", "environment"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(String(32))
    stream: Mapped[str] = mapped_column(String(32))
    environment: Mapped[str] = mapped_column(String(20))
    scope: Mapped[dict[str, Any]] = mapped_column(JsonText, default=dict)
    last_run_id: Mapped[int | None] = mapped_column(
        ForeignKey("sync_run.id", ondelete="SET NULL"), index=True
    )
    last_success_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    listed: Mapped[int] = mapped_column(default=0)
