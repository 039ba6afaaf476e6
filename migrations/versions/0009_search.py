"""Search: runs by request id; undo of settled conflicts; forms kept over a sign-in

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

from app.models import types

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade():
    op.create_index(
        op.f("ix_sync_run_dealership_id_request_id"),
        "sync_run",
        ["dealership_id", "request_id"],
        unique=False,
    )
    op.create_table(
        "kept_form",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("expires_at", types.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_kept_form_user_id_user_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_form")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_kept_form_token_hash")),
    )
    op.create_index(op.f("ix_kept_form_user_id"), "kept_form", ["user_id"], unique=False)
    op.create_index(op.f("ix_kept_form_expires_at"), "kept_form", ["expires_at"], unique=False)

    with op.batch_alter_table("conflict") as batch:
        batch.add_column(sa.Column("result", types.JsonText(), nullable=True))
        batch.add_column(sa.Column("settled_in", sa.String(length=32), nullable=True))
    op.create_index(
        op.f("ix_conflict_dealership_id_resolved_at"),
        "conflict",
        ["dealership_id", "resolved_at"],
        unique=False,
    )


def downgrade():
    op.drop_index(op.f("ix_conflict_dealership_id_resolved_at"), table_name="conflict")
    op.drop_column("conflict", "settled_in")
    op.drop_column("conflict", "result")
    op.drop_table("kept_form")
    op.drop_index(op.f("ix_sync_run_dealership_id_request_id"), table_name="sync_run")
