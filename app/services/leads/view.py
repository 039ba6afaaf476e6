"""One lead as its page shows it: where it stands with EasyCars, its story, what was received."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from app.models import Conflict, EasyCarsLeadData, ExternalLink, Lead, LeadEvent, Quotation
from app.services.leads import events, linking, listing
from app.services.leads.fields import CUSTOMER_FIELDS, LEAD_FIELDS, STATUSES, shown
from app.services.leads.sending import Waiting
from app.services.providers.easycars.lead_tables import LEAD_STATUSES

ALL_FIELDS: Final = LEAD_FIELDS | CUSTOMER_FIELDS
UNKNOWN_STATUS: Final = "Unknown: EasyCars does not tell a lead's status"
# Names in events that are no fields of the catalogue.
OTHER_LABELS: Final = {
    "lead_number": "Lead number",
    "customer_no": "Customer number",
    "remote_status": "Status at EasyCars",
    "customer_id": "Customer",
    "merged_into_id": "Merged into customer",
    "quote_number": "Quotation number",
    "locked_fields": "Fields kept here",
}
# The 25 fields of a lead in the vendor's order (FR7), and the one that it may tell some day (T5).
SOURCE_FIELDS: Final = (
    "LeadNumber", "StockNumber", "VehicleMake", "VehicleModel", "VehiclePrice", "VehicleType",
    "VehicleYear", "IsVehicleNew", "VehicleInterest", "Notes", "VehicleSourcePageURL",
    "FinanceStatus", "Rating", "ExternalID", "CreatedDateTime", "CustomerNo", "CustomerName",
    "CustomerEmail", "CustomerAddress", "CustomerCity", "CustomerState", "CustomerPostCode",
    "CustomerFax", "CustomerPhone", "CustomerMobile",
)  # fmt: skip
ENVELOPE: Final = ("Code", "ErrorMessage")
OWN_NAMES: Final = {
    "LeadNumber": "Lead number",
    "ExternalID": "Our id",
    "CreatedDateTime": "Created at EasyCars",
    "CustomerNo": "Customer number",
    **{one.source: one.label for one in LEAD_FIELDS.values()},
    **{one.source: f"Customer: {one.label}" for one in CUSTOMER_FIELDS.values()},
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a lead stands with EasyCars. `remote_status`: in words, or why it is not known.

    `conflicts`: fields of the lead or its customer that both sides changed, for a person to decide.
    """

    is_overdue: bool
    waiting: Waiting | None
    remote_status: str
    conflicts: Sequence[Conflict]


@dataclass(frozen=True, slots=True)
class Change:
    """A changed field, in words; "" was or is not given."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Line:
    """One event of the story."""

    kind: str
    words: str
    text: str | None
    changes: Sequence[Change]
    actor: str
    at: datetime
    run_id: int | None
    is_about_customer: bool


@dataclass(frozen=True, slots=True)
class Received:
    """A value as it came, under the vendor's name; `value` None: it was not in the answer."""

    name: str
    value: str | None
    ours: str | None


def standing(db: Session, lead: Lead, now: datetime) -> Standing:
    """Within the session's dealership."""
    return Standing(
        listing.deadline(db, now).passed(lead),
        listing.waiting_of(db, [lead.id]).get(lead.id),
        remote_status(lead),
        _conflicts(db, lead),
    )


def _conflicts(db: Session, lead: Lead) -> Sequence[Conflict]:
    of_lead = and_(Conflict.entity == "lead", Conflict.entity_id == lead.id)
    of_customer = and_(Conflict.entity == "customer", Conflict.entity_id == lead.customer_id)
    query = select(Conflict).where(Conflict.state == "open", or_(of_lead, of_customer))
    return db.scalars(query.order_by(Conflict.id)).all()


def links_of(db: Session, lead: Lead) -> tuple[ExternalLink | None, ExternalLink | None]:
    """The lead's link with EasyCars and its customer's; `agreed` is what both sides had last."""
    where = lead.environment
    if where is None:
        return None, None
    own = linking.by_entity(db, linking.LEADS, where, lead.id)
    return own, linking.by_entity(db, linking.CUSTOMERS, where, lead.customer_id)


