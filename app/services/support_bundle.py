"""The support bundle of a run: one zip with what an engineer asks for first (C39).

No secret is in it, because nothing is read that holds one: settings are named one by one. Persons
are left out by support_privacy. Records are written as they are read, so that memory stays flat.
"""

from __future__ import annotations

import platform
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from typing import IO, Any, Final

import orjson
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.db import reading
from app.models import (
    Conflict,
    Dealership,
    EasyCarsCredential,
    ExternalLink,
    Lead,
    LeadPolicy,
    MappingVersion,
    Schedule,
    SyncItem,
    SyncPolicy,
    SyncRun,
    Vehicle,
)
from app.services import audit, history_export, history_policy, photos, run_words
from app.services.audit import Actor
from app.services.history_export import Place
from app.services.support_privacy import Redactor, actor_of, redactor_for
from app.services.sync import runs, summary
from app.services.sync.ending import ASKED

DISTRIBUTIONS: Final = ("forecourt", "flask", "sqlalchemy", "psycopg", "httpx", "rq", "redis")
MOST_ITEMS: Final = 50_000
RUN_FACTS: Final = (
    "provider", "stream", "direction", "mode", "trigger", "status", "phase", "parent_id",
    "request_id", "job_id", "attempt", "version", "error_code", "photos_state", "photos_total",
    "photos_attempt", "created_at", "enqueued_at", "started_at", "completed_at",
    "cancel_asked_at", "due_at",
)  # fmt: skip
CREDENTIAL_FACTS: Final = (
    "environment", "yard_code", "is_active", "tested_at", "test_passed", "last_synced_at",
    "updated_at",
)  # fmt: skip
SCHEDULE_FACTS: Final = (
    "stream", "interval", "cron", "enabled", "paused_until", "next_run_at", "last_due_at",
)  # fmt: skip
POLICY_FACTS: Final = (
    "removals_count", "removals_percent", "price_drop_percent", "missing_runs", "owners",
)  # fmt: skip
LEAD_POLICY_FACTS: Final = (
    "status_owner", "field_owner", "customer_owner", "overdue_minutes", "is_alarm_on",
    "is_discovery_on", "discovery_gap", "discovery_calls", "reads_per_run",
)  # fmt: skip
README: Final = """Forecourt support bundle of {title}

run.json       the run: what started it, how it ended, its counts
calls.json     its calls to EasyCars: method, path, status, code, time, bytes. Headers and bodies
               are never kept, so they cannot be here
items.jsonl    what it did to each record, one a line; at most {most}
settings.json  how syncs are set up here, without keys and account numbers
counts.json    how many records there are
versions.json  of Forecourt, its libraries and the database

Left out: keys, account numbers, names, mail addresses, phone numbers, free text such as
messages of customers and descriptions of vehicles. People are numbers here.

Log lines are not stored by Forecourt. Whoever runs it finds those of this run by run_id={run}
and request_id={reference}.
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose bundle, of which run; `installation`: settings of the installation that may be told;
    `traces`: whether the error details may be (system role, row 185)."""

    place: Place
    run_id: int
    installation: Mapping[str, Any]
    traces: bool


def write(asked: Asked, file: IO[bytes], now: datetime) -> None:
    """Writes the zip. Raises NotFound."""
    with reading(asked.place.id) as db:
        run = runs.get(db, asked.run_id)
        redactor = redactor_for(db, run)
        parts = {
            "run.json": _run(db, run, redactor, traces=asked.traces),
            "calls.json": _calls(run, redactor),
            "settings.json": _settings(db, asked, redactor),
            "counts.json": _counts(db, run),
            "versions.json": _versions(db),
        }
    words = README.format(
        title=run_words.title(run), most=f"{MOST_ITEMS:,}", run=run.id, reference=run.request_id
    )
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(_entry("README.txt", now), words)
        for name, content in parts.items():
            made.writestr(_entry(name, now), _json(content, indent=True))
        _write_items(made, asked, run, redactor, now)


def _write_items(
    made: zipfile.ZipFile, asked: Asked, run: SyncRun, redactor: Redactor, now: datetime
) -> None:
    written = 0
    with made.open(_entry("items.jsonl", now), "w") as lines:
        for items in history_export.item_chunks(asked.place, run.id):
            for item in items:
                lines.write(_json(redactor.item(item, run.stream)) + b"\n")
            written += len(items)
            if written >= MOST_ITEMS:
                return


