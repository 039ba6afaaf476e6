"""The required table name easycar_sync_log, as a view over the runs (contract §6)

Revision: 0002, after 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

VIEW = """
CREATE VIEW easycar_sync_log AS
SELECT
    id,
    dealership_id,
    credential_id,
    CASE stream WHEN 'stock' THEN 'Stock' WHEN 'leads' THEN 'Lead' ELSE stream END AS sync_type,
    CASE direction WHEN 'inbound' THEN 'Inbound' ELSE 'Outbound' END AS sync_direction,
    CASE status
        WHEN 'success' THEN 'Success' WHEN 'warning' THEN 'Warning' WHEN 'failed' THEN 'Failed'
        WHEN 'held' THEN 'Held' WHEN 'cancelled' THEN 'Cancelled' WHEN 'queued' THEN 'Queued'
        ELSE 'InProgress'
    END AS status,
    COALESCE(started_at, created_at) AS started_at,
    completed_at,
    created + updated + unchanged + failed + held AS records_processed,
    created AS records_created,
    updated AS records_updated,
    failed AS records_failed,
    CASE WHEN status IN ('failed', 'warning', 'held') THEN message END AS error_message,
    error_details,
    request_payload,
    response_summary
FROM sync_run
WHERE provider = 'easycars' AND mode = 'sync'
"""


def upgrade() -> None:
    op.execute(VIEW)


def downgrade() -> None:
    op.execute("DROP VIEW easycar_sync_log")
