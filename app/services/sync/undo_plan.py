"""What to do about one record when a run is taken back: pure, and the only place that decides.

| since the run                        | done                                                   |
| nothing touched the record           | the exact earlier state: values, link, archive, photos |
| a person changed or locked a field   | that field stays and is listed; the rest is put back   |
| a later run touched the record       | only fields that still have the run's value            |
| it was merged into another vehicle   | nothing; listed                                        |

Whatever is not put back whole loses its content hash, so that the next sync looks at it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from app.services.sync.plan import is_sold
from app.services.vehicle_fields import FIELDS
from app.services.vehicle_values import DEFAULTS

PHOTOS: Final = "photos"
LIFECYCLE: Final = "lifecycle"
# A hash that no received record has.
LOOK_AGAIN: Final = b""
MISSING_PARTS: Final = ("missing_runs", "missing_since", "kept_outside")
NOT_WRITTEN: Final = ("hold", "refuse")


@dataclass(frozen=True, slots=True)
class Told:
    """What the run's item says: changed fields only. A quiet record has none."""

    external_id: str
    label: str
    action: str = "same"
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """A record as the run found it (`link_before`, `vehicle_before`, `raw_before`) and as it is.

    `later`: a later run touched it. `photos_later`: a person or a later run changed its photos.
    `moved`: it belongs to another vehicle by now. Links as their columns.
    """

    link_id: int
    vehicle_id: int
    told: Told
    link_before: Mapping[str, Any]
    vehicle_before: Mapping[str, Any]
    raw_before: str | None
    photos_before: list[dict[str, Any]] | None
    link: Mapping[str, Any]
    local: Mapping[str, Any]
    lifecycle_reason: str | None
    locked: frozenset[str]
    archive_run_id: int | None = None
    raw: str | None = None
    later: bool = False
    photos_later: bool = False
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Undone:
    """What to write. `link` and `values` hold changed parts only; `whole`: the exact earlier state.

    `kept`: fields that stay as they are because they were changed since.
    """

    record: Record
    values: dict[str, Any] = field(default_factory=dict)
    reason: str | None = None
    link: dict[str, Any] = field(default_factory=dict)
    archive: bool = False
    photos: bool = False
    kept: tuple[str, ...] = ()
    whole: bool = False

    @property
    def is_told(self) -> bool:
        return bool(self.values or self.photos or self.kept)


def undo_record(record: Record) -> Undone:
    """Decides one known record that the run changed."""
    names = _written(record.told)
    if record.moved:
        return Undone(record, kept=tuple(names) or ("",))
    values, kept = _fields(record, names)
    photos = record.photos_before is not None
    if photos and record.photos_later:
        photos, kept = False, [*kept, PHOTOS]
    whole = not record.later and not kept
    link = _link_of_partly(record, values, kept) if record.later else _link_of(record, kept, whole)
    return Undone(
        record,
        values=values,
        reason=_reason(record, values),
        link=link,
        archive=not record.later and _archive_differs(record),
        photos=photos,
        kept=tuple(kept),
        whole=whole,
    )


def _written(told: Told) -> list[str]:
    """Names that the run wrote; what it held or refused it did not write."""
    if told.action in NOT_WRITTEN:
        return []
    names = dict.fromkeys([*told.before, *told.after])
    return [name for name in names if name in FIELDS or name == LIFECYCLE]


def _fields(record: Record, names: list[str]) -> tuple[dict[str, Any], list[str]]:
    values: dict[str, Any] = {}
    kept = []
    for name in names:
        here = _plain(name, record.local.get(name))
        earlier = _plain(name, record.told.before.get(name))
        if here == earlier:
            continue
        if here == _plain(name, record.told.after.get(name)) and name not in record.locked:
            values[name] = earlier
        else:
            kept.append(name)
    return values, kept


def _plain(name: str, value: Any) -> Any:
    return DEFAULTS.get(name) if value is None else value


def _reason(record: Record, values: Mapping[str, Any]) -> str | None:
    """The life cycle's reason belongs to the life cycle that is put back."""
    after = values.get(LIFECYCLE, record.local.get(LIFECYCLE))
    if after == record.vehicle_before.get(LIFECYCLE):
        earlier: str | None = record.vehicle_before.get("lifecycle_reason")
        return earlier
    return record.lifecycle_reason


def _link_of(record: Record, kept: list[str], whole: bool) -> dict[str, Any]:
    """No later run touched it: the earlier link, but what was agreed on kept fields stays."""
    link = dict(record.link_before)
    # That a person keeps the vehicle listed since is theirs, not the run's.
    link["kept_outside"] = bool(link["kept_outside"]) or bool(record.link["kept_outside"])
    if whole:
        return link
    link["agreed"] = _agreed(link["agreed"], record.link["agreed"], kept)
    link["content_hash"] = LOOK_AGAIN
    if LIFECYCLE in kept:
        for name in MISSING_PARTS:
            link.pop(name, None)
    if PHOTOS in kept:
        link.pop("photo_urls", None)
        link.pop("photos_wanted", None)
    return link


def _link_of_partly(record: Record, values: Mapping[str, Any], kept: list[str]) -> dict[str, Any]:
    """A later run touched it: only what was agreed on the fields that are put back moves."""
    if not values and record.photos_before is None:
        return {}
    agreed = record.link["agreed"]
    after = record.told.after
    back = [name for name in values if agreed.get(name) == after.get(name)]
    link: dict[str, Any] = {
        "agreed": _agreed(agreed, record.link_before["agreed"], back),
        "content_hash": LOOK_AGAIN,
    }
    if LIFECYCLE in values:
        link |= {name: record.link_before[name] for name in MISSING_PARTS}
        link["kept_outside"] = bool(link["kept_outside"]) or bool(record.link["kept_outside"])
    if record.photos_before is not None and PHOTOS not in kept:
        link["photo_urls"] = record.link_before["photo_urls"]
    return link


def _agreed(values: Mapping[str, Any], others: Mapping[str, Any], names: Any) -> dict[str, Any]:
    """`values`, with the named fields as in `others`."""
    changed = dict(values)
    for name in names:
        changed.pop(name, None)
        if others.get(name) is not None:
            changed[name] = others[name]
    return changed


def _archive_differs(record: Record) -> bool:
    if not record.raw_before or record.raw is None:
        return False
    return (record.raw, record.archive_run_id) != (
        record.raw_before,
        record.link_before.get("archive_run_id"),
    )


@dataclass(frozen=True, slots=True)
class Created:
    """A vehicle that the run created, as it is now. `touched`: since, by whom or what is told
    elsewhere (an edit, a later run, a merge)."""

    link_id: int
    vehicle_id: int
    told: Told
    local: Mapping[str, Any]
    touched: bool


def may_delete(created: Created) -> bool:
    """Whether it is still exactly what the run wrote, so that nothing is lost with it."""
    if created.touched:
        return False
    wrote = {name: value for name, value in created.told.after.items() if value is not None}
    wrote.setdefault(LIFECYCLE, "sold" if is_sold(wrote.get("status")) else "listed")
    here = {name: value for name, value in created.local.items() if DEFAULTS.get(name) != value}
    known = {name: value for name, value in wrote.items() if DEFAULTS.get(name) != value}
    known.pop(PHOTOS, None)
    return here == known
