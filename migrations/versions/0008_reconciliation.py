"""Reconciliation: differences between here and EasyCars

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

from app.models import types

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

STANDS = sa.text("status <> 'resolved'")


def upgrade():
    op.create_table(
        "difference",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("stream", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("record_key", sa.String(length=200), nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=True),
        sa.Column("entity_id", sa.Integer(), nullable=True),
        sa.Column("label", sa.String(length=300), nullable=False),
        sa.Column("fields", types.JsonText(), nullable=False),
        sa.Column("fingerprint", sa.String(length=32), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("first_seen_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("first_run_id", sa.Integer(), nullable=True),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("taking_run_id", sa.Integer(), nullable=True),
        sa.Column("decided_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(length=254), nullable=True),
        sa.Column("reason", sa.String(length=300), nullable=True),
        sa.Column("resolution", sa.String(length=16), nullable=True),
        sa.Column("resolved_at", types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("dealership_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("stream IN ('stock', 'leads')", name=op.f("ck_difference_stream")),
        sa.CheckConstraint(
            "kind IN ('there_only', 'here_only', 'differing')", name=op.f("ck_difference_kind")
        ),
        sa.CheckConstraint(
            "severity IN ('missing', 'outdated', 'conflicting')",
            name=op.f("ck_difference_severity"),
        ),
        sa.CheckConstraint(
            "status IN ('open', 'ignored', 'listed', 'resolved')",
            name=op.f("ck_difference_status"),
        ),
        sa.CheckConstraint(
            "resolution IS NULL OR resolution IN ('gone', 'taken', 'pushed', 'shown')",
            name=op.f("ck_difference_resolution"),
        ),
        sa.ForeignKeyConstraint(
            ["dealership_id"],
            ["dealership.id"],
            name=op.f("fk_difference_dealership_id_dealership"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["first_run_id"],
            ["sync_run.id"],
            name=op.f("fk_difference_first_run_id_sync_run"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["sync_run.id"],
            name=op.f("fk_difference_run_id_sync_run"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["taking_run_id"],
            ["sync_run.id"],
            name=op.f("fk_difference_taking_run_id_sync_run"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_difference")),
    )
    op.create_index(
        "uq_difference_standing",
        "difference",
        ["dealership_id", "stream", "record_key", "kind"],
        unique=True,
        sqlite_where=STANDS,
        postgresql_where=STANDS,
    )
    op.create_index(
        op.f("ix_difference_dealership_id_status_id"),
        "difference",
        ["dealership_id", "status", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_difference_dealership_id_stream_kind_id"),
        "difference",
        ["dealership_id", "stream", "kind", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_difference_dealership_id_stream_entity_id"),
        "difference",
        ["dealership_id", "stream", "entity_id"],
        unique=False,
    )
    for column in ("first_run_id", "run_id", "taking_run_id", "resolved_at"):
        op.create_index(op.f(f"ix_difference_{column}"), "difference", [column], unique=False)


def downgrade():
    op.execute("DELETE FROM schedule WHERE stream LIKE 'reconcile-%'")
    op.drop_table("difference")
