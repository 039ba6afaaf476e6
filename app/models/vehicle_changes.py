"""What people did to vehicles: edits, duplicates, merges."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, TenantOwned
from app.models.types import JsonText, UtcDateTime, utc_now

EDITS = (
    "create", "edit", "lock", "unlock", "exclude", "include", "publish", "unpublish",
    "lifecycle", "photos", "merge", "unmerge", "conflict", "undo",
)  # fmt: skip


class VehicleEdit(TenantOwned, Base):
    """One act of a person on one vehicle, changed fields only (C8, U7)."""

    __tablename__ = "vehicle_edit"
    __table_args__ = (Index(None, "dealership_id", "vehicle_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    vehicle_id: Mapped[int] = mapped_column(ForeignKey("vehicle.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))
    before: Mapped[dict[str, Any] | None] = mapped_column(JsonText)
    after: Mapped[dict[str, Any] | None] = mapped_column(JsonText)
    reason: Mapped[str | None] = mapped_column(String(300))
    run_id: Mapped[int | None] = mapped_column(
        ForeignKey("sync_run.id", ondelete="SET NULL"), index=True
    )
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    actor: Mapped[str] = mapped_column(String(254), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class DuplicatePair(TenantOwned, Base):
    """Two vehicles that may be one (C22, C24); `first_id` is the smaller id.

    `score` 0 to 100; `reasons`: [{"field", "text", "points"}].
    """

    __tablename__ = "duplicate_pair"
    __table_args__ = (
        UniqueConstraint("dealership_id", "first_id", "second_id"),
        CheckConstraint("first_id < second_id", name="order"),
        CheckConstraint("state IN ('open', 'dismissed', 'merged', 'gone')", name="state"),
        Index(None, "dealership_id", "state", "score"),
        Index(None, "second_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    first_id: Mapped[int] = mapped_column(ForeignKey("vehicle.id", ondelete="CASCADE"))
    second_id: Mapped[int] = mapped_column(ForeignKey("vehicle.id", ondelete="CASCADE"))
    score: Mapped[int] = mapped_column()
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(JsonText, default=list)
    state: Mapped[str] = mapped_column(String(16), default="open")
    found_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("user_account.id", ondelete="SET NULL")
    )
    decided_by: Mapped[str | None] = mapped_column(String(254))


class VehicleMerge(TenantOwned, Base):
    """A merge that can be taken back for 90 days (C23).

    `before` keeps what both vehicles were and what moved; `after` what the merge wrote.
    """

    __tablename__ = "vehicle_merge"
    __table_args__ = (
        Index(None, "dealership_id", "kept_id"),
        Index(None, "dealership_id", "merged_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kept_id: Mapped[int] = mapped_column(ForeignKey("vehicle.id", ondelete="CASCADE"))
    merged_id: Mapped[int] = mapped_column(ForeignKey("vehicle.id", ondelete="CASCADE"))
    choices: Mapped[dict[str, str]] = mapped_column(JsonText, default=dict)
    before: Mapped[dict[str, Any]] = mapped_column(JsonText, default=dict)
    after: Mapped[dict[str, Any]] = mapped_column(JsonText, default=dict)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    actor: Mapped[str] = mapped_column(String(254), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    unmerged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    unmerged_by: Mapped[str | None] = mapped_column(String(254))
