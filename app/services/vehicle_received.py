"""What EasyCars sent for one field, and what the mapping rules make of it (U7, C19)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import EasyCarsStockData
from app.services import mapping, mapping_versions
from app.services.errors import NotFound, RecordRefused
from app.services.mapping import Rules
from app.services.sync import registry
from app.services.sync.protocol import Draft
from app.services.vehicle_fields import FIELDS
from app.services.vehicle_timeline import words_of
from app.services.vehicle_view import Origin, RawField, raw_fields


@dataclass(frozen=True)
class Received:
    """`raw`: the vendor's fields behind ours, as received; `run_id`, `at`: when that was.

    `rule_words` says which mapping rule, as they are now, changes the value; None when none does.
    """

    raw: Sequence[RawField]
    run_id: int | None
    at: datetime | None
    rule_words: str | None


def received(db: Session, origin: Origin, name: str) -> Received:
    """What the newest stored record says about a field."""
    run_id = db.scalar(
        select(EasyCarsStockData.run_id).where(EasyCarsStockData.link_id == origin.link.id)
    )
    draft = _draft(origin)
    rule = _rule_words(name, draft, mapping_versions.current(db)) if draft else None
    return Received(_behind(name, origin), run_id, origin.received_at, rule)


def _behind(name: str, origin: Origin) -> list[RawField]:
    field = FIELDS.get(name)
    vendor_names = (field.source or "").split(", ") if field else []
    return [raw for raw in raw_fields(origin.raw) if raw.name in vendor_names]


def _draft(origin: Origin) -> Draft | None:
    """The stored record read as a sync reads it, before any rule; None when that fails."""
    link = origin.link
    try:
        stream = registry.stream(link.provider, link.stream)
        return stream.draft((origin.raw or "").encode())
    except (NotFound, RecordRefused):
        return None


def _rule_words(name: str, draft: Draft, rules: Rules) -> str | None:
    shown = mapping.apply(rules, draft)
    was, became = draft.values.get(name), shown.values.get(name)
    if name == "title":
        return _title_words(rules, became == was)
    if was == became:
        return None
    number = f"version {rules.number} of the mapping rules"
    if was is None:
        return f"EasyCars leaves it out: {words_of(name, became)} is the default in {number}."
    return f"{_plain(name, was)} is shown as {_plain(name, became)} by {number}."


def _title_words(rules: Rules, is_plain: bool) -> str:
    if rules.title and not is_plain:
        return f"Made by the title template {rules.title} in version {rules.number} of the rules."
    return "Made from make, model, badge and year."


def _plain(name: str, value: Any) -> str:
    return f"“{words_of(name, value)}”"
