"""What somebody typed into a form whose sign-in had ended meanwhile (C82)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base
from app.models.types import UtcDateTime


class KeptForm(Base):
    """Forms of one page, encrypted, for the same person's next sign-in; gone after half an hour.

    Belongs to a person, not to a dealership: it is written before anybody is let in. `token_hash`
    is the SHA-256 of what the address carries.
    """

    __tablename__ = "kept_form"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(
        ForeignKey("user_account.id", ondelete="CASCADE"), index=True
    )
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    sealed: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
