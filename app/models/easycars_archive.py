"""The EasyCars archive: every received vehicle as it came, all 72 fields typed (FR5).

Only the EasyCars provider knows this table; the product works on `vehicle`. A value that cannot
be read in its type is NULL here and stays readable in `raw`.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import BigInteger, Date, ForeignKey, Index, Numeric, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, TenantOwned
from app.models.types import UtcDateTime

Amount = Numeric(18, 4)


class EasyCarsStockData(TenantOwned, Base):
    """One row per link; columns are the vendor's names in snake case, in the vendor's order."""

    __tablename__ = "easycar_stock_data"
    __table_args__ = (
        Index(None, "dealership_id", "stock_number"),
        Index(None, "vehicle_id"),
    )

    link_id: Mapped[int] = mapped_column(
        ForeignKey("external_link.id", ondelete="CASCADE"), primary_key=True
    )
    vehicle_id: Mapped[int] = mapped_column(ForeignKey("vehicle.id", ondelete="CASCADE"))
    run_id: Mapped[int | None] = mapped_column(
        ForeignKey("sync_run.id", ondelete="SET NULL"), index=True
    )
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    raw: Mapped[str] = mapped_column(Text)

    yard_code: Mapped[str | None] = mapped_column(Text)
    yard_name: Mapped[str | None] = mapped_column(Text)
    stock_number: Mapped[str | None] = mapped_column(Text)
    make: Mapped[str | None] = mapped_column(Text)
    model: Mapped[str | None] = mapped_column(Text)
    badge: Mapped[str | None] = mapped_column(Text)
    rego_num: Mapped[str | None] = mapped_column(Text)
    vin: Mapped[str | None] = mapped_column(Text)
    price: Mapped[Decimal | None] = mapped_column(Amount)
    year_group: Mapped[int | None] = mapped_column(BigInteger)
    odometer: Mapped[int | None] = mapped_column(BigInteger)
    body: Mapped[str | None] = mapped_column(Text)
    colour: Mapped[str | None] = mapped_column(Text)
    engine_capacity: Mapped[str | None] = mapped_column(Text)
    gear_type: Mapped[str | None] = mapped_column(Text)
    fuel_type: Mapped[str | None] = mapped_column(Text)
    adv_description: Mapped[str | None] = mapped_column(Text)
    series: Mapped[str | None] = mapped_column(Text)
    adv_special_price: Mapped[Decimal | None] = mapped_column(Amount)
    is_demo: Mapped[bool | None] = mapped_column()
    is_special: Mapped[bool | None] = mapped_column()
    is_prestiged: Mapped[bool | None] = mapped_column()
    stock_type: Mapped[str | None] = mapped_column(Text)
    is_used: Mapped[bool | None] = mapped_column()
    rego_expiry: Mapped[date | None] = mapped_column(Date)
    video_link: Mapped[str | None] = mapped_column(Text)
    drive_train: Mapped[str | None] = mapped_column(Text)
    door_num: Mapped[int | None] = mapped_column(BigInteger)
    cylinder: Mapped[str | None] = mapped_column(Text)
    short_description: Mapped[str | None] = mapped_column(Text)
    engine_type_description: Mapped[str | None] = mapped_column(Text)
    engine_size: Mapped[Decimal | None] = mapped_column(Amount)
    stock_status: Mapped[str | None] = mapped_column(Text)
    gcm: Mapped[Decimal | None] = mapped_column(Amount)
    gvm: Mapped[Decimal | None] = mapped_column(Amount)
    tare: Mapped[Decimal | None] = mapped_column(Amount)
    sleeping_capacity: Mapped[int | None] = mapped_column(BigInteger)
    toilet: Mapped[str | None] = mapped_column(Text)
    shower: Mapped[str | None] = mapped_column(Text)
    air_conditioning: Mapped[str | None] = mapped_column(Text)
    fridge: Mapped[str | None] = mapped_column(Text)
    stereo: Mapped[str | None] = mapped_column(Text)
    seat_capacity: Mapped[int | None] = mapped_column(BigInteger)
    rego_state: Mapped[str | None] = mapped_column(Text)
    additional_description: Mapped[str | None] = mapped_column(Text)
    is_drive_away: Mapped[bool | None] = mapped_column()
    interior_color: Mapped[str | None] = mapped_column(Text)
    built_date: Mapped[str | None] = mapped_column(Text)
    compliance_date: Mapped[str | None] = mapped_column(Text)
    engine_number: Mapped[str | None] = mapped_column(Text)
    gps: Mapped[str | None] = mapped_column(Text)
    wheel_size: Mapped[str | None] = mapped_column(Text)
    tow_ball_weight: Mapped[str | None] = mapped_column(Text)
    warranty: Mapped[str | None] = mapped_column(Text)
    wheels: Mapped[str | None] = mapped_column(Text)
    axle_configuration: Mapped[str | None] = mapped_column(Text)
    location: Mapped[str | None] = mapped_column(Text)
    standard_features: Mapped[str | None] = mapped_column(Text)
    optional_features: Mapped[str | None] = mapped_column(Text)
    redbook_code: Mapped[str | None] = mapped_column(Text)
    nvic: Mapped[str | None] = mapped_column(Text)
    is_miles: Mapped[bool | None] = mapped_column()
    gear_count: Mapped[int | None] = mapped_column(BigInteger)
    engine_power: Mapped[Decimal | None] = mapped_column(Amount)
    power_kw: Mapped[Decimal | None] = mapped_column(Amount)
    power_hp: Mapped[Decimal | None] = mapped_column(Amount)
    engine_make: Mapped[str | None] = mapped_column(Text)
    serial_number: Mapped[str | None] = mapped_column(Text)
    length: Mapped[Decimal | None] = mapped_column(Amount)
    is_deposit_taken: Mapped[bool | None] = mapped_column()
    image_count: Mapped[int | None] = mapped_column(BigInteger)
    image_urls: Mapped[str | None] = mapped_column(Text)


class EasyCarsLeadData(TenantOwned, Base):
    """Every lead as EasyCars told it last, all 25 fields typed (FR7); one row per link.

    `created_date_time` is Sydney wall time as it came; `created_at` is the same moment in UTC,
    NULL when it cannot be read, and `is_created_ambiguous` when the clock showed that hour twice
    (trap T26). `lead_status` is no documented field: it is kept if it ever comes (trap T5).
    """

    __tablename__ = "easycar_lead_data"
    __table_args__ = (
        Index(None, "dealership_id", "lead_number"),
        Index(None, "lead_id"),
    )

    link_id: Mapped[int] = mapped_column(
        ForeignKey("external_link.id", ondelete="CASCADE"), primary_key=True
    )
    lead_id: Mapped[int] = mapped_column(ForeignKey("lead.id", ondelete="CASCADE"))
    run_id: Mapped[int | None] = mapped_column(
        ForeignKey("sync_run.id", ondelete="SET NULL"), index=True
    )
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    raw: Mapped[str] = mapped_column(Text)

    lead_number: Mapped[str | None] = mapped_column(Text)
    stock_number: Mapped[str | None] = mapped_column(Text)
    vehicle_make: Mapped[str | None] = mapped_column(Text)
    vehicle_model: Mapped[str | None] = mapped_column(Text)
    vehicle_price: Mapped[Decimal | None] = mapped_column(Amount)
    vehicle_type: Mapped[int | None] = mapped_column(BigInteger)
    vehicle_year: Mapped[int | None] = mapped_column(BigInteger)
    is_vehicle_new: Mapped[bool | None] = mapped_column()
    vehicle_interest: Mapped[int | None] = mapped_column(BigInteger)
    notes: Mapped[str | None] = mapped_column(Text)
    vehicle_source_page_url: Mapped[str | None] = mapped_column(Text)
    finance_status: Mapped[int | None] = mapped_column(BigInteger)
    rating: Mapped[int | None] = mapped_column(BigInteger)
    external_id: Mapped[str | None] = mapped_column(Text)
    created_date_time: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    is_created_ambiguous: Mapped[bool] = mapped_column(default=False)
    customer_no: Mapped[str | None] = mapped_column(Text)
    customer_name: Mapped[str | None] = mapped_column(Text)
    customer_email: Mapped[str | None] = mapped_column(Text)
    customer_address: Mapped[str | None] = mapped_column(Text)
    customer_city: Mapped[str | None] = mapped_column(Text)
    customer_state: Mapped[str | None] = mapped_column(Text)
    customer_post_code: Mapped[str | None] = mapped_column(Text)
    customer_fax: Mapped[str | None] = mapped_column(Text)
    customer_phone: Mapped[str | None] = mapped_column(Text)
    customer_mobile: Mapped[str | None] = mapped_column(Text)
    lead_status: Mapped[int | None] = mapped_column(BigInteger)
