"""From received rows to decided changes: read, match, plan, guard. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from app.services.errors import RecordRefused
from app.services.sync.collect import Collected, KnownLink, Row
from app.services.sync.guards import Guards, clean_new
from app.services.sync.plan import Decision, Owner, Policy, Verb, decide
from app.services.sync.protocol import Draft, Stream, Values, Warned
from app.services.sync.targets import Existing, HandMade
from app.services.vehicle_fields import field_of_source

TITLE_PARTS = frozenset({"make", "model", "badge", "year"})


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
    """Finds the local record of a draft: by number, else by VIN among those that vanished."""

    by_number: Mapping[str, KnownLink]
    vanished_by_vin: Mapping[str, KnownLink]
    hand_made: HandMade

    def link_of(self, draft: Draft) -> KnownLink | None:
        known = self.by_number.get(draft.external_id)
        return known or self.vanished_by_vin.get(draft.values.get("vin") or "")


@dataclass(frozen=True, slots=True)
class Read:
    """One row after reading: a draft, or why there is none."""

    row: Row
    draft: Draft | None
    refusal: Change | None


def read_rows(stream: Stream, rows: Iterable[Row], collected: Collected) -> list[Read]:
    """Parses and validates; a row that cannot be used costs itself only (row 2.3.8)."""
    return [_read(stream, row, collected) for row in rows]


def _read(stream: Stream, row: Row, collected: Collected) -> Read:
    try:
        draft = stream.draft(row.raw)
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


def plan_rows(
    reads: Sequence[Read],
    existing: Mapping[str, Existing],
    matcher: Matcher,
    stream: Stream,
    guards: Guards,
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
            changes.append(_plan_new(read.draft, read.row, matcher.hand_made, guards))
        else:
            changes.append(_plan_known(read.draft, read.row, record, stream, guards))
    return changes


def _plan_new(draft: Draft, row: Row, hand_made: HandMade, guards: Guards) -> Change:
    values, odd = clean_new(draft.values, guards.limits)
    warnings = [*draft.warnings, *odd]
    if twin := hand_made.twin_of(values):
        warnings.append(Warned("stock_number", twin))
    return Change(
        draft.external_id,
        draft.label,
        decide(None, None, values),
        draft=draft,
        row=row,
        warnings=tuple(warnings),
    )


def _plan_known(draft: Draft, row: Row, record: Existing, stream: Stream, guards: Guards) -> Change:
    spelling = not record.missing_runs and bool(record.raw)
    if spelling and stream.same_content(record.raw, row.raw):
        decision = Decision(Verb.SAME, agreed=record.agreed)
        return Change(
            draft.external_id, draft.label, decision, draft, row, record, spelling_only=True
        )
    decision = decide(
        record.agreed,
        record.local,
        _with_unreadable_kept(draft, record),
        _policy(record),
        missing_runs=record.missing_runs,
    )
    judged = guards.judge(draft.external_id, decision, record.local)
    decision = _with_photos(judged, draft, record)
    return Change(draft.external_id, draft.label, decision, draft, row, record, draft.warnings)


def _with_unreadable_kept(draft: Draft, record: Existing) -> Values:
    """A value that cannot be read says nothing about the vehicle: what was agreed stays."""
    named = {_own_name(warned.field) for warned in draft.warnings}
    left_out = (named & record.agreed.keys()) - draft.values.keys()
    if left_out & TITLE_PARTS:
        left_out.add("title")
    kept = {name: record.agreed[name] for name in left_out if name in record.agreed}
    return {**draft.values, **kept}


def _own_name(name: str) -> str:
    """Warnings name our field, or the vendor's where reading failed already."""
    found = field_of_source(name)
    return found.name if found else name


def _policy(record: Existing) -> Policy:
    locked = record.locked
    return lambda name: Owner.LOCAL if name in locked else Owner.ASK


def _with_photos(decision: Decision, draft: Draft, record: Existing) -> Decision:
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
