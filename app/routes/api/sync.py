"""Syncs for programs: start, status, logs, rows, cancel (contract §4, rows 299 to 302).

A sync log carries the members of the architecture document and the run summary of the contract.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g
from sqlalchemy.orm import Session

from app.db import db, unit_of_work
from app.models import SyncRun
from app.parts import parts
from app.routes.access import api_requires, current_actor, may
from app.routes.api.common import moment, ok, pagination, read_body, read_query
from app.routes.api.openapi import describe
from app.routes.api.sync_models import (
    ItemQuery,
    LeadStartBody,
    LogQuery,
    RunItemList,
    RunSummary,
    StartBody,
    Started,
    SyncLogDetail,
    SyncLogList,
    SyncStatus,
)
from app.routes.fragments import page_at
from app.routes.sync_stock import means
from app.services import history, manual_sync, run_items, run_words, schedules, sync_overview
from app.services.history import Filters
from app.services.sync import runs
from app.services.sync.opening import APPLIES
from app.services.sync.summary import STATUS_WORDS, item_summary, status_word, summary

bp = Blueprint("api_sync", __name__)
ROOT = "/api/admin/easycars/sync"
RUN_ID = "<int(max=2147483647):run_id>"
TYPES = {"Stock": "stock", "Lead": "leads"}
STATUSES = {word: status for status, word in STATUS_WORDS.items()}


@bp.post(f"{ROOT}/stock")
@describe("Start a stock sync", body=StartBody, answers={202: Started})
@api_requires("operator", scope="sync:write")
def start_stock() -> Response:
    """Answers at once; a worker does the work. 409 names the run that is active in
    `existingRunId`, 429 says in `Retry-After` when another start is free, 400 `not_configured`
    means that there are no credentials. With `preview` nothing is changed: the run tells what a
    sync would do, and can be applied for half an hour."""
    is_preview = read_body(StartBody).preview
    with unit_of_work(g.dealership.id) as session:
        run = manual_sync.start(
            session,
            dealership_id=g.dealership.id,
            stream="stock",
            actor=current_actor(),
            trigger="api" if g.token else "person",
            means=means(),
            mode="preview" if is_preview else "sync",
        )
        return _started(
            session, run, f"Stock {'preview' if is_preview else 'synchronization'} started"
        )


@bp.post(f"{ROOT}/leads")
@describe("Start a lead sync", body=LeadStartBody, answers={202: Started})
@api_requires("operator", scope="sync:write")
def start_leads() -> Response:
    """Reads known leads again, and answers at once. 409 names the run that is active in
    `existingRunId`, 429 says in `Retry-After` when another start is free, 400 `not_configured`
    means that there are no credentials. Leads have no preview: `preview` is refused with 400."""
    read_body(LeadStartBody)
    with unit_of_work(g.dealership.id) as session:
        run = manual_sync.start(
            session,
            dealership_id=g.dealership.id,
            stream="leads",
            actor=current_actor(),
            trigger="api" if g.token else "person",
            means=means(),
        )
        return _started(session, run, "Lead synchronization started")


def _started(session: Session, run: SyncRun, message: str) -> Response:
    session.refresh(run)
    body = {
        "jobId": run.job_id,
        "runId": run.id,
        "message": message,
        "estimatedDurationSeconds": manual_sync.estimate_seconds(
            session, g.dealership.id, run.stream
        ),
        "location": page_at(f"runs/{run.id}"),
    }
    return ok(body, 202)


@bp.post(f"{ROOT}/runs/{RUN_ID}/apply")
@describe("Apply a preview", answers={202: Started})
@api_requires("operator", scope="sync:write")
def apply(run_id: int) -> Response:
    """Writes what the preview showed, without asking EasyCars again; rows that changed since are
    left as they are and told. 403 when it is no preview, older than 30 minutes, discarded or
    applied already; 409 names the run that is active in `existingRunId`."""
    with unit_of_work(g.dealership.id) as session:
        run = manual_sync.apply(
            session,
            run_id,
            actor=current_actor(),
            means=means(),
            trigger="api" if g.token else "person",
        )
        return _started(session, run, f"Preview {run_id} is being applied")


@bp.get(f"{ROOT}/status")
@describe("Where the syncs stand", answers={200: SyncStatus})
@api_requires("viewer", scope="sync:read")
def status() -> Response:
    """Last ended sync of each kind, whether one runs, and the last ten."""
    made, session = parts(), db.session()
    stock = sync_overview.overview(session, g.dealership, "stock", made.settings, made.clock.now())
    recent = history.numbered(session, g.dealership.id, Filters(), 1, sync_overview.RECENT)
    active = next((run for run in recent if run.is_active), None)
    body = {
        "isConfigured": stock.configured,
        "isSyncing": active is not None,
        "activeRunId": active.id if active else None,
        "lastStockSync": _log(stock.last) if stock.last else None,
        "lastLeadSync": _last_lead_sync(),
        "nextStockSyncAt": moment(stock.next_run),
        "stockDataAge": stock.age,
        "manualSyncsLeft": stock.allowance.left,
        "recentLogs": [_log(run) for run in recent],
    }
    return ok(body)


def _last_lead_sync() -> dict[str, Any] | None:
    newest = sync_overview.recent(db.session(), g.dealership.id, "leads", 2)
    ended = next((run for run in newest if not run.is_active), None)
    return _log(ended) if ended else None


@bp.get(f"{ROOT}/logs")
@describe("List the sync logs", query=LogQuery, answers={200: SyncLogList})
@api_requires("viewer", scope="sync:read")
def logs() -> Response:
    """Newest first. `pageSize` is at most 100; more is refused with 400."""
    query = read_query(LogQuery)
    session, filters = db.session(), _filters(query)
    found = history.numbered(session, g.dealership.id, filters, query.page, query.page_size)
    total = history.total(session, g.dealership.id, filters)
    return ok({"logs": [_log(run) for run in found], "pagination": pagination(query, total)})


def _filters(query: LogQuery) -> Filters:
    return Filters(
        stream=TYPES[query.sync_type] if query.sync_type else None,
        status=STATUSES[query.status] if query.status else None,
        text=query.q,
        **history.day_range(query.from_, query.to, schedules.zone_of(g.dealership)),
    )


@bp.get(f"{ROOT}/logs/{RUN_ID}")
@describe("Read one sync log", answers={200: SyncLogDetail})
@api_requires("viewer", scope="sync:read")
def log(run_id: int) -> Response:
    """With what was asked of EasyCars and what came back, without secrets."""
    return ok(_detail(runs.get(db.session(), run_id)))


@bp.get(f"{ROOT}/logs/{RUN_ID}/items")
@describe("List what a sync did to each record", query=ItemQuery, answers={200: RunItemList})
@api_requires("viewer", scope="sync:read")
def items(run_id: int) -> Response:
    """Changed fields only, before and after. Unchanged records have no row."""
    query = read_query(ItemQuery)
    run = runs.get(db.session(), run_id)
    found, total = run_items.numbered(
        db.session(), run.id, query.action, query.page, query.page_size
    )
    rows = [item_summary(item, run.stream) for item in found]
    return ok({"items": rows, "pagination": pagination(query, total)})


@bp.post(f"{ROOT}/runs/{RUN_ID}/cancel")
@describe("Cancel a sync", answers={200: RunSummary, 202: RunSummary})
@api_requires("operator", scope="sync:write")
def cancel(run_id: int) -> Response:
    """202: it stops after the current batch. 200: it has ended, now or before."""
    with unit_of_work(g.dealership.id) as session:
        run = manual_sync.cancel(session, run_id, current_actor(), parts().clock)
        return ok(_summary(run), 202 if run.is_active else 200)


def _summary(run: SyncRun) -> dict[str, Any]:
    return {
        **summary(run),
        "startedAt": moment(run.started_at),
        "completedAt": moment(run.completed_at),
    }


def _log(run: SyncRun) -> dict[str, Any]:
    return {
        **_summary(run),
        "id": run.id,
        "appliesRunId": run.scope.get(APPLIES),
        "syncType": run_words.KINDS.get(run.stream, run.stream),
        "syncDirection": run_words.DIRECTIONS.get(run.direction, run.direction),
        "recordsProcessed": run.done,
        "recordsCreated": run.created,
        "recordsUpdated": run.updated,
        "recordsFailed": run.failed,
        "trigger": run.trigger,
        "startedBy": run.actor,
        "requestedAt": moment(run.created_at),
        "reference": run.request_id,
    }


def _detail(run: SyncRun) -> dict[str, Any]:
    went_wrong = status_word(run.status) in ("Failed", "Warning", "Held")
    return {
        **_log(run),
        "dealershipId": run.dealership_id,
        "errorMessage": run.message if went_wrong else None,
        "errorDetails": run.error_details if may("system") else None,
        "requestPayload": run.request_payload,
        "responseSummary": run.response_summary,
    }
