"""What a run's columns mean to a person: phases, who started it, what to do about a failure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.models import SyncRun
from app.services.sync.opening import ACCEPTS, APPLIES, NUMBERS, SOME, is_asking

KINDS: Final = {"stock": "Stock", "leads": "Lead"}
DIRECTIONS: Final = {"inbound": "Inbound", "outbound": "Outbound"}
COMMAND_LINE: Final = "command line"
NUMBERS_NAMED: Final = 3
PHASES: Final = {
    "queued": "Waiting for its turn",
    "connecting": "Connecting to EasyCars",
    "fetching": "Reading from EasyCars",
    "reading": "Reading leads from EasyCars",
    "applying": "Comparing and saving",
    "done": "Finished",
}
TRIGGERS: Final = {
    "schedule": "Schedule",
    "person": "Person",
    "api": "Program",
    "retry": "Retry",
    "first-import": "First import",
}
# Of runs that send leads.
PHASES_OUTWARD: Final = {
    "fetching": "Sending to EasyCars",
    "applying": "Sending to EasyCars",
}
# Of runs that speak with nobody outside.
PHASES_AT_HOME: Final = {
    "connecting": "Getting ready",
    "fetching": "Reading what is stored",
}
MODES: Final = {
    "sync": "Sync",
    "preview": "Preview",
    "reconcile": "Reconciliation",
    "undo": "Undo",
    "remap": "Mapping run",
}


@dataclass(frozen=True)
class Advice:
    """The next step after a run; `page` is where it is taken (contract §5), None: nowhere."""

    text: str
    page: str | None = None
    link: str | None = None


def noun(run: SyncRun) -> str:
    """What one record of the run is called."""
    return "lead" if run.stream == "leads" else "vehicle"


def is_outward(run: SyncRun) -> bool:
    """Whether it sends to EasyCars instead of reading."""
    return run.direction == "outbound"


def title(run: SyncRun) -> str:
    """Stock sync 12, Stock preview 13, Mapping run 14, Undo of run 12, Lead delivery 15."""
    if undone := run.scope.get("undoes"):
        return f"Undo of run {undone}"
    if run.mode == "remap":
        return f"{MODES['remap']} {run.id}"
    kind = KINDS.get(run.stream, run.stream.capitalize())
    if is_outward(run):
        return f"{kind} delivery {run.id}"
    return f"{kind} {MODES.get(run.mode, 'sync').lower()} {run.id}"


def label(run: SyncRun) -> str:
    """The run in a list that says stock or lead elsewhere: Sync, Preview, Undo of run 12."""
    if undone := run.scope.get("undoes"):
        return f"Undo of run {undone}"
    if applied := run.scope.get(APPLIES):
        return f"Preview {applied} applied"
    if numbers := run.scope.get(NUMBERS):
        return _by_number(numbers)
    if accepted := run.scope.get(ACCEPTS):
        return f"{accepted} vehicle{'' if accepted == 1 else 's'} of a reconciliation"
    if some := run.scope.get(SOME):
        return _some(some)
    if is_outward(run):
        return "Delivery"
    return MODES.get(run.mode, run.mode.capitalize())


def _by_number(numbers: Sequence[str]) -> str:
    if len(numbers) > NUMBERS_NAMED:
        return f"{len(numbers)} leads by number"
    return f"Lead {', '.join(numbers)} by number"


def _some(some: Sequence[str] | Mapping[str, int]) -> str:
    """A sync of some vehicles only: those that failed before, or chosen ones."""
    if isinstance(some, Mapping):
        return f"Failed of run {some['failed_of']} again"
    return "1 vehicle only" if len(some) == 1 else f"{len(some)} vehicles only"


def phase(run: SyncRun) -> str:
    if run.cancel_asked_at is not None:
        return "Stopping after this batch"
    if is_outward(run) and run.phase in PHASES_OUTWARD:
        return PHASES_OUTWARD[run.phase]
    if not is_asking(run.mode, run.scope) and run.phase in PHASES_AT_HOME:
        return PHASES_AT_HOME[run.phase]
    if run.mode in ("preview", "reconcile") and run.phase == "applying":
        return "Comparing, nothing is saved"
    return PHASES.get(run.phase, run.phase.replace("_", " ").capitalize())


def started_by(run: SyncRun) -> str:
    """Who or what started it (C16)."""
    words = {
        "schedule": "Started by the schedule",
        "api": f"Started by a program of {run.actor}",
        "retry": f"Tried again by {run.actor}",
        "first-import": "First import after EasyCars was connected",
    }.get(run.trigger, f"Started {'from the' if run.actor == COMMAND_LINE else 'by'} {run.actor}")
    if applied := run.scope.get(APPLIES):
        return f"{words}, applies preview {applied}"
    return words if run.parent_id is None else f"{words}, after run {run.parent_id}"


SETTINGS_PAGE: Final = "settings/easycars"
ADVICE: Final = {
    "AUTHENTICATION_FAIL": Advice(
        "Check the EasyCars credentials and test the connection, then sync again.",
        SETTINGS_PAGE,
        "EasyCars settings",
    ),
    "not_configured": Advice(
        "Enter the EasyCars credentials, then sync again.", SETTINGS_PAGE, "EasyCars settings"
    ),
    "provider_unavailable": Advice(
        "EasyCars may be back soon: sync again in a few minutes, or wait for the next scheduled "
        "sync."
    ),
    "provider_rate_limited": Advice("Wait a few minutes, then sync again."),
    "provider_refused": Advice(
        "Check the account number and the yard code in the EasyCars settings.",
        SETTINGS_PAGE,
        "EasyCars settings",
    ),
    "provider_contract_broken": Advice(
        "Sync again once. If it fails again, give support the reference number: EasyCars may "
        "have changed what it sends."
    ),
}
RECONCILIATION: Final = "reconciliation"
OPEN_IT: Final = "Open Reconciliation"
ANY_FAILURE: Final = Advice(
    "Sync again. If it fails again, give support the reference number below."
)


def advice(run: SyncRun) -> Advice | None:
    """What to do next; None when nothing needs a person."""
    if run.mode == "undo":
        return _advice_on_undo(run)
    if run.status == "failed":
        return ADVICE.get(run.error_code or "", ANY_FAILURE)
    if run.mode == "preview":
        return Advice("Preview again when it suits you.") if run.status == "cancelled" else None
    if run.mode == "reconcile":
        return _advice_on_differences(run)
    if run.status == "cancelled":
        return Advice("Sync again when it suits you: it goes on where this run stopped.")
    return _advice_on_leads(run) if run.stream == "leads" else _advice_on_rows(run)


def _advice_on_differences(run: SyncRun) -> Advice | None:
    if run.status == "cancelled":
        return Advice("Run the reconciliation again when it suits you.", RECONCILIATION, OPEN_IT)
    if run.created or run.updated or run.missing:
        return Advice("Decide about the differences.", RECONCILIATION, OPEN_IT)
    return None


def _advice_on_rows(run: SyncRun) -> Advice | None:
    """What some rows of a finished run ask for, in the order of the tabs."""
    words = []
    if run.failed and run.scope.get(APPLIES):
        words.append("Sync again, or preview again, to see what became of the rows under Failed.")
    elif run.failed:
        words.append("Correct the rows under Failed in EasyCars; the next sync takes them in.")
    if run.held or run.conflicts:
        words.append("Decide under Review about what is held or changed on both sides.")
        return Advice(" ".join(words), "review", "Open Review")
    return Advice(" ".join(words)) if words else None


def _advice_on_leads(run: SyncRun) -> Advice | None:
    if run.failed and is_outward(run):
        return Advice(
            "Open the leads under Failed: each says what is missing or when it is tried again.",
            "leads",
            "Open Leads",
        )
    words = []
    if run.failed:
        words.append("The rows under Failed say why; those leads stay as they are here.")
    if run.conflicts:
        words.append("Decide under Review about what changed on both sides.")
        return Advice(" ".join(words), "review", "Open Review")
    return Advice(" ".join(words)) if words else None


def _advice_on_undo(run: SyncRun) -> Advice | None:
    if run.status in ("failed", "cancelled"):
        return Advice(
            "Undo it again to go on where this one stopped.",
            f"runs/{run.parent_id}/undo",
            f"Undo run {run.parent_id}",
        )
    if run.conflicts:
        return Advice("Look under Conflicts at what was changed since, and change it by hand.")
    return None
