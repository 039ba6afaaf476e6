"""Causes that a run brings to light or ends, written in the transaction that ends it.

A failed sync opens the problem of its cause, a good one closes whatever kept its stream from
working. Refused credentials are one cause for all that uses them: each user is named, and each
takes itself off the list when EasyCars lets it in again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Schedule, SyncItem, SyncRun
from app.services import held, run_words, schedule_pause
from app.services.errors import CredentialsRejected, ProviderUnavailable, RateLimited
from app.services.problems import book, other_states
from app.services.problems.finding import (
    ADMINS,
    NAMED,
    WHO_ACT,
    Finding,
    counted,
    record,
)
from app.services.sync import runs
from app.services.sync.opening import NUMBERS, SOME
from app.services.sync.plan import Verb

REFUSED: Final = "easycars-refused"
HELD: Final = "held-changes"
STREAMS: Final = {"stock": "stock sync", "leads": "lead sync"}
DELIVERIES: Final = "lead deliveries"
ENDED_WELL: Final = ("success", "warning", "held")
# One of these alone heals by itself before the next hour; the second is worth a mail.
PASSING: Final = (ProviderUnavailable.code, RateLimited.code)
OF_CONNECTION: Final = (
    REFUSED, "stock-sync:", "leads-sync:", "stock-reconcile:", "leads-reconcile:",
)  # fmt: skip
RECONCILES: Final = "reconcile"
COMPARE_AGAIN: Final = "Run the reconciliation again. If it fails again, give support its number."
TITLES: Final = {
    ProviderUnavailable.code: "EasyCars did not answer the {sync}",
    RateLimited.code: "EasyCars asks the {sync} to slow down",
    "provider_refused": "EasyCars refused what the {sync} asked for",
    "provider_contract_broken": "EasyCars sent the {sync} something that cannot be read",
    "not_configured": "The {sync} has no working connection to EasyCars",
    "timeout": "The {sync} took too long and was stopped",
    "internal_error": "The {sync} stopped because of a fault in Forecourt",
}
ANY_TITLE: Final = "The {sync} failed"
ASK_SUPPORT: Final = (
    "Sync again. If it fails again, give support the reference number on the run's page."
)


def needs_connection(cause: str) -> bool:
    """Whether a cause is about the connection, and ends with it."""
    return cause.startswith(OF_CONNECTION)


def after_run(db: Session, run_id: int, now: datetime) -> None:
    """What the end of a run says about causes; in the transaction that ended it.

    Only what looks at everything says something: a whole sync, a reconciliation. A preview, an
    undo or a sync of some records does not.
    """
    run = runs.get(db, run_id)
    db.refresh(run)
    is_partial = bool({NUMBERS, SOME} & run.scope.keys())
    if run.mode not in ("sync", RECONCILES) or run.stream not in STREAMS or is_partial:
        return
    if run.status == "failed":
        _failed(db, run, now)
    elif run.status in ENDED_WELL:
        _ended_well(db, run, now)


def _failed(db: Session, run: SyncRun, now: datetime) -> None:
    if run.error_code == CredentialsRejected.code:
        refused(db, STREAMS[run.stream], run.message or "", now, run)
        return
    book.observe(db, _failure(run), now, run_id=run.id)


def _kind(run: SyncRun) -> str:
    """How the causes of such a run's failures begin."""
    return f"{run.stream}-{run.mode}:"


def _failure(run: SyncRun) -> Finding:
    code, compares = run.error_code or "unknown", run.mode == RECONCILES
    sync = "reconciliation" if compares else STREAMS[run.stream]
    advice = run_words.advice(run)
    step = advice.text if advice and advice is not run_words.ANY_FAILURE else ASK_SUPPORT
    passing = code in PASSING and run.stream == "leads"
    return Finding(
        _kind(run) + code,
        TITLES.get(code, ANY_TITLE).format(sync=sync),
        run.message or "",
        COMPARE_AGAIN if compares else step,
        (advice and advice.page) or f"runs/{run.id}",
        (advice and advice.link) or "Open the run",
        1,
        [record(run_words.title(run), f"runs/{run.id}")],
        danger_from=2 if passing else 1,
        told=WHO_ACT,
    )


