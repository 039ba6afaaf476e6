"""What every run asks first from an index; large rows of PostgreSQL kept whole

The index answers which records are known, and by which bytes, without reading rows of several
kilobytes. On PostgreSQL archive rows and items stay in their page as they are: compressing them
took a third of the server's time in a first load. The price is disk.

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
KEPT_WHOLE = ("easycar_stock_data", "sync_item")


def upgrade():
    op.create_index("ix_external_link_known", "external_link", COLUMNS)
    if op.get_bind().dialect.name == "postgresql":
        for table in KEPT_WHOLE:
            op.execute(f"ALTER TABLE {table} SET (toast_tuple_target = 8160)")


def downgrade():
    if op.get_bind().dialect.name == "postgresql":
        for table in KEPT_WHOLE:
            op.execute(f"ALTER TABLE {table} RESET (toast_tuple_target)")
    op.drop_index("ix_external_link_known", table_name="external_link")
