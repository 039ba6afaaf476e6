"""The dealership's customers: who asks about vehicles."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, TenantOwned
from app.models.types import JsonText, UtcDateTime, utc_now


class Customer(TenantOwned, Base):
    """One person or firm. EasyCars keeps one name field, so do we (easycars-api §7).

    `email_key` and `phone_keys` are what equal addresses and numbers are found by: folded, digits
    only, separated by blanks. `locked_fields`: a sync leaves them alone. `merged_into_id`: it is
    in no list until unmerged.
    """

    __tablename__ = "customer"
    __table_args__ = (
        Index(None, "dealership_id", "email_key"),
        Index(None, "dealership_id", "name"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), default="")
    email: Mapped[str | None] = mapped_column(String(254))
    phone: Mapped[str | None] = mapped_column(String(50))
    mobile: Mapped[str | None] = mapped_column(String(50))
    fax: Mapped[str | None] = mapped_column(String(50))
    address: Mapped[str | None] = mapped_column(String(300))
    city: Mapped[str | None] = mapped_column(String(100))
    state: Mapped[str | None] = mapped_column(String(50))
    post_code: Mapped[str | None] = mapped_column(String(20))
    email_key: Mapped[str | None] = mapped_column(String(254))
    phone_keys: Mapped[str | None] = mapped_column(String(100))
    locked_fields: Mapped[list[str]] = mapped_column(JsonText, default=list)
    merged_into_id: Mapped[int | None] = mapped_column(index=True)
    edited_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class CustomerMerge(TenantOwned, Base):
    """Two customers that are one; enough is kept to take them apart again.

    `before` and `after`: the kept customer's `values` that the merge changed and its `locked`
    fields; in `before` also the `links` that moved with it. `lead_ids`: leads that moved.
    """

    __tablename__ = "customer_merge"
    __table_args__ = (Index(None, "dealership_id", "kept_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kept_id: Mapped[int] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))
    merged_id: Mapped[int] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))
    before: Mapped[dict[str, Any]] = mapped_column(JsonText, default=dict)
    after: Mapped[dict[str, Any]] = mapped_column(JsonText, default=dict)
    lead_ids: Mapped[list[int]] = mapped_column(JsonText, default=list)
    actor: Mapped[str] = mapped_column(String(254), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    undone_by: Mapped[str | None] = mapped_column(String(254))


class Quotation(TenantOwned, Base):
    """A quotation for a lead's vehicle, made here and sent to EasyCars (easycars-api §7a).

    `content`: what the form held, under the product's names. `unconfirmed`: the call was cut off,
    so it may be there; a person decides.
    """

    __tablename__ = "quotation"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'sent', 'unconfirmed', 'failed')", name="state"),
        Index(None, "dealership_id", "lead_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    lead_id: Mapped[int] = mapped_column(ForeignKey("lead.id", ondelete="CASCADE"))
    content: Mapped[dict[str, Any]] = mapped_column(JsonText, default=dict)
    state: Mapped[str] = mapped_column(String(16), default="waiting")
    quote_number: Mapped[str | None] = mapped_column(String(20))
    environment: Mapped[str | None] = mapped_column(String(20))
    message: Mapped[str | None] = mapped_column(Text)
    began_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(254), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
