"""What a run holds, by kind: the words of its ending and its mail must not mix them up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.models import SyncItem, SyncRun
from app.services.sync.approval import kind_of, open_rows


@dataclass(frozen=True, slots=True)
class Holding:
    """`why`: why removals wait, None when none do. `new`: vehicles of a yard that nobody asked
    for; `left_out`: such ones that a person left out before, so that nobody is asked again."""

    why: str | None = None
    removals: int = 0
    values: int = 0
    new: int = 0
    left_out: int = 0

    @property
    def waiting(self) -> int:
        return self.removals + self.values + self.new


def holding(db: Session, run: SyncRun, why: str | None) -> Holding:
    """Counts the held rows of the run that is about to end."""
    if not run.held:
        return Holding(why)
    kinds = [kind_of(item) for item in waiting_rows(db, run.id)]
    removals, values, new = (kinds.count(kind) for kind in ("removal", "value", "new"))
    return Holding(why, removals, values, new, left_out=max(0, run.held - len(kinds)))


def waiting_rows(db: Session, run_id: int) -> Sequence[SyncItem]:
    """Held rows that wait for a person, in the order of the run."""
    return db.scalars(open_rows(run_id).order_by(SyncItem.id)).all()


def sentences(run: SyncRun, held: Holding) -> list[str]:
    """For the run's message: each kind by itself, with what becomes of it."""
    said = []
    if held.removals:
        said.append(f"{_removals(run, held.removals)} {held.why or ''}".strip())
    if held.values:
        said.append(f"{_vehicles(held.values)} held because a value looks wrong.")
    if held.new:
        stays = "it is" if held.new == 1 else "they are"
        said.append(
            f"{held.new} new {'vehicle' if held.new == 1 else 'vehicles'} of a yard that this "
            f"connection did not ask for: {stays} not taken over until a person decides."
        )
    if held.left_out:
        said.append(f"{_vehicles(held.left_out)} of another yard left out, as decided before.")
    return said


def _removals(run: SyncRun, count: int) -> str:
    """Before the reasons, which speak of "these vehicles"."""
    if run.mode == "preview":
        return f"{_vehicles(count)} would wait for approval."
    wait = "waits" if count == 1 else "wait"
    these = "it was" if count == 1 else "they were"
    removed = f"{these} not removed" if run.missing else "nothing was removed"
    return f"{_vehicles(count)} {wait} for approval; {removed}."


def _vehicles(count: int) -> str:
    return f"{count} vehicle" if count == 1 else f"{count} vehicles"
