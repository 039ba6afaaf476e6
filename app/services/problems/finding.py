"""What is known of a cause at one moment, before it becomes or renews a problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

# How many records a problem names; `affected` counts them all.
NAMED: Final = 20
LONGEST_LABEL: Final = 120
# Who is told by mail. Causes that have a mail of their own tell nobody here.
NOBODY: Final[tuple[str, ...]] = ()
ADMINS: Final = ("admin",)
WHO_ACT: Final = ("admin", "operator")


@dataclass(frozen=True, slots=True)
class Finding:
    """A cause with its words. `path` is the page of the next step, below the dealership's address,
    `link` its words. `told`: roles that get a mail when it begins and is a danger, which it is
    from the `danger_from`th time on (None: never)."""

    cause: str
    title: str
    detail: str
    next_step: str
    path: str
    link: str
    affected: int = 0
    records: Sequence[dict[str, Any]] = ()
    danger_from: int | None = 1
    told: tuple[str, ...] = NOBODY

    def severity(self, times: int) -> str:
        """Its severity when it is noticed for the `times`th time."""
        is_danger = self.danger_from is not None and times >= self.danger_from
        return "danger" if is_danger else "warning"


def record(label: str, path: str | None = None, of: str | None = None) -> dict[str, Any]:
    """A reference to an affected record, as a problem keeps it."""
    kept = label if len(label) <= LONGEST_LABEL else label[: LONGEST_LABEL - 1] + "…"
    return {"label": kept, "path": path, "of": of}


def counted(number: int, noun: str) -> str:
    """1 vehicle, 12 vehicles."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
