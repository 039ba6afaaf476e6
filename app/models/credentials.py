"""The dealership's EasyCars credentials, encrypted (requirement 1.1.1)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, TenantOwned
from app.models.types import UtcDateTime, utc_now


class EasyCarsCredential(TenantOwned, Base):
    """Two pairs in four ciphertexts, each with its own key id and nonce (traps T1, T2).

    The client pair may be empty: then the setting's pair, else the account pair serves
    (easycars-api §11 row 1).
    """

    __tablename__ = "dealership_easycar_credentials"
    __table_args__ = (
        UniqueConstraint("dealership_id"),
        CheckConstraint("environment IN ('Test', 'Production')", name="environment"),
        Index(
            "ix_dealership_easycar_credentials_active",
            "dealership_id",
            sqlite_where=text("is_active"),
            postgresql_where=text("is_active"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_number_encrypted: Mapped[str] = mapped_column(Text)
    account_secret_encrypted: Mapped[str] = mapped_column(Text)
    client_id_encrypted: Mapped[str | None] = mapped_column(Text)
    client_secret_encrypted: Mapped[str | None] = mapped_column(Text)
    environment: Mapped[str] = mapped_column(String(20))
    yard_code: Mapped[str | None] = mapped_column(String(50))
    is_active: Mapped[bool] = mapped_column(default=True)
    tested_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    test_passed: Mapped[bool | None] = mapped_column()
    last_synced_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    # Moves when a person changes the credentials, not when a run or a key rotation touches the row.
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("user_account.id", ondelete="SET NULL")
    )
