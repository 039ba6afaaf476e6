"""The card of a run: one builder for pages and polls (house style §2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import url_for

from app.models import SyncRun
from app.services import photos, run_words
from app.services.run_words import Advice
from app.services.sync import summary

OPEN_PHOTOS = ("queued", "running")
BUSY_S, PHOTOS_S = 2, 5
# Tab name, label, tone of its number; the order is the order of the tabs.
COUNTS = (
    ("created", "Created", "success"),
    ("updated", "Updated", "success"),
    ("unchanged", "Unchanged", "neutral"),
    ("held", "Held", "warning"),
    ("failed", "Failed", "danger"),
    ("missing", "Missing", "warning"),
    ("conflicts", "Conflicts", "warning"),
)
# The same of a preview: nothing is done yet.
AHEAD = {"created": "To create", "updated": "To update", "missing": "No longer in the feed"}
# The same of leads that were sent.
OUTWARD = {"created": "Created at EasyCars", "updated": "Updated at EasyCars"}
# The same of a comparison, with the kind of difference that it counts: its rows are differences.
COMPARED = {
    "created": ("Only in EasyCars", "there_only"),
    "missing": ("Only here", "here_only"),
    "updated": ("Different", "differing"),
}
ALWAYS = ("created", "updated", "unchanged", "held", "failed")
ALWAYS_OF_LEADS = ("created", "updated", "unchanged", "failed")


@dataclass(frozen=True)
class RunCard:
    """A run as its card shows it. `poll_url` is None when nothing will change any more."""

    run: SyncRun
    title: str
    status: str
    phase: str
    done: int
    total: int | None
    elapsed: float | None
    usual: float | None
    poll_url: str | None
    seconds: int
    photos: str | None
    advice: Advice | None
    tiles: list[tuple[str, int, str, str]]

    @property
    def is_live(self) -> bool:
        return self.poll_url is not None


def card_of(run: SyncRun, usual: float | None, now: datetime) -> RunCard:
    """Everything the card needs; `usual` in seconds, None when it is not known yet."""
    fetching = run.phase in ("queued", "connecting", "fetching")
    return RunCard(
        run=run,
        title=run_words.title(run),
        status=summary.status_word(run.status),
        phase=run_words.phase(run),
        done=(run.total or 0) if fetching else run.done,
        total=None if fetching else run.total,
        elapsed=(now - (run.started_at or run.created_at)).total_seconds(),
        usual=usual,
        poll_url=_poll_url(run) if is_live(run) else None,
        seconds=BUSY_S if run.is_active else PHOTOS_S,
        photos=photos.line(run),
        advice=None if run.is_active else run_words.advice(run),
        tiles=[] if run.is_active else tiles(run),
    )


def is_live(run: SyncRun) -> bool:
    """Whether the card still changes: the run, or the photo job behind it, is at work."""
    return run.is_active or run.photos_state in OPEN_PHOTOS


def _poll_url(run: SyncRun) -> str:
    facts: dict[str, Any] = {"seen": run.version}
    if run.is_active:
        facts["active"] = 1
    return url_for("runs.card", run_id=run.id, **facts)


def count_label(run: SyncRun, name: str, label: str) -> str:
    if run_words.is_outward(run):
        return OUTWARD.get(name, label)
    return AHEAD.get(name, label) if run.mode == "preview" else label


def always(run: SyncRun) -> tuple[str, ...]:
    """Counts that are shown even when they are 0; nothing of a lead is ever held."""
    if run.mode == "reconcile":
        return ("failed",)
    return ALWAYS_OF_LEADS if run.stream == "leads" else ALWAYS


def has_rows(run: SyncRun, name: str) -> bool:
    """Whether the run keeps rows of this count; a comparison keeps only what it could not read."""
    return run.mode != "reconcile" or name == "failed"


def _compared(run: SyncRun) -> list[tuple[str, int, str, str]]:
    found = [
        (label, getattr(run, name), url_for("reconciliation.index", stream=run.stream, kind=kind))
        for name, (label, kind) in COMPARED.items()
    ]
    failed = ("Failed", run.failed, url_for("runs.show", run_id=run.id, tab="failed"))
    return [(*tile, "warning") for tile in found] + ([(*failed, "danger")] if run.failed else [])


def tiles(run: SyncRun) -> list[tuple[str, int, str, str]]:
    """(label, count, address, tone) of each count; each number leads to its rows."""
    if run.mode == "reconcile":
        return _compared(run)
    return [
        (
            count_label(run, name, label),
            getattr(run, name),
            url_for("runs.show", run_id=run.id, tab=name),
            tone,
        )
        for name, label, tone in COUNTS
        if name in always(run) or getattr(run, name)
    ]
