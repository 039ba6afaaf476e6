"""Checks mapping rules that a person typed (C19). Pure but for the columns' widths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Table

from app.models import Vehicle
from app.services.errors import InputInvalid
from app.services.mapping import MAPPED, Rules, folded
from app.services.mapping_title import BadTemplate, Template
from app.services.vehicle_fields import FIELDS, label_of

VEHICLES: Table = Vehicle.__table__  # type: ignore[assignment]
KINDS: Final = ("car", "motorbike", "boat", "caravan", "truck", "trailer")
CHOICES: Final = {"kind": KINDS}
PAIRS_PER_FIELD: Final = 500
LONGEST_RECEIVED: Final = 200
LONGEST_DETAIL: Final = 200
LONGEST_NOTE: Final = 300
# What names or proves one vehicle has no default, nor what a map or the provider always gives.
NO_DEFAULT: Final = frozenset({
    "title", "stock_number", "vin", "rego_num", "serial_number", "engine_number", "redbook_code",
    "nvic", "make", "model", "currency", "condition", "odometer_unit", "video_link",
})  # fmt: skip
DEFAULTABLE: Final = tuple(
    name
    for name, known in FIELDS.items()
    if known.kind in ("text", "bool") and name not in NO_DEFAULT
)
YES_NO: Final = {"yes": True, "no": False}


@dataclass(frozen=True)
class Typed:
    """Rules as they stand in the form: pairs of (received, shown), texts for defaults."""

    values: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    title: str = ""
    defaults: Mapping[str, str] = field(default_factory=dict)


def typed_of(rules: Rules) -> Typed:
    """Stored rules in the form's shape."""
    words = {True: "yes", False: "no"}
    return Typed(
        {name: list(pairs.items()) for name, pairs in rules.values.items()},
        rules.title or "",
        {
            name: words[value] if isinstance(value, bool) else str(value)
            for name, value in rules.defaults.items()
        },
    )


def checked(typed: Typed) -> Rules:
    """Rules that can be saved. Raises InputInvalid; keys are "shown_<field>-<place>", "title",
    "default_<field>"."""
    errors: dict[str, str] = {}
    values = {
        name: pairs
        for name, given in typed.values.items()
        if (pairs := _pairs(name, given, errors))
    }
    title = _title(typed.title, errors)
    defaults = {
        name: value
        for name, text in typed.defaults.items()
        if (value := _default(name, text, errors)) is not None
    }
    if errors:
        raise InputInvalid("The rules were not saved: some entries need another look.", errors)
    return Rules(values, title, defaults)


def _pairs(name: str, given: Sequence[tuple[str, str]], errors: dict[str, str]) -> dict[str, str]:
    if name not in MAPPED:
        errors[""] = f"There is no value map for {name[:60]}."
        return {}
    found: dict[str, str] = {}
    seen: dict[str, str] = {}
    for place, (typed_received, typed_shown) in enumerate(given):
        received, shown = clean(typed_received), clean(typed_shown)
        if not shown:
            continue
        if fault := _pair_fault(name, received, shown, seen):
            errors[f"shown_{name}-{place}"] = fault
        seen[folded(received)] = shown
        if received != shown:
            found[received] = shown
    if len(found) > PAIRS_PER_FIELD:
        errors[""] = f"{label_of(name)} has more than {PAIRS_PER_FIELD} rules."
    return found


def _pair_fault(name: str, received: str, shown: str, seen: Mapping[str, str]) -> str | None:
    label = label_of(name)
    if not received:
        return f"{label}: say which received value is shown as “{shown[:60]}”."
    if len(received) > LONGEST_RECEIVED:
        return f"{label}: a received value has at most {LONGEST_RECEIVED} characters."
    if name in CHOICES and shown not in CHOICES[name]:
        return f"{label}: choose one of {', '.join(CHOICES[name])}."
    if len(shown) > (width := width_of(name)):
        return f"{label}: the shown value has at most {width} characters."
    if seen.get(folded(received), shown) != shown:
        return f"{label}: “{received[:60]}” has two rules. Keep one."
    return None


def width_of(name: str) -> int:
    """How many characters a text field takes."""
    if FIELDS[name].stored == "details":
        return LONGEST_DETAIL
    return getattr(VEHICLES.c[name].type, "length", None) or LONGEST_DETAIL


def _title(text: str, errors: dict[str, str]) -> str | None:
    title = clean(text)
    if not title:
        return None
    try:
        Template(title)
    except BadTemplate as exc:
        errors["title"] = str(exc)
    return title


def _default(name: str, text: str, errors: dict[str, str]) -> Any:
    value = clean(text)
    if not value:
        return None
    if name not in DEFAULTABLE:
        errors[""] = f"{label_of(name)[:60]} cannot have a default."
        return None
    if FIELDS[name].kind == "bool":
        if value not in YES_NO:
            errors[f"default_{name}"] = f"{label_of(name)}: choose Yes or No."
        return YES_NO.get(value)
    if name in CHOICES and value not in CHOICES[name]:
        errors[f"default_{name}"] = f"{label_of(name)}: choose one of {', '.join(CHOICES[name])}."
    elif len(value) > (width := width_of(name)):
        errors[f"default_{name}"] = f"{label_of(name)}: at most {width} characters."
    return value


def clean(text: str) -> str:
    """Typed text as it is kept: no NUL, single blanks, nothing at the ends."""
    return " ".join(text.replace("\0", "").split())