def remote_status(lead: Lead) -> str:
    """The status that EasyCars told last; a code that nobody knows stays a code (row 165)."""
    if lead.remote_status is None:
        return UNKNOWN_STATUS
    word = LEAD_STATUSES.get(lead.remote_status)
    return STATUSES[word] if word else f"Code {lead.remote_status}, which is not documented"


def archive_of(db: Session, link: ExternalLink | None) -> EasyCarsLeadData | None:
    """What EasyCars told of the lead last."""
    if link is None:
        return None
    return db.scalar(select(EasyCarsLeadData).where(EasyCarsLeadData.link_id == link.id))


def quotations_of(db: Session, lead: Lead) -> Sequence[Quotation]:
    """The lead's quotations, newest first."""
    query = select(Quotation).where(Quotation.lead_id == lead.id)
    return db.scalars(query.order_by(Quotation.id.desc())).all()


def story(db: Session, lead: Lead) -> list[Line]:
    """What happened to the lead and its customer, newest first (row 169)."""
    return [_line(event) for event in events.of_lead(db, lead)]


def _line(event: LeadEvent) -> Line:
    return Line(
        kind=event.kind,
        words=events.WORDS.get(event.kind, event.kind),
        text=_text(event),
        changes=list(changes(event.before or {}, event.after or {})),
        actor=event.actor,
        at=event.created_at,
        run_id=event.run_id,
        is_about_customer=event.lead_id is None,
    )


SOURCE_WORDS: Final = {
    "EasyCars": "EasyCars",
    "Web": "Web form",
    "API": "API",
    "Manual": "By hand",
}


def _text(event: LeadEvent) -> str | None:
    """A new lead's text is where it came from."""
    if event.kind == "created" and event.text in SOURCE_WORDS:
        return f"Origin: {SOURCE_WORDS[event.text]}."
    return event.text


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """Fields whose words differ, in the order in which they were noted."""
    for name in dict.fromkeys((*before, *after)):
        was, became = in_words(name, before.get(name)), in_words(name, after.get(name))
        if was != became:
            yield Change(label_of(name), was, became)


def label_of(name: str) -> str:
    one = ALL_FIELDS.get(name)
    return one.label if one else OTHER_LABELS.get(name, name.replace("_", " ").capitalize())


def in_words(name: str, value: Any) -> str:
    """A noted value as people read it, "" when it is not given."""
    if name in ALL_FIELDS:
        return shown(ALL_FIELDS[name], value)
    if name == "remote_status" and value in LEAD_STATUSES:
        return STATUSES[LEAD_STATUSES[value]]
    if isinstance(value, list | tuple):
        return ", ".join(label_of(str(one)) for one in value)
    return "" if value is None else str(value)


def agreed_values(link: ExternalLink | None) -> list[tuple[str, str]]:
    """What EasyCars has as far as both sides agreed, by label; what is not given is left out."""
    agreed = (link.agreed if link else None) or {}
    found = [(label_of(name), in_words(name, value)) for name, value in agreed.items()]
    return [(label, words) for label, words in found if words]


class Kept(str):
    """A number as it was written: 31990.0000 stays so."""

    __slots__ = ()


def received(archive: EasyCarsLeadData | None) -> list[Received]:
    """The lead as EasyCars told it: all 25 fields, then whatever else came; [] when it is no
    object."""
    try:
        found = json.loads(archive.raw if archive else "", parse_float=Kept, parse_int=Kept)
    except ValueError:
        return []
    if not isinstance(found, dict):
        return []
    more = [name for name in found if name not in SOURCE_FIELDS and name not in ENVELOPE]
    return [
        Received(name, _as_it_came(found, name), OWN_NAMES.get(name))
        for name in (*SOURCE_FIELDS, *more)
    ]


def _as_it_came(found: Mapping[str, Any], name: str) -> str | None:
    """As JSON writes it, so that null, "" and "0" can be told apart."""
    if name not in found:
        return None
    value = found[name]
    return str(value) if isinstance(value, Kept) else json.dumps(value, ensure_ascii=False)