def record(db: Session, run: SyncRun, actor: Actor) -> None:
    """Notes who took a bundle of which run."""
    audit.record(
        db, actor, "support.bundle", run_words.title(run), {"runId": run.id},
        dealership_id=run.dealership_id,
    )  # fmt: skip


def _entry(name: str, now: datetime) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, now.timetuple()[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _json(content: Any, *, indent: bool = False) -> bytes:
    option = orjson.OPT_INDENT_2 if indent else 0
    return orjson.dumps(content, default=_told, option=option)


def _told(value: Any) -> Any:
    raise TypeError(f"{type(value).__name__} does not belong in a bundle")


def _facts(row: Any, names: Sequence[str]) -> dict[str, Any] | None:
    return None if row is None else {name: getattr(row, name) for name in names}


def _run(db: Session, run: SyncRun, redactor: Redactor, *, traces: bool) -> dict[str, Any]:
    related = db.scalars(
        select(SyncRun)
        .where((SyncRun.parent_id == run.id) | (SyncRun.id == run.parent_id))
        .order_by(SyncRun.id)
        .limit(20)
    )
    return {
        "title": run_words.title(run),
        "startedBy": actor_of(run, redactor),
        "summary": redactor.deep(summary.summary(run)),
        "facts": _facts(run, RUN_FACTS),
        # Without the digest of the account number, which is short enough to be guessed.
        "scope": redactor.deep({name: run.scope[name] for name in run.scope.keys() - {ASKED}}),
        "errorDetails": redactor.text(run.error_details) if traces else "for the system role only",
        "related": [redactor.deep(summary.summary(one)) for one in related],
    }


def _calls(run: SyncRun, redactor: Redactor) -> dict[str, Any]:
    return {
        "request": redactor.deep(run.request_payload),
        "response": redactor.deep(run.response_summary),
    }


def _settings(db: Session, asked: Asked, redactor: Redactor) -> dict[str, Any]:
    place = db.get_one(Dealership, asked.place.id)
    schedules = db.scalars(select(Schedule).order_by(Schedule.stream))
    mapping = db.scalar(select(func.max(MappingVersion.number)))
    return {
        "dealership": {
            "slug": place.slug,
            "timezone": place.timezone,
            "photos": photos.is_switched_on(place),
        },
        "connection": _facts(db.scalar(select(EasyCarsCredential)), CREDENTIAL_FACTS),
        "schedules": [_facts(one, SCHEDULE_FACTS) for one in schedules],
        "guards": _facts(db.scalar(select(SyncPolicy)), POLICY_FACTS),
        "leads": _facts(db.scalar(select(LeadPolicy)), LEAD_POLICY_FACTS),
        "mappingVersion": mapping,
        "historyDays": history_policy.days(db, asked.place.id),
        "installation": redactor.deep(dict(asked.installation)),
    }


def _counts(db: Session, run: SyncRun) -> dict[str, Any]:
    actions = select(SyncItem.action, func.count()).where(SyncItem.run_id == run.id)
    lives = select(Vehicle.lifecycle, func.count()).group_by(Vehicle.lifecycle)
    states = select(Lead.sync_state, func.count()).group_by(Lead.sync_state)
    links = select(ExternalLink.stream, func.count()).group_by(ExternalLink.stream)
    conflicts = select(func.count(Conflict.id)).where(Conflict.state == "open")
    return {
        "itemsOfRun": _pairs(db, actions.group_by(SyncItem.action)),
        "vehicles": _pairs(db, lives),
        "leads": _pairs(db, states),
        "links": _pairs(db, links),
        "openConflicts": db.scalar(conflicts),
    }


def _pairs(db: Session, query: Any) -> dict[str, int]:
    return {str(name): count for name, count in db.execute(query)}


def _versions(db: Session) -> dict[str, Any]:
    on_postgresql = db.get_bind().dialect.name == "postgresql"
    version = text("SHOW server_version" if on_postgresql else "SELECT sqlite_version()")
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "libraries": {name: _version_of(name) for name in DISTRIBUTIONS},
        "database": db.get_bind().dialect.name,
        "databaseVersion": db.scalar(version),
        "migration": db.scalar(text("SELECT version_num FROM alembic_version")),
    }


def _version_of(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
