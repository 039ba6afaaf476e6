"""The steps of the go-live checklist: what each says about the facts. Pure (C67)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from app.models import GoLiveStep
from app.services.go_live_facts import Facts

# Done, skipped for a reason, to do now, or waiting for an earlier step.
STATES: Final = ("done", "skipped", "todo", "waiting")


@dataclass(frozen=True)
class Step:
    """One line. `said`: how it stands; `path`: where it is done, below /d/<slug>/.

    `confirm`: what a person may declare, where the data cannot tell.
    """

    key: str
    title: str
    state: str
    said: str
    path: str
    link: str
    may_skip: bool = True
    confirm: str | None = None
    decided: GoLiveStep | None = None

    @property
    def task(self) -> str:
        """The title inside a sentence."""
        return self.title[:1].lower() + self.title[1:]

    @property
    def is_over(self) -> bool:
        return self.state in ("done", "skipped")


Decided = Mapping[str, GoLiveStep]


def _connect(facts: Facts, _decided: Decided) -> Step:
    key = facts.credential
    if key is None:
        state, said = "todo", "No credentials are saved yet."
    elif not key.test_passed:
        state, said = "todo", "Credentials are saved; the connection test has not passed yet."
    else:
        state, said = "done", f"Connected to EasyCars ({key.environment}); the test passed."
    return Step(
        "connect", "Connect EasyCars", state, said, "settings/easycars", "EasyCars settings",
        may_skip=False,
    )  # fmt: skip


def _preview(facts: Facts, _decided: Decided) -> Step:
    if facts.first_import is not None and facts.preview is None:
        state, said = "done", f"Run {facts.first_import.id} imported without a preview."
    elif facts.preview is not None:
        state, said = "done", f"Run {facts.preview.id} showed what a sync would do."
    else:
        state = "todo" if facts.is_connected else "waiting"
        said = "See what the first sync would bring, before anything is written."
    return Step("preview", "Look at a preview", state, said, "sync/stock", "Stock Sync")


def _approve(facts: Facts, _decided: Decided) -> Step:
    first, held = facts.first_import, facts.held
    if first is None:
        state, said = "waiting", "Apply the preview to import your stock for the first time."
        state = "todo" if facts.preview is not None else state
        return Step(
            "approve", "Import and decide what was held", state, said, "sync/stock", "Stock Sync",
            may_skip=False,
        )  # fmt: skip
    if held:
        one = "1 held change waits for a decision."
        state, said = "todo", one if held == 1 else f"{held} held changes wait for a decision."
    else:
        state, said = (
            "done",
            f"Run {first.id} imported {_vehicles(first.created)}; no held change waits.",
        )
    return Step(
        "approve", "Import and decide what was held", state, said, "review", "Review",
        may_skip=False,
    )  # fmt: skip


def _duplicates(facts: Facts, decided: Decided) -> Step:
    row = decided.get("duplicates")
    confirm = None
    if facts.first_import is None:
        state, said = "waiting", "Comes after the first import."
    elif not facts.duplicates:
        state, said = "done", "No pair of vehicles waits for a decision."
    elif row is not None and row.state == "done":
        state, said = "done", f"Looked at by {row.actor}; {facts.duplicates} still open."
    else:
        state, said = "todo", f"{_pairs(facts.duplicates)} may be the same car."
        confirm = "I looked at them; the rest can wait"
    return Step(
        "duplicates", "Decide about duplicates", state, said, "duplicates", "Duplicates",
        confirm=confirm, decided=row,
    )  # fmt: skip


def _vehicles(number: int) -> str:
    return "1 vehicle" if number == 1 else f"{number:,} vehicles"


def _pairs(number: int) -> str:
    return "1 pair of vehicles" if number == 1 else f"{number} pairs of vehicles"


def _schedule(facts: Facts, decided: Decided) -> Step:
    row, confirm = decided.get("schedule"), None
    if facts.schedule is None:
        state, said = "todo", "Nobody has chosen when yet; the first import sets the usual time."
    elif facts.schedule.enabled:
        pause = facts.pause
        state = "todo" if pause else "done"
        said = pause or f"Syncs run by themselves: {facts.schedule_words}."
    elif row is not None and row.state == "done":
        state, said = "done", f"Switched off on purpose, says {row.actor}."
    else:
        state, said = "todo", "Scheduled syncs are switched off."
        confirm = "That is on purpose"
    return Step(
        "schedule", "Set the schedule", state, said, "settings/sync", "Sync settings",
        confirm=confirm, decided=row,
    )  # fmt: skip


def _notify(facts: Facts, decided: Decided) -> Step:
    row, mail = decided.get("notify"), facts.test_mail
    people = ", ".join(facts.recipients)
    confirm = None
    if not facts.recipients:
        state, said = "todo", "Nobody with an address would get mail about held changes."
    elif row is not None and row.state == "done":
        state, said = "done", f"Mail goes to {people}. Checked by {row.actor}."
    elif mail is not None and mail.state == "sent":
        state, said = "done", f"Mail goes to {people}. A test mail was sent to {mail.recipient}."
    else:
        state, said = "todo", f"Mail goes to {people}. {_mail_words(facts)}"
        confirm = "These are the right people"
    return Step(
        "notify", "Check who gets mail", state, said, "settings/people", "People",
        confirm=confirm, decided=row,
    )  # fmt: skip


def _mail_words(facts: Facts) -> str:
    mail = facts.test_mail
    if mail is None:
        return "Send yourself a test mail, or say that these are the right people."
    if mail.last_error:
        return f"The test mail to {mail.recipient} has not arrived yet: {mail.last_error}"
    return f"The test mail to {mail.recipient} is on its way."


STEPS: Final[tuple[Callable[[Facts, Decided], Step], ...]] = (
    _connect,
    _preview,
    _approve,
    _duplicates,
    _schedule,
    _notify,
)
