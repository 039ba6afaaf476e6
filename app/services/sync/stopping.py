"""How a run ends that did not come to its end: cancelled, a known fault, an unexpected one."""

from __future__ import annotations

from app.services.errors import HubError
from app.services.sync.runs import Outcome

BEGIN_AGAIN = "Start it again; if it fails again, give us the reference number."
STAYS = {
    "preview": "Nothing was changed.",
    "reconcile": "Nothing was changed; the differences of before stand as they were.",
    "undo": "What was put back until then stays so.",
    "remap": "What was changed until then stays.",
}
UNHARMED = {
    "stock": "No vehicle was removed because of this.",
    "leads": "No lead was lost because of this.",
}
NOUNS = {
    "preview": "preview",
    "reconcile": "reconciliation",
    "undo": "undo",
    "remap": "mapping run",
}


def cancelled(mode: str) -> Outcome:
    """Says what stays; a preview never did anything."""
    return Outcome("cancelled", f"Cancelled. {STAYS.get(mode, 'What was done until then stays.')}")


def failed(exc: HubError, stream: str = "stock") -> Outcome:
    """A known fault: its own words are for the administrator, and what did not happen."""
    facts = ", ".join(f"{name}={value}" for name, value in sorted(exc.facts.items()))
    message = f"{exc.user_message} {UNHARMED.get(stream, '')}".rstrip()
    return Outcome("failed", message, error_code=exc.code, details=facts or None)


def crashed(exc: Exception, trace: str, mode: str) -> Outcome:
    """An unexpected fault: the trace is for engineers (row 185)."""
    noun = NOUNS.get(mode, "sync")
    if "JobTimeout" in type(exc).__name__:
        stays = STAYS.get(mode, "What was done stays.")
        return Outcome(
            "failed",
            f"The {noun} took longer than 10 minutes and was stopped. {stays} Start it again to "
            "go on.",
            error_code="timeout",
            details=trace,
        )
    stays = STAYS.get(mode, "What was done until then stays and nothing was removed.")
    return Outcome(
        "failed",
        f"The {noun} stopped because of a fault in Forecourt. {stays} {BEGIN_AGAIN}",
        error_code="internal_error",
        details=trace,
    )
