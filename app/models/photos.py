"""Photos of vehicles and the stored files behind them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base, TenantOwned
from app.models.types import UtcDateTime, utc_now

if TYPE_CHECKING:
    from app.models.vehicles import Vehicle


FAILED_ONLY = text("state = 'failed'")


class MediaObject(TenantOwned, Base):
    """A file by its content: the same bytes under two addresses are stored once (C84)."""

    __tablename__ = "media_object"
    __table_args__ = (UniqueConstraint("dealership_id", "sha256"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    content_type: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column()
    width: Mapped[int] = mapped_column()
    height: Mapped[int] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class Photo(TenantOwned, Base):
    """One picture of one vehicle, in the dealer's order; kept when the feed drops the vehicle."""

    __tablename__ = "photo"
    __table_args__ = (
        UniqueConstraint("vehicle_id", "source_url"),
        CheckConstraint("state IN ('wanted', 'stored', 'failed')", name="state"),
        # Counts per state and "what is still to fetch" are answered from this index alone.
        Index(None, "dealership_id", "state", "id"),
        # The clock looks for failed ones of all dealerships every minute.
        Index(
            "ix_photo_failed", "vehicle_id", sqlite_where=FAILED_ONLY, postgresql_where=FAILED_ONLY
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    vehicle_id: Mapped[int] = mapped_column(ForeignKey("vehicle.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(default=0)
    source_url: Mapped[str | None] = mapped_column(Text)
    is_hidden: Mapped[bool] = mapped_column(default=False, server_default=false())
    state: Mapped[str] = mapped_column(String(16), default="wanted")
    media_id: Mapped[int | None] = mapped_column(
        ForeignKey("media_object.id", ondelete="SET NULL"), index=True
    )
    etag: Mapped[str | None] = mapped_column(String(200))
    last_modified: Mapped[str | None] = mapped_column(String(64))
    error: Mapped[str | None] = mapped_column(String(300))
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    run_id: Mapped[int | None] = mapped_column(
        ForeignKey("sync_run.id", ondelete="SET NULL"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)

    vehicle: Mapped[Vehicle] = relationship(back_populates="photos")
    media: Mapped[MediaObject | None] = relationship()
