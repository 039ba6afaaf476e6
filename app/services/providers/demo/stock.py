"""The demo yard's one stream, in the smallest dialect that is enough for a vehicle.

A record: `id`, and any of make, model, badge, year, price (text), vin, odometer, kind, photos.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import orjson

from app.services.errors import RecordRefused
from app.services.providers.demo.yard import Yard
from app.services.sync.protocol import Ask, Draft, Page, Warned

PLAIN: Final = ("make", "model", "badge", "year", "vin", "odometer", "kind")


@dataclass(frozen=True, slots=True)
class DemoStock:
    """Implements app.services.sync.protocol.Stream."""

    key: str = "stock"
    entity: str = "vehicle"
    archive: str | None = None

    def pages(self, api: Yard, ask: Ask) -> Iterator[Page]:  # noqa: ARG002
        step = api.rows_per_page
        parts = [api.rows[start : start + step] for start in range(0, len(api.rows), step)]
        for number, rows in enumerate(parts):
            api.fail_if_due(number)
            yield Page(rows)
        api.fail_if_due(len(parts))
        yield Page([], api.warning)

    def external_id(self, raw: bytes) -> str | None:
        try:
            return _number(_record(raw))
        except RecordRefused:
            return None

    def draft(self, raw: bytes) -> Draft:
        """Raises RecordRefused for what is no record or has no id."""
        record = _record(raw)
        number = _number(record)
        cents, warnings = _cents(record.get("price"))
        values = {name: record[name] for name in PLAIN if record.get(name) is not None}
        values |= {"stock_number": number} | ({} if cents is None else {"price_cents": cents})
        title = " ".join(str(values[name]) for name in ("make", "model", "year") if name in values)
        photos = tuple(str(url) for url in record.get("photos") or ())
        return Draft(number, title or number, values | {"title": title}, photos, None, warnings)

    def same_content(self, old: bytes, new: bytes) -> bool:
        if old == new:
            return True
        try:
            return bool(orjson.loads(old) == orjson.loads(new))
        except ValueError:
            return False


def _record(raw: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(raw)
    except ValueError as exc:
        raise RecordRefused("The record is not readable JSON.") from exc
    if not isinstance(found, dict):
        raise RecordRefused("The record is not an object.")
    return found


def _number(record: dict[str, Any]) -> str:
    number = record.get("id")
    if not isinstance(number, str) or not number.strip():
        raise RecordRefused("The record has no id.")
    return number.strip()


def _cents(price: Any) -> tuple[int | None, tuple[Warned, ...]]:
    if price is None:
        return None, ()
    try:
        return int(Decimal(str(price)) * 100), ()
    except (InvalidOperation, ValueError, OverflowError):
        return None, (Warned("price_cents", f"{price!r} is not a price; left out."),)
