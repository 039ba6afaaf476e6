"""Leads on the wire: requests under the vendor's names, and the answers (easycars-api §7).

A request holds only what is given, never null. An answer is read leniently, as stock is: null and
"" are the same, numbers may be texts, what cannot be read becomes None and a warning.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Generic, TypedDict, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.secret import Secret
from app.services.errors import ContractBroken
from app.services.providers.easycars.lead_members import clean
from app.services.providers.easycars.wire import Amount, Flag, Whole, Words, shown
from app.services.sync.protocol import Warned


class LeadCustomer(TypedDict, total=False):
    """Nested when writing; CustomerNo, or Name and Email."""

    CustomerNo: str
    Name: str
    Email: str
    Address: str
    City: str
    State: str
    PostCode: str
    Fax: str
    Phone: str
    Mobile: str


class Changeable(TypedDict, total=False):
    """What both CreateLead and UpdateLead take."""

    VehiclePrice: Decimal
    VehicleInterest: int
    Notes: str
    VehicleSourcePageURL: str
    FinanceStatus: int
    Rating: int
    LeadCustomer: LeadCustomer


class CreateLead(Changeable, total=False):
    """CreateLead beside the account; the five about the vehicle, interest and customer are due."""

    StockNumber: str
    VehicleMake: str
    VehicleModel: str
    VehicleType: int
    VehicleYear: int
    IsVehicleNew: bool
    ExternalID: str


class UpdateLead(Changeable, total=False):
    """UpdateLead beside the account: the number, and only what changes."""

    LeadNumber: str
    LeadStatus: int


class SearchContacts(TypedDict, total=False):
    """At least one; Name is part of the name, the others are exact."""

    Name: str
    Email: str
    Phone: str


Fields = TypeVar("Fields", bound=Mapping[str, Any])


@dataclass(frozen=True, slots=True)
class LeadRequest(Generic[Fields]):
    """Whose lead, and the members of one call."""

    account_number: Secret
    account_secret: Secret
    fields: Fields = field(repr=False)

    def body(self) -> bytes:
        account = {
            "AccountNumber": self.account_number.reveal(),
            "AccountSecret": self.account_secret.reveal(),
        }
        return orjson.dumps(account | dict(self.fields), default=_exact)


@dataclass(frozen=True, slots=True)
class Answer:
    """A judged answer: its members, the remark of code 5, and the bytes as they came."""

    fields: Mapping[str, Any] = field(repr=False)
    warning: str | None
    raw: bytes = field(repr=False)


class LeadDetail(BaseModel):
    """The 25 fields of GetLeadDetail, and LeadStatus should it ever come (trap T5)."""

    model_config = ConfigDict(
        extra="ignore", str_strip_whitespace=True, coerce_numbers_to_str=True, populate_by_name=True
    )

    lead_number: Words = Field(None, alias="LeadNumber")
    stock_number: Words = Field(None, alias="StockNumber")
    vehicle_make: Words = Field(None, alias="VehicleMake")
    vehicle_model: Words = Field(None, alias="VehicleModel")
    vehicle_price: Amount = Field(None, alias="VehiclePrice")
    vehicle_type: Whole = Field(None, alias="VehicleType")
    vehicle_year: Whole = Field(None, alias="VehicleYear")
    is_vehicle_new: Flag = Field(None, alias="IsVehicleNew")
    vehicle_interest: Whole = Field(None, alias="VehicleInterest")
    notes: Words = Field(None, alias="Notes")
    vehicle_source_page_url: Words = Field(None, alias="VehicleSourcePageURL")
    finance_status: Whole = Field(None, alias="FinanceStatus")
    rating: Whole = Field(None, alias="Rating")
    external_id: Words = Field(None, alias="ExternalID")
    created_date_time: Words = Field(None, alias="CreatedDateTime")
    customer_no: Words = Field(None, alias="CustomerNo")
    customer_name: Words = Field(None, alias="CustomerName")
    customer_email: Words = Field(None, alias="CustomerEmail")
    customer_address: Words = Field(None, alias="CustomerAddress")
    customer_city: Words = Field(None, alias="CustomerCity")
    customer_state: Words = Field(None, alias="CustomerState")
    customer_post_code: Words = Field(None, alias="CustomerPostCode")
    customer_fax: Words = Field(None, alias="CustomerFax")
    customer_phone: Words = Field(None, alias="CustomerPhone")
    customer_mobile: Words = Field(None, alias="CustomerMobile")
    lead_status: Whole = Field(None, alias="LeadStatus")


DETAIL_NAMES: Final = {name: str(member.alias) for name, member in LeadDetail.model_fields.items()}
_COLUMNS: Final = {alias: name for name, alias in DETAIL_NAMES.items()}
_EXPECTED: Final = {
    "Words": "text",
    "Whole": "a whole number",
    "Amount": "a number",
    "Flag": "yes or no",
}


@dataclass(frozen=True, slots=True)
class ParsedLead:
    """What could be read: column of the archive → value, without what is empty."""

    given: Mapping[str, Any]
    warnings: tuple[Warned, ...]


def parse_detail(raw: bytes) -> ParsedLead:
    """Reads one answer of GetLeadDetail. Raises ContractBroken when it is no JSON object."""
    found = members_of(raw)
    values = {alias: _tidy(found[alias]) for alias in _COLUMNS if alias in found}
    try:
        return ParsedLead(_given(LeadDetail.model_validate(values)), ())
    except ValidationError as exc:
        odd = {str(error["loc"][0]): None for error in exc.errors(include_url=False)}
    warnings = tuple(_dropped(alias, values[alias]) for alias in odd)
    return ParsedLead(_given(LeadDetail.model_validate(values | odd)), warnings)


def members_of(raw: bytes) -> dict[str, Any]:
    """The JSON object with its decimals exact. Raises ContractBroken."""
    try:
        found = json.loads(
            raw.decode(errors="replace"), parse_float=Decimal, parse_int=_whole, parse_constant=str
        )
    except (ValueError, RecursionError) as exc:
        raise ContractBroken("EasyCars sent a lead that is not readable JSON.") from exc
    if not isinstance(found, dict):
        raise ContractBroken("EasyCars sent JSON of another shape than agreed.")
    return found


def text_of(value: Any) -> str | None:
    """A number or text of an answer as text, leading zeros kept; None for nothing."""
    if isinstance(value, str):
        return clean(value) or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _given(detail: LeadDetail) -> dict[str, Any]:
    return {name: value for name, value in detail if value is not None and value != ""}


def _whole(digits: str) -> int | Decimal:
    return int(digits) if len(digits) < 30 else Decimal(digits)


def _tidy(value: Any) -> Any:
    return clean(value) if isinstance(value, str) else value


def _dropped(alias: str, value: Any) -> Warned:
    kind = _EXPECTED[LeadDetail.__annotations__[_COLUMNS[alias]]]
    return Warned(alias, f"{shown(value)} cannot be read as {kind}; left out.")


def _exact(value: Any) -> Any:
    """Money digit by digit: a binary float never touches it."""
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f"))
    raise TypeError(f"{type(value).__name__} is no member of a request")
