"""What to do about one record: pure, and the only place that decides (design §1).

Agreed is what both sides had after the last good sync; it makes "who changed what" answerable.

| local since agreed | EasyCars since agreed | decision |
| no row             | present               | create |
| same               | same / changed        | same / update |
| changed            | same                  | keep local (push where the provider can) |
| changed            | changed alike         | same, newly agreed |
| changed            | changed differently   | the field's owner: EasyCars, Local, Ask = conflict |
| locked             | changed or not        | keep local, always; agreed follows the feed |
| present            | gone                  | missing (never a silent delete) |
| kept outside       | gone                  | same: a person keeps it listed |
| excluded           | anything              | same: nothing of it is written |

Life cycle: gone → missing → off market; back → listed. A status that turns to "Sold" makes it
sold, another status heals that, and a sold vehicle that leaves the feed stays sold.
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
SOLD = "sold"
LIFECYCLE = "lifecycle"
GONE = "Not in the feed since"


@dataclass(frozen=True, slots=True)
class Decision:
    """One record's fate. `before` and `after` hold the changed fields only.

    `conflicts`: fields that a person has to settle, whatever the verb. `life_reason`: why the
    life cycle changes, in words for the vehicle; None when it does not.
    """

    verb: Verb
    write: dict[str, Any] = field(default_factory=dict)
    agreed: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    conflicts: tuple[str, ...] = ()
    reason: str | None = None
    life_reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Merged:
    """What a comparison field by field gave; `kept`: something of ours stays that differs."""

    write: dict[str, Any]
    agreed: dict[str, Any]
    conflicts: tuple[str, ...]
    kept: bool


def ask_always(_field: str) -> Owner:
    return Owner.ASK


def decide(  # noqa: PLR0913 - one keyword for each fact that counts
    agreed: Values | None,
    local: Values | None,
    remote: Values | None,
    policy: Policy = ask_always,
    *,
    locked: frozenset[str] = frozenset(),
    missing_runs: int = 0,
    missing_limit: int = MISSING_RUNS_BEFORE_OFF_MARKET,
    excluded: bool = False,
    kept_outside: bool = False,
    since: str = "",
) -> Decision:
    """Decides one record. Each side is field → value, None when that side has no record.

    `locked`: fields that never move. `missing_runs`: how many runs missed it so far;
    `missing_limit`: after how many it goes off the market. `since`: "12 May (run 81)", for the
    reasons of the life cycle.
    """
    if excluded or (remote is None and kept_outside):
        return Decision(Verb.SAME, agreed=dict(agreed or {}))
    if remote is None:
        return _gone(agreed or {}, local or {}, missing_runs, missing_limit, since)
    if local is None or agreed is None:
        return _create(remote, since)
    merged = _merge(agreed, local, remote, policy, locked)
    return _verdict(agreed, local, remote, merged, missing_runs, since)


def is_sold(status: object) -> bool:
    """Whether a status means sold, however it is written."""
    return isinstance(status, str) and status.strip().casefold() == SOLD


def life_after(was: object, now: object, lifecycle: str) -> str:
    """The life cycle after a status changed from `was` to `now`; only selling and its end count."""
    if is_sold(now) and not is_sold(was):
        return SOLD
    if is_sold(was) and not is_sold(now) and lifecycle == SOLD:
        return "listed"
    return lifecycle


def _create(remote: Values, since: str) -> Decision:
    values = dict(remote)
    sold = is_sold(values.get("status"))
    write = values | {"lifecycle": SOLD} if sold else values
    words = _words(SOLD, since) if sold else None
    return Decision(Verb.CREATE, write, agreed=values, after=values, life_reason=words)


def _gone(
    agreed: Values, local: Values, missing_runs: int, missing_limit: int, since: str
) -> Decision:
    here = local.get("lifecycle", "missing" if missing_runs else "listed")
    after = _life_when_gone(here, missing_runs, missing_limit)
    words = f"{GONE} {since}" if since else "Not in the feed any more"
    return Decision(
        Verb.MISSING,
        write={"lifecycle": after} if after != here else {},
        agreed=dict(agreed),
        before={"lifecycle": here},
        after={"lifecycle": after},
        reason=f"{words}. It stays sold." if after == SOLD else words,
        life_reason=words if after != here else None,
    )


def _life_when_gone(here: str, missing_runs: int, missing_limit: int) -> str:
    if here in (SOLD, "off_market"):
        return here
    return "off_market" if missing_runs + 1 >= missing_limit else "missing"


def _merge(
    agreed: Values, local: Values, remote: Values, policy: Policy, locked: frozenset[str]
) -> _Merged:
    write: dict[str, Any] = {}
    now_agreed = dict(agreed)
    conflicts, kept = [], False
    for name in sorted(agreed.keys() | remote.keys()):
        was, here, there = agreed.get(name), local.get(name), remote.get(name)
        if name in locked:
            kept = kept or here != there
            _agree(now_agreed, name, there)
        elif there == was:
            kept = kept or here != was
        elif here in (was, there) or policy(name) is Owner.EASYCARS:
            if here != there:
                write[name] = there
            _agree(now_agreed, name, there)
        elif policy(name) is Owner.LOCAL:
            kept = True
            _agree(now_agreed, name, there)
        else:
            conflicts.append(name)
    return _Merged(write, now_agreed, tuple(conflicts), kept)


def _agree(values: dict[str, Any], name: str, value: Any) -> None:
    if value is None:
        values.pop(name, None)
    else:
        values[name] = value


def _verdict(
    agreed: Values, local: Values, remote: Values, merged: _Merged, missing_runs: int, since: str
) -> Decision:
    here = local.get("lifecycle", "missing" if missing_runs else "listed")
    life = _life(agreed, local, remote, merged.write, here, missing_runs)
    write = merged.write if life == here else merged.write | {"lifecycle": life}
    life_reason = None if life == here else _words(life, since, here)
    verb = _verb(write, merged, heals=bool(missing_runs) and life != here)
    reason = "Changed here and in EasyCars since the last sync." if merged.conflicts else None
    return Decision(
        verb,
        write,
        merged.agreed,
        {name: local.get(name) for name in write} or None,
        dict(write) or None,
        merged.conflicts,
        " ".join(filter(None, (life_reason and f"{life_reason}.", reason))) or None,
        life_reason,
    )


def _life(
    agreed: Values,
    local: Values,
    remote: Values,
    write: Values,
    here: str,
    missing_runs: int,
) -> str:
    """A status that stays ours (locked, edited, in conflict) moves nothing."""
    shown = write["status"] if "status" in write else local.get("status")
    if shown == remote.get("status"):
        here = life_after(agreed.get("status"), shown, here)
    return "listed" if missing_runs and here != SOLD else here


def _verb(write: Values, merged: _Merged, *, heals: bool) -> Verb:
    if heals:
        return Verb.RESTORE
    if merged.conflicts:
        return Verb.CONFLICT
    if write:
        return Verb.UPDATE
    return Verb.KEEP_LOCAL if merged.kept else Verb.SAME


def _words(life: str, since: str, before: str = "") -> str:
    """Why the life cycle changed, for the vehicle's page."""
    when = f" since {since}" if since else ""
    if life == SOLD:
        return f"Sold in EasyCars{when}"
    return f"Not sold in EasyCars any more{when}" if before == SOLD else f"Back in the feed{when}"
