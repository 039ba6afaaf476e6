"""From received rows to decided changes: read, match, plan, guard. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import lru_cache

from app.services import mapping
from app.services.errors import RecordRefused
from app.services.mapping import NO_RULES, Rules
from app.services.sync.collect import Collected, KnownLink, Row
from app.services.sync.guards import Guards, clean_new
from app.services.sync.plan import Decision, Verb, decide
from app.services.sync.protocol import Draft, Stream, Warned
from app.services.sync.targets import Existing, HandMade
from app.services.sync.terms import Terms, folded
from app.services.vehicle_fields import field_of_source

TITLE_PARTS = frozenset({"make", "model", "badge", "year"})
PHOTO_LIST = "ImageURLs"


@dataclass(frozen=True, slots=True)
class Change:
    """One record with its fate. `draft` and `row` are None for records that are gone."""

    external_id: str
    label: str
    decision: Decision
    draft: Draft | None = None
    row: Row | None = None
    existing: Existing | None = None
    warnings: tuple[Warned, ...] = ()
    spelling_only: bool = False


@dataclass(frozen=True, slots=True)
class Matcher:
    """Finds the local record of a draft: by number, else by VIN among those that vanished.

    `yards`: folded codes of the yards whose new vehicles are taken; None for all.
    """

    by_number: Mapping[str, KnownLink]
    vanished_by_vin: Mapping[str, KnownLink]
    hand_made: HandMade
    yards: Set[str] | None = None

    def link_of(self, draft: Draft) -> KnownLink | None:
        known = self.by_number.get(draft.external_id)
        return known or self.vanished_by_vin.get(draft.values.get("vin") or "")

    def foreign_yard(self, draft: Draft) -> str | None:
        """The yard of a new vehicle when nobody asked for it."""
        code = draft.values.get("yard_code")
        if self.yards is None or not isinstance(code, str) or folded(code) in self.yards:
            return None
        return code.strip() or None


@dataclass(frozen=True, slots=True)
class Read:
    """One row after reading: a draft, or why there is none."""

    row: Row
    draft: Draft | None
    refusal: Change | None


def read_rows(
    stream: Stream, rows: Iterable[Row], collected: Collected, rules: Rules = NO_RULES
) -> list[Read]:
    """Parses, validates and maps; a row that cannot be used costs itself only (row 2.3.8)."""
    return [_read(stream, row, collected, rules) for row in rows]


def _read(stream: Stream, row: Row, collected: Collected, rules: Rules) -> Read:
    try:
        draft = mapping.apply(rules, stream.draft(row.raw))
    except RecordRefused as refusal:
        number = refusal.external_id
        where = f"{number} (row {row.number})" if number else f"(row {row.number})"
        return Read(row, None, refuse(where, number or where, refusal.user_message, row))
    repeated = _repetition(draft, row, collected)
    return Read(row, None if repeated else draft, repeated)


def _repetition(draft: Draft, row: Row, collected: Collected) -> Change | None:
    """Two rows with one number: nobody knows which is right, so neither is taken."""
    number = draft.external_id
    times = collected.numbers[number] + (number in collected.equal)
    if times < 2:
        return None
    return refuse(
        f"{number} (row {row.number})",
        draft.label,
        f"Stock number {number} occurs {times} times in the feed. "
        "Nothing was changed for it; give each vehicle its own number in EasyCars.",
        row,
    )


def refuse(external_id: str, label: str, reason: str, row: Row | None = None) -> Change:
    return Change(external_id[:200], label[:300], Decision(Verb.REFUSE, reason=reason), row=row)


def leave_alone(external_id: str, label: str, reason: str = "Excluded from sync.") -> Change:
    """A vehicle, such as an excluded one, that counts as unchanged and is not written (C28)."""
    decision = Decision(Verb.SAME, reason=reason)
    return Change(external_id[:200], label[:300], decision)


def plan_rows(
    reads: Sequence[Read],
    existing: Mapping[str, Existing],
    matcher: Matcher,
    stream: Stream,
    guards: Guards,
    terms: Terms = Terms(),  # noqa: B008 - frozen
) -> list[Change]:
    """Decides each row; `existing` is keyed by the link's own external id."""
    changes = []
    for read in reads:
        if read.draft is None:
            if read.refusal is not None:
                changes.append(read.refusal)
            continue
        link = matcher.link_of(read.draft)
        record = existing.get(link.external_id) if link else None
        if record is None:
            changes.append(plan_new(read.draft, read.row, matcher, guards, terms))
        elif record.excluded:
            changes.append(leave_alone(read.draft.external_id, read.draft.label))
        else:
            changes.append(_plan_known(read.draft, read.row, record, stream, guards, terms))
    return changes


