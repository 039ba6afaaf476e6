"""The first tables: people, credentials, vehicles, runs and their archive

Revision: 0001, after
"""

import sqlalchemy as sa
from alembic import op

from app.models import types

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dealership",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("settings", types.JsonText(), nullable=False),
        sa.Column("created_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dealership")),
        sa.UniqueConstraint("slug", name=op.f("uq_dealership_slug")),
    )
    op.create_table(
        "user_account",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("is_system", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("session_version", sa.Integer(), nullable=False),
        sa.Column("last_sign_in_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_account")),
        sa.UniqueConstraint("email", name=op.f("uq_user_account_email")),
    )
    op.create_table(
        "api_token",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", types.JsonText(), nullable=False),
        sa.Column("created_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_api_token_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_api_token_user_id_user_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_token_token_hash")),
    )
    with op.batch_alter_table("api_token", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_api_token_dealership_id"), ["dealership_id"], unique=False
        )

    op.create_table(
        "audit_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("dealership_id", sa.Integer(), nullable=True),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(length=254), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("details", types.JsonText(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("created_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_audit_event_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_audit_event_user_id_user_account"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
    )
    with op.batch_alter_table("audit_event", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_audit_event_dealership_id_id"), ["dealership_id", "id"], unique=False
        )

    op.create_table(
        "dealership_easycar_credentials",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_number_encrypted", sa.Text(), nullable=False),
        sa.Column("account_secret_encrypted", sa.Text(), nullable=False),
        sa.Column("client_id_encrypted", sa.Text(), nullable=True),
        sa.Column("client_secret_encrypted", sa.Text(), nullable=True),
        sa.Column("environment", sa.String(length=20), nullable=False),
        sa.Column("yard_code", sa.String(length=50), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("tested_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("test_passed", sa.Boolean(), nullable=True),
        sa.Column("last_synced_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_by_id", sa.Integer(), nullable=True),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "environment IN ('Test', 'Production')",
            name=op.f("ck_dealership_easycar_credentials_environment"),
        ),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_dealership_easycar_credentials_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["updated_by_id"],
            ["user_account.id"],
            name=op.f("fk_dealership_easycar_credentials_updated_by_id_user_account"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dealership_easycar_credentials")),
        sa.UniqueConstraint(
            "dealership_id", name=op.f("uq_dealership_easycar_credentials_dealership_id")
        ),
    )
    with op.batch_alter_table("dealership_easycar_credentials", schema=None) as batch_op:
        batch_op.create_index(
            "ix_dealership_easycar_credentials_active",
            ["dealership_id"],
            unique=False,
            sqlite_where=sa.text("is_active"),
            postgresql_where=sa.text("is_active"),
        )

    op.create_table(
        "media_object",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("content_type", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("created_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_media_object_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media_object")),
        sa.UniqueConstraint(
            "dealership_id", "sha256", name=op.f("uq_media_object_dealership_id_sha256")
        ),
    )
    op.create_table(
        "membership",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("created_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "role IN ('viewer', 'operator', 'admin')", name=op.f("ck_membership_role")
        ),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_membership_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_membership_user_id_user_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_membership")),
        sa.UniqueConstraint(
            "user_id", "dealership_id", name=op.f("uq_membership_user_id_dealership_id")
        ),
    )
    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_membership_dealership_id"), ["dealership_id"], unique=False
        )

    op.create_table(
        "schedule",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("stream", sa.String(length=32), nullable=False),
        sa.Column("interval", sa.String(length=16), nullable=False),
        sa.Column("cron", sa.String(length=100), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("paused_until", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("pause_reason", sa.String(length=300), nullable=True),
        sa.Column("next_run_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("last_due_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("changed_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_by_id", sa.Integer(), nullable=True),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "interval IN ('hourly', 'daily', 'custom')", name=op.f("ck_schedule_interval")
        ),
        sa.ForeignKeyConstraint(
            ["changed_by_id"],
            ["user_account.id"],
            name=op.f("fk_schedule_changed_by_id_user_account"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_schedule_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedule")),
        sa.UniqueConstraint(
            "dealership_id",
            "provider",
            "stream",
            name=op.f("uq_schedule_dealership_id_provider_stream"),
        ),
    )
    with op.batch_alter_table("schedule", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_schedule_next_run_at"), ["next_run_at"], unique=False)

    op.create_table(
        "system_setting",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("value", types.JsonText(), nullable=False),
        sa.Column("changed_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_by_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["changed_by_id"],
            ["user_account.id"],
            name=op.f("fk_system_setting_changed_by_id_user_account"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_system_setting")),
    )
    op.create_table(
        "vehicle",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("stock_number", sa.String(length=100), nullable=True),
        sa.Column("vin", sa.String(length=32), nullable=True),
        sa.Column("rego_num", sa.String(length=32), nullable=True),
        sa.Column("rego_state", sa.String(length=32), nullable=True),
        sa.Column("rego_expiry", sa.Date(), nullable=True),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("make", sa.String(length=100), nullable=True),
        sa.Column("model", sa.String(length=100), nullable=True),
        sa.Column("badge", sa.String(length=200), nullable=True),
        sa.Column("series", sa.String(length=100), nullable=True),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=True),
        sa.Column("condition", sa.String(length=16), nullable=True),
        sa.Column("status", sa.String(length=100), nullable=True),
        sa.Column("price_cents", sa.Integer(), nullable=True),
        sa.Column("special_price_cents", sa.Integer(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("is_drive_away", sa.Boolean(), nullable=True),
        sa.Column("is_deposit_taken", sa.Boolean(), nullable=True),
        sa.Column("odometer", sa.Integer(), nullable=True),
        sa.Column("odometer_unit", sa.String(length=2), nullable=True),
        sa.Column("body", sa.String(length=100), nullable=True),
        sa.Column("colour", sa.String(length=100), nullable=True),
        sa.Column("interior_colour", sa.String(length=100), nullable=True),
        sa.Column("fuel_type", sa.String(length=100), nullable=True),
        sa.Column("gear_type", sa.String(length=200), nullable=True),
        sa.Column("drive_train", sa.String(length=100), nullable=True),
        sa.Column("engine_capacity", sa.String(length=100), nullable=True),
        sa.Column("doors", sa.Integer(), nullable=True),
        sa.Column("seats", sa.Integer(), nullable=True),
        sa.Column("yard_code", sa.String(length=50), nullable=True),
        sa.Column("yard_name", sa.String(length=200), nullable=True),
        sa.Column("short_description", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("features", types.JsonText(), nullable=True),
        sa.Column("details", types.JsonText(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("lifecycle", sa.String(length=16), nullable=False),
        sa.Column("lifecycle_reason", sa.String(length=300), nullable=True),
        sa.Column("locked_fields", types.JsonText(), nullable=False),
        sa.Column("created_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "lifecycle IN ('listed','missing','off_market','sold')",
            name=op.f("ck_vehicle_lifecycle"),
        ),
        sa.CheckConstraint(
            "source IN ('EasyCars', 'Manual', 'Import')", name=op.f("ck_vehicle_source")
        ),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_vehicle_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vehicle")),
    )
    with op.batch_alter_table("vehicle", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_vehicle_dealership_id_lifecycle_id"),
            ["dealership_id", "lifecycle", "id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_vehicle_dealership_id_rego_num"),
            ["dealership_id", "rego_num"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_vehicle_dealership_id_source"), ["dealership_id", "source"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_vehicle_dealership_id_stock_number"),
            ["dealership_id", "stock_number"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_vehicle_dealership_id_vin"), ["dealership_id", "vin"], unique=False
        )

    op.create_table(
        "sync_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("stream", sa.String(length=32), nullable=False),
        sa.Column("direction", sa.String(length=16), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("trigger", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("phase", sa.String(length=32), nullable=False),
        sa.Column("credential_id", sa.Integer(), nullable=True),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(length=254), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("job_id", sa.String(length=64), nullable=True),
        sa.Column("due_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("scope", types.JsonText(), nullable=False),
        sa.Column("created_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("enqueued_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("started_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("completed_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("cancel_asked_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.String(length=100), nullable=True),
        sa.Column("lease_token", sa.String(length=32), nullable=True),
        sa.Column("lease_expires_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("created", sa.Integer(), nullable=False),
        sa.Column("updated", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("conflicts", sa.Integer(), nullable=False),
        sa.Column("photos_state", sa.String(length=16), nullable=False),
        sa.Column("photos_kept", sa.Integer(), nullable=False),
        sa.Column("photos_new", sa.Integer(), nullable=False),
        sa.Column("photos_failed", sa.Integer(), nullable=False),
        sa.Column("photos_total", sa.Integer(), nullable=True),
        sa.Column("photos_attempt", sa.Integer(), nullable=False),
        sa.Column("photos_lease_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("error_details", sa.Text(), nullable=True),
        sa.Column("request_payload", types.JsonText(), nullable=True),
        sa.Column("response_summary", types.JsonText(), nullable=True),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "mode IN ('sync', 'preview', 'reconcile', 'undo', 'remap')",
            name=op.f("ck_sync_run_mode"),
        ),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'success', 'warning', 'failed', 'cancelled', 'held')",
            name=op.f("ck_sync_run_status"),
        ),
        sa.CheckConstraint(
            "trigger IN ('schedule', 'person', 'api', 'retry', 'first-import')",
            name=op.f("ck_sync_run_trigger"),
        ),
        sa.CheckConstraint(
            "completed_at IS NULL OR completed_at >= started_at", name=op.f("ck_sync_run_order")
        ),
        sa.ForeignKeyConstraint(
            ["credential_id"],
            ["dealership_easycar_credentials.id"],
            name=op.f("fk_sync_run_credential_id_dealership_easycar_credentials"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_sync_run_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["parent_id"],
            ["sync_run.id"],
            name=op.f("fk_sync_run_parent_id_sync_run"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_sync_run_user_id_user_account"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_run")),
        sa.UniqueConstraint(
            "dealership_id",
            "provider",
            "stream",
            "due_at",
            name=op.f("uq_sync_run_dealership_id_provider_stream_due_at"),
        ),
    )
    with op.batch_alter_table("sync_run", schema=None) as batch_op:
        batch_op.create_index(
            "ix_sync_run_active",
            ["lease_expires_at"],
            unique=False,
            sqlite_where=sa.text("status IN ('queued', 'running')"),
            postgresql_where=sa.text("status IN ('queued', 'running')"),
        )
        batch_op.create_index(batch_op.f("ix_sync_run_created_at"), ["created_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_sync_run_dealership_id_id"), ["dealership_id", "id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_sync_run_dealership_id_status_id"),
            ["dealership_id", "status", "id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_sync_run_dealership_id_stream_id"),
            ["dealership_id", "stream", "id"],
            unique=False,
        )
        batch_op.create_index(
            "uq_sync_run_one_active",
            ["dealership_id", "provider", "stream"],
            unique=True,
            sqlite_where=sa.text("status IN ('queued', 'running')"),
            postgresql_where=sa.text("status IN ('queued', 'running')"),
        )

    op.create_table(
        "external_link",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("stream", sa.String(length=32), nullable=False),
        sa.Column("environment", sa.String(length=20), nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=False),
        sa.Column("entity", sa.String(length=32), nullable=False),
        sa.Column("entity_id", sa.Integer(), nullable=False),
        sa.Column("content_hash", types.Bytes(length=16), nullable=False),
        sa.Column("agreed", types.JsonText(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=True),
        sa.Column("photo_urls", types.JsonText(), nullable=False),
        sa.Column("photos_wanted", sa.Boolean(), nullable=False),
        sa.Column("missing_runs", sa.Integer(), nullable=False),
        sa.Column("missing_since", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("first_seen_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_run_id", sa.Integer(), nullable=True),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["changed_run_id"],
            ["sync_run.id"],
            name=op.f("fk_external_link_changed_run_id_sync_run"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_external_link_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_external_link")),
        sa.UniqueConstraint(
            "dealership_id",
            "provider",
            "stream",
            "environment",
            "external_id",
            name="uq_external_link_record",
        ),
    )
    with op.batch_alter_table("external_link", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_external_link_dealership_id_entity_entity_id"),
            ["dealership_id", "entity", "entity_id"],
            unique=False,
        )
        batch_op.create_index(
            "ix_external_link_photos_wanted",
            ["dealership_id", "id"],
            unique=False,
            sqlite_where=sa.text("photos_wanted"),
            postgresql_where=sa.text("photos_wanted"),
        )

    op.create_table(
        "photo",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("vehicle_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("source_url", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("media_id", sa.Integer(), nullable=True),
        sa.Column("etag", sa.String(length=200), nullable=True),
        sa.Column("last_modified", sa.String(length=64), nullable=True),
        sa.Column("error", sa.String(length=300), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("created_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("state IN ('wanted', 'stored', 'failed')", name=op.f("ck_photo_state")),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_photo_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["media_id"],
            ["media_object.id"],
            name=op.f("fk_photo_media_id_media_object"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["sync_run.id"], name=op.f("fk_photo_run_id_sync_run"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["vehicle_id"],
            ["vehicle.id"],
            name=op.f("fk_photo_vehicle_id_vehicle"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photo")),
        sa.UniqueConstraint(
            "vehicle_id", "source_url", name=op.f("uq_photo_vehicle_id_source_url")
        ),
    )
    with op.batch_alter_table("photo", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_photo_dealership_id_state_id"),
            ["dealership_id", "state", "id"],
            unique=False,
        )
        batch_op.create_index(batch_op.f("ix_photo_media_id"), ["media_id"], unique=False)

    op.create_table(
        "stream_state",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("stream", sa.String(length=32), nullable=False),
        sa.Column("environment", sa.String(length=20), nullable=False),
        sa.Column("scope", types.JsonText(), nullable=False),
        sa.Column("last_run_id", sa.Integer(), nullable=True),
        sa.Column("last_success_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("listed", sa.Integer(), nullable=False),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_stream_state_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["last_run_id"],
            ["sync_run.id"],
            name=op.f("fk_stream_state_last_run_id_sync_run"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stream_state")),
        sa.UniqueConstraint(
            "dealership_id",
            "provider",
            "stream",
            "environment",
            name=op.f("uq_stream_state_dealership_id_provider_stream_environment"),
        ),
    )
    op.create_table(
        "sync_item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=False),
        sa.Column("label", sa.String(length=300), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("entity_id", sa.Integer(), nullable=True),
        sa.Column("before", types.JsonText(), nullable=True),
        sa.Column("after", types.JsonText(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("warnings", types.JsonText(), nullable=True),
        sa.Column("created_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_sync_item_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["sync_run.id"],
            name=op.f("fk_sync_item_run_id_sync_run"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_item")),
        sa.UniqueConstraint("run_id", "external_id", name=op.f("uq_sync_item_run_id_external_id")),
    )
    with op.batch_alter_table("sync_item", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_sync_item_dealership_id_entity_id"),
            ["dealership_id", "entity_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_sync_item_dealership_id_external_id"),
            ["dealership_id", "external_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_sync_item_run_id_action_id"), ["run_id", "action", "id"], unique=False
        )

    op.create_table(
        "easycar_stock_data",
        sa.Column("link_id", sa.Integer(), nullable=False),
        sa.Column("vehicle_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("received_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("yard_code", sa.Text(), nullable=True),
        sa.Column("yard_name", sa.Text(), nullable=True),
        sa.Column("stock_number", sa.Text(), nullable=True),
        sa.Column("make", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("badge", sa.Text(), nullable=True),
        sa.Column("rego_num", sa.Text(), nullable=True),
        sa.Column("vin", sa.Text(), nullable=True),
        sa.Column("price", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("year_group", sa.BigInteger(), nullable=True),
        sa.Column("odometer", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("colour", sa.Text(), nullable=True),
        sa.Column("engine_capacity", sa.Text(), nullable=True),
        sa.Column("gear_type", sa.Text(), nullable=True),
        sa.Column("fuel_type", sa.Text(), nullable=True),
        sa.Column("adv_description", sa.Text(), nullable=True),
        sa.Column("series", sa.Text(), nullable=True),
        sa.Column("adv_special_price", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("is_demo", sa.Boolean(), nullable=True),
        sa.Column("is_special", sa.Boolean(), nullable=True),
        sa.Column("is_prestiged", sa.Boolean(), nullable=True),
        sa.Column("stock_type", sa.Text(), nullable=True),
        sa.Column("is_used", sa.Boolean(), nullable=True),
        sa.Column("rego_expiry", sa.Date(), nullable=True),
        sa.Column("video_link", sa.Text(), nullable=True),
        sa.Column("drive_train", sa.Text(), nullable=True),
        sa.Column("door_num", sa.BigInteger(), nullable=True),
        sa.Column("cylinder", sa.Text(), nullable=True),
        sa.Column("short_description", sa.Text(), nullable=True),
        sa.Column("engine_type_description", sa.Text(), nullable=True),
        sa.Column("engine_size", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("stock_status", sa.Text(), nullable=True),
        sa.Column("gcm", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("gvm", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("tare", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("sleeping_capacity", sa.BigInteger(), nullable=True),
        sa.Column("toilet", sa.Text(), nullable=True),
        sa.Column("shower", sa.Text(), nullable=True),
        sa.Column("air_conditioning", sa.Text(), nullable=True),
        sa.Column("fridge", sa.Text(), nullable=True),
        sa.Column("stereo", sa.Text(), nullable=True),
        sa.Column("seat_capacity", sa.BigInteger(), nullable=True),
        sa.Column("rego_state", sa.Text(), nullable=True),
        sa.Column("additional_description", sa.Text(), nullable=True),
        sa.Column("is_drive_away", sa.Boolean(), nullable=True),
        sa.Column("interior_color", sa.Text(), nullable=True),
        sa.Column("built_date", sa.Text(), nullable=True),
        sa.Column("compliance_date", sa.Text(), nullable=True),
        sa.Column("engine_number", sa.Text(), nullable=True),
        sa.Column("gps", sa.Text(), nullable=True),
        sa.Column("wheel_size", sa.Text(), nullable=True),
        sa.Column("tow_ball_weight", sa.Text(), nullable=True),
        sa.Column("warranty", sa.Text(), nullable=True),
        sa.Column("wheels", sa.Text(), nullable=True),
        sa.Column("axle_configuration", sa.Text(), nullable=True),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column("standard_features", sa.Text(), nullable=True),
        sa.Column("optional_features", sa.Text(), nullable=True),
        sa.Column("redbook_code", sa.Text(), nullable=True),
        sa.Column("nvic", sa.Text(), nullable=True),
        sa.Column("is_miles", sa.Boolean(), nullable=True),
        sa.Column("gear_count", sa.BigInteger(), nullable=True),
        sa.Column("engine_power", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("power_kw", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("power_hp", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("engine_make", sa.Text(), nullable=True),
        sa.Column("serial_number", sa.Text(), nullable=True),
        sa.Column("length", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("is_deposit_taken", sa.Boolean(), nullable=True),
        sa.Column("image_count", sa.BigInteger(), nullable=True),
        sa.Column("image_urls", sa.Text(), nullable=True),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_easycar_stock_data_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["link_id"],
            ["external_link.id"],
            name=op.f("fk_easycar_stock_data_link_id_external_link"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["sync_run.id"],
            name=op.f("fk_easycar_stock_data_run_id_sync_run"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["vehicle_id"],
            ["vehicle.id"],
            name=op.f("fk_easycar_stock_data_vehicle_id_vehicle"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("link_id", name=op.f("pk_easycar_stock_data")),
    )
    with op.batch_alter_table("easycar_stock_data", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_easycar_stock_data_dealership_id_stock_number"),
            ["dealership_id", "stock_number"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_easycar_stock_data_vehicle_id"), ["vehicle_id"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("easycar_stock_data", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_easycar_stock_data_vehicle_id"))
        batch_op.drop_index(batch_op.f("ix_easycar_stock_data_dealership_id_stock_number"))

    op.drop_table("easycar_stock_data")
    with op.batch_alter_table("sync_item", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sync_item_run_id_action_id"))
        batch_op.drop_index(batch_op.f("ix_sync_item_dealership_id_external_id"))
        batch_op.drop_index(batch_op.f("ix_sync_item_dealership_id_entity_id"))

    op.drop_table("sync_item")
    op.drop_table("stream_state")
    with op.batch_alter_table("photo", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_photo_media_id"))
        batch_op.drop_index(batch_op.f("ix_photo_dealership_id_state_id"))

    op.drop_table("photo")
    with op.batch_alter_table("external_link", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_external_link_photos_wanted",
            sqlite_where=sa.text("photos_wanted"),
            postgresql_where=sa.text("photos_wanted"),
        )
        batch_op.drop_index(batch_op.f("ix_external_link_dealership_id_entity_entity_id"))

    op.drop_table("external_link")
    with op.batch_alter_table("sync_run", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_sync_run_one_active",
            sqlite_where=sa.text("status IN ('queued', 'running')"),
            postgresql_where=sa.text("status IN ('queued', 'running')"),
        )
        batch_op.drop_index(batch_op.f("ix_sync_run_dealership_id_stream_id"))
        batch_op.drop_index(batch_op.f("ix_sync_run_dealership_id_status_id"))
        batch_op.drop_index(batch_op.f("ix_sync_run_dealership_id_id"))
        batch_op.drop_index(batch_op.f("ix_sync_run_created_at"))
        batch_op.drop_index(
            "ix_sync_run_active",
            sqlite_where=sa.text("status IN ('queued', 'running')"),
            postgresql_where=sa.text("status IN ('queued', 'running')"),
        )

    op.drop_table("sync_run")
    with op.batch_alter_table("vehicle", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_vehicle_dealership_id_vin"))
        batch_op.drop_index(batch_op.f("ix_vehicle_dealership_id_stock_number"))
        batch_op.drop_index(batch_op.f("ix_vehicle_dealership_id_source"))
        batch_op.drop_index(batch_op.f("ix_vehicle_dealership_id_rego_num"))
        batch_op.drop_index(batch_op.f("ix_vehicle_dealership_id_lifecycle_id"))

    op.drop_table("vehicle")
    op.drop_table("system_setting")
    with op.batch_alter_table("schedule", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_schedule_next_run_at"))

    op.drop_table("schedule")
    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_membership_dealership_id"))

    op.drop_table("membership")
    op.drop_table("media_object")
    with op.batch_alter_table("dealership_easycar_credentials", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_dealership_easycar_credentials_active",
            sqlite_where=sa.text("is_active"),
            postgresql_where=sa.text("is_active"),
        )

    op.drop_table("dealership_easycar_credentials")
    with op.batch_alter_table("audit_event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_audit_event_dealership_id_id"))

    op.drop_table("audit_event")
    with op.batch_alter_table("api_token", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_api_token_dealership_id"))

    op.drop_table("api_token")
    op.drop_table("user_account")
    op.drop_table("dealership")
