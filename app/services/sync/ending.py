"""How a whole run ends: status, the sentence for the administrator, and what is remembered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.models import EasyCarsCredential, StreamState, SyncRun
from app.services.sync import holding
from app.services.sync.holding import Holding
from app.services.sync.rows import Target
from app.services.sync.runs import Outcome
from app.services.sync.targets import LINKS

# In `SyncRun.scope`: whose stock the run asked for.
ASKED = "asked"


def concluded(run: SyncRun, provider_warnings: list[str], held: Holding) -> Outcome:
    """The ending of a run that read the whole feed."""
    return _told(run, _counts_sentence(run), run.failed, provider_warnings, held)


def applied(run: SyncRun, provider_warnings: list[str], held: Holding, left_alone: int) -> Outcome:
    """The ending of an apply; `left_alone`: records that had changed since the preview."""
    first = _counts_sentence(run)
    if left_alone:
        first += (
            f" {_vehicles(left_alone)} changed since the preview and stayed as "
            f"{'it was' if left_alone == 1 else 'they were'}; the reasons are under Failed."
        )
    return _told(run, first, run.failed - left_alone, provider_warnings, held)


def of_some(
    run: SyncRun, provider_warnings: list[str], held: Holding, wanted: int, there: int
) -> Outcome:
    """The ending of a sync of some records; `there`: how many of the `wanted` the feed has."""
    first = f"Looked at {_vehicles(wanted)} only. " + (_counts_sentence(run) if there else "")
    if gone := wanted - there:
        are = "is" if gone == 1 else "are"
        first = f"{first.rstrip()} {_vehicles(gone)} {are} not in the feed any more."
    outcome = _told(run, first.rstrip(), run.failed, provider_warnings, held)
    return outcome if there else replace(outcome, status="warning")


def accepted(run: SyncRun, provider_warnings: list[str]) -> Outcome:
    """The ending of a sync that took what a reconciliation showed."""
    counts = ((run.created, "created"), (run.updated, "updated"), (run.unchanged, "alike already"))
    parts = [f"{count} {word}" for count, word in counts if count]
    first = f"Of {_vehicles(run.total or 0)} that the reconciliation showed: "
    return _told(
        run, f"{first}{', '.join(parts) or 'none was taken'}.", run.failed, provider_warnings,
        Holding(),
    )  # fmt: skip


def previewed(run: SyncRun, provider_warnings: list[str], held: Holding) -> Outcome:
    """The ending of a preview: what an apply would do."""
    first = "Nothing was changed yet. " + _would_sentence(run)
    return _told(run, first, run.failed, provider_warnings, held)


def remapped(run: SyncRun, held: Holding) -> Outcome:
    """The ending of a re-map: what new rules changed, without a call to EasyCars."""
    if not run.total:
        first = "There are no stored records to read again yet."
    elif run.updated:
        first = (
            f"Read {_vehicles(run.total)} again with the mapping rules: {run.updated} updated, "
            f"{run.unchanged} unchanged."
        )
    else:
        first = f"Read {_vehicles(run.total)} again with the mapping rules: nothing changed."
    return _told(run, first, run.failed, [], held)


def _told(
    run: SyncRun, first: str, unusable: int, provider_warnings: list[str], held: Holding
) -> Outcome:
    sentences = [first]
    if unusable:
        sentences.append(f"{_rows(unusable)} could not be used; the reasons are under Failed.")
    sentences += holding.sentences(run, held)
    if run.conflicts:
        sentences.append(f"{_vehicles(run.conflicts)} changed here and in EasyCars.")
    sentences += [f"EasyCars says: {warning}" for warning in provider_warnings]
    return Outcome(_status(run, provider_warnings, held), " ".join(sentences))


def _status(run: SyncRun, provider_warnings: list[str], held: Holding) -> str:
    written = run.created + run.updated + run.missing
    if held.why and not written and not run.unchanged:
        return "held"
    if run.failed and not written + run.unchanged + run.held:
        return "failed"
    if run.failed or held.waiting or run.conflicts or provider_warnings:
        return "warning"
    return "success"


def _would_sentence(run: SyncRun) -> str:
    if not run.total:
        return "EasyCars sent no vehicles."
    parts = [
        f"{word} {count}"
        for count, word in (
            (run.created, "create"),
            (run.updated, "update"),
            (run.missing, "mark as no longer in the feed"),
        )
        if count
    ]
    if not parts:
        return f"{run.total} in the feed, and no change to apply."
    rest = f", and leave {run.unchanged} unchanged" if run.unchanged else ""
    return f"{run.total} in the feed: applying would {', '.join(parts)}{rest}."


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
    if not parts:
        return f"{run.total} in the feed, and nothing was taken over."
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


@dataclass(frozen=True, slots=True)
class Seen:
    """What a run saw: whose stock, when, all of it taken over or some held back. `proven`: this
    run itself spoke with EasyCars, which proves the keys as well as a test does."""

    scope: Mapping[str, str]
    at: datetime
    whole: bool
    proven: bool


def remember(db: Session, target: Target, run: SyncRun, seen: Seen) -> None:
    """Where the stream stands after a good fetch. The scope moves on only when nothing was held
    back, so that a changed yard keeps being asked about (trap T15), and never goes back to what
    an older answer saw."""
    state = stream_state(db, target)
    if state is None:
        state = StreamState(
            dealership_id=target.dealership_id,
            provider=target.provider,
            stream=target.stream.key,
            environment=target.environment,
            scope=dict(seen.scope),
        )
        db.add(state)
    is_newest = state.last_success_at is None or state.last_success_at <= seen.at
    if is_newest:
        state.last_success_at = seen.at
        if seen.whole:
            state.scope = dict(seen.scope)
    state.last_run_id = run.id
    run.scope = {**run.scope, ASKED: dict(seen.scope)}
    if run.created or run.updated or run.missing or state.listed is None:
        state.listed = _listed(db, target)
    if is_newest:
        _note_on_credential(db, target, run, seen)


def count_listed(db: Session, target: Target) -> None:
    """After a sync of some records, which says nothing else about where the stream stands."""
    state = stream_state(db, target)
    if state is not None:
        state.listed = _listed(db, target)


def _note_on_credential(db: Session, target: Target, run: SyncRun, seen: Seen) -> None:
    proof = {"tested_at": seen.at, "test_passed": True} if seen.proven else {}
    db.execute(
        update(EasyCarsCredential)
        .where(
            EasyCarsCredential.id == run.credential_id,
            EasyCarsCredential.dealership_id == target.dealership_id,
        )
        .values(last_synced_at=seen.at, updated_at=EasyCarsCredential.updated_at, **proof)
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
