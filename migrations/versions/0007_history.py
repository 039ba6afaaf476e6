"""History: days that runs are kept, indexes for filters and for clearing

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

from app.models import types

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# Without them each deleted run would read all of these tables: the database looks for its number.
POINTING = (
    ("conflict", "run_id"),
    ("easycar_lead_data", "run_id"),
    ("easycar_stock_data", "run_id"),
    ("external_link", "changed_run_id"),
    ("feed_question", "first_run_id"),
    ("feed_question", "last_run_id"),
    ("go_live_step", "run_id"),
    ("lead_event", "run_id"),
    ("outbox_message", "run_id"),
    ("photo", "run_id"),
    ("problem", "run_id"),
    ("stream_state", "last_run_id"),
    ("sync_run", "parent_id"),
    ("vehicle_edit", "run_id"),
)
FILTERS = (
    ("dealership_id", "created_at", "id"),
    ("dealership_id", "direction", "id"),
    ("dealership_id", "mode", "id"),
    ("dealership_id", "trigger", "id"),
)
LEFT_OUT = sa.text("decision = 'kept' AND entity_id IS NULL")


def upgrade():
    op.create_table(
        "history_policy",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("cleared_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("cleared_to", sa.Integer(), nullable=False),
        sa.Column("removed", sa.Integer(), nullable=False),
        sa.Column("kept", sa.Integer(), nullable=False),
        sa.Column("changed_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_by_id", sa.Integer(), nullable=True),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("days BETWEEN 30 AND 3650", name=op.f("ck_history_policy_days")),
        sa.ForeignKeyConstraint(
            ["changed_by_id"],
            ["user_account.id"],
            name=op.f("fk_history_policy_changed_by_id_user_account"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_history_policy_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_history_policy")),
        sa.UniqueConstraint("dealership_id", name=op.f("uq_history_policy_dealership_id")),
    )
    for columns in FILTERS:
        op.create_index(_name("sync_run", *columns), "sync_run", list(columns))
    for table, column in POINTING:
        op.create_index(_name(table, column), table, [column])
    op.create_index(
        "ix_sync_item_left_out",
        "sync_item",
        ["run_id"],
        sqlite_where=LEFT_OUT,
        postgresql_where=LEFT_OUT,
    )


def downgrade():
    op.drop_index("ix_sync_item_left_out", table_name="sync_item")
    for table, column in reversed(POINTING):
        op.drop_index(_name(table, column), table_name=table)
    for columns in reversed(FILTERS):
        op.drop_index(_name("sync_run", *columns), table_name="sync_run")
    op.drop_table("history_policy")


def _name(table, *columns):
    return op.f(f"ix_{table}_{'_'.join(columns)}")
