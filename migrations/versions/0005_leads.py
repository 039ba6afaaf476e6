"""Leads, customers, quotations, and lanes in the outbox

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

from app.models import types

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "customer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("phone", sa.String(length=50), nullable=True),
        sa.Column("mobile", sa.String(length=50), nullable=True),
        sa.Column("fax", sa.String(length=50), nullable=True),
        sa.Column("address", sa.String(length=300), nullable=True),
        sa.Column("city", sa.String(length=100), nullable=True),
        sa.Column("state", sa.String(length=50), nullable=True),
        sa.Column("post_code", sa.String(length=20), nullable=True),
        sa.Column("email_key", sa.String(length=254), nullable=True),
        sa.Column("phone_keys", sa.String(length=100), nullable=True),
        sa.Column("locked_fields", types.JsonText(), nullable=False),
        sa.Column("merged_into_id", sa.Integer(), nullable=True),
        sa.Column("edited_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_customer_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer")),
    )
    op.create_index(
        op.f("ix_customer_dealership_id_email_key"),
        "customer",
        ["dealership_id", "email_key"],
        unique=False,
    )
    op.create_index(
        op.f("ix_customer_dealership_id_name"), "customer", ["dealership_id", "name"], unique=False
    )
    op.create_index(
        op.f("ix_customer_merged_into_id"), "customer", ["merged_into_id"], unique=False
    )

    op.create_table(
        "lead_policy",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("status_owner", sa.String(length=16), nullable=False),
        sa.Column("field_owner", sa.String(length=16), nullable=False),
        sa.Column("customer_owner", sa.String(length=16), nullable=False),
        sa.Column("overdue_minutes", sa.Integer(), nullable=False),
        sa.Column("is_alarm_on", sa.Boolean(), nullable=False),
        sa.Column("is_discovery_on", sa.Boolean(), nullable=False),
        sa.Column("discovery_gap", sa.Integer(), nullable=False),
        sa.Column("discovery_calls", sa.Integer(), nullable=False),
        sa.Column("reads_per_run", sa.Integer(), nullable=False),
        sa.Column("form_key", sa.String(length=40), nullable=True),
        sa.Column("changed_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_by_id", sa.Integer(), nullable=True),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "customer_owner IN ('local', 'easycars', 'ask')",
            name=op.f("ck_lead_policy_customer_owner"),
        ),
        sa.CheckConstraint(
            "field_owner IN ('local', 'easycars', 'ask')", name=op.f("ck_lead_policy_field_owner")
        ),
        sa.CheckConstraint(
            "status_owner IN ('local', 'easycars', 'ask')", name=op.f("ck_lead_policy_status_owner")
        ),
        sa.ForeignKeyConstraint(
            ["changed_by_id"],
            ["user_account.id"],
            name=op.f("fk_lead_policy_changed_by_id_user_account"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_lead_policy_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead_policy")),
        sa.UniqueConstraint("dealership_id", name=op.f("uq_lead_policy_dealership_id")),
        sa.UniqueConstraint("form_key", name=op.f("uq_lead_policy_form_key")),
    )
    op.create_table(
        "customer_merge",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kept_id", sa.Integer(), nullable=False),
        sa.Column("merged_id", sa.Integer(), nullable=False),
        sa.Column("before", types.JsonText(), nullable=False),
        sa.Column("after", types.JsonText(), nullable=False),
        sa.Column("lead_ids", types.JsonText(), nullable=False),
        sa.Column("actor", sa.String(length=254), nullable=False),
        sa.Column("created_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("undone_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("undone_by", sa.String(length=254), nullable=True),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_customer_merge_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["kept_id"],
            ["customer.id"],
            name=op.f("fk_customer_merge_kept_id_customer"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merged_id"],
            ["customer.id"],
            name=op.f("fk_customer_merge_merged_id_customer"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_merge")),
    )
    op.create_index(
        op.f("ix_customer_merge_dealership_id_kept_id"),
        "customer_merge",
        ["dealership_id", "kept_id"],
        unique=False,
    )

    op.create_table(
        "lead",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("vehicle_id", sa.Integer(), nullable=True),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("rating", sa.String(length=16), nullable=True),
        sa.Column("interest", sa.String(length=16), nullable=True),
        sa.Column("finance_status", sa.String(length=16), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("page_url", sa.String(length=400), nullable=True),
        sa.Column("stock_number", sa.String(length=100), nullable=True),
        sa.Column("vehicle_make", sa.String(length=100), nullable=True),
        sa.Column("vehicle_model", sa.String(length=100), nullable=True),
        sa.Column("vehicle_year", sa.Integer(), nullable=True),
        sa.Column("vehicle_type", sa.String(length=16), nullable=True),
        sa.Column("vehicle_price_cents", sa.Integer(), nullable=True),
        sa.Column("is_vehicle_new", sa.Boolean(), nullable=True),
        sa.Column("external_ref", sa.String(length=50), nullable=False),
        sa.Column("environment", sa.String(length=20), nullable=True),
        sa.Column("lead_number", sa.String(length=20), nullable=True),
        sa.Column("customer_no", sa.String(length=20), nullable=True),
        sa.Column("remote_status", sa.Integer(), nullable=True),
        sa.Column("remote_status_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("easycars_created", sa.String(length=40), nullable=True),
        sa.Column("easycars_created_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("sync_state", sa.String(length=16), nullable=False),
        sa.Column("sync_reason", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("sent_revision", sa.Integer(), nullable=False),
        sa.Column("began_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("began_after", sa.String(length=20), nullable=True),
        sa.Column("began_customer", sa.String(length=16), nullable=True),
        sa.Column("sent_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("read_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.String(length=254), nullable=False),
        sa.Column("status_changed_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("responded_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("edited_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "source IN ('EasyCars', 'Web', 'API', 'Manual')", name=op.f("ck_lead_source")
        ),
        sa.CheckConstraint(
            "status IN ('new', 'in_progress', 'won', 'lost', 'deleted')",
            name=op.f("ck_lead_status"),
        ),
        sa.CheckConstraint(
            "sync_state IN ('waiting', 'sent', 'unconfirmed', 'failed', 'cannot_be_sent', "
            "'not_configured')",
            name=op.f("ck_lead_sync_state"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_lead_customer_id_customer")
        ),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_lead_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["vehicle_id"],
            ["vehicle.id"],
            name=op.f("fk_lead_vehicle_id_vehicle"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead")),
        sa.UniqueConstraint(
            "dealership_id", "external_ref", name=op.f("uq_lead_dealership_id_external_ref")
        ),
    )
    op.create_index(op.f("ix_lead_customer_id"), "lead", ["customer_id"], unique=False)
    op.create_index(op.f("ix_lead_dealership_id_id"), "lead", ["dealership_id", "id"], unique=False)
    op.create_index(
        op.f("ix_lead_dealership_id_read_at"), "lead", ["dealership_id", "read_at"], unique=False
    )
    op.create_index(
        op.f("ix_lead_dealership_id_status_id"),
        "lead",
        ["dealership_id", "status", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_lead_dealership_id_sync_state_id"),
        "lead",
        ["dealership_id", "sync_state", "id"],
        unique=False,
    )
    op.create_index(
        "ix_lead_unanswered",
        "lead",
        ["created_at"],
        sqlite_where=sa.text("status = 'new' AND responded_at IS NULL"),
        postgresql_where=sa.text("status = 'new' AND responded_at IS NULL"),
    )
    op.create_index(op.f("ix_lead_vehicle_id"), "lead", ["vehicle_id"], unique=False)
    op.create_index(
        "uq_lead_number",
        "lead",
        ["dealership_id", "environment", "lead_number"],
        unique=True,
        sqlite_where=sa.text("lead_number IS NOT NULL"),
        postgresql_where=sa.text("lead_number IS NOT NULL"),
    )

    op.create_table(
        "lead_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("lead_id", sa.Integer(), nullable=True),
        sa.Column("customer_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("before", types.JsonText(), nullable=True),
        sa.Column("after", types.JsonText(), nullable=True),
        sa.Column("actor", sa.String(length=254), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("created_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
            name=op.f("fk_lead_event_customer_id_customer"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_lead_event_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["lead_id"], ["lead.id"], name=op.f("fk_lead_event_lead_id_lead"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["sync_run.id"],
            name=op.f("fk_lead_event_run_id_sync_run"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead_event")),
    )
    op.create_index(
        op.f("ix_lead_event_dealership_id_customer_id_id"),
        "lead_event",
        ["dealership_id", "customer_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_lead_event_dealership_id_lead_id_id"),
        "lead_event",
        ["dealership_id", "lead_id", "id"],
        unique=False,
    )

    op.create_table(
        "quotation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("lead_id", sa.Integer(), nullable=False),
        sa.Column("content", types.JsonText(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("quote_number", sa.String(length=20), nullable=True),
        sa.Column("environment", sa.String(length=20), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("began_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("sent_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("actor", sa.String(length=254), nullable=False),
        sa.Column("created_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'sent', 'unconfirmed', 'failed')", name=op.f("ck_quotation_state")
        ),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_quotation_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["lead_id"], ["lead.id"], name=op.f("fk_quotation_lead_id_lead"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quotation")),
    )
    op.create_index(
        op.f("ix_quotation_dealership_id_lead_id"),
        "quotation",
        ["dealership_id", "lead_id"],
        unique=False,
    )

    op.create_table(
        "easycar_lead_data",
        sa.Column("link_id", sa.Integer(), nullable=False),
        sa.Column("lead_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("received_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("lead_number", sa.Text(), nullable=True),
        sa.Column("stock_number", sa.Text(), nullable=True),
        sa.Column("vehicle_make", sa.Text(), nullable=True),
        sa.Column("vehicle_model", sa.Text(), nullable=True),
        sa.Column("vehicle_price", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("vehicle_type", sa.BigInteger(), nullable=True),
        sa.Column("vehicle_year", sa.BigInteger(), nullable=True),
        sa.Column("is_vehicle_new", sa.Boolean(), nullable=True),
        sa.Column("vehicle_interest", sa.BigInteger(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("vehicle_source_page_url", sa.Text(), nullable=True),
        sa.Column("finance_status", sa.BigInteger(), nullable=True),
        sa.Column("rating", sa.BigInteger(), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("created_date_time", sa.Text(), nullable=True),
        sa.Column("created_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("is_created_ambiguous", sa.Boolean(), nullable=False),
        sa.Column("customer_no", sa.Text(), nullable=True),
        sa.Column("customer_name", sa.Text(), nullable=True),
        sa.Column("customer_email", sa.Text(), nullable=True),
        sa.Column("customer_address", sa.Text(), nullable=True),
        sa.Column("customer_city", sa.Text(), nullable=True),
        sa.Column("customer_state", sa.Text(), nullable=True),
        sa.Column("customer_post_code", sa.Text(), nullable=True),
        sa.Column("customer_fax", sa.Text(), nullable=True),
        sa.Column("customer_phone", sa.Text(), nullable=True),
        sa.Column("customer_mobile", sa.Text(), nullable=True),
        sa.Column("lead_status", sa.BigInteger(), nullable=True),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_easycar_lead_data_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["lead_id"],
            ["lead.id"],
            name=op.f("fk_easycar_lead_data_lead_id_lead"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["link_id"],
            ["external_link.id"],
            name=op.f("fk_easycar_lead_data_link_id_external_link"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["sync_run.id"],
            name=op.f("fk_easycar_lead_data_run_id_sync_run"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("link_id", name=op.f("pk_easycar_lead_data")),
    )
    op.create_index(
        op.f("ix_easycar_lead_data_dealership_id_lead_number"),
        "easycar_lead_data",
        ["dealership_id", "lead_number"],
        unique=False,
    )
    op.create_index(
        op.f("ix_easycar_lead_data_lead_id"), "easycar_lead_data", ["lead_id"], unique=False
    )

    op.add_column("outbox_message", sa.Column("lane", sa.String(length=64), nullable=True))
    op.create_index(
        "ix_outbox_message_lane",
        "outbox_message",
        ["dealership_id", "lane", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting' AND lane IS NOT NULL"),
        postgresql_where=sa.text("state = 'waiting' AND lane IS NOT NULL"),
    )


def downgrade():
    op.execute("DELETE FROM outbox_message WHERE lane IS NOT NULL")
    op.execute("DELETE FROM conflict WHERE entity IN ('lead', 'customer')")
    op.execute("DELETE FROM external_link WHERE entity IN ('lead', 'customer')")
    op.drop_index("ix_outbox_message_lane", table_name="outbox_message")
    op.drop_column("outbox_message", "lane")

    op.drop_table("easycar_lead_data")

    op.drop_table("quotation")

    op.drop_table("lead_event")

    op.drop_table("lead")

    op.drop_table("customer_merge")
    op.drop_table("lead_policy")

    op.drop_table("customer")