def plan_new(draft: Draft, row: Row, matcher: Matcher, guards: Guards, terms: Terms) -> Change:
    values, odd = clean_new(draft.values, guards.limits)
    warnings = [*draft.warnings, *odd]
    if twin := matcher.hand_made.twin_of(values):
        warnings.append(Warned("stock_number", twin))
    decision = decide(None, None, values, since=terms.since)
    return Change(
        draft.external_id,
        draft.label,
        guards.admit(draft.external_id, decision, matcher.foreign_yard(draft)),
        draft=draft,
        row=row,
        warnings=tuple(warnings),
    )


def _plan_known(
    draft: Draft, row: Row, record: Existing, stream: Stream, guards: Guards, terms: Terms
) -> Change:
    if _is_as_before(row, record, stream, terms):
        decision = Decision(Verb.SAME, agreed=record.agreed)
        return Change(
            draft.external_id, draft.label, decision, draft, row, record, spelling_only=True
        )
    full = completed(draft, record)
    decision = decide(
        record.agreed,
        record.local,
        full.values,
        terms.owner,
        locked=record.locked | terms.locked,
        missing_runs=record.missing_runs,
        since=terms.since,
    )
    judged = guards.judge(draft.external_id, decision, record.local)
    decision = with_photos(judged, full, record)
    return Change(draft.external_id, draft.label, decision, full, row, record, draft.warnings)


def _is_as_before(row: Row, record: Existing, stream: Stream, terms: Terms) -> bool:
    """Only the spelling differs, and nothing but the bytes could have changed the decision."""
    if terms.anew or record.missing_runs or record.kept_outside or not record.raw:
        return False
    return stream.same_content(record.raw, row.raw)


def completed(draft: Draft, record: Existing) -> Draft:
    """What cannot be read, and names that the row does not have at all, say nothing about the
    vehicle: what was agreed stays. A name that is there and empty is an answer."""
    absent = _absent_fields(draft.absent)
    unreadable = {_own_name(warned.field) for warned in draft.warnings} - draft.values.keys()
    left_out = (unreadable | absent) & record.agreed.keys()
    if left_out & (draft.title_parts or TITLE_PARTS):
        left_out.add("title")
    kept = {name: record.agreed[name] for name in left_out if name in record.agreed}
    photos = tuple(record.photo_urls) if PHOTO_LIST in draft.absent else draft.photo_urls
    if not kept and photos == draft.photo_urls:
        return draft
    return replace(draft, values={**draft.values, **kept}, photo_urls=photos)


@lru_cache(maxsize=64)
def _absent_fields(absent: frozenset[str]) -> frozenset[str]:
    """Our fields that need one of these vendor's names, so that nothing is known of them."""
    found = {_own_name(name) for name in absent}
    return frozenset(found | {"odometer_unit"} if "odometer" in found else found)


def _own_name(name: str) -> str:
    """Warnings name our field, or the vendor's where reading failed already."""
    found = field_of_source(name)
    return found.name if found else name


def with_photos(decision: Decision, draft: Draft, record: Existing) -> Decision:
    """New, gone or reordered photo addresses are a change that the run tells of."""
    old, new = record.photo_urls, list(draft.photo_urls)
    if old == new or decision.verb is Verb.HOLD:
        return decision
    verb = Verb.UPDATE if decision.verb in (Verb.SAME, Verb.KEEP_LOCAL) else decision.verb
    added = len(set(new) - set(old))
    said = f"{len(new)} photos, {added} new" if added else f"{len(new)} photos, order changed"
    return replace(
        decision,
        verb=verb,
        before=(decision.before or {}) | {"photos": f"{len(old)} photos"},
        after=(decision.after or {}) | {"photos": said},
    )
