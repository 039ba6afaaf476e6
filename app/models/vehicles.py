"""The dealership's vehicles: what pages, shops and exports read."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Date, Index, String, Text, false, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base, TenantOwned
from app.models.photos import Photo
from app.models.types import JsonText, UtcDateTime, utc_now

LIFECYCLES = ("listed", "missing", "off_market", "sold")
SOURCES = ("EasyCars", "Manual", "Import")


class Vehicle(TenantOwned, Base):
    """One vehicle. Unknown is NULL, never 0 (trap T12); money is in cents.

    Fields that only some kinds of vehicle have (berths, GVM, axles ...) live in `details`;
    `app/services/vehicle_fields.py` names every field once.

    `is_excluded`: a sync leaves it alone; `is_published`: shops may show it (C28).
    `photos_ordered`: a person put the photos in order, the feed's order counts no more.
    `merged_into_id`: the vehicle that this one was merged into; it is in no list until unmerged.
    `edited_at`: the last edit by a person.
    """

    __tablename__ = "vehicle"
    __table_args__ = (
        CheckConstraint("lifecycle IN ('listed','missing','off_market','sold')", name="lifecycle"),
        CheckConstraint("source IN ('EasyCars', 'Manual', 'Import')", name="source"),
        Index(None, "dealership_id", "source"),
        Index(None, "dealership_id", "lifecycle", "id"),
        Index(None, "dealership_id", "stock_number"),
        Index(None, "dealership_id", "vin"),
        Index(None, "dealership_id", "rego_num"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    stock_number: Mapped[str | None] = mapped_column(String(100))
    vin: Mapped[str | None] = mapped_column(String(32))
    rego_num: Mapped[str | None] = mapped_column(String(32))
    rego_state: Mapped[str | None] = mapped_column(String(32))
    rego_expiry: Mapped[date | None] = mapped_column(Date)
    title: Mapped[str] = mapped_column(String(300), default="")
    make: Mapped[str | None] = mapped_column(String(100))
    model: Mapped[str | None] = mapped_column(String(100))
    badge: Mapped[str | None] = mapped_column(String(200))
    series: Mapped[str | None] = mapped_column(String(100))
    year: Mapped[int | None] = mapped_column()
    kind: Mapped[str | None] = mapped_column(String(32))
    condition: Mapped[str | None] = mapped_column(String(16))
    status: Mapped[str | None] = mapped_column(String(100))
    price_cents: Mapped[int | None] = mapped_column()
    special_price_cents: Mapped[int | None] = mapped_column()
    currency: Mapped[str] = mapped_column(String(3), default="AUD")
    is_drive_away: Mapped[bool | None] = mapped_column()
    is_deposit_taken: Mapped[bool | None] = mapped_column()
    odometer: Mapped[int | None] = mapped_column()
    odometer_unit: Mapped[str | None] = mapped_column(String(2))
    body: Mapped[str | None] = mapped_column(String(100))
    colour: Mapped[str | None] = mapped_column(String(100))
    interior_colour: Mapped[str | None] = mapped_column(String(100))
    fuel_type: Mapped[str | None] = mapped_column(String(100))
    gear_type: Mapped[str | None] = mapped_column(String(200))
    drive_train: Mapped[str | None] = mapped_column(String(100))
    engine_capacity: Mapped[str | None] = mapped_column(String(100))
    doors: Mapped[int | None] = mapped_column()
    seats: Mapped[int | None] = mapped_column()
    yard_code: Mapped[str | None] = mapped_column(String(50))
    yard_name: Mapped[str | None] = mapped_column(String(200))
    short_description: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    features: Mapped[list[str] | None] = mapped_column(JsonText)
    details: Mapped[dict[str, Any]] = mapped_column(JsonText, default=dict)

    source: Mapped[str] = mapped_column(String(16), default="Manual")
    lifecycle: Mapped[str] = mapped_column(String(16), default="listed")
    lifecycle_reason: Mapped[str | None] = mapped_column(String(300))
    locked_fields: Mapped[list[str]] = mapped_column(JsonText, default=list)
    is_excluded: Mapped[bool] = mapped_column(default=False, server_default=false())
    is_published: Mapped[bool] = mapped_column(default=True, server_default=true())
    photos_ordered: Mapped[bool] = mapped_column(default=False, server_default=false())
    merged_into_id: Mapped[int | None] = mapped_column(index=True)
    edited_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)

    photos: Mapped[list[Photo]] = relationship(
        back_populates="vehicle", order_by="Photo.position", passive_deletes=True
    )