def refused(db: Session, user: str, words: str, now: datetime, run: SyncRun | None = None) -> None:
    """EasyCars refused the credentials to `user`, a key of what uses them."""
    known = book.open_of(db, REFUSED)
    path = f"runs/{run.id}" if run else "leads?tab=unsent"
    mine = record(f"{user.capitalize()}: {words}", path, of=user)
    rows = [*_others(known.records if known else (), user), mine]
    paused = " Automatic syncs are switched off until then." if _is_paused(db) else ""
    finding = Finding(
        REFUSED,
        "EasyCars refuses the credentials",
        f"{words}{paused}",
        "Check the EasyCars credentials, test the connection, and save credentials that work.",
        run_words.SETTINGS_PAGE,
        "Open EasyCars settings",
        len(rows),
        rows,
        told=ADMINS,
    )
    book.observe(db, finding, now, run_id=run.id if run else None)


def _is_paused(db: Session) -> bool:
    query = select(Schedule.id).where(Schedule.pause_reason == schedule_pause.REFUSED)
    return db.scalar(query.limit(1)) is not None


def _others(rows: Sequence[dict[str, Any]], user: str) -> list[dict[str, Any]]:
    return [one for one in rows if one["of"] != user]


def let_in(db: Session, user: str, now: datetime, why: str) -> None:
    """EasyCars let `user` in: the credentials are no cause for it any more."""
    known = book.open_of(db, REFUSED)
    if known is None:
        return
    rows = _others(known.records, user)
    if not rows:
        book.settle(db, [REFUSED], now, why)
    elif len(rows) < len(known.records):
        known.records, known.affected = rows, len(rows)


def _ended_well(db: Session, run: SyncRun, now: datetime) -> None:
    why = f"{run_words.title(run)} ended well."
    if (run.response_summary or {}).get("calls"):
        let_in(db, STREAMS[run.stream], now, why)
    book.settle(db, [_kind(run)], now, why)
    if run.mode == RECONCILES:
        return
    _rows(db, run, now)
    if run.conflicts:
        for finding in other_states.both_changed(db, now).values():
            book.observe(db, finding, now, run_id=run.id)
    if run.stream == "stock":
        renew_held(db, held.waiting(db, now), now, run)


def _rows(db: Session, run: SyncRun, now: datetime) -> None:
    """Rows that could not be used; until a sync can use them all."""
    cause = f"{run.stream}-rows"
    if not run.failed:
        book.settle(db, [cause], now, f"{run_words.title(run)} could use every row.")
        return
    noun = run_words.noun(run)
    tab = f"runs/{run.id}?tab=failed"
    finding = Finding(
        cause,
        f"{counted(run.failed, noun)} of EasyCars could not be used",
        "They stay here as they were; all others were taken in.",
        "Correct them in EasyCars; the next sync takes them in. Each row says what is wrong.",
        tab,
        "Open the rows",
        run.failed,
        [record(one.label, tab) for one in _refused_items(db, run.id)],
        danger_from=None,
    )
    book.observe(db, finding, now, run_id=run.id)


def _refused_items(db: Session, run_id: int) -> Sequence[SyncItem]:
    query = select(SyncItem).where(SyncItem.run_id == run_id, SyncItem.action == Verb.REFUSE.value)
    return db.scalars(query.order_by(SyncItem.id).limit(NAMED)).all()


def renew_held(
    db: Session, waiting: held.Waiting | None, now: datetime, run: SyncRun | None = None
) -> None:
    """What is held for a decision, as it stands now. It has a mail of its own."""
    if waiting is None:
        book.settle(db, [HELD], now, "It was decided, or a newer sync looked again.")
        return
    known = book.open_of(db, HELD)
    if run is None and known is not None and known.affected == waiting.total:
        return  # nothing new in this minute
    rows, _more = held.rows(db, waiting.run.id, size=NAMED)
    finding = Finding(
        HELD,
        f"{counted(waiting.total, 'vehicle')} "
        f"{'waits' if waiting.total == 1 else 'wait'} for your decision",
        "The last stock sync found changes that look wrong. None of them was made.",
        "Look at them and approve them, or keep what is here.",
        "review",
        "Open Review",
        waiting.total,
        [record(f"{one.label} ({one.external_id})", "review/held") for one in rows],
        danger_from=None,
    )
    book.observe(db, finding, now, run_id=waiting.run.id, counts=run is not None)
