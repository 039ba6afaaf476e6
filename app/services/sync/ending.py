"""How a run ends: status, the sentence for the administrator, and what is remembered."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.models import EasyCarsCredential, StreamState, SyncRun
from app.services.errors import HubError
from app.services.sync.connection import Connection
from app.services.sync.rows import Target
from app.services.sync.runs import Outcome
from app.services.sync.targets import LINKS


def cancelled() -> Outcome:
    return Outcome("cancelled", "Cancelled. What was done until then stays.")


def failed(exc: HubError) -> Outcome:
    """A known fault: its own words are for the administrator."""
    facts = ", ".join(f"{name}={value}" for name, value in sorted(exc.facts.items()))
    message = f"{exc.user_message} No vehicle was removed because of this."
    return Outcome("failed", message, error_code=exc.code, details=facts or None)


def crashed(exc: Exception, trace: str) -> Outcome:
    """An unexpected fault: the trace is for engineers (row 185)."""
    if "JobTimeout" in type(exc).__name__:
        return Outcome(
            "failed",
            "The sync took longer than 10 minutes and was stopped. What was done stays; "
            "start it again to go on.",
            error_code="timeout",
            details=trace,
        )
    return Outcome(
        "failed",
        "The sync stopped because of a fault in Forecourt. What was done until then stays and "
        "nothing was removed. Start it again; if it fails again, give us the reference number.",
        error_code="internal_error",
        details=trace,
    )


def concluded(run: SyncRun, provider_warnings: list[str], held: str | None) -> Outcome:
    """The ending of a run that read the whole feed."""
    status = _status(run, provider_warnings, held)
    sentences = [_counts_sentence(run)]
    if run.failed:
        sentences.append(f"{_rows(run.failed)} could not be used; the reasons are under Failed.")
    if held:
        sentences.append(f"{held} {_vehicles(run.held)} wait for approval; nothing was removed.")
    elif run.held:
        sentences.append(f"{_vehicles(run.held)} held because a value looks wrong.")
    if run.conflicts:
        sentences.append(f"{_vehicles(run.conflicts)} changed here and in EasyCars.")
    sentences += [f"EasyCars says: {warning}" for warning in provider_warnings]
    return Outcome(status, " ".join(sentences))


def _status(run: SyncRun, provider_warnings: list[str], held: str | None) -> str:
    written = run.created + run.updated + run.missing
    if held and not written and not run.unchanged:
        return "held"
    if run.failed and not written + run.unchanged + run.held:
        return "failed"
    if run.failed or run.held or run.conflicts or provider_warnings:
        return "warning"
    return "success"


def _counts_sentence(run: SyncRun) -> str:
    if not run.total:
        return "EasyCars sent no vehicles."
    parts = [
        f"{count} {word}"
        for count, word in (
            (run.created, "created"),
            (run.updated, "updated"),
            (run.missing, "no longer in the feed"),
        )
        if count
    ]
    if not parts and not run.failed and not run.held:
        return f"No changes: all {_vehicles(run.unchanged)} are as they were."
    if run.unchanged:
        parts.append(f"{run.unchanged} unchanged")
    return f"{run.total} in the feed: {', '.join(parts)}."


def _vehicles(count: int) -> str:
    return f"{count} vehicle" if count == 1 else f"{count} vehicles"


def _rows(count: int) -> str:
    return f"{count} row" if count == 1 else f"{count} rows"


def stream_state(db: Session, target: Target) -> StreamState | None:
    return db.scalar(
        select(StreamState).where(
            StreamState.dealership_id == target.dealership_id,
            StreamState.provider == target.provider,
            StreamState.stream == target.stream.key,
            StreamState.environment == target.environment,
        )
    )


def remember(
    db: Session,
    target: Target,
    connection: Connection,
    run: SyncRun,
    now: datetime,
    whole: bool,
) -> None:
    """Where the stream stands after a good fetch. The scope moves on only when nothing was held
    back, so that a changed yard keeps being asked about (trap T15)."""
    state = stream_state(db, target)
    if state is None:
        state = StreamState(
            dealership_id=target.dealership_id,
            provider=target.provider,
            stream=target.stream.key,
            environment=target.environment,
            scope=connection.scope,
        )
        db.add(state)
    if whole:
        state.scope = connection.scope
    state.last_run_id = run.id
    state.last_success_at = now
    if run.created or run.updated or run.missing or state.listed is None:
        state.listed = _listed(db, target)
    db.execute(
        update(EasyCarsCredential)
        .where(
            EasyCarsCredential.id == run.credential_id,
            EasyCarsCredential.dealership_id == target.dealership_id,
        )
        .values(
            last_synced_at=now,
            # A good fetch proves both pairs as well as a test does.
            tested_at=now,
            test_passed=True,
            updated_at=EasyCarsCredential.updated_at,
        )
    )


def _listed(db: Session, target: Target) -> int:
    query = select(func.count()).where(
        LINKS.c.dealership_id == target.dealership_id,
        LINKS.c.provider == target.provider,
        LINKS.c.stream == target.stream.key,
        LINKS.c.environment == target.environment,
        LINKS.c.missing_runs == 0,
    )
    return db.scalar(query) or 0
