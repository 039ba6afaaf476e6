"""How a dealership stands, in one sentence whose parts lead to what they tell (row 172).

Pure: the dashboard of one dealership and the list of all of them say the same words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.models import Problem
from app.services.freshness import Age
from app.services.problems import lead_states, other_states, run_causes
from app.services.problems.finding import counted

# What the parts about stock and leads tell by themselves.
OF_VEHICLES: Final = (run_causes.HELD, other_states.CONFLICTS, "stock-rows")
OF_LEADS: Final = (lead_states.OVERDUE, lead_states.STUCK)
# Worst first, for lists of dealerships.
TONES: Final = ("danger", "warning", "neutral", "success")


@dataclass(frozen=True, slots=True)
class Facts:
    """What the sentence is made of. `stock_run`: the last stock sync that ended; `pressing`: open
    problems that nobody snoozed, worst first; `overdue` and `stuck`: leads."""

    is_configured: bool
    age: Age | None
    stock_run: int | None
    has_failed: bool
    overdue: int
    stuck: int
    pressing: Sequence[Problem]


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the sentence and the page, below the dealership's address, that shows it."""

    text: str
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """The sentence in its parts, with the tone of the worst (success, warning, danger, neutral)."""

    parts: tuple[Part, ...]
    tone: str

    @property
    def sentence(self) -> str:
        return " ".join(part.text for part in self.parts)


def health(facts: Facts) -> Health:
    """Stock first, then vehicles that need a look, leads that wait, and what else is wrong."""
    stock, tone = _stock(facts)
    parts, tones = [stock], [tone]
    for part, of in (*_vehicles(facts, tone), *_leads(facts), *_others(facts)):
        parts.append(part)
        tones.append(of)
    return Health(_joined(parts), min(tones, key=TONES.index))


def _stock(facts: Facts) -> tuple[Part, str]:
    if not facts.is_configured:
        return Part("EasyCars is not connected, so no stock comes in.", "settings/easycars"), (
            "warning"
        )
    run = f"runs/{facts.stock_run}" if facts.stock_run else "sync/stock"
    if facts.age is None:
        if facts.has_failed:
            return Part("No sync has succeeded yet: the last one failed.", run), "danger"
        return Part("Your stock has not been synced yet.", "sync/stock"), "neutral"
    if facts.has_failed:
        return Part("The last stock sync failed; what you see is older.", run), "danger"
    words, tone = {
        "stale": ("Your stock is stale: scheduled syncs have been missed.", "danger"),
        "late": ("Your stock is late: a scheduled sync has been missed.", "warning"),
        "up_to_date": ("Your stock is up to date.", "success"),
    }[facts.age]
    return Part(words, "sync/stock"), tone


def _vehicles(facts: Facts, tone: str) -> list[tuple[Part, str]]:
    """ "Some vehicles need a look", and where to look."""
    found = [one for one in facts.pressing if one.cause in OF_VEHICLES]
    if not found:
        return []
    words = "some vehicles need a look." if tone == "success" else "Some vehicles need a look."
    return [(Part(words, found[0].path if len(found) == 1 else "alerts"), "warning")]


def _joined(parts: list[Part]) -> tuple[Part, ...]:
    """ "Your stock is up to date; some vehicles need a look." reads as one sentence."""
    if len(parts) > 1 and parts[1].text[0].islower():
        parts[0] = Part(f"{parts[0].text[:-1]};", parts[0].path)
    return tuple(parts)


def _leads(facts: Facts) -> list[tuple[Part, str]]:
    parts = []
    if facts.overdue:
        waits = "waits" if facts.overdue == 1 else "wait"
        words = f"{counted(facts.overdue, 'lead')} {waits} for an answer."
        parts.append((Part(words, "leads?tab=overdue"), "danger"))
    if facts.stuck:
        words = f"{counted(facts.stuck, 'lead')} did not reach EasyCars."
        parts.append((Part(words, "leads?tab=unsent"), "danger"))
    return parts


def _others(facts: Facts) -> list[tuple[Part, str]]:
    """How many problems there are that no other part tells of."""
    told = (*OF_VEHICLES, *OF_LEADS)
    others = [
        one
        for one in facts.pressing
        if one.cause not in told and not (facts.has_failed and one.cause.startswith("stock-sync:"))
    ]
    if not others:
        return []
    more = "more " if len(others) < len(facts.pressing) else ""
    are = "is" if len(others) == 1 else "are"
    words = f"{counted(len(others), f'{more}problem')} {are} open."
    worst = "danger" if any(one.severity == "danger" for one in others) else "warning"
    return [(Part(words, "alerts"), worst)]
