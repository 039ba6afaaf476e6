"""What differs between here and EasyCars, as reconciliations found it (story 4.3)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, TenantOwned
from app.models.types import JsonText, UtcDateTime, utc_now

DIFFERENCE_STREAMS = ("stock", "leads")
DIFFERENCE_KINDS = ("there_only", "here_only", "differing")
SEVERITIES = ("missing", "outdated", "conflicting")
DIFFERENCE_STATUSES = ("open", "ignored", "listed", "resolved")
SETTLED = ("gone", "taken", "pushed", "shown")
STANDS = text("status <> 'resolved'")


def _one_of(column: str, allowed: tuple[str, ...], *, or_null: bool = False) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in allowed)
    null = f"{column} IS NULL OR " if or_null else ""
    return CheckConstraint(f"{null}{column} IN ({listed})", name=column)


class Difference(TenantOwned, Base):
    """One record that EasyCars and we do not have alike; one standing row per record and kind.

    Severity:

    - missing: the record is on one side only;
    - outdated: it differs, and a sync would take every differing field from EasyCars: nobody
      changed one here, and no owner or padlock keeps one;
    - conflicting: at least one differing field was changed, set or locked here.

    Status: open; ignored, until `fingerprint` changes; listed, on the change list of what staff
    enter in EasyCars by hand, until EasyCars shows it; resolved. `resolution`: "gone" (no longer
    found), "taken" from EasyCars, "pushed" to EasyCars, "shown" (a listed one that EasyCars shows).

    `record_key`: the number in EasyCars, or "vehicle:12" and "lead:12" for a record without one.
    `fields`: {field: {"here": value, "there": value}}, the differing ones only, values as in
    vehicle_fields.py and leads/fields.py; for a record on one side, what that side has of the
    fields that name it. `fingerprint`: digest of kind and differing values. `note`: what a person
    should know about it. `taking_run_id`: the sync that takes it over.
    """

    __tablename__ = "difference"
    __table_args__ = (
        _one_of("stream", DIFFERENCE_STREAMS),
        _one_of("kind", DIFFERENCE_KINDS),
        _one_of("severity", SEVERITIES),
        _one_of("status", DIFFERENCE_STATUSES),
        _one_of("resolution", SETTLED, or_null=True),
        Index(
            "uq_difference_standing",
            "dealership_id",
            "stream",
            "record_key",
            "kind",
            unique=True,
            sqlite_where=STANDS,
            postgresql_where=STANDS,
        ),
        Index(None, "dealership_id", "status", "id"),
        Index(None, "dealership_id", "stream", "kind", "id"),
        Index(None, "dealership_id", "stream", "entity_id"),
        Index(None, "resolved_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    stream: Mapped[str] = mapped_column(String(16))
    kind: Mapped[str] = mapped_column(String(16))
    severity: Mapped[str] = mapped_column(String(16))
    record_key: Mapped[str] = mapped_column(String(200))
    external_id: Mapped[str | None] = mapped_column(String(200))
    entity_id: Mapped[int | None] = mapped_column()
    label: Mapped[str] = mapped_column(String(300))
    fields: Mapped[dict[str, Any]] = mapped_column(JsonText, default=dict)
    fingerprint: Mapped[str] = mapped_column(String(32))
    note: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(16), default="open")
    first_seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    first_run_id: Mapped[int | None] = mapped_column(
        ForeignKey("sync_run.id", ondelete="SET NULL"), index=True
    )
    run_id: Mapped[int | None] = mapped_column(
        ForeignKey("sync_run.id", ondelete="SET NULL"), index=True
    )
    taking_run_id: Mapped[int | None] = mapped_column(
        ForeignKey("sync_run.id", ondelete="SET NULL"), index=True
    )
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[str | None] = mapped_column(String(254))
    reason: Mapped[str | None] = mapped_column(String(300))
    resolution: Mapped[str | None] = mapped_column(String(16))
    resolved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
