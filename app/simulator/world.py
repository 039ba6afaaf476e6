"""Everything one running simulator knows: stock and leads per account, tokens, scenario, calls."""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.simulator.calls import CallLog
from app.simulator.easycars.accounts import DEMO_ACCOUNT_NUMBER
from app.simulator.easycars.leads import LeadDesk
from app.simulator.easycars.stock_book import StockBook
from app.simulator.easycars.tokens import TokenDesk
from app.simulator.scenarios import EVERYONE, NORMAL, Active, Switch
from app.simulator.showroom.photos import PhotoLab

DEFAULT_VEHICLES = 60
DEFAULT_SEED = 1


@dataclass(frozen=True)
class Dealer:
    """One dealer account: its stock and its leads."""

    account: str
    book: StockBook
    desk: LeadDesk


class World:
    """The state behind the HTTP surface. Same seed, same operations: same bytes."""

    def __init__(
        self,
        vehicles: int = DEFAULT_VEHICLES,
        seed: int = DEFAULT_SEED,
        scenario: str | None = None,
        photos: str = "drawn",
    ) -> None:
        self.seed = seed
        self.vehicles = vehicles
        self.photos_mode = photos
        self.switch = Switch()
        self.calls = CallLog()
        self._lock = threading.Lock()
        self._frozen_at: datetime | None = None
        self.start_over()
        self.turn(scenario or NORMAL)

    def start_over(self) -> None:
        """Stock, leads, tokens, photos, scenario and counters as at the start."""
        self.switch.clear()
        self.calls.clear()
        self.lab = PhotoLab(self.photos_mode)
        self.tokens = TokenDesk(self.seed)
        self._dealers: dict[str, Dealer] = {}
        self._frozen_at = None
        self.operations = 0
        # made now, so that the first caller of a big list does not pay for it
        self.dealer().book.make()

    def dealer(self, account: str = DEMO_ACCOUNT_NUMBER) -> Dealer:
        with self._lock:
            if account not in self._dealers:
                book = StockBook(self.seed, account, self.vehicles)
                self._dealers[account] = Dealer(
                    account, book, LeadDesk(self.seed, account, self.now)
                )
            return self._dealers[account]

    @property
    def dealers(self) -> list[Dealer]:
        return sorted(self._dealers.values(), key=lambda dealer: dealer.account)

    def turn(self, name: str, *, account: str = EVERYONE, **options: Any) -> Active:
        """Switch a scenario on (see `Switch.turn`). New leads arrive at that moment."""
        active = self.switch.turn(name, account=account, **options)
        if name == "new-leads":
            dealer = self.dealer(DEMO_ACCOUNT_NUMBER if account == EVERYONE else account)
            dealer.desk.walk_in(int(active.number))
        return active

    def dice(self) -> random.Random:
        """Chance for the next operation: depends on the seed and the operations so far."""
        self.operations += 1
        return random.Random(f"{self.seed}/operation/{self.operations}")

    def now(self) -> datetime:
        return self._frozen_at or datetime.now(UTC)

    def freeze_clock(self, at: datetime | None) -> None:
        """Stop the clock that stamps leads, or let it run again with None."""
        self._frozen_at = at

    def set_vehicles(self, count: int) -> None:
        """Size of every account's stock, also of those made later."""
        self.vehicles = count
        for dealer in self.dealers:
            dealer.book.resize(count)


WorldFinder = Callable[[], World]
