"""Leads for programs (contract §4): list, one, new, changed; null where a value is not given."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from flask import Blueprint, Response, g, url_for
from pydantic import Field, RootModel
from pydantic.alias_generators import to_camel

from app.db import db, unit_of_work
from app.models import Lead
from app.parts import parts
from app.routes.access import api_requires, current_actor
from app.routes.api.common import (
    ApiModel,
    PageQuery,
    Pagination,
    PlainText,
    ProblemBody,
    ok,
    pagination,
    read_body,
    read_query,
)
from app.routes.api.openapi import describe
from app.routes.fragments import LARGEST_ID
from app.services.errors import InputInvalid
from app.services.leads import listing, saving
from app.services.leads.fields import CUSTOMER_FIELDS, LEAD_FIELDS
from app.services.leads.input import read_json
from app.services.leads.listing import LeadFilter
from app.services.leads.sending import Means

bp = Blueprint("api_leads", __name__)
ALL: Final = "/api/admin/easycars/leads"
ONE: Final = f"{ALL}/<int:lead_id>"
Status = Literal["new", "in_progress", "won", "lost", "deleted"]
Source = Literal["EasyCars", "Web", "API", "Manual"]
SyncState = Literal["waiting", "sent", "unconfirmed", "failed", "cannot_be_sent", "not_configured"]
Interest = Literal["buy", "lease", "sell", "test_drive", "service"]
VehicleType = Literal["car", "motorbike", "boat", "caravan", "truck", "trailer"]


class LeadQuery(PageQuery):
    """Filters of the list; `q` looks into name, email, phone, stock number and lead number."""

    q: PlainText | None = None
    status: Status | None = None
    source: Source | None = None
    sync_state: SyncState | None = None
    overdue: bool | None = Field(None, description="New, without response, past the deadline")
    stock_number: PlainText | None = None

    def as_filter(self) -> LeadFilter:
        return LeadFilter(
            q=self.q,
            status=self.status,
            source=self.source,
            sync_state=self.sync_state,
            is_overdue=self.overdue,
            stock_number=self.stock_number,
        )


class LeadFields(ApiModel):
    """What a program may give of a lead. Money in dollars; `isVehicleNew` false is used."""

    name: str | None = Field(None, max_length=200)
    email: str | None = Field(None, max_length=254)
    phone: str | None = Field(None, max_length=50)
    mobile: str | None = Field(None, max_length=50)
    fax: str | None = Field(None, max_length=50)
    address: str | None = Field(None, max_length=300)
    city: str | None = Field(None, max_length=100)
    state: str | None = Field(None, max_length=50)
    post_code: str | None = Field(None, max_length=20)
    message: str | None = Field(None, max_length=20_000)
    page_url: str | None = Field(None, max_length=400, description="Where the customer asked")
    interest: Interest | None = None
    finance_status: Literal["yes", "no", "maybe"] | None = None
    rating: Literal["cold", "warm", "hot"] | None = None
    stock_number: str | None = Field(None, max_length=100)
    vehicle_id: int | None = None
    vehicle_make: str | None = Field(None, max_length=100)
    vehicle_model: str | None = Field(None, max_length=100)
    vehicle_year: int | None = None
    vehicle_type: VehicleType | None = None
    vehicle_price: float | None = None
    is_vehicle_new: bool | None = None


class NewLead(LeadFields):
    """`name`, and `email`, `phone` or `mobile`, are needed. The vehicle is found by `vehicleId` or
    `stockNumber`; what is not given of it is taken from there."""


class LeadPatch(LeadFields):
    """Members to change; absent ones stay, null takes a value away."""

    status: Status | None = None


class LeadBody(LeadFields):
    """One lead. `leadNumber` and `customerNo` are EasyCars'; `remoteStatus` is the code that it
    told last, null while it never told one."""

    id: int
    customer_id: int
    status: Status
    source: Source
    lead_number: str | None
    customer_no: str | None
    external_id: str
    sync_state: SyncState
    sync_reason: str | None
    remote_status: int | None
    is_overdue: bool
    created_at: datetime
    status_changed_at: datetime
    responded_at: datetime | None
    last_synced_at: datetime | None = Field(description="Sent or read last")
    updated_at: datetime


class LeadList(ApiModel):
    leads: list[LeadBody]
    pagination: Pagination


class AnyLead(RootModel[dict[str, Any]]):
    """A JSON object whose members the service reads one by one."""


# Member of the JSON → field of the catalogues.
MEMBERS: Final = {
    "vehiclePrice" if name == "vehicle_price_cents" else to_camel(name): name
    for name in (*CUSTOMER_FIELDS, *LEAD_FIELDS)
}
OWN: Final = (
    "id", "customer_id", "vehicle_id", "source", "lead_number", "customer_no", "sync_state",
    "sync_reason", "remote_status", "created_at", "status_changed_at", "responded_at",
    "updated_at",
)  # fmt: skip


@bp.get(ALL)
@describe("List the leads", query=LeadQuery, answers={200: LeadList})
@api_requires("viewer", scope="sync:read")
def index() -> Response:
    """The newest lead first."""
    query = read_query(LeadQuery)
    now = parts().clock.now()
    found = listing.page_of(db.session(), query.as_filter(), now, query.page, query.page_size)
    shapes = [shape(row.lead, is_overdue=row.is_overdue) for row in found.rows]
    return ok({"leads": shapes, "pagination": pagination(query, found.total)})


@bp.get(ONE)
@describe("One lead", answers={200: LeadBody})
@api_requires("viewer", scope="sync:read")
def one(lead_id: int) -> Response:
    """One lead with its customer's fields."""
    return ok(_whole(saving.get(db.session(), lead_id)))


