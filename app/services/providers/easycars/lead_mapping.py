"""Leads between the house and EasyCars, both ways (story 3.2, rows 124 to 129).

Product values have the names and words of app/models/leads.py and customers.py, money in cents.
Nothing is invented: what one side does not say is absent on the other (trap T12).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from app.services.errors import CannotBeSent, RecordRefused
from app.services.providers.easycars import lead_rules as rules
from app.services.providers.easycars.lead_members import LARGEST, Member, WireWriter
from app.services.providers.easycars.lead_tables import (
    CUSTOMER_NO_WIDTH,
    CUSTOMER_WIDTHS,
    EXTERNAL_REF_WIDTH,
    FINANCE_STATUSES,
    INTERESTS,
    LEAD_NUMBER_WIDTH,
    LEAD_STATUSES,
    LEAD_WIDTHS,
    NEVER_CUT,
    RATINGS,
    VEHICLE_TYPES,
)
from app.services.providers.easycars.lead_times import Moment, moment_of
from app.services.providers.easycars.lead_wire import (
    CreateLead,
    LeadDetail,
    UpdateLead,
    parse_detail,
    text_of,
)
from app.services.providers.easycars.mapping import in_cents
from app.services.providers.easycars.wire import shown
from app.services.sync.protocol import Values, Warned

UPDATABLE: Final = frozenset(member.name for member in rules.UPDATE)

# column of the archive → product field
_LEAD_TEXTS: Final = {
    "notes": "message",
    "vehicle_source_page_url": "page_url",
    "stock_number": "stock_number",
    "vehicle_make": "vehicle_make",
    "vehicle_model": "vehicle_model",
}
_LEAD_WORDS: Final = {
    "vehicle_type": ("vehicle_type", VEHICLE_TYPES),
    "vehicle_interest": ("interest", INTERESTS),
    "finance_status": ("finance_status", FINANCE_STATUSES),
    "rating": ("rating", RATINGS),
}
_CUSTOMER_TEXTS: Final = {f"customer_{name}": name for name in CUSTOMER_WIDTHS}
_CONTACT_NAMES: Final = {member.wire: member.name for member in rules.CUSTOMER}
_COLUMNS: Final[dict[str, Any]] = dict.fromkeys(LeadDetail.model_fields)


@dataclass(frozen=True, slots=True)
class LeadDraft:
    """One lead as EasyCars tells it.

    `lead`, `customer`: product values, absent means not given. `status`: the product's word, only
    if LeadStatus came and is known; `remote_status` the raw code if it came. `created`: Sydney wall
    time as it came, `created_at` the same in UTC, None when there is no such moment. `archive`:
    columns of easycar_lead_data. `raw`: the whole answer as it came.
    """

    lead_number: str
    external_ref: str | None
    customer_no: str | None
    lead: Values
    customer: Values
    status: str | None
    remote_status: int | None
    created: str | None
    created_at: datetime | None
    is_created_ambiguous: bool
    archive: Values
    raw: bytes
    warnings: tuple[Warned, ...]


@dataclass(frozen=True, slots=True)
class Contact:
    """One customer that SearchContacts found."""

    customer_no: str
    customer: Values


class EasyCarsLeadMapper:
    """One lead or one answer; a mapper is made per use and collects its warnings."""

    def __init__(self) -> None:
        self.warnings: list[Warned] = []

    def to_create(
        self, lead: Values, customer: Values, external_ref: str, customer_no: str | None = None
    ) -> CreateLead:
        """Raises CannotBeSent with every problem; what was cut or left out is in `warnings`."""
        writer = WireWriter()
        fields = writer.write(rules.CREATE, lead)
        fields |= writer.write([rules.EXTERNAL_ID], {rules.EXTERNAL_ID.name: external_ref})
        fields["LeadCustomer"] = rules.write_customer(writer, customer, customer_no)
        if rules.has_no_vehicle(lead):
            raise CannotBeSent(rules.refused_without_vehicle(writer), writer.problems)
        self._finish(writer)
        return cast(CreateLead, fields)

    def to_update(
        self,
        lead_number: str,
        lead: Values,
        customer: Values | None = None,
        customer_no: str | None = None,
    ) -> UpdateLead:
        """Only what is given: None is not given, "" empties a text. Raises CannotBeSent.

        What UpdateLead cannot change (make, model, stock number …) is left out with a warning.
        """
        writer = WireWriter(empties=True)
        fields = writer.write([rules.LEAD_NUMBER], {rules.LEAD_NUMBER.name: lead_number})
        fields |= writer.write(rules.UPDATE, lead)
        if customer is not None:
            fields["LeadCustomer"] = rules.write_customer(writer, customer, customer_no)
        writer.warnings += rules.unchangeable(lead, UPDATABLE)
        self._finish(writer)
        return cast(UpdateLead, fields)

    def from_detail(self, raw: bytes) -> LeadDraft:
        """All 25 fields. Raises RecordRefused without a usable number, ContractBroken."""
        parsed = parse_detail(raw)
        given = dict(parsed.given)
        self.warnings += parsed.warnings
        moment = self._moment(given.get("created_date_time"))
        status = given.get("lead_status")
        return LeadDraft(
            lead_number=_lead_number(given.get("lead_number")),
            external_ref=self._key("external_ref", given.get("external_id"), EXTERNAL_REF_WIDTH),
            customer_no=self._key("customer_no", given.get("customer_no"), CUSTOMER_NO_WIDTH),
            lead=self._lead(given),
            customer=self._texts(given, _CUSTOMER_TEXTS, CUSTOMER_WIDTHS),
            status=self._word("status", LEAD_STATUSES, status),
            remote_status=status if _fits(status) else None,
            created=str(given["created_date_time"])[:40] if "created_date_time" in given else None,
            created_at=moment.at,
            is_created_ambiguous=moment.is_ambiguous,
            archive=_COLUMNS
            | given
            | {"created_at": moment.at, "is_created_ambiguous": moment.is_ambiguous},
            raw=raw,
            warnings=tuple(self.warnings),
        )

    def from_contact(self, row: Any) -> Contact | None:
        """One element of `Contacts`; None when it has no number that could be kept."""
        told = row if isinstance(row, Mapping) else {}
        number = self._key("customer_no", text_of(told.get("CustomerNo")), CUSTOMER_NO_WIDTH)
        given = {name: text for name in _CONTACT_NAMES if (text := text_of(told.get(name)))}
        return (
            Contact(number, self._texts(given, _CONTACT_NAMES, CUSTOMER_WIDTHS)) if number else None
        )

    def _finish(self, writer: WireWriter) -> None:
        writer.require(rules.CANNOT_BE_SENT)
        self.warnings += writer.warnings

    def _lead(self, given: Mapping[str, Any]) -> dict[str, Any]:
        values = self._texts(given, _LEAD_TEXTS, LEAD_WIDTHS)
        for column, (name, table) in _LEAD_WORDS.items():
            if (word := self._word(name, table, given.get(column))) is not None:
                values[name] = word
        if "is_vehicle_new" in given:
            values["is_vehicle_new"] = given["is_vehicle_new"]
        year = given.get("vehicle_year") or None  # 0 stands for none: the field cannot be null
        price = given.get("vehicle_price")
        self._number(values, "vehicle_year", year)
        self._number(values, "vehicle_price_cents", None if price is None else in_cents(price))
        return values

    def _number(self, values: dict[str, Any], name: str, number: int | None) -> None:
        if number is None:
            return
        if 0 <= number <= LARGEST:
            values[name] = number
        else:
            self._warn(name, f"{number} is not possible; left out.")

    def _texts(
        self, given: Mapping[str, Any], names: Mapping[str, str], widths: Mapping[str, int]
    ) -> dict[str, Any]:
        found = {
            name: self._fitting(name, given[column], widths.get(name))
            for column, name in names.items()
            if column in given
        }
        return {name: text for name, text in found.items() if text is not None}

    def _fitting(self, name: str, text: str, width: int | None) -> str | None:
        if width is None or len(text) <= width:
            return text
        if name in NEVER_CUT:
            self._warn(name, f"{shown(text)} is longer than {width} characters; left out.")
            return None
        self._warn(name, f"was cut from {len(text):,} to {width:,} characters.")
        return text[:width].rstrip()

    def _key(self, name: str, text: str | None, width: int) -> str | None:
        """A number of theirs or ours: whole or not at all."""
        if text is None or len(text) <= width:
            return text
        self._warn(name, f"{shown(text)} is longer than {width} characters; left out.")
        return None

    def _word(self, name: str, table: Mapping[int, str], number: int | None) -> str | None:
        if number is None or number in table:
            return None if number is None else table[number]
        self._warn(name, f"{number} is not a number that EasyCars documents; kept as it is.")
        return None

    def _moment(self, text: str | None) -> Moment:
        moment = Moment(None) if text is None else moment_of(text)
        if moment.problem:
            self._warn("created_at", f"{shown(text)} {moment.problem}.")
        elif moment.is_ambiguous:
            self._warn("created_at", f"{text} was twice in Sydney; taken as the first.")
        return moment

    def _warn(self, field: str, text: str) -> None:
        self.warnings.append(Warned(field, text))


def as_sent(lead: Values, customer: Values) -> tuple[dict[str, Any], dict[str, Any]]:
    """What EasyCars has of them once they were sent, in product values: cut and left out as a
    call would. Never raises; what it could not take is absent. To compare both sides with."""
    return _as_sent((*rules.CREATE, rules.STATUS), lead), _as_sent(rules.CUSTOMER, customer)


def _as_sent(members: Iterable[Member], values: Values) -> dict[str, Any]:
    members = tuple(members)
    written = WireWriter().write(members, values)
    return {
        member.name: written[member.wire] if member.kind == "text" else values[member.name]
        for member in members
        if member.wire in written
    }


def _lead_number(text: str | None) -> str:
    if not text:
        raise RecordRefused("EasyCars told a lead without a number.")
    if len(text) > LEAD_NUMBER_WIDTH:
        raise RecordRefused(
            f"The lead number {shown(text)} is longer than {LEAD_NUMBER_WIDTH} characters."
        )
    return text


def _fits(number: int | None) -> bool:
    return number is not None and abs(number) <= LARGEST
