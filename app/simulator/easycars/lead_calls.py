"""The five calls of the LeadService beside RequestToken."""

from typing import Any

from app.simulator.easycars import lead_rules as rules
from app.simulator.easycars.calls import ApiCall, Refused
from app.simulator.easycars.leads import (
    CUSTOMER_FIELDS,
    DELETED,
    LEAD_FIELDS,
    Lead,
    LeadDesk,
    price,
)
from app.simulator.easycars.wire import FAILED, envelope

_KEEPABLE = (
    "VehiclePrice",
    "VehicleInterest",
    "Notes",
    "VehicleSourcePageURL",
    "FinanceStatus",
    "Rating",
)
_CONTACT_FIELDS = ("Name", "Email", "Phone", "Mobile", "Address", "City", "State", "PostCode")


def create_lead(call: ApiCall) -> bytes:
    """A new lead and, when nobody is recognised, its customer."""
    rules.check(call.fields, rules.CREATE_LEAD)
    rules.check_customer(call.fields["LeadCustomer"])
    dealer = call.world.dealer(call.account)
    with dealer.desk.lock:
        customer = _customer(dealer.desk, call.fields["LeadCustomer"])
        stock = call.fields.get("StockNumber")
        known = {"StockNumber": stock if stock in dealer.book.rows else None}
        lead = dealer.desk.create(call.fields | known, call.client_id, customer)
    return envelope({"LeadNumber": lead.number, "CustomerNo": customer})


def update_lead(call: ApiCall) -> bytes:
    """Partial: what is left out or null stays. A deleted lead stays deleted."""
    rules.check(call.fields, rules.UPDATE_LEAD)
    desk = call.world.dealer(call.account).desk
    with desk.lock:
        lead = _own_lead(desk, call)
        given = {name: call.fields[name] for name in _KEEPABLE if call.fields.get(name) is not None}
        status = call.fields.get("LeadStatus")
        if lead.status == DELETED and status not in (None, DELETED):
            raise Refused(FAILED, "The lead is deleted and cannot be made active again.")
        if call.fields.get("LeadCustomer") is not None:
            rules.check_customer(call.fields["LeadCustomer"])
            lead.customer_no = _customer(desk, call.fields["LeadCustomer"])
        lead.fields |= given
        lead.status = status or lead.status
        lead.updates += 1
        return envelope({"LeadNumber": lead.number, "CustomerNo": lead.customer_no})


def get_lead_detail(call: ApiCall) -> bytes:
    """One lead, flat. Its status is only told in the scenario "status-readable"."""
    rules.check(call.fields, rules.LEAD_NUMBER)
    desk = call.world.dealer(call.account).desk
    with desk.lock:
        lead = _own_lead(desk, call)
        customer = desk.customers[lead.customer_no]
        told: dict[str, Any] = {"LeadNumber": lead.number}
        told |= {name: lead.fields[name] for name in LEAD_FIELDS} | {
            "VehiclePrice": price(lead.fields["VehiclePrice"])
        }
        told |= {"CreatedDateTime": lead.created, "CustomerNo": lead.customer_no}
        told |= {f"Customer{name}": customer[name] for name in CUSTOMER_FIELDS}
        if call.scenario_is("status-readable"):
            told["LeadStatus"] = lead.status
        return envelope(told)


def search_contacts(call: ApiCall) -> bytes:
    """Customers by part of the name, exact e-mail, or exact phone or mobile."""
    asked = {name: call.fields.get(name) or "" for name in ("Name", "Email", "Phone")}
    if not any(asked.values()):
        raise Refused(FAILED, "At least one of Name, Email and Phone is required.")
    if not all(isinstance(value, str) for value in asked.values()):
        raise Refused(FAILED, "Name, Email and Phone are texts.")
    desk = call.world.dealer(call.account).desk
    with desk.lock:
        found = desk.contacts(asked["Name"], asked["Email"], asked["Phone"])
    contacts = [
        {
            "CustomerNo": number,
            **{name: customer[name] for name in _CONTACT_FIELDS},
            "Country": "",
            "ABN": "",
        }
        for number, customer in found
    ]
    return envelope({"Contacts": contacts})


def create_quotation(call: ApiCall) -> bytes:
    """A quotation, under a lead of the account or alone."""
    _check_quotation(call.fields)
    desk = call.world.dealer(call.account).desk
    with desk.lock:
        if call.fields.get("LeadNumber"):
            _own_lead(desk, call)
        first = _customer(desk, call.fields["QuotationCustomer1"])
        other = call.fields.get("QuotationCustomer2")
        second = _customer(desk, other) if other else None
        number = desk.quote(call.fields)
    return envelope({"QuoteNumber": number, "CustomerNo1": first, "CustomerNo2": second})


def _check_quotation(fields: dict[str, Any]) -> None:
    rules.check(fields, rules.QUOTATION)
    rules.check_customer(fields["QuotationCustomer1"], "QuotationCustomer1.")
    if fields.get("QuotationCustomer2"):
        rules.check_customer(fields["QuotationCustomer2"], "QuotationCustomer2.")
    if fields.get("FinanceCompany"):
        rules.check(fields["FinanceCompany"], rules.FINANCE_COMPANY, "FinanceCompany.")
    for name, row_rules in rules.QUOTATION_ROWS.items():
        for n, row in enumerate(fields.get(name) or [], 1):
            rules.check(row, row_rules, f"{name}[{n}].")


def _customer(desk: LeadDesk, given: dict[str, Any]) -> str:
    number = desk.customer_for(given)
    if number is None:
        raise Refused(FAILED, f"CustomerNo {given['CustomerNo']} does not exist.")
    return number


def _own_lead(desk: LeadDesk, call: ApiCall) -> Lead:
    """The lead, if this client created it: others are as good as not there."""
    lead = desk.leads.get(call.fields["LeadNumber"])
    if lead is None or lead.client_id != call.client_id:
        raise Refused(FAILED, "Lead not found.")
    return lead
