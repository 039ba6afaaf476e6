"""Leads: what customers ask for, what was sent, what EasyCars says, and the story of each."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base, TenantOwned
from app.models.customers import Customer
from app.models.types import JsonText, UtcDateTime, utc_now
from app.models.vehicles import Vehicle

LEAD_SOURCES = ("EasyCars", "Web", "API", "Manual")
LEAD_STATUSES = ("new", "in_progress", "won", "lost", "deleted")
CLOSED = ("won", "lost", "deleted")
SYNC_STATES = ("waiting", "sent", "unconfirmed", "failed", "cannot_be_sent", "not_configured")
VEHICLE_TYPES = ("car", "motorbike", "boat", "caravan", "truck", "trailer")
INTERESTS = ("buy", "lease", "sell", "test_drive", "service")
FINANCE_STATUSES = ("yes", "no", "maybe")
RATINGS = ("cold", "warm", "hot")
UNANSWERED = text("status = 'new' AND responded_at IS NULL")
STUCK_ONLY = text("sync_state IN ('unconfirmed', 'failed', 'cannot_be_sent')")
UNSENT = ("waiting", "unconfirmed", "failed", "cannot_be_sent", "not_configured")


def _one_of(column: str, allowed: tuple[str, ...], *, name: str | None = None) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in allowed)
    return CheckConstraint(f"{column} IN ({listed})", name=name or column)


class Lead(TenantOwned, Base):
    """One enquiry. Unknown is NULL; money is in cents; words for numbers are in lead_fields.py.

    Identity at EasyCars: `external_ref` is the ExternalID that we give it; `lead_number` and
    `customer_no` are theirs in `environment`.

    Sending: `revision` counts local changes that EasyCars shall have, `sent_revision` is the last
    one that it has. `began_at`: a CreateLead is under way or was cut off; `began_after` is then the
    highest lead number known before it and `began_customer` whether the customer was known there
    ("known", "new", "unchecked"): the evidence by which a lost answer is found again.

    `remote_status`: the code EasyCars told last, NULL while it never told one (trap T5).
    `responded_at`: when somebody first took care of it. `read_at`: when EasyCars was last asked.
    """

    __tablename__ = "lead"
    __table_args__ = (
        _one_of("source", LEAD_SOURCES),
        _one_of("status", LEAD_STATUSES),
        _one_of("sync_state", SYNC_STATES),
        UniqueConstraint("dealership_id", "external_ref"),
        Index(
            "uq_lead_number",
            "dealership_id",
            "environment",
            "lead_number",
            unique=True,
            sqlite_where=text("lead_number IS NOT NULL"),
            postgresql_where=text("lead_number IS NOT NULL"),
        ),
        Index(None, "dealership_id", "id"),
        Index(None, "dealership_id", "status", "id"),
        Index(None, "dealership_id", "sync_state", "id"),
        Index(None, "dealership_id", "read_at"),
        # The clock looks for overdue and stuck leads of all dealerships every minute.
        Index(
            "ix_lead_unanswered",
            "created_at",
            sqlite_where=UNANSWERED,
            postgresql_where=UNANSWERED,
        ),
        Index(
            "ix_lead_stuck", "dealership_id", sqlite_where=STUCK_ONLY, postgresql_where=STUCK_ONLY
        ),
        Index(None, "customer_id"),
        Index(None, "vehicle_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    vehicle_id: Mapped[int | None] = mapped_column(ForeignKey("vehicle.id", ondelete="SET NULL"))
    source: Mapped[str] = mapped_column(String(16), default="Manual")
    status: Mapped[str] = mapped_column(String(16), default="new")
    rating: Mapped[str | None] = mapped_column(String(16))
    interest: Mapped[str | None] = mapped_column(String(16))
    finance_status: Mapped[str | None] = mapped_column(String(16))
    message: Mapped[str | None] = mapped_column(Text)
    page_url: Mapped[str | None] = mapped_column(String(400))
    stock_number: Mapped[str | None] = mapped_column(String(100))
    vehicle_make: Mapped[str | None] = mapped_column(String(100))
    vehicle_model: Mapped[str | None] = mapped_column(String(100))
    vehicle_year: Mapped[int | None] = mapped_column()
    vehicle_type: Mapped[str | None] = mapped_column(String(16))
    vehicle_price_cents: Mapped[int | None] = mapped_column()
    is_vehicle_new: Mapped[bool | None] = mapped_column()

    external_ref: Mapped[str] = mapped_column(String(50))
    environment: Mapped[str | None] = mapped_column(String(20))
    lead_number: Mapped[str | None] = mapped_column(String(20))
    customer_no: Mapped[str | None] = mapped_column(String(20))
    remote_status: Mapped[int | None] = mapped_column()
    remote_status_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    easycars_created: Mapped[str | None] = mapped_column(String(40))
    easycars_created_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    sync_state: Mapped[str] = mapped_column(String(16), default="waiting")
    sync_reason: Mapped[str | None] = mapped_column(Text)
    revision: Mapped[int] = mapped_column(default=1)
    sent_revision: Mapped[int] = mapped_column(default=0)
    began_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    began_after: Mapped[str | None] = mapped_column(String(20))
    began_customer: Mapped[str | None] = mapped_column(String(16))
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    created_by: Mapped[str] = mapped_column(String(254), default="")
    status_changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    responded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    edited_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)

    customer: Mapped[Customer] = relationship()
    vehicle: Mapped[Vehicle | None] = relationship()

    @property
    def is_open(self) -> bool:
        return self.status not in CLOSED


class LeadEvent(TenantOwned, Base):
    """One line of a lead's or customer's story: what happened, who did it, before and after.

    `kind` is a key of lead_events.WORDS; `before` and `after` hold changed fields only.
    """

    __tablename__ = "lead_event"
    __table_args__ = (
        Index(None, "dealership_id", "lead_id", "id"),
        Index(None, "dealership_id", "customer_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    lead_id: Mapped[int | None] = mapped_column(ForeignKey("lead.id", ondelete="CASCADE"))
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(32))
    text: Mapped[str | None] = mapped_column(Text)
    before: Mapped[dict[str, Any] | None] = mapped_column(JsonText)
    after: Mapped[dict[str, Any] | None] = mapped_column(JsonText)
    actor: Mapped[str] = mapped_column(String(254), default="")
    run_id: Mapped[int | None] = mapped_column(
        ForeignKey("sync_run.id", ondelete="SET NULL"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class LeadPolicy(TenantOwned, Base):
    """What a dealership decided about its leads; no row: the defaults.

    Owners, when both sides changed since they agreed: "local", "easycars" or "ask".
    Discovery walks forward from the highest known number: past `discovery_gap` numbers that
    cannot be read it stops, and after `discovery_calls` calls in a run. `form_key` is in the
    address of the public form; NULL: it is off.
    """

    __tablename__ = "lead_policy"
    __table_args__ = (
        UniqueConstraint("dealership_id"),
        UniqueConstraint("form_key"),
        _one_of("status_owner", ("local", "easycars", "ask")),
        _one_of("field_owner", ("local", "easycars", "ask")),
        _one_of("customer_owner", ("local", "easycars", "ask")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    status_owner: Mapped[str] = mapped_column(String(16), default="ask")
    field_owner: Mapped[str] = mapped_column(String(16), default="ask")
    customer_owner: Mapped[str] = mapped_column(String(16), default="ask")
    overdue_minutes: Mapped[int] = mapped_column(default=120)
    is_alarm_on: Mapped[bool] = mapped_column(default=True)
    is_discovery_on: Mapped[bool] = mapped_column(default=False)
    discovery_gap: Mapped[int] = mapped_column(default=10)
    discovery_calls: Mapped[int] = mapped_column(default=50)
    reads_per_run: Mapped[int] = mapped_column(default=200)
    form_key: Mapped[str | None] = mapped_column(String(40))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    changed_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("user_account.id", ondelete="SET NULL")
    )
