"""How the installation is: one entry per part, an answer in bounded time (row 217, contract §4).

Checks run beside each other in threads; one that does not return in time is reported as such, so
the health page never hangs with what it watches. Words and details never hold a secret.
"""

from __future__ import annotations

import contextvars
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import SyncRun
from app.services import outbox
from app.services.leads import quotations, sending

State = Literal["ok", "degraded", "down"]
CRITICAL: Final = frozenset({"database", "redis"})
LIMIT_S: Final = 3.0
WAITS_TOO_LONG: Final = timedelta(minutes=5)
MAIL_WAITS_TOO_LONG: Final = timedelta(minutes=15)
LEADS_WAIT_TOO_LONG: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class Part:
    """One part: its state in words, the cure when it is not ok, numbers for machines."""

    state: State
    words: str
    cure: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


Check = Callable[[], Part]


@dataclass(frozen=True)
class Report:
    """All parts and what they mean together."""

    parts: Mapping[str, Part]
    took_ms: int

    @property
    def status(self) -> State:
        """down: nothing can be synchronized; degraded: something needs a look."""
        bad = {name: part.state for name, part in self.parts.items() if part.state != "ok"}
        if any(state == "down" and name in CRITICAL for name, state in bad.items()):
            return "down"
        return "degraded" if bad else "ok"


def gather(checks: Mapping[str, Check], limit: float = LIMIT_S) -> Report:
    """Runs all checks at once and answers after `limit` seconds at the latest."""
    began = time.monotonic()
    found: queue.SimpleQueue[tuple[str, Part]] = queue.SimpleQueue()
    for name, check in checks.items():
        work = contextvars.copy_context().run
        threading.Thread(target=work, args=(_run, name, check, found), daemon=True).start()
    parts: dict[str, Part] = {}
    while len(parts) < len(checks):
        try:
            name, part = found.get(timeout=max(0.0, began + limit - time.monotonic()))
        except queue.Empty:
            break
        parts[name] = part
    ordered = {name: parts.get(name, _silent(limit)) for name in checks}
    return Report(ordered, round((time.monotonic() - began) * 1000))


def _run(name: str, check: Check, found: queue.SimpleQueue[tuple[str, Part]]) -> None:
    try:
        part = check()
    except Exception as exc:  # noqa: BLE001 - whatever a part raises is its state, not our crash
        part = Part("down", f"The check failed: {type(exc).__name__}.", CURES.get(name, ""))
    found.put((name, part))


def _silent(limit: float) -> Part:
    return Part("down", f"No answer within {limit:g} seconds.", "Look at the server of this part.")


CURES: Final = {
    "database": "Start the database server and check DATABASE_URL.",
    "migrations": "Run: forecourt db upgrade",
    "redis": "Start Redis and check REDIS_URL.",
    "queue": "Start more workers: forecourt worker --count 2",
    "workers": "Start workers: forecourt worker",
    "scheduler": "Start the clock: forecourt scheduler",
    "outbox": "Run: forecourt doctor, and look at its line about mail.",
    "leads": "Open Lead Sync of the dealership: it says why EasyCars does not take them.",
    "media": "Check MEDIA_URL: the folder or bucket must exist and be writable.",
}


def waiting(db: Session, now: datetime) -> Part:
    """Runs that nobody has begun: too few workers, or none."""
    oldest, count = db.execute(
        select(func.min(SyncRun.created_at), func.count(SyncRun.id)).where(
            SyncRun.status == "queued"
        )
    ).one()
    details = {"waiting": count}
    if oldest is not None and now - oldest > WAITS_TOO_LONG:
        minutes = int((now - oldest).total_seconds() // 60)
        words = f"{count} runs wait, the oldest for {minutes} minutes."
        return Part("degraded", words, CURES["queue"], details)
    return Part("ok", f"{count} runs wait." if count else "No run waits.", details=details)


def outgoing(db: Session, now: datetime) -> Part:
    """What leaves: mails that wait long or were given up, leads that EasyCars does not take."""
    parts = _mails(db, now), _leads(db, now)
    bad = [part for part in parts if part.state != "ok"] or parts
    return Part(
        bad[0].state,
        " ".join(part.words for part in bad),
        " ".join(part.cure for part in bad if part.cure),
        {name: value for part in parts for name, value in part.details.items()},
    )


def _mails(db: Session, now: datetime) -> Part:
    """The mail server, or no scheduler that sends."""
    found = outbox.backlog(db, now, ("mail",))
    details = {"waiting": found.waiting, "givenUpWithin24h": found.dead}
    if found.dead:
        words = f"{found.dead} mails could not be delivered within a day."
        return Part("degraded", words, CURES["outbox"], details)
    if found.oldest is not None and now - found.oldest > MAIL_WAITS_TOO_LONG:
        minutes = int((now - found.oldest).total_seconds() // 60)
        words = f"{found.waiting} mails wait, the oldest for {minutes} minutes."
        return Part("degraded", words, CURES["outbox"], details)
    return Part(
        "ok", f"{found.waiting} mails wait." if found.waiting else "No mail waits.", details=details
    )


def _leads(db: Session, now: datetime) -> Part:
    """Leads are never given up: only how long they wait tells that something is wrong."""
    found = outbox.backlog(db, now, (sending.KIND, quotations.KIND))
    details = {"leadsWaiting": found.waiting}
    if found.oldest is not None and now - found.oldest > LEADS_WAIT_TOO_LONG:
        hours = int((now - found.oldest).total_seconds() // 3600)
        long = f"{hours} {'hour' if hours == 1 else 'hours'}"
        words = f"{_lead_words(found.waiting)} for EasyCars, the oldest for {long}."
        return Part("degraded", words, CURES["leads"], details)
    words = f"{_lead_words(found.waiting)} for EasyCars." if found.waiting else "No lead waits."
    return Part("ok", words, details=details)


def _lead_words(count: int) -> str:
    return "1 lead waits" if count == 1 else f"{count} leads wait"


def last_runs(db: Session, now: datetime) -> Part:
    """How the last finished run of each stream went; a failed one needs a look."""
    newest = (
        select(func.max(SyncRun.id))
        .where(SyncRun.status.not_in(("queued", "running")), SyncRun.mode == "sync")
        .group_by(SyncRun.provider, SyncRun.stream, SyncRun.direction)
    )
    runs = db.scalars(select(SyncRun).where(SyncRun.id.in_(newest))).all()
    failed = db.scalar(
        select(func.count(SyncRun.id)).where(
            SyncRun.status == "failed", SyncRun.completed_at > now - DAY
        )
    )
    details = {"failedWithin24h": failed or 0, "last": [_brief(run) for run in runs]}
    return _verdict(runs, details)


def _verdict(runs: Sequence[SyncRun], details: dict[str, Any]) -> Part:
    if not runs:
        return Part("ok", "Nothing was synchronized yet.", details=details)
    bad = sorted(run.stream for run in runs if run.status == "failed")
    if bad:
        words = f"The last sync of {', '.join(bad)} failed."
        return Part("degraded", words, "Open History and read what the run says.", details)
    return Part("ok", "The last syncs went well.", details=details)


def _brief(run: SyncRun) -> dict[str, Any]:
    completed = run.completed_at
    return {
        "runId": run.id,
        "kind": run.stream,
        "status": run.status.capitalize(),
        "completedAt": completed.strftime("%Y-%m-%dT%H:%M:%SZ") if completed else None,
    }
