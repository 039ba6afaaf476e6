"""Problems: one row per cause

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

from app.models import types

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# What the clock looks for at all dealerships every minute.
LOOKED_AT = (
    (
        "ix_lead_stuck",
        "lead",
        "dealership_id",
        "sync_state IN ('unconfirmed', 'failed', 'cannot_be_sent')",
    ),
    ("ix_photo_failed", "photo", "vehicle_id", "state = 'failed'"),
)


def upgrade():
    op.create_table(
        "problem",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("cause", sa.String(length=100), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("next_step", sa.Text(), nullable=False),
        sa.Column("path", sa.String(length=200), nullable=False),
        sa.Column("link", sa.String(length=100), nullable=False),
        sa.Column("affected", sa.Integer(), nullable=False),
        sa.Column("records", types.JsonText(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("first_seen_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("opened_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("openings", sa.Integer(), nullable=False),
        sa.Column("told_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("snoozed_until", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("snoozed_by", sa.String(length=254), nullable=True),
        sa.Column("resolved_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("resolution", sa.String(length=200), nullable=True),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("severity IN ('danger', 'warning')", name=op.f("ck_problem_severity")),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_problem_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["sync_run.id"],
            name=op.f("fk_problem_run_id_sync_run"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_problem")),
        sa.UniqueConstraint("dealership_id", "cause", name=op.f("uq_problem_dealership_id_cause")),
    )
    op.create_index(
        "ix_problem_open",
        "problem",
        ["dealership_id"],
        sqlite_where=sa.text("resolved_at IS NULL"),
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    for name, table, column, condition in LOOKED_AT:
        op.create_index(
            name,
            table,
            [column],
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )


def downgrade():
    for name, table, _column, _condition in LOOKED_AT:
        op.drop_index(name, table_name=table)
    op.drop_index("ix_problem_open", table_name="problem")
    op.drop_table("problem")
