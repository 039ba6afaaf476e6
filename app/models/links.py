"""External id ↔ local row, and what both sides agreed on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, TenantOwned
from app.models.types import Bytes, JsonText, UtcDateTime, utc_now


class ExternalLink(TenantOwned, Base):
    """One record of one stream. `agreed` holds the values after the last good sync (design §1).

    `content_hash` is the digest of the received bytes; `raw` keeps them, unless the stream has
    an archive table of its own. `kept_outside`: a person keeps the record listed although the
    feed no longer has it.
    """

    __tablename__ = "external_link"
    __table_args__ = (
        UniqueConstraint(
            "dealership_id",
            "provider",
            "stream",
            "environment",
            "external_id",
            name="uq_external_link_record",
        ),
        # All that a run asks of every link, without reading rows of several kilobytes.
        Index(
            "ix_external_link_known",
            "dealership_id",
            "provider",
            "stream",
            "environment",
            "external_id",
            "content_hash",
            "entity_id",
            "missing_runs",
        ),
        Index(None, "dealership_id", "entity", "entity_id"),
        Index(
            "ix_external_link_photos_wanted",
            "dealership_id",
            "id",
            sqlite_where=text("photos_wanted"),
            postgresql_where=text("photos_wanted"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(String(32))
    stream: Mapped[str] = mapped_column(String(32))
    environment: Mapped[str] = mapped_column(String(20))
    external_id: Mapped[str] = mapped_column(String(200))
    entity: Mapped[str] = mapped_column(String(32))
    entity_id: Mapped[int] = mapped_column()
    content_hash: Mapped[bytes] = mapped_column(Bytes(16))
    agreed: Mapped[dict[str, Any]] = mapped_column(JsonText, default=dict)
    raw: Mapped[str | None] = mapped_column(Text)
    photo_urls: Mapped[list[str]] = mapped_column(JsonText, default=list)
    photos_wanted: Mapped[bool] = mapped_column(default=False)
    missing_runs: Mapped[int] = mapped_column(default=0)
    missing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    kept_outside: Mapped[bool] = mapped_column(default=False, server_default=false())
    first_seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    changed_run_id: Mapped[int | None] = mapped_column(
        ForeignKey("sync_run.id", ondelete="SET NULL"), index=True
    )
