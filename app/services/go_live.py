"""From "connected" to "live": seven steps, each read from the data where the data can tell (C67).

Nothing is stored for a step that shows by itself; a person's word is (`go_live_step`): skipped for
a reason, looked at, signed off. Whoever comes back finds the list where it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Dealership, GoLiveStep
from app.services import audit
from app.services.audit import Actor
from app.services.errors import InputInvalid, NotAllowed, NotFound
from app.services.go_live_facts import Facts, read_facts
from app.services.go_live_steps import STEPS, Step

SIGNED_OFF: Final = "signed_off"
LIVE_SINCE: Final = "live_since"
LONGEST_REASON: Final = 300


@dataclass(frozen=True)
class Checklist:
    """All steps, and the sign-off once it is given."""

    steps: list[Step]
    facts: Facts
    signed_off: GoLiveStep | None

    @property
    def done(self) -> int:
        return sum(1 for step in self.steps if step.is_over)

    @property
    def next(self) -> Step | None:
        return next((step for step in self.steps if not step.is_over), None)

    @property
    def progress(self) -> str:
        """One sentence for the card and the head of the page."""
        if self.signed_off:
            return "This dealership is live."
        if self.next is None:
            return f"All {len(self.steps)} steps are done. Sign off to go live."
        return f"{self.done} of {len(self.steps)} steps done. Next: {self.next.task}."


def checklist(db: Session, dealership: Dealership, now: datetime) -> Checklist:
    """Where the session's dealership stands; about ten small queries."""
    decided = {row.step: row for row in db.scalars(select(GoLiveStep))}
    facts = read_facts(db, dealership.id, now)
    steps = [_with_word(make(facts, decided), decided) for make in STEPS]
    return Checklist(steps, facts, decided.get(SIGNED_OFF))


def is_live(dealership: Dealership) -> bool:
    """Whether it was signed off; read from the dealership's own row, so it costs nothing."""
    return bool((dealership.settings or {}).get(LIVE_SINCE))


def _with_word(step: Step, decided: Mapping[str, GoLiveStep]) -> Step:
    """A skipped step is over, unless the data say that it was done after all."""
    row = decided.get(step.key)
    if row is None or step.state == "done":
        return step
    if row.state == "skipped":
        said = f"Skipped by {row.actor}: {row.reason}"
        return Step(step.key, step.title, "skipped", said, step.path, step.link, decided=row)
    return step


# -- A person's word ---------------------------------------------------------------------------


def skip(db: Session, dealership: Dealership, key: str, reason: str, *, actor: Actor,
         now: datetime) -> None:  # fmt: skip
    """Ends a step without doing it. Raises InputInvalid without a reason, NotFound, NotAllowed."""
    step = _open_step(db, dealership, key, now)
    if not step.may_skip:
        raise NotAllowed(f"“{step.title}” cannot be skipped: without it there is nothing to sign.")
    words = " ".join(reason.split())[:LONGEST_REASON]
    if not words:
        raise InputInvalid("Nothing was skipped.", {"reason": "Say why this step is skipped."})
    _write(db, dealership, key, "skipped", actor, now, reason=words)
    _audit(db, dealership, "go_live.skip", key, actor, {"reason": words})


def confirm(db: Session, dealership: Dealership, key: str, *, actor: Actor, now: datetime) -> None:
    """Takes a person's word for a step. Raises NotFound, NotAllowed where none is asked for."""
    if _open_step(db, dealership, key, now).confirm is None:
        raise NotAllowed("This step shows by itself when it is done.")
    _write(db, dealership, key, "done", actor, now)
    _audit(db, dealership, "go_live.confirm", key, actor, {})


def reopen(db: Session, dealership: Dealership, key: str, *, actor: Actor) -> None:
    """Takes back a person's word on a step, or the sign-off."""
    row = db.scalar(select(GoLiveStep).where(GoLiveStep.step == key))
    if row is None:
        return
    db.delete(row)
    if key == SIGNED_OFF:
        _mark_live(db, dealership, None)
    _audit(db, dealership, "go_live.reopen", key, actor, {"was": row.state})


def sign_off(db: Session, dealership: Dealership, *, actor: Actor, now: datetime) -> GoLiveStep:
    """A named person puts the first import live. Raises NotAllowed while a step is open."""
    found = checklist(db, dealership, now)
    if found.signed_off is not None:
        return found.signed_off
    first = found.facts.first_import
    if found.next is not None or first is None:
        what = (
            f"{found.next.title[:1].lower()}{found.next.title[1:]}"
            if found.next
            else "import your stock"
        )
        raise NotAllowed(f"This dealership cannot go live yet: {what} first.")
    row = _write(db, dealership, SIGNED_OFF, "done", actor, now, run_id=first.id)
    _mark_live(db, dealership, now)
    skipped = [step.key for step in found.steps if step.state == "skipped"]
    _audit(db, dealership, "go_live.sign_off", SIGNED_OFF, actor,
           {"run": first.id, "skipped": skipped})  # fmt: skip
    return row


def _open_step(db: Session, dealership: Dealership, key: str, now: datetime) -> Step:
    found = {step.key: step for step in checklist(db, dealership, now).steps}
    if key not in found:
        raise NotFound("There is no such step.")
    return found[key]


def _write(  # noqa: PLR0913 - one keyword for each fact
    db: Session,
    dealership: Dealership,
    key: str,
    state: str,
    actor: Actor,
    now: datetime,
    *,
    reason: str | None = None,
    run_id: int | None = None,
) -> GoLiveStep:
    row = db.scalar(select(GoLiveStep).where(GoLiveStep.step == key))
    if row is None:
        row = GoLiveStep(dealership_id=dealership.id, step=key)
        db.add(row)
    row.state, row.reason, row.run_id = state, reason, run_id
    row.user_id, row.actor, row.created_at = actor.user_id, actor.label[:254], now
    db.flush()
    return row


def _mark_live(db: Session, dealership: Dealership, since: datetime | None) -> None:
    """The dealership's own row tells every page, without a question more."""
    held = db.get_one(Dealership, dealership.id, with_for_update=True, populate_existing=True)
    rest = {name: value for name, value in held.settings.items() if name != LIVE_SINCE}
    held.settings = rest | ({LIVE_SINCE: since.isoformat()} if since else {})


def _audit(
    db: Session,
    dealership: Dealership,
    action: str,
    key: str,
    actor: Actor,
    facts: Mapping[str, object],
) -> None:
    audit.record(db, actor, action, f"step:{key}", facts, dealership_id=dealership.id)
