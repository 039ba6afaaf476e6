"""The stock of one dealer account: every vehicle as its own finished JSON bytes.

Kept as bytes because a list of 20,000 vehicles is asked for far more often than it changes: a
change re-renders the vehicles concerned, and the joined answer is cached until the next change.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from app.simulator.easycars import vehicles
from app.simulator.easycars.kinds import Item
from app.simulator.easycars.wire import HOST_MARK, SUCCESS_TAIL, json_object, parse

ANSWERS_KEPT = 4
ListView = Callable[["StockBook", list[bytes]], list[bytes]]


class UnknownVehicle(LookupError):
    """The account has no vehicle with this stock number."""


class StockBook:
    """Vehicles by stock number, in the order of the list. Made when first asked for."""

    def __init__(self, seed: int, account: str, vehicles: int) -> None:
        self.seed = seed
        self.account = account
        self.lock = threading.RLock()
        self._wanted = vehicles
        self._next_serial = 0
        self._rows: dict[str, bytes] | None = None
        self._photo_revisions: dict[int, int] = {}
        self._answers: OrderedDict[tuple[object, ...], bytes] = OrderedDict()
        self.version = 0

    @property
    def rows(self) -> dict[str, bytes]:
        """Every vehicle's JSON by stock number."""
        return self.make()

    def make(self) -> dict[str, bytes]:
        """Make the stock if nobody asked for it yet."""
        with self.lock:
            if self._rows is None:
                self._rows = {}
                self._append(self._rows, self._wanted)
            return self._rows

    def __len__(self) -> int:
        return self._wanted if self._rows is None else len(self._rows)

    def item(self, number: str) -> Item:
        """The 72 fields of one vehicle. Raises UnknownVehicle."""
        if number not in self.rows:
            raise UnknownVehicle(f"No vehicle with stock number {number!r} in {self.account}.")
        found: Item = parse(self.rows[number])
        return found

    # changes

    def add(self, count: int) -> list[str]:
        with self.lock:
            added = self._append(self.rows, count)
            self._changed()
            return added

    def remove(self, numbers: Iterable[str]) -> list[str]:
        with self.lock:
            gone = [number for number in numbers if self.rows.pop(number, None) is not None]
            self._changed()
            return gone

    def set_fields(self, number: str, fields: dict[str, Any]) -> None:
        """Write fields as given, whatever their type: dirt is wanted. Raises UnknownVehicle."""
        with self.lock:
            self.rows[number] = json_object(self.item(number) | fields).encode()
            self._changed()

    def resize(self, count: int) -> None:
        """Have exactly this many vehicles: new ones are appended, the last ones go."""
        with self.lock:
            if self._rows is None:
                self._wanted = count
            elif count > len(self._rows):
                self._append(self._rows, count - len(self._rows))
            else:
                self._rows = dict(list(self._rows.items())[:count])
            self._changed()

    def renew_photos(self, number: str) -> None:
        """The same number of photos under new addresses, as when a dealer takes pictures again."""
        item = self.item(number)
        serial = self.serial_of(item)
        if serial is None:
            return
        revision = self._photo_revisions[serial] = self._photo_revisions.get(serial, 0) + 1
        urls = vehicles.photo_urls(self.seed, self.account, serial, item["ImageCount"], revision)
        self.set_fields(number, {"ImageURLs": urls})

    def _append(self, rows: dict[str, bytes], count: int) -> list[str]:
        numbers = []
        for serial in range(self._next_serial, self._next_serial + count):
            item = vehicles.make_item(self.seed, self.account, serial)
            rows[item["StockNumber"]] = json_object(item).encode()
            numbers.append(item["StockNumber"])
        self._next_serial += count
        return numbers

    def _changed(self) -> None:
        self.version += 1
        self._answers.clear()

    # answers

    def answer(self, base_url: str, yard: str | None, view: ListView | None, key: object) -> bytes:
        """The whole successful answer of GetAdvertisementStocks.

        `view` is what a scenario makes of the rows; `key` names it in the cache.
        """
        full_key = (base_url, yard, key)
        with self.lock:
            if full_key not in self._answers:
                self._answers[full_key] = self._render(base_url, yard, view)
                while len(self._answers) > ANSWERS_KEPT:
                    self._answers.popitem(last=False)
            return self._answers[full_key]

    def _render(self, base_url: str, yard: str | None, view: ListView | None) -> bytes:
        rows = list(self.rows.values())
        if view is not None:
            rows = view(self, rows)
        if yard:
            start = json_object({"YardCode": yard})[:-1].encode() + b","
            rows = [row for row in rows if row.startswith(start)]
        body = b'{"StockList":[' + b",".join(rows) + b"]," + SUCCESS_TAIL
        return body.replace(HOST_MARK.encode(), base_url.encode())

    # photos

    def serial_of(self, item: Item) -> int | None:
        """Which vehicle of the series this is, read from its first photo address."""
        first = str(item["ImageURLs"]).split(",")[0]
        parts = first.split("/")
        return vehicles.photo_serial(int(parts[-2]))[0] if len(parts) > 2 else None

    def has_photo(self, image_id: int, digest: str) -> bool:
        """Whether the address was ever handed out; photos outlive their place in the list."""
        serial, index = vehicles.photo_serial(image_id)
        if serial < 0:
            return False
        newest = self._photo_revisions.get(serial, 0)
        return any(
            vehicles.photo_address(self.seed, self.account, serial, index, revision).endswith(
                digest
            )
            for revision in range(newest + 1)
        )
