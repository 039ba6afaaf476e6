"""What waits for a person, in one look: the number in the navigation and the parts of Review."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.services import conflicts, duplicates, feed_questions, held


@dataclass(frozen=True, slots=True)
class Open:
    """Open items by kind, the most harmful first; conflicts count records."""

    held: held.Waiting | None
    conflicts: int
    duplicates: int
    questions: int

    @property
    def total(self) -> int:
        found = self.held.total if self.held else 0
        return found + self.conflicts + self.duplicates + self.questions


def waiting(db: Session, now: datetime) -> Open:
    """Everything of the session's dealership that waits for a decision."""
    return Open(
        held.waiting(db, now),
        conflicts.count(db),
        duplicates.open_count(db),
        feed_questions.open_count(db),
    )
