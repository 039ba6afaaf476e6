"""What to do about one record: pure, and the only place that decides (design §1).

Agreed is what both sides had after the last good sync; it makes "who changed what" answerable.

| local since agreed | EasyCars since agreed | decision |
| no row             | present               | create |
| same               | same / changed        | same / update |
| changed            | same                  | keep local (push where the provider can) |
| changed            | changed alike         | same, newly agreed |
| changed            | changed differently   | the field's policy: EasyCars, Local, Ask = conflict |
| present            | gone                  | missing (never a silent delete) |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from app.services.sync.protocol import Values


class Verb(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    SAME = "same"
    PUSH = "push"
    KEEP_LOCAL = "keep-local"
    CONFLICT = "conflict"
    HOLD = "hold"
    MISSING = "missing"
    RESTORE = "restore"
    REFUSE = "refuse"


class Owner(StrEnum):
    """Who wins when both sides changed a field."""

    EASYCARS = "easycars"
    LOCAL = "local"
    ASK = "ask"


Policy = Callable[[str], Owner]
MISSING_RUNS_BEFORE_OFF_MARKET = 2


@dataclass(frozen=True, slots=True)
class Decision:
    """One record's fate. `before` and `after` hold the changed fields only."""

    verb: Verb
    write: dict[str, Any] = field(default_factory=dict)
    agreed: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    conflicts: tuple[str, ...] = ()
    reason: str | None = None


def ask_always(_field: str) -> Owner:
    return Owner.ASK


def decide(
    agreed: Values | None,
    local: Values | None,
    remote: Values | None,
    policy: Policy = ask_always,
    *,
    missing_runs: int = 0,
) -> Decision:
    """Decides one record. Each argument is field → value, None when that side has no record."""
    if remote is None:
        return _gone(agreed, missing_runs)
    if local is None or agreed is None:
        values = dict(remote)
        return Decision(Verb.CREATE, write=values, agreed=values, after=values)
    return _merge(agreed, local, remote, policy, missing_runs)


def _gone(agreed: Values | None, missing_runs: int) -> Decision:
    lifecycle = "off_market" if missing_runs + 1 >= MISSING_RUNS_BEFORE_OFF_MARKET else "missing"
    before = "missing" if missing_runs else "listed"
    return Decision(
        Verb.MISSING,
        write={"lifecycle": lifecycle},
        agreed=dict(agreed or {}),
        before={"lifecycle": before},
        after={"lifecycle": lifecycle},
        reason="Not in the EasyCars feed any more.",
    )


def _merge(
    agreed: Values, local: Values, remote: Values, policy: Policy, missing_runs: int
) -> Decision:
    write: dict[str, Any] = {}
    now_agreed = dict(agreed)
    conflicts, kept = [], False
    for name in sorted(agreed.keys() | remote.keys()):
        was, here, there = agreed.get(name), local.get(name), remote.get(name)
        if there == was:
            kept = kept or here != was
        elif here in (was, there) or policy(name) is Owner.EASYCARS:
            if here != there:
                write[name] = there
            _agree(now_agreed, name, there)
        elif policy(name) is Owner.LOCAL:
            kept = True
        else:
            conflicts.append(name)
    if missing_runs:
        write["lifecycle"] = "listed"
    return _verdict(local, write, now_agreed, tuple(conflicts), kept, missing_runs)


def _agree(values: dict[str, Any], name: str, value: Any) -> None:
    if value is None:
        values.pop(name, None)
    else:
        values[name] = value


def _verdict(
    local: Values,
    write: dict[str, Any],
    agreed: dict[str, Any],
    conflicts: tuple[str, ...],
    kept: bool,
    missing_runs: int,
) -> Decision:
    before = {name: local.get(name) for name in write}
    if missing_runs:
        verb, reason = Verb.RESTORE, "Back in the EasyCars feed."
    elif conflicts:
        verb, reason = Verb.CONFLICT, "Changed here and in EasyCars since the last sync."
    elif write:
        verb, reason = Verb.UPDATE, None
    else:
        verb, reason = (Verb.KEEP_LOCAL if kept else Verb.SAME), None
    return Decision(verb, write, agreed, before or None, write or None, conflicts, reason)
