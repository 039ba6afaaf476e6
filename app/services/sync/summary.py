"""A run in the contract's words (contract §4, §6)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from app.models import SyncItem, SyncRun

STATUS_WORDS = {
    "queued": "Queued",
    "running": "InProgress",
    "success": "Success",
    "warning": "Warning",
    "failed": "Failed",
    "held": "Held",
    "cancelled": "Cancelled",
}
KIND_WORDS = {"stock": "Stock", "leads": "Lead"}
COUNTS = ("created", "updated", "unchanged", "failed", "held", "missing", "conflicts")


def status_word(status: str) -> str:
    return STATUS_WORDS[status]


def moment(value: datetime | None) -> str | None:
    """ISO 8601 in UTC with Z, or None."""
    return None if value is None else value.isoformat().replace("+00:00", "Z")


def summary(run: SyncRun) -> dict[str, Any]:
    """The run summary of contract §4."""
    return {
        "runId": run.id,
        "kind": run.stream,
        "mode": run.mode,
        "status": status_word(run.status),
        **{name: getattr(run, name) for name in COUNTS},
        "photosKept": run.photos_kept,
        "photosNew": run.photos_new,
        "photosFailed": run.photos_failed,
        "photosState": run.photos_state,
        "total": run.total,
        "durationMs": run.duration_ms,
        "startedAt": moment(run.started_at),
        "completedAt": moment(run.completed_at),
        "message": run.message,
        "errorCode": run.error_code,
    }


def changes_of(item: SyncItem) -> list[dict[str, Any]]:
    """The item's changed fields, each with before and after."""
    before, after = item.before or {}, item.after or {}
    return [
        {"field": name, "before": before.get(name), "after": after.get(name)}
        for name in [*before, *(name for name in after if name not in before)]
    ]


def item_summary(item: SyncItem, stream: str = "stock") -> dict[str, Any]:
    """The item of a run in contract §4's shape; `leadId` instead of `vehicleId` for leads."""
    of_lead = stream == "leads"
    return {
        "externalId": item.external_id,
        "label": item.label,
        "action": item.action,
        "vehicleId": None if of_lead else item.entity_id,
        "leadId": item.entity_id if of_lead else None,
        "changes": changes_of(item),
        "reason": item.reason,
        "warnings": item.warnings or [],
    }
