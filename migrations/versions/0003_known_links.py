"""An index that answers what every run asks first: which records are known, and by which bytes.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

COLUMNS = (
    "dealership_id",
    "provider",
    "stream",
    "environment",
    "external_id",
    "content_hash",
    "entity_id",
    "missing_runs",
)


def upgrade():
    op.create_index("ix_external_link_known", "external_link", COLUMNS)


def downgrade():
    op.drop_index("ix_external_link_known", table_name="external_link")
