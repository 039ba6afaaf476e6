"""What a run keeps besides its items: what it received, and what it replaced."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, TenantOwned
from app.models.types import JsonText, UtcDateTime, utc_now


class SyncPayload(TenantOwned, Base):
    """What a preview received, in compressed parts: applying it reads this, not EasyCars (C2)."""

    __tablename__ = "sync_payload"

    run_id: Mapped[int] = mapped_column(
        ForeignKey("sync_run.id", ondelete="CASCADE"), primary_key=True
    )
    part: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[bytes] = mapped_column(LargeBinary)


class SyncBefore(TenantOwned, Base):
    """A record as a run found it, beyond the changed fields that its item tells (C9).

    `link`: columns of external_link; `vehicle`: life cycle and its reason; `raw`: the archived
    record; `photos`: the vehicle's photo rows, when the run changed them. Kept for 30 days.
    """

    __tablename__ = "sync_before"
    __table_args__ = (Index(None, "link_id"), Index(None, "created_at"))

    run_id: Mapped[int] = mapped_column(
        ForeignKey("sync_run.id", ondelete="CASCADE"), primary_key=True
    )
    link_id: Mapped[int] = mapped_column(
        ForeignKey("external_link.id", ondelete="CASCADE"), primary_key=True
    )
    vehicle_id: Mapped[int] = mapped_column()
    link: Mapped[dict[str, Any]] = mapped_column(JsonText, default=dict)
    vehicle: Mapped[dict[str, Any]] = mapped_column(JsonText, default=dict)
    raw: Mapped[str | None] = mapped_column(Text)
    photos: Mapped[list[dict[str, Any]] | None] = mapped_column(JsonText)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
