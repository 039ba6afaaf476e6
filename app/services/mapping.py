"""Mapping rules: how received values are shown here (C19). Pure.

Three kinds: value maps (status "WHTE" is shown as "White"), a title template, and defaults for
what the feed leaves out. Rules take one step only: what a map shows is never looked up again. The
raw record keeps what was received; `Draft.received` carries it beside the mapped values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, Final

from app.services.mapping_title import Template
from app.services.sync.protocol import Draft, Values
from app.services.vehicle_fields import field_of_source

# Fields with a value map, in the order of the page. Condition has none: it comes from two yes-or-no
# fields, so nothing unknown can be received in it.
MAPPED: Final = (
    "status", "colour", "interior_colour", "body", "fuel_type", "gear_type", "drive_train", "kind",
)  # fmt: skip


@lru_cache(maxsize=8192)
def folded(text: str) -> str:
    """What counts when values are compared: neither case nor the number of blanks."""
    return " ".join(text.split()).casefold()


@dataclass(frozen=True)
class Rules:
    """One version's rules, read once per run. `values`: field → received → shown.

    `number` is the version's; 0 means that nobody made rules yet.
    """

    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    title: str | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0

    @cached_property
    def tables(self) -> dict[str, dict[str, str]]:
        """Field → folded received value → shown value, without fields that have no rule."""
        return {
            name: {folded(received): shown for received, shown in pairs.items()}
            for name, pairs in self.values.items()
            if pairs
        }

    @cached_property
    def template(self) -> Template | None:
        return Template(self.title) if self.title else None

    @cached_property
    def is_empty(self) -> bool:
        return not (self.tables or self.title or self.defaults)

    def shows(self, name: str, received: str) -> str | None:
        """What a rule shows for a received value; None when none speaks of it."""
        return self.tables.get(name, {}).get(folded(received))

    def as_json(self) -> dict[str, Any]:
        """As `mapping_version.rules` keeps it; equal rules give equal JSON."""
        return {
            "values": {name: dict(pairs) for name, pairs in self.values.items() if pairs},
            "title": self.title or None,
            "defaults": dict(self.defaults),
        }


NO_RULES: Final = Rules()


def rules_of(stored: Mapping[str, Any] | None, number: int = 0) -> Rules:
    """The rules of a stored version. They were checked when they were saved."""
    if not stored:
        return Rules()
    return Rules(
        stored.get("values") or {}, stored.get("title"), stored.get("defaults") or {}, number
    )


def apply(rules: Rules, draft: Draft) -> Draft:
    """The draft as the rules show it; the same object when no rule speaks of it.

    Archive, photos and warnings stay. A value that could not be read is not "not given": it gets
    no default (what was agreed before stays, as the plan decides).
    """
    if rules.is_empty:
        return draft
    values = dict(draft.values)
    for name, table in rules.tables.items():
        value = values.get(name)
        if isinstance(value, str) and (shown := table.get(folded(value))) is not None:
            values[name] = shown
    if rules.defaults:
        _fill(values, rules.defaults, draft)
    return _titled(rules.template, values, draft)


def _fill(values: dict[str, Any], defaults: Values, draft: Draft) -> None:
    wanted = [name for name in defaults if values.get(name) is None]
    if wanted and draft.warnings:
        unreadable = {_own_name(warned.field) for warned in draft.warnings}
        wanted = [name for name in wanted if name not in unreadable]
    for name in wanted:
        values[name] = defaults[name]


def _own_name(name: str) -> str:
    found = field_of_source(name)
    return found.name if found else name


def _titled(template: Template | None, values: dict[str, Any], draft: Draft) -> Draft:
    title = template.render(values) if template else ""
    if title:
        values["title"] = title
    if template is None and values == draft.values:
        return draft
    return replace(
        draft,
        label=title or draft.label,
        values=values,
        received=draft.values,
        title_parts=template.fields if template and title else frozenset(),
    )
