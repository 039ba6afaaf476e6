"""How long a dealership keeps its runs, and what the last clearing did (row 188)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, TenantOwned
from app.models.types import UtcDateTime, utc_now

LEAST_DAYS = 30
MOST_DAYS = 3650
USUAL_DAYS = 90


class HistoryPolicy(TenantOwned, Base):
    """Days that a run is kept; no row: the default, and nothing was cleared yet.

    `cleared_at`: when the last clearing came to its end; `removed` and `kept` are its runs that
    were old enough. `cleared_to`: the last run id that a clearing under way looked at.
    """

    __tablename__ = "history_policy"
    __table_args__ = (
        UniqueConstraint("dealership_id"),
        CheckConstraint(f"days BETWEEN {LEAST_DAYS} AND {MOST_DAYS}", name="days"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    days: Mapped[int] = mapped_column(default=USUAL_DAYS)
    cleared_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cleared_to: Mapped[int] = mapped_column(default=0)
    removed: Mapped[int] = mapped_column(default=0)
    kept: Mapped[int] = mapped_column(default=0)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    changed_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("user_account.id", ondelete="SET NULL")
    )
