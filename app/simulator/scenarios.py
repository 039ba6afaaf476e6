"""The switch that says which scenario is on, for whom, and for how many calls."""

import threading
from dataclasses import dataclass, field, replace
from typing import Any

from app.simulator.scenario_list import NORMAL, PHOTO_ENDPOINT, SCENARIOS, TOKEN_ENDPOINT, Scenario

__all__ = [
    "EVERYONE",
    "NORMAL",
    "PHOTO_ENDPOINT",
    "SCENARIOS",
    "TOKEN_ENDPOINT",
    "Active",
    "Switch",
    "UnknownScenario",
]

EVERYONE = "*"


class UnknownScenario(ValueError):
    """The name is not in the list."""


@dataclass(frozen=True)
class Active:
    """A scenario that is on: for one account or all, for one endpoint, for the next N calls."""

    scenario: Scenario
    account: str = EVERYONE
    endpoint: str | None = None
    value: float | None = None
    calls_left: int | None = None
    kinds: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.scenario.name

    @property
    def number(self) -> float:
        """The number that was asked for, or the scenario's own."""
        return float(self.value if self.value is not None else self.scenario.value or 0)

    def touches(self, endpoint: str) -> bool:
        if self.endpoint is not None:
            return endpoint == self.endpoint
        reach = self.scenario.reach
        if endpoint == PHOTO_ENDPOINT:
            return reach == "photos"
        return reach in ("api", endpoint) or (reach == "calls" and endpoint != TOKEN_ENDPOINT)

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "account": self.account,
            "endpoint": self.endpoint,
            "value": self.value,
            "calls_left": self.calls_left,
            "kinds": list(self.kinds),
        }


@dataclass
class Switch:
    """Which scenario is on. One per account and one for everyone; the account's own comes first."""

    active: dict[str, Active] = field(default_factory=dict)
    generation: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def turn(
        self,
        name: str,
        *,
        account: str = EVERYONE,
        endpoint: str | None = None,
        value: float | None = None,
        count: int | None = None,
        kinds: tuple[str, ...] = (),
    ) -> Active:
        """Switch `name` on in its scope; "normal" ends what is on there. Wakes waiting calls.

        Raises UnknownScenario.
        """
        if name not in SCENARIOS:
            raise UnknownScenario(f"There is no scenario {name!r}. Known: {', '.join(SCENARIOS)}.")
        chosen = Active(SCENARIOS[name], account, endpoint, value, count, kinds)
        with self._lock:
            self.generation += 1
            self.active.pop(account, None)
            if name != NORMAL:
                self.active[account] = chosen
        return chosen

    def clear(self) -> None:
        with self._lock:
            self.generation += 1
            self.active.clear()

    def take(self, endpoint: str, account: str | None) -> Active | None:
        """What happens to this call, if anything; uses up one of a limited number of calls."""
        with self._lock:
            for scope in (account, EVERYONE):
                current = self.active.get(scope or "")
                if current is not None and current.touches(endpoint):
                    self._use_up(scope or "", current)
                    return current
        return None

    def _use_up(self, scope: str, current: Active) -> None:
        if current.calls_left is None:
            return
        if current.calls_left > 1:
            self.active[scope] = replace(current, calls_left=current.calls_left - 1)
        else:
            del self.active[scope]