@bp.post(ALL)
@describe("Add a lead", body=NewLead, answers={201: LeadBody})
@api_requires("operator", scope="sync:write")
def create() -> Response:
    """Adds a lead and puts it on its way to EasyCars; the answer does not wait for that. A customer
    with the same email, or without one the same phone, is found again."""
    sent = read_body(AnyLead).root
    values = _values(sent, leave_out="status")
    vehicle_id = _vehicle_id(sent)
    with unit_of_work(g.dealership.id) as session:
        lead = saving.create(
            session, g.dealership.id, values, source="API", actor=current_actor(),
            means=_means(), vehicle_id=vehicle_id,
        )  # fmt: skip
        made = _whole(lead)
    return ok(made, 201, {"Location": url_for("api_leads.one", lead_id=made["id"])})


@bp.patch(ONE)
@describe("Change a lead", body=LeadPatch, answers={200: LeadBody, 409: ProblemBody})
@api_requires("operator", scope="sync:write")
def change(lead_id: int) -> Response:
    """Changes what is sent, all or nothing, and tells EasyCars what it lets be changed. The status
    deleted is final (409). Another vehicle is chosen by `stockNumber`."""
    known = saving.get(db.session(), lead_id)
    sent = read_body(AnyLead).root
    values = _values(sent)
    if "vehicleId" in sent and _vehicle_id(sent) != known.vehicle_id:
        words = "Send stockNumber to choose another vehicle."
        raise InputInvalid("Some values cannot be accepted: vehicleId.", {"vehicleId": words})
    with unit_of_work(g.dealership.id) as session:
        lead = saving.change(session, lead_id, values, actor=current_actor(), means=_means())
        changed = _whole(lead)
    return ok(changed)


def _means() -> Means:
    return Means(parts().queue, parts().clock)


def _values(sent: Mapping[str, Any], *, leave_out: str | None = None) -> dict[str, Any]:
    """The members that are fields, read and checked. Raises InputInvalid with all problems."""
    given = {
        name: sent[member]
        for member, name in MEMBERS.items()
        if member in sent and name != leave_out
    }
    try:
        return read_json(given, given)
    except InputInvalid as refused:
        members = {
            "vehiclePrice" if name == "vehicle_price_cents" else to_camel(name): words
            for name, words in refused.fields.items()
        }
        listed = ", ".join(sorted(members))
        raise InputInvalid(f"Some values cannot be accepted: {listed}.", members) from None


def _vehicle_id(sent: Mapping[str, Any]) -> int | None:
    """The vehicle that is named; None when none is. Raises InputInvalid."""
    found = sent.get("vehicleId")
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= LARGEST_ID:
        words = "There is no such vehicle."
        raise InputInvalid("Some values cannot be accepted: vehicleId.", {"vehicleId": words})
    return found


def _whole(lead: Lead) -> dict[str, Any]:
    due = listing.deadline(db.session(), parts().clock.now())
    return shape(lead, is_overdue=due.passed(lead))


def shape(lead: Lead, *, is_overdue: bool) -> dict[str, Any]:
    """The members of one lead, as contract §4 names them and more."""
    own = {to_camel(name): getattr(lead, name) for name in OWN}
    fields = {
        member: getattr(lead.customer if name in CUSTOMER_FIELDS else lead, name)
        for member, name in MEMBERS.items()
        if member != "vehiclePrice"
    }
    cents = lead.vehicle_price_cents
    synced = [at for at in (lead.sent_at, lead.read_at) if at is not None]
    return {
        **own,
        **fields,
        "name": lead.customer.name or None,
        "vehiclePrice": None if cents is None else cents / 100,
        "externalId": lead.external_ref,
        "isOverdue": is_overdue,
        "lastSyncedAt": max(synced, default=None),
    }
