"""Test connection: both pairs, within ten seconds, no credential saved (story 1.4, trap T1).

A token proves only the client pair, so the account pair is tried as well inside the same time. A
slow second step is "not verified", not "failed". Which requests that takes is the provider's
business: `Check` is its part of the work.
"""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy.orm import Session

from app.secret import Secret
from app.services import audit
from app.services.audit import Actor
from app.services.ports import Clock

DEADLINE_S: Final = 9.0
GIVE_UP_S: Final = 9.5
State = Literal["passed", "refused", "not_verified"]


@dataclass(frozen=True)
class Step:
    """One line of the result: "Access to EasyCars" or "Dealer account"."""

    state: State
    words: str


@dataclass(frozen=True)
class Checked:
    """What a provider found. `error_code` and `status` say what kept it from passing."""

    access: Step
    account: Step
    token_expires_at: datetime | None = None
    error_code: str | None = None
    status: int = 200


Check = Callable[[Mapping[str, Secret], str, float], Checked]


@dataclass(frozen=True)
class Attempt:
    """What was found, for which environment, when."""

    found: Checked
    environment: str
    at: datetime

    @property
    def reached(self) -> bool:
        """A token came and the account was not refused: the API's `success` (row 27)."""
        return self.found.access.state == "passed" and self.found.account.state != "refused"

    @property
    def passed(self) -> bool:
        """Both pairs are proven: what Save needs (row 37)."""
        return self.found.access.state == self.found.account.state == "passed"

    @property
    def outcome(self) -> str:
        if self.passed:
            return "passed"
        refused = "refused" in (self.found.access.state, self.found.account.state)
        return "refused" if refused else "not verified"

    @property
    def message(self) -> str:
        if self.passed:
            return f"Successfully connected to EasyCars {self.environment} API"
        steps = (self.found.access, self.found.account)
        return " ".join(step.words for step in steps if step.state != "passed")


NO_ANSWER: Final = Checked(
    access=Step(
        "not_verified",
        "EasyCars did not answer within 10 seconds. The credentials may still be right: wait a "
        "minute, then test again.",
    ),
    account=Step("not_verified", "The dealer account was not tried."),
    error_code="provider_timeout",
    status=504,
)


def attempt(
    keys: Mapping[str, Secret],
    environment: str,
    check: Check,
    clock: Clock,
    give_up: float = GIVE_UP_S,
) -> Attempt:
    """Runs the check and answers in time whatever the server or its name server does (row 31).

    The check has its own deadline; a thread is what bounds the waits that no socket timeout
    covers, such as a slow name look-up or a server that sends one byte a second.
    """
    answers: queue.SimpleQueue[Checked | Exception] = queue.SimpleQueue()
    context = contextvars.copy_context()

    def work() -> None:
        try:
            answers.put(check(keys, environment, DEADLINE_S))
        except Exception as exc:  # noqa: BLE001 - handed to the waiting request, which raises it
            answers.put(exc)

    threading.Thread(target=context.run, args=(work,), daemon=True).start()
    try:
        found = answers.get(timeout=give_up)
    except queue.Empty:
        found = NO_ANSWER
    if isinstance(found, Exception):
        raise found
    return Attempt(found, environment, clock.now())


def record(db: Session, dealership_id: int, result: Attempt, actor: Actor) -> None:
    """One audit event per attempt, with its outcome and without any value (row 32)."""
    audit.record(
        db,
        actor,
        "credentials.test",
        "EasyCars credentials",
        {
            "environment": result.environment,
            "access": result.found.access.state,
            "account": result.found.account.state,
            "result": result.outcome,
        },
        dealership_id=dealership_id,
        outcome="done" if result.passed else "failed",
    )
