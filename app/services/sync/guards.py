"""Guards: what looks wrong waits for a person; the rest goes through (C3, C4, C7, design §1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from app.services.sync.plan import Decision, Verb
from app.services.sync.protocol import Values, Warned

PRICE_DROP = 0.30
REMOVALS_COUNT = 10
REMOVALS_SHARE = 0.20
FIRST_YEAR = 1900
REMOVED = ("missing", "off_market")


@dataclass(frozen=True, slots=True)
class Limits:
    """A dealership's limits; `newest_year` is next year's model plus one."""

    newest_year: int
    price_drop: float = PRICE_DROP
    removals_count: int = REMOVALS_COUNT
    removals_share: float = REMOVALS_SHARE


@dataclass(frozen=True, slots=True)
class Guards:
    """The limits, and what a person approved: external id → the shown values."""

    limits: Limits
    approved: Mapping[str, Values] = field(default_factory=dict)

    def judge(self, external_id: str, decision: Decision, local: Values | None) -> Decision:
        """The decision, or a hold. Only exactly what was shown counts as approved."""
        judged = check_values(decision, local, self.limits)
        held = judged.verb is Verb.HOLD and decision.verb is not Verb.HOLD
        if held and self.approved.get(external_id) == decision.after:
            return decision
        return judged

    def admit(self, external_id: str, decision: Decision, yard: str | None) -> Decision:
        """A new record; one of a yard that nobody asked for waits for a person (trap T15)."""
        if yard is None or self.approved.get(external_id) == decision.after:
            return decision
        return replace(
            decision,
            verb=Verb.HOLD,
            write={},
            reason=f"New vehicle of yard {yard}, which this connection did not ask for.",
            life_reason=None,
        )

    def lets_go(self, external_id: str) -> bool:
        """Whether the removal of this record was approved, and nothing else of it."""
        approved = self.approved.get(external_id, {})
        return approved.keys() == {"lifecycle"} and approved["lifecycle"] in REMOVED


def hold_removals(
    *,
    listed: int,
    newly_absent: int,
    feed_total: int,
    unidentified: int,
    scope_changed: bool,
    limits: Limits,
    foreign: int = 0,
) -> str | None:
    """Why the removals of this run must wait, or None. An empty feed always waits.

    `unidentified`: rows of the feed without a readable number; any of the absent vehicles may
    be one of them. `foreign`: new rows of a yard that nobody asked for.
    """
    if newly_absent == 0:
        return None
    share = newly_absent / listed if listed else 1.0
    too_many = newly_absent > limits.removals_count and share > limits.removals_share
    reasons = (
        unidentified
        and f"{unidentified} of the feed's rows have no stock number and may be these vehicles.",
        scope_changed
        and "The account, environment or yard of the connection changed since the last sync.",
        foreign and f"The feed lists {foreign} vehicles of a yard that was not asked for.",
        feed_total == 0 and "EasyCars sent an empty list.",
        too_many and f"{newly_absent} of {listed} vehicles are gone from the feed at once.",
    )
    return " ".join(reason for reason in reasons if reason) or None


def check_values(decision: Decision, local: Values | None, limits: Limits) -> Decision:
    """Turns a decision with suspicious values into a hold; the reason says which and why."""
    reason = _suspicion(decision.write, local or {}, limits)
    if reason is None or decision.verb is Verb.CREATE:
        return decision
    return replace(decision, verb=Verb.HOLD, reason=reason, write={}, life_reason=None)


def clean_new(values: Values, limits: Limits) -> tuple[dict[str, Any], list[Warned]]:
    """A new vehicle is never held back for one odd number: the number is left out and said."""
    kept, warnings = dict(values), []
    if kept.get("price_cents") == 0:
        del kept["price_cents"]
        warnings.append(Warned("price_cents", "Price 0 in EasyCars: shown as price on request."))
    if not _year_plausible(kept.get("year"), limits):
        year = kept.pop("year")
        warnings.append(Warned("year", f"Impossible year {year}: left out."))
    return kept, warnings


def _suspicion(write: Values, local: Values, limits: Limits) -> str | None:
    """Every reason for doubt in one text: a person who approves shall know all of them."""
    checks = (
        _price_suspicion(write, local, limits),
        _odometer_suspicion(write, local),
        None if _year_plausible(write.get("year"), limits) else f"Impossible year {write['year']}.",
    )
    return " ".join(reason for reason in checks if reason) or None


def _price_suspicion(write: Values, local: Values, limits: Limits) -> str | None:
    new, old = write.get("price_cents"), local.get("price_cents")
    if new is None:
        return None
    if new <= 0:
        return "The price would become 0."
    if old and new < old * (1 - limits.price_drop):
        share = min(99, round((old - new) / old * 100))  # 100 % would say that nothing is left
        return f"The price would fall by {share} %."
    return None


def _odometer_suspicion(write: Values, local: Values) -> str | None:
    new, old = write.get("odometer"), local.get("odometer")
    same_unit = write.get("odometer_unit", local.get("odometer_unit")) == local.get("odometer_unit")
    if new is not None and old is not None and same_unit and new < old:
        return f"The odometer would fall from {old} to {new}."
    return None


def _year_plausible(year: int | None, limits: Limits) -> bool:
    return year is None or FIRST_YEAR <= year <= limits.newest_year
