"""One vehicle of the feed beside ours: what differs, and how serious it is. Pure.

The severity of a field is the answer of `plan.decide`, as for a sync: what it would write is
outdated here; what it would keep, ask about or leave locked is conflicting.

Never a difference: fields that the dealership locked for all vehicles, what the record does not
have or cannot be read, and a price of 0 or an impossible year that stays empty here. A life cycle
that only follows a differing status is not told besides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from typing import Any, Final

import orjson

from app.services.reconciliation.words import (
    CONFLICTING,
    DIFFERING,
    HERE_ONLY,
    LIFECYCLE,
    MISSING,
    OUTDATED,
    PHOTOS,
    THERE_ONLY,
)
from app.services.sync.changes import completed
from app.services.sync.guards import Limits, clean_new
from app.services.sync.plan import SOLD, Policy, decide, is_sold
from app.services.sync.protocol import Draft, Values
from app.services.sync.targets import Existing
from app.services.sync.terms import Terms
from app.services.vehicle_fields import FIELDS
from app.services.vehicle_values import DEFAULTS

# What names a vehicle that only one side has, and tells somebody what it is.
NAMING: Final[tuple[str, ...]] = (
    "stock_number", "vin", "year", "price_cents", "odometer", "colour", "rego_num", "status",
    "yard_name",
)  # fmt: skip
Sides = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Found:
    """A difference as one run found it; `key` as in Difference.record_key."""

    kind: str
    severity: str
    key: str
    label: str
    external_id: str | None
    entity_id: int | None
    fields: Sides = field(default_factory=dict)
    note: str | None = None

    @property
    def fingerprint(self) -> str:
        """Changes when a differing value does. A record on one side is one question, whatever
        its values: who ignores it is not asked again because its price moved."""
        told = self.fields if self.kind == DIFFERING else {}
        packed = orjson.dumps([self.kind, told], option=orjson.OPT_SORT_KEYS)
        return blake2b(packed, digest_size=16).hexdigest()


@cache
def feed_fields() -> tuple[str, ...]:
    """Vehicle fields that a feed fills; the title is made from some of them."""
    return tuple(name for name, one in FIELDS.items() if one.source or name == "title")


def there_only(draft: Draft, limits: Limits, note: str | None) -> Found:
    """A vehicle of the feed that is not here."""
    values, _ = clean_new(draft.values, limits)
    fields = {name: sides(None, values[name]) for name in NAMING if name in values}
    number = draft.external_id
    return Found(THERE_ONLY, MISSING, number, draft.label, number, None, fields, note)


def here_only(
    key: str, number: str | None, entity_id: int, label: str, values: Values, note: str | None
) -> Found:
    """A vehicle of ours that the feed does not have."""
    fields = {name: sides(values[name], None) for name in NAMING if values.get(name) is not None}
    return Found(HERE_ONLY, MISSING, key, label, number, entity_id, fields, note)


def differing(draft: Draft, record: Existing, terms: Terms, limits: Limits) -> Found | None:
    """What a vehicle that both have has differently; None when nothing."""
    full = completed(draft, record)
    fields = _differing_fields(full.values, record, terms.locked, limits)
    if life := _life(full.values, record, fields):
        fields[LIFECYCLE] = life
    if record.photo_urls != list(full.photo_urls):
        fields[PHOTOS] = _photos(record, full)
    if not fields:
        return None
    locked = record.locked | terms.locked
    taken = outdated(
        record.agreed, record.local, full.values, terms.owner, locked, record.missing_runs
    )
    severity = OUTDATED if fields.keys() <= taken | {PHOTOS} else CONFLICTING
    number = draft.external_id
    return Found(DIFFERING, severity, number, draft.label, number, record.entity_id, fields)


def outdated(
    agreed: Values,
    here: Values,
    there: Values,
    policy: Policy,
    locked: frozenset[str],
    missing_runs: int = 0,
) -> set[str]:
    """The fields that a sync would take from EasyCars."""
    decision = decide(agreed, here, there, policy, locked=locked, missing_runs=missing_runs)
    return set(decision.write)


def sides(here: Any, there: Any) -> dict[str, Any]:
    return {"here": here, "there": there}


def _differing_fields(
    there: Values, record: Existing, never: frozenset[str], limits: Limits
) -> Sides:
    local = record.local
    unlike = [name for name in feed_fields() if local.get(name) != there.get(name)]
    if not unlike:
        return {}
    usable, _ = clean_new(there, limits)
    fields: Sides = {}
    for name in unlike:
        here, theirs = _plain(name, local.get(name)), _plain(name, there.get(name))
        left_out = here is None and name not in usable
        if here != theirs and name not in never and not left_out:
            fields[name] = sides(here, theirs)
    return fields


def _plain(name: str, value: Any) -> Any:
    return DEFAULTS.get(name) if value is None else value


def _life(there: Values, record: Existing, fields: Mapping[str, Any]) -> dict[str, Any] | None:
    """A vehicle of the feed is on the market, or sold by its status; ours may say otherwise."""
    here = record.local.get(LIFECYCLE, "listed")
    theirs = SOLD if is_sold(there.get("status")) else "listed"
    if here == theirs or "status" in fields:
        return None
    return sides(here, theirs)


def _photos(record: Existing, full: Draft) -> dict[str, Any]:
    old, new = record.photo_urls, full.photo_urls
    added = len(set(new) - set(old))
    how = f"{added} new" if added else "other order" if len(old) == len(new) else "fewer"
    return sides(f"{len(old)} photos", f"{len(new)} photos, {how}")
