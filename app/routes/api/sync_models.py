"""What the routes of syncs take and give, for reading and for the description (contract §4)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from app.routes.api.common import ApiModel, PageQuery, Pagination, PlainText

Status = Literal["Queued", "InProgress", "Success", "Warning", "Failed", "Held", "Cancelled"]
Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2200, 12, 31))]


class StartBody(ApiModel):
    """Nothing is needed."""

    preview: bool = Field(False, description="Only tell what a sync would change")


class LeadStartBody(ApiModel):
    """Nothing is needed."""

    preview: Literal[False] = Field(False, description="Leads have no preview")


class Started(ApiModel):
    """`jobId` names the job in the queue, `runId` the run to follow."""

    job_id: str | None
    run_id: int
    message: str
    estimated_duration_seconds: int
    location: str = Field(description="The run's page")


class LogQuery(PageQuery):
    """`from` and `to` are whole days in the dealership's time zone."""

    sync_type: Literal["Stock", "Lead"] | None = None
    status: Status | None = None
    q: PlainText | None = Field(
        None,
        max_length=200,
        description="Run id, reference, stock number, VIN, rego, lead number or mail address",
    )
    from_: Day | None = Field(None, alias="from")
    to: Day | None = None


class ItemQuery(PageQuery):
    """`action` as the row carries it (create, update, hold, refuse …) or a tab (created …)."""

    action: PlainText | None = Field(None, max_length=16)


class RunSummary(ApiModel):
    """The run summary of the contract."""

    run_id: int
    kind: str
    mode: str
    status: Status
    created: int
    updated: int
    unchanged: int
    failed: int
    held: int
    missing: int
    conflicts: int
    photos_kept: int
    photos_new: int
    photos_failed: int
    photos_state: str
    total: int | None
    duration_ms: int | None
    started_at: datetime | None
    completed_at: datetime | None
    message: str | None
    error_code: str | None


class SyncLog(RunSummary):
    """One run, also in the words of the architecture document."""

    id: int
    applies_run_id: int | None = Field(description="The preview that this run applies")
    sync_type: str
    sync_direction: str
    records_processed: int
    records_created: int
    records_updated: int
    records_failed: int
    trigger: str
    started_by: str
    requested_at: datetime
    reference: str | None


class SyncLogDetail(SyncLog):
    """`errorDetails` is for the system role only; secrets are never noted in the first place."""

    dealership_id: int
    error_message: str | None
    error_details: str | None
    request_payload: dict[str, Any] | None
    response_summary: dict[str, Any] | None


class SyncLogList(ApiModel):
    logs: list[SyncLog]
    pagination: Pagination


class FieldChange(ApiModel):
    field: str
    before: Any = None
    after: Any = None


class RunItem(ApiModel):
    external_id: str
    label: str
    action: str
    vehicle_id: int | None = Field(description="Of a run of stock")
    lead_id: int | None = Field(description="Of a run of leads")
    changes: list[FieldChange]
    reason: str | None
    warnings: list[dict[str, str]]


class RunItemList(ApiModel):
    items: list[RunItem]
    pagination: Pagination


class SyncStatus(ApiModel):
    """Where stock and leads stand; `recentLogs` are the last ten of both."""

    is_configured: bool
    is_syncing: bool
    active_run_id: int | None
    last_stock_sync: SyncLog | None
    last_lead_sync: SyncLog | None
    next_stock_sync_at: datetime | None
    stock_data_age: str | None = Field(description="up_to_date, late, stale, or null")
    manual_syncs_left: int
    recent_logs: list[SyncLog]
