"""The stream of advertised vehicles: EasyCars' `stock`, pull only (stories 2.1, 2.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from app.secret import Secret
from app.services.errors import RecordRefused
from app.services.providers.easycars.client import EasyCarsApiClient, StockQuestion
from app.services.providers.easycars.lead_api import LeadApi
from app.services.providers.easycars.mapping import EasyCarsStockMapper, stock_number
from app.services.providers.easycars.tables import TEXTS
from app.services.providers.easycars.wire import parse_item
from app.services.sync.protocol import Ask, Draft, Page

_NAME: Final = b'"StockNumber"'
_RECEIVED: Final = {field: column for column, field in TEXTS.items()}
_VALUE = re.compile(rb'\s*:\s*(?:"([^"\\]*)"|(0|[1-9][0-9]{0,17}))\s*[,}]')


@dataclass(frozen=True, slots=True)
class EasyCarsApi:
    """An open connection of one dealer account. `leads` asks for its own token when used."""

    client: EasyCarsApiClient
    account_number: Secret
    account_secret: Secret
    leads: LeadApi

    def question(self, yard_code: str | None = None) -> StockQuestion:
        return StockQuestion(self.account_number, self.account_secret, yard_code)


@dataclass(frozen=True, slots=True)
class StockStream:
    """One answer with all vehicles; absent ones are not advertised any more."""

    key: str = "stock"
    entity: str = "vehicle"
    archive: str | None = "easycar_stock_data"

    @property
    def received_columns(self) -> Mapping[str, str]:
        """Where the archive keeps what was received in a field."""
        return _RECEIVED

    def pages(self, api: EasyCarsApi, ask: Ask) -> Iterator[Page]:
        """Ends normally only after EasyCars confirmed a whole answer with code 0 or 5."""
        return api.client.stream_stock(api.question(ask.filters.get("yard_code")))

    def external_id(self, raw: bytes) -> str | None:
        """The stock number without parsing the rest; odd elements are parsed."""
        at = raw.find(_NAME)
        if at >= 0 and raw.count(b"{") == 1 and raw.find(_NAME, at + 1) < 0:
            found = _VALUE.match(raw, at + len(_NAME))
            if found is not None and (number := _plain(found)):
                return number
        return _parsed_number(raw)

    def draft(self, raw: bytes) -> Draft:
        """Raises RecordRefused with the reason in words."""
        parsed = parse_item(raw)
        draft = EasyCarsStockMapper(parsed.warnings).map_to_vehicle(parsed.item)
        if not parsed.unknown and not parsed.absent:
            return draft
        return replace(draft, unknown=parsed.unknown, absent=parsed.absent)

    def same_content(self, old: bytes, new: bytes) -> bool:
        """Equal after trimming texts, dropping empties, and reading numbers by value."""
        if old == new:
            return True
        try:
            return _same(orjson.loads(old), orjson.loads(new))
        except ValueError:
            return False


def _plain(found: re.Match[bytes]) -> str | None:
    """None for anything that a careful parse should decide: blanks, other alphabets, length."""
    text = found[1] if found[1] is not None else found[2]
    return text.decode() if text.isalnum() and len(text) <= 50 else None


def _parsed_number(raw: bytes) -> str | None:
    try:
        return stock_number(parse_item(raw).item)
    except RecordRefused:
        return None


def _same(old: Any, new: Any) -> bool:
    """Only what differs as it stands is folded: usually one field of seventy-two."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return bool(_folded(old) == _folded(new))
    return all(
        old.get(name) == new.get(name) or _folded(old.get(name)) == _folded(new.get(name))
        for name in old.keys() | new.keys()
    )


def _folded(value: Any) -> Any:
    if isinstance(value, dict):
        pairs = ((key, _folded(part)) for key, part in value.items())
        return {key: part for key, part in pairs if part is not None}
    if isinstance(value, list):
        return [_folded(part) for part in value]
    if isinstance(value, str):
        return value.strip() or None
    return value
