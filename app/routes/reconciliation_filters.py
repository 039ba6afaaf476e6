"""The filters of the list of differences: out of an address, into one, and in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import url_for

from app.services.reconciliation import words
from app.services.reconciliation.listing import Wanted

OPEN: Final = "open"
# Part of the address → what it may say, in words. Without `status` the open ones are meant.
CHOICES: Final[Mapping[str, Mapping[str, str]]] = {
    "stream": words.STREAMS,
    "kind": words.KINDS,
    "severity": words.SEVERITIES,
    "status": words.STATUSES,
}
LONGEST: Final = 100


def wanted_of(sent: Mapping[str, str]) -> Wanted:
    """The filter that an address or a form carries; what cannot be read is not there."""
    chosen = {name: _known(name, sent.get(name)) for name in CHOICES}
    q = sent.get("q", "").replace("\0", "").strip()[:LONGEST] or None
    return Wanted(**chosen | {"status": chosen["status"] or OPEN, "q": q})


def given(wanted: Wanted) -> dict[str, Any]:
    """The filter as parts of an address."""
    names = (*CHOICES, "q")
    parts = {name: getattr(wanted, name) for name in names}
    return {name: value for name, value in parts.items() if value and value != OPEN}


def in_words(wanted: Wanted) -> list[str]:
    """What the list is narrowed to, its status first, as people read it."""
    chosen = [CHOICES["status"].get(wanted.status or "", "Any status")]
    for name in ("stream", "kind", "severity"):
        chosen += filter(None, [CHOICES[name].get(getattr(wanted, name) or "")])
    return [*chosen, f"“{wanted.q}”"] if wanted.q else chosen


def chips(wanted: Wanted) -> list[tuple[str, str]]:
    """Active filters in words, each with the address without it; the status is a tab."""
    parts = given(wanted)
    told = {name: CHOICES[name][parts[name]] for name in parts if name in CHOICES}
    told |= {"q": f"“{wanted.q}”"} if wanted.q else {}
    told.pop("status", None)
    return [(text, list_url(parts | {name: None})) for name, text in told.items()]


def list_url(parts: Mapping[str, Any]) -> str:
    """The list's address; None leaves a part out."""
    return url_for("reconciliation.index", **parts)


def _known(name: str, value: str | None) -> str | None:
    return value if value in CHOICES[name] else None
