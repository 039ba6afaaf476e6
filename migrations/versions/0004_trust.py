"""What trust needs: policies, conflicts, edits, previews, before-images, outbox

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

from app.models import types

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "mapping_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("rules", types.JsonText(), nullable=False),
        sa.Column("note", sa.String(length=300), nullable=True),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(length=254), nullable=False),
        sa.Column("created_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_mapping_version_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_mapping_version_user_id_user_account"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mapping_version")),
        sa.UniqueConstraint(
            "dealership_id", "number", name=op.f("uq_mapping_version_dealership_id_number")
        ),
    )
    op.create_table(
        "sync_policy",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("removals_count", sa.Integer(), nullable=False),
        sa.Column("removals_percent", sa.Integer(), nullable=False),
        sa.Column("price_drop_percent", sa.Integer(), nullable=False),
        sa.Column("missing_runs", sa.Integer(), nullable=False),
        sa.Column("owners", types.JsonText(), nullable=False),
        sa.Column("changed_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_by_id", sa.Integer(), nullable=True),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["changed_by_id"],
            ["user_account.id"],
            name=op.f("fk_sync_policy_changed_by_id_user_account"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_sync_policy_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_policy")),
        sa.UniqueConstraint("dealership_id", name=op.f("uq_sync_policy_dealership_id")),
    )
    op.create_table(
        "duplicate_pair",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("first_id", sa.Integer(), nullable=False),
        sa.Column("second_id", sa.Integer(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("reasons", types.JsonText(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("found_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("decided_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("decided_by_id", sa.Integer(), nullable=True),
        sa.Column("decided_by", sa.String(length=254), nullable=True),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "state IN ('open', 'dismissed', 'merged', 'gone')", name=op.f("ck_duplicate_pair_state")
        ),
        sa.CheckConstraint("first_id < second_id", name=op.f("ck_duplicate_pair_order")),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_duplicate_pair_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["decided_by_id"],
            ["user_account.id"],
            name=op.f("fk_duplicate_pair_decided_by_id_user_account"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["first_id"],
            ["vehicle.id"],
            name=op.f("fk_duplicate_pair_first_id_vehicle"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["second_id"],
            ["vehicle.id"],
            name=op.f("fk_duplicate_pair_second_id_vehicle"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duplicate_pair")),
        sa.UniqueConstraint(
            "dealership_id",
            "first_id",
            "second_id",
            name=op.f("uq_duplicate_pair_dealership_id_first_id_second_id"),
        ),
    )
    op.create_index(
        op.f("ix_duplicate_pair_dealership_id_state_score"),
        "duplicate_pair",
        ["dealership_id", "state", "score"],
        unique=False,
    )
    op.create_index(
        op.f("ix_duplicate_pair_second_id"), "duplicate_pair", ["second_id"], unique=False
    )
    op.create_table(
        "vehicle_merge",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kept_id", sa.Integer(), nullable=False),
        sa.Column("merged_id", sa.Integer(), nullable=False),
        sa.Column("choices", types.JsonText(), nullable=False),
        sa.Column("before", types.JsonText(), nullable=False),
        sa.Column("after", types.JsonText(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(length=254), nullable=False),
        sa.Column("created_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("unmerged_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("unmerged_by", sa.String(length=254), nullable=True),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_vehicle_merge_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["kept_id"],
            ["vehicle.id"],
            name=op.f("fk_vehicle_merge_kept_id_vehicle"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merged_id"],
            ["vehicle.id"],
            name=op.f("fk_vehicle_merge_merged_id_vehicle"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_vehicle_merge_user_id_user_account"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vehicle_merge")),
    )
    op.create_index(
        op.f("ix_vehicle_merge_dealership_id_kept_id"),
        "vehicle_merge",
        ["dealership_id", "kept_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_vehicle_merge_dealership_id_merged_id"),
        "vehicle_merge",
        ["dealership_id", "merged_id"],
        unique=False,
    )
    op.create_table(
        "feed_question",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("stream", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("field", sa.String(length=100), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("example", sa.String(length=200), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("first_run_id", sa.Integer(), nullable=True),
        sa.Column("last_run_id", sa.Integer(), nullable=True),
        sa.Column("created_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("decided_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(length=254), nullable=True),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('value', 'new_field', 'gone_field')", name=op.f("ck_feed_question_kind")
        ),
        sa.CheckConstraint(
            "state IN ('open', 'answered', 'ignored')", name=op.f("ck_feed_question_state")
        ),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_feed_question_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["first_run_id"],
            ["sync_run.id"],
            name=op.f("fk_feed_question_first_run_id_sync_run"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["last_run_id"],
            ["sync_run.id"],
            name=op.f("fk_feed_question_last_run_id_sync_run"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feed_question")),
        sa.UniqueConstraint(
            "dealership_id",
            "provider",
            "stream",
            "kind",
            "field",
            "value",
            name=op.f("uq_feed_question_dealership_id_provider_stream_kind_field_value"),
        ),
    )
    op.create_index(
        op.f("ix_feed_question_dealership_id_state"),
        "feed_question",
        ["dealership_id", "state"],
        unique=False,
    )
    op.create_table(
        "go_live_step",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=True),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(length=254), nullable=False),
        sa.Column("created_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("state IN ('done', 'skipped')", name=op.f("ck_go_live_step_state")),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_go_live_step_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["sync_run.id"],
            name=op.f("fk_go_live_step_run_id_sync_run"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_go_live_step_user_id_user_account"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_go_live_step")),
        sa.UniqueConstraint(
            "dealership_id", "step", name=op.f("uq_go_live_step_dealership_id_step")
        ),
    )
    op.create_table(
        "outbox_message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("payload", types.JsonText(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("leased_until", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("sent_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'sent', 'dead')", name=op.f("ck_outbox_message_state")
        ),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_outbox_message_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["sync_run.id"],
            name=op.f("fk_outbox_message_run_id_sync_run"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_message")),
        sa.UniqueConstraint(
            "dealership_id", "key", name=op.f("uq_outbox_message_dealership_id_key")
        ),
    )
    op.create_index(
        op.f("ix_outbox_message_dealership_id_id"),
        "outbox_message",
        ["dealership_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_outbox_message_state_next_try_at"),
        "outbox_message",
        ["state", "next_try_at"],
        unique=False,
    )
    op.create_table(
        "sync_payload",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_sync_payload_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["sync_run.id"],
            name=op.f("fk_sync_payload_run_id_sync_run"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_id", "part", name=op.f("pk_sync_payload")),
    )
    op.create_table(
        "vehicle_edit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("vehicle_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("before", types.JsonText(), nullable=True),
        sa.Column("after", types.JsonText(), nullable=True),
        sa.Column("reason", sa.String(length=300), nullable=True),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(length=254), nullable=False),
        sa.Column("created_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_vehicle_edit_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["sync_run.id"],
            name=op.f("fk_vehicle_edit_run_id_sync_run"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_vehicle_edit_user_id_user_account"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["vehicle_id"],
            ["vehicle.id"],
            name=op.f("fk_vehicle_edit_vehicle_id_vehicle"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vehicle_edit")),
    )
    op.create_index(
        op.f("ix_vehicle_edit_dealership_id_vehicle_id_id"),
        "vehicle_edit",
        ["dealership_id", "vehicle_id", "id"],
        unique=False,
    )
    op.create_table(
        "conflict",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("stream", sa.String(length=32), nullable=False),
        sa.Column("entity", sa.String(length=32), nullable=False),
        sa.Column("entity_id", sa.Integer(), nullable=False),
        sa.Column("link_id", sa.Integer(), nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=False),
        sa.Column("field", sa.String(length=100), nullable=False),
        sa.Column("agreed", types.JsonText(), nullable=True),
        sa.Column("local", types.JsonText(), nullable=True),
        sa.Column("remote", types.JsonText(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("resolution", sa.String(length=16), nullable=True),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("first_seen_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("seen_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("resolved_by_id", sa.Integer(), nullable=True),
        sa.Column("resolved_by", sa.String(length=254), nullable=True),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "resolution IS NULL OR resolution IN ('local', 'easycars', 'manual', 'gone')",
            name=op.f("ck_conflict_resolution"),
        ),
        sa.CheckConstraint("state IN ('open', 'resolved')", name=op.f("ck_conflict_state")),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_conflict_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["link_id"],
            ["external_link.id"],
            name=op.f("fk_conflict_link_id_external_link"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["resolved_by_id"],
            ["user_account.id"],
            name=op.f("fk_conflict_resolved_by_id_user_account"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["sync_run.id"],
            name=op.f("fk_conflict_run_id_sync_run"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conflict")),
    )
    op.create_index(
        op.f("ix_conflict_dealership_id_state_id"),
        "conflict",
        ["dealership_id", "state", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_conflict_link_id"), "conflict", ["link_id"], unique=False)
    op.create_index(
        "uq_conflict_one_open",
        "conflict",
        ["dealership_id", "entity", "entity_id", "field"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "sync_before",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("link_id", sa.Integer(), nullable=False),
        sa.Column("vehicle_id", sa.Integer(), nullable=False),
        sa.Column("link", types.JsonText(), nullable=False),
        sa.Column("vehicle", types.JsonText(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=True),
        sa.Column("photos", types.JsonText(), nullable=True),
        sa.Column("created_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_sync_before_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["link_id"],
            ["external_link.id"],
            name=op.f("fk_sync_before_link_id_external_link"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["sync_run.id"],
            name=op.f("fk_sync_before_run_id_sync_run"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_id", "link_id", name=op.f("pk_sync_before")),
    )
    op.create_index(op.f("ix_sync_before_created_at"), "sync_before", ["created_at"], unique=False)
    op.create_index(op.f("ix_sync_before_link_id"), "sync_before", ["link_id"], unique=False)
    op.add_column(
        "external_link",
        sa.Column("kept_outside", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.add_column(
        "photo", sa.Column("is_hidden", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("sync_item", sa.Column("decision", sa.String(length=16), nullable=True))
    op.add_column("sync_item", sa.Column("decided_by", sa.String(length=254), nullable=True))
    op.add_column(
        "sync_item", sa.Column("decided_at", types.UtcDateTime(timezone=True), nullable=True)
    )
    op.add_column(
        "vehicle", sa.Column("is_excluded", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column(
        "vehicle", sa.Column("is_published", sa.Boolean(), server_default=sa.true(), nullable=False)
    )
    op.add_column(
        "vehicle",
        sa.Column("photos_ordered", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.add_column("vehicle", sa.Column("merged_into_id", sa.Integer(), nullable=True))
    op.add_column(
        "vehicle", sa.Column("edited_at", types.UtcDateTime(timezone=True), nullable=True)
    )
    op.create_index(op.f("ix_vehicle_merged_into_id"), "vehicle", ["merged_into_id"], unique=False)


def downgrade():
    op.drop_index(op.f("ix_vehicle_merged_into_id"), table_name="vehicle")
    op.drop_column("vehicle", "edited_at")
    op.drop_column("vehicle", "merged_into_id")
    op.drop_column("vehicle", "photos_ordered")
    op.drop_column("vehicle", "is_published")
    op.drop_column("vehicle", "is_excluded")
    op.drop_column("sync_item", "decided_at")
    op.drop_column("sync_item", "decided_by")
    op.drop_column("sync_item", "decision")
    op.drop_column("photo", "is_hidden")
    op.drop_column("external_link", "kept_outside")
    op.drop_index(op.f("ix_sync_before_link_id"), table_name="sync_before")
    op.drop_index(op.f("ix_sync_before_created_at"), table_name="sync_before")
    op.drop_table("sync_before")
    op.drop_index("uq_conflict_one_open", table_name="conflict")
    op.drop_index(op.f("ix_conflict_link_id"), table_name="conflict")
    op.drop_index(op.f("ix_conflict_dealership_id_state_id"), table_name="conflict")
    op.drop_table("conflict")
    op.drop_index(op.f("ix_vehicle_edit_dealership_id_vehicle_id_id"), table_name="vehicle_edit")
    op.drop_table("vehicle_edit")
    op.drop_table("sync_payload")
    op.drop_index(op.f("ix_outbox_message_state_next_try_at"), table_name="outbox_message")
    op.drop_index(op.f("ix_outbox_message_dealership_id_id"), table_name="outbox_message")
    op.drop_table("outbox_message")
    op.drop_table("go_live_step")
    op.drop_index(op.f("ix_feed_question_dealership_id_state"), table_name="feed_question")
    op.drop_table("feed_question")
    op.drop_index(op.f("ix_vehicle_merge_dealership_id_merged_id"), table_name="vehicle_merge")
    op.drop_index(op.f("ix_vehicle_merge_dealership_id_kept_id"), table_name="vehicle_merge")
    op.drop_table("vehicle_merge")
    op.drop_index(op.f("ix_duplicate_pair_second_id"), table_name="duplicate_pair")
    op.drop_index(op.f("ix_duplicate_pair_dealership_id_state_score"), table_name="duplicate_pair")
    op.drop_table("duplicate_pair")
    op.drop_table("sync_policy")
    op.drop_table("mapping_version")
