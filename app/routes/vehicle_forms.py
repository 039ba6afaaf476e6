"""The form of a vehicle, line by line: what each field shows, asks and warns of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from werkzeug.datastructures import MultiDict

from app.models import Vehicle
from app.services.vehicle_doubts import Doubt
from app.services.vehicle_editing import NotSaved, Typed, is_feed_field
from app.services.vehicle_fields import FIELDS, GROUPS, VehicleField
from app.services.vehicle_input import LONG_TEXTS, as_typed, options, vin_hint
from app.services.vehicle_values import values_of
from app.services.vehicle_view import in_words

WAS: Final = "was."
# Names of the tick boxes that stand beside fields; their values are field names or doubt keys.
KEEP, SURE, YIELD, OFFERED = "keep", "sure", "yield", "offered"
YES_NO: Final = [("yes", "Yes"), ("no", "No")]
HINTS: Final = {
    "title": "Empty it to have it made from make, model, badge and year.",
    "price_cents": "In dollars. Empty means price on request.",
    "special_price_cents": "In dollars, only while it is offered.",
    "features": "One on each line.",
    "optional_features": "One on each line.",
    "vin": "17 characters for cars since 1989; boats, trailers and old cars have others.",
    "video_link": "A web address that begins with https://.",
}
# Groups that are open at once; the others fold up on long forms.
OPEN_GROUPS: Final = {"identity", "price", "registration", "yard", "description", "mechanical"}


@dataclass(frozen=True)
class Line:
    """One field of the form. `was`: its text when the form was opened, None for a new vehicle."""

    field: VehicleField
    text: str
    was: str | None
    hint: str | None = None
    locked: bool = False
    theirs: Any = None
    disputed: bool = False
    ruled: bool = False
    offers_lock: bool = False
    keeps: bool = True
    doubt: Doubt | None = None
    is_sure: bool = False
    meanwhile: str | None = None

    @property
    def name(self) -> str:
        return self.field.name

    @property
    def label(self) -> str:
        label, unit = self.field.label, self.field.unit
        return label if not unit or f"({unit})" in label else f"{label} ({unit})"

    @property
    def choices(self) -> list[tuple[str, str]]:
        """Options of a select, empty for a field that is typed."""
        if self.field.kind == "bool":
            return YES_NO
        return list(options(self.name, self.text or None).items())

    @property
    def rows(self) -> int:
        """Lines of a text area, 0 for a single line."""
        if self.name in LONG_TEXTS:
            return 3 if self.name == "short_description" else 8
        return 6 if self.field.kind == "list" else 0

    @property
    def input_mode(self) -> str | None:
        return {"money": "decimal", "number": "decimal", "int": "numeric"}.get(self.field.kind)


@dataclass(frozen=True)
class Section:
    """A group of the catalogue; it opens by itself when something in it needs the person."""

    key: str
    name: str
    lines: list[Line] = field(default_factory=list)
    is_open: bool = True


@dataclass(frozen=True)
class Context:
    """What the form knows beside the vehicle: whether a feed has it, and what the feed wants.

    `ruled`: fields that the sync settings keep on every vehicle. `disputed`: fields that both sides
    changed, about which nobody has decided yet.
    """

    synced: bool = False
    wanted: Mapping[str, Any] = field(default_factory=dict)
    ruled: frozenset[str] = frozenset()
    disputed: frozenset[str] = frozenset()


def typed_of(sent: MultiDict[str, str]) -> Typed:
    """A sent form as the service reads it; names that are no fields are not there."""
    was = {name: sent[WAS + name] for name in FIELDS if WAS + name in sent}
    return Typed(
        texts={name: sent[name] for name in FIELDS if name in sent},
        was=was,
        keep=frozenset(sent.getlist(KEEP)),
        sure=frozenset(sent.getlist(SURE)),
        yielded=frozenset(sent.getlist(YIELD)),
    )


def sections(
    vehicle: Vehicle | None,
    context: Context,
    typed: Typed | None = None,
    refused: NotSaved | None = None,
) -> list[Section]:
    """The whole form. With `typed` it shows what was typed, and the newest values elsewhere."""
    found = {key: Section(key, name, [], key in OPEN_GROUPS) for key, name in GROUPS.items()}
    stored = values_of(vehicle) if vehicle else {}
    for one in FIELDS.values():
        found[one.group].lines.append(_line(one, vehicle, stored, context, typed, refused))
    return [_opened(section, refused) for section in found.values()]


def _opened(section: Section, refused: NotSaved | None) -> Section:
    troubled = refused is not None and any(line.name in refused.fields for line in section.lines)
    return Section(section.key, section.name, section.lines, section.is_open or troubled)


def _line(
    one: VehicleField,
    vehicle: Vehicle | None,
    stored: Mapping[str, Any],
    context: Context,
    typed: Typed | None,
    refused: NotSaved | None,
) -> Line:
    name, value = one.name, stored.get(one.name)
    now = as_typed(name, value)
    locked = vehicle is not None and name in (vehicle.locked_fields or ())
    disputed = name in context.disputed
    doubt = refused.doubts.get(name) if refused else None
    meanwhile = refused is not None and name in refused.meanwhile
    return Line(
        one,
        text=_text(name, now, typed),
        was=None if vehicle is None else now,
        hint=_hint(name, now),
        locked=locked,
        theirs=in_words(name, context.wanted.get(name)) if locked or disputed else None,
        disputed=disputed,
        ruled=context.synced and name in context.ruled,
        offers_lock=context.synced and not locked and is_feed_field(name),
        keeps=typed is None or name in typed.keep,
        doubt=doubt,
        is_sure=bool(doubt and typed and doubt.key in typed.sure),
        meanwhile=str(in_words(name, value) or "Not given") if meanwhile else None,
    )


def _text(name: str, now: str, typed: Typed | None) -> str:
    """What stands in the box: the typed text when this person changed it, else the value now."""
    if typed is None or name not in typed.texts or name in typed.yielded:
        return now
    text = typed.texts[name]
    return now if name in typed.was and text == typed.was[name] else text


def _hint(name: str, now: str) -> str | None:
    found = vin_hint(now) if name == "vin" else None
    return found or HINTS.get(name)
