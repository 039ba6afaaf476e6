"""The Lead API: required fields, limits, codes, what can be read (API facts 7 and 7a)."""

from typing import Any

import pytest

from app.simulator import (
    SECOND_CLIENT_ID,
    SECOND_CLIENT_SECRET,
    account_number,
    account_secret,
)
from tests.simulator.caller import LEADS, Caller

CUSTOMER = {"Name": "Robin Example", "Email": "robin@example.com", "Mobile": "0400 000 000"}
LEAD: dict[str, Any] = {
    "VehicleMake": "Mazda",
    "VehicleModel": "CX-5",
    "VehiclePrice": 31990,
    "VehicleType": 1,
    "VehicleYear": 2021,
    "IsVehicleNew": False,
    "VehicleInterest": 4,
    "Rating": 2,
    "ExternalID": "lead-8841",
    "LeadCustomer": CUSTOMER,
}
QUOTE: dict[str, Any] = {
    "YardCode": "100",
    "VehicleMake": "Mazda",
    "VehicleModel": "CX-5",
    "VehicleType": 1,
    "IsVehicleNew": False,
    "VehicleYear": 2021,
    "QuoteDate": "07/03/2026",
    "BasePrice": 29000,
    "SellingPrice": 31990.5,
    "RegoState": "NSW",
    "QuotationCustomer1": CUSTOMER,
}
DETAIL_FIELDS = [
    *("LeadNumber", "StockNumber", "VehicleMake", "VehicleModel", "VehiclePrice", "VehicleType"),
    *("VehicleYear", "IsVehicleNew", "VehicleInterest", "Notes", "VehicleSourcePageURL"),
    *("FinanceStatus", "Rating", "ExternalID", "CreatedDateTime", "CustomerNo", "CustomerName"),
    *("CustomerEmail", "CustomerAddress", "CustomerCity", "CustomerState", "CustomerPostCode"),
    *("CustomerFax", "CustomerPhone", "CustomerMobile", "Code", "ErrorMessage"),
]


def create(caller: Caller, **changes: Any) -> dict[str, Any]:
    return caller.lead("CreateLead", **(LEAD | changes))


def test_create_answers_padded_numbers(caller: Caller) -> None:
    assert create(caller) == {
        "LeadNumber": "000001",
        "CustomerNo": "00001",
        "Code": 0,
        "ErrorMessage": None,
    }


def test_detail_has_the_25_fields_and_no_status(caller: Caller) -> None:
    caller.simulator.settings(clock="2026-03-07T05:05:41+00:00")
    number = create(caller)["LeadNumber"]
    raw = caller.send(LEADS, "GetLeadDetail", LeadNumber=number)
    detail = raw.json()
    assert list(detail) == DETAIL_FIELDS
    assert '"VehiclePrice":31990.0000,' in raw.text
    assert detail["CreatedDateTime"] == "07/03/2026 16:05:41"
    assert (detail["ExternalID"], detail["CustomerMobile"]) == ("lead-8841", "0400 000 000")


def test_the_clock_gives_sydney_time_in_winter_too(caller: Caller) -> None:
    caller.simulator.settings(clock="2026-07-01T00:00:00+00:00")
    number = create(caller)["LeadNumber"]
    detail = caller.lead("GetLeadDetail", LeadNumber=number)
    assert detail["CreatedDateTime"] == "01/07/2026 10:00:00"


def test_stock_number_is_kept_only_when_the_account_has_it(caller: Caller) -> None:
    known = caller.rows()[3]["StockNumber"]
    for given, kept in ((known, known), ("nowhere", None)):
        number = create(caller, StockNumber=given)["LeadNumber"]
        assert caller.lead("GetLeadDetail", LeadNumber=number)["StockNumber"] == kept


def test_sending_twice_makes_two_leads_of_one_customer(caller: Caller) -> None:
    first, second = create(caller), create(caller)
    assert first["LeadNumber"] != second["LeadNumber"]
    assert first["CustomerNo"] == second["CustomerNo"]


@pytest.mark.parametrize(
    ("customer", "same"),
    [
        ({"Name": "R. E.", "Email": "ROBIN@example.com"}, True),
        ({"Name": "R. E.", "Email": "other@example.com", "Phone": "0400000000"}, True),
        ({"CustomerNo": "00001"}, True),
        ({"Name": "Robin Example", "Email": "other@example.com"}, False),
    ],
    ids=["by e-mail", "by phone", "by number", "the name alone is not enough"],
)
def test_customers_are_recognised(caller: Caller, customer: dict[str, str], same: bool) -> None:
    first = create(caller)["CustomerNo"]
    assert (create(caller, LeadCustomer=customer)["CustomerNo"] == first) is same


@pytest.mark.parametrize(
    "changes",
    [
        *({name: None} for name in ("VehicleMake", "VehicleModel", "VehicleType", "VehicleYear")),
        *({name: None} for name in ("IsVehicleNew", "VehicleInterest", "LeadCustomer")),
        {"VehicleMake": "x" * 101}, {"VehicleModel": "x" * 51}, {"StockNumber": "x" * 21},
        {"VehicleSourcePageURL": "x" * 401}, {"ExternalID": "x" * 51},
        {"VehicleType": 7}, {"VehicleType": "1"}, {"VehicleInterest": 0}, {"FinanceStatus": 4},
        {"Rating": 4}, {"VehiclePrice": "cheap"}, {"IsVehicleNew": "no"},
        {"LeadCustomer": {"Name": "Robin"}}, {"LeadCustomer": {"Email": "r@example.com"}},
        {"LeadCustomer": {"CustomerNo": "99999"}}, {"LeadCustomer": CUSTOMER | {"Phone": "1" * 21}},
        {"LeadCustomer": CUSTOMER | {"PostCode": "1" * 11}}, {"LeadCustomer": "Robin"},
    ],
    ids=str,
)  # fmt: skip
def test_create_refuses_what_the_vendor_refuses(caller: Caller, changes: dict[str, Any]) -> None:
    answer = create(caller, **changes)
    assert (answer["Code"], list(answer)) == (7, ["Code", "ErrorMessage"])
    assert caller.simulator.leads()["leads"] == []


def test_update_is_partial_and_null_changes_nothing(caller: Caller) -> None:
    number = create(caller)["LeadNumber"]
    before = caller.lead("GetLeadDetail", LeadNumber=number)
    sent = {"Notes": "Rang back", "Rating": None, "VehicleMake": "Ford", "ExternalID": "other"}
    assert caller.lead("UpdateLead", LeadNumber=number, **sent)["Code"] == 0
    after = caller.lead("GetLeadDetail", LeadNumber=number)
    assert after == before | {"Notes": "Rang back"}


def test_update_changes_the_customer(caller: Caller) -> None:
    number = create(caller)["LeadNumber"]
    caller.lead("UpdateLead", LeadNumber=number, LeadCustomer=CUSTOMER | {"City": "Orange"})
    detail = caller.lead("GetLeadDetail", LeadNumber=number)
    assert (detail["CustomerCity"], detail["CustomerNo"]) == ("Orange", "00001")


@pytest.mark.parametrize("status", [10, 30, 50, 60])
def test_deleted_is_final(caller: Caller, status: int) -> None:
    number = create(caller)["LeadNumber"]
    assert caller.lead("UpdateLead", LeadNumber=number, LeadStatus=status)["Code"] == 0
    assert caller.lead("UpdateLead", LeadNumber=number, LeadStatus=90)["Code"] == 0
    assert caller.lead("UpdateLead", LeadNumber=number, LeadStatus=status)["Code"] == 7
    assert caller.simulator.leads()["leads"][0]["LeadStatus"] == 90


@pytest.mark.parametrize("status", [20, 0, "30"])
def test_unknown_statuses_are_refused(caller: Caller, status: object) -> None:
    number = create(caller)["LeadNumber"]
    assert caller.lead("UpdateLead", LeadNumber=number, LeadStatus=status)["Code"] == 7


def test_only_the_client_that_made_a_lead_can_see_it(caller: Caller) -> None:
    number = create(caller)["LeadNumber"]
    caller.client_id, caller.client_secret = SECOND_CLIENT_ID, SECOND_CLIENT_SECRET
    caller.tokens = {}
    for endpoint in ("GetLeadDetail", "UpdateLead"):
        assert caller.lead(endpoint, LeadNumber=number)["Code"] == 7


def test_leads_belong_to_their_account(caller: Caller) -> None:
    number = create(caller)["LeadNumber"]
    caller.account = account_number(0)
    caller.secret = account_secret(caller.account)
    assert caller.lead("GetLeadDetail", LeadNumber=number)["Code"] == 7
    assert create(caller)["LeadNumber"] == "000001"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"Name": "exam"}, 1), ({"Email": "Robin@Example.com"}, 1), ({"Phone": "0400000000"}, 1),
        ({"Email": "robin@"}, 0), ({"Phone": "0400"}, 0), ({"Name": "nobody"}, 0),
    ],
)  # fmt: skip
def test_search_contacts(caller: Caller, asked: dict[str, str], found: int) -> None:
    create(caller)
    answer = caller.lead("SearchContacts", **asked)
    assert len(answer["Contacts"]) == found
    for contact in answer["Contacts"]:
        assert list(contact) == [
            *("CustomerNo", "Name", "Email", "Phone", "Mobile", "Address", "City", "State"),
            *("PostCode", "Country", "ABN"),
        ]
        assert all(isinstance(value, str) for value in contact.values())


def test_search_needs_something_to_search(caller: Caller) -> None:
    assert caller.lead("SearchContacts")["Code"] == 7


def test_a_quotation_stands_alone_or_under_a_lead(caller: Caller) -> None:
    alone = caller.lead("CreateQuotation", **QUOTE)
    assert alone == {
        "QuoteNumber": "000001", "CustomerNo1": "00001", "CustomerNo2": None,
        "Code": 0, "ErrorMessage": None,
    }  # fmt: skip
    number = create(caller)["LeadNumber"]
    rows = {
        "QuotationReceipts": [{"Amount": 500, "ReceiveDate": "08/03/2026", "PaymentMethod": 6}],
        "QuotationTradeins": [
            {
                "Allowance": 9000,
                "Make": "Ford",
                "Model": "Focus",
                "VehicleType": 1,
                "VehicleYear": 2015,
                "BuildDate": "03/15",
            }
        ],
        "QuotationExtras": [{"ExtraType": 8, "Amount": 1995}],
        "FinanceCompany": {"Name": "Lender", "ABN": "51 824 753 556"},
        "QuotationCustomer2": {"Name": "Alex Two", "Email": "alex@example.com"},
    }
    under = caller.lead("CreateQuotation", **(QUOTE | rows | {"LeadNumber": number}))
    assert (under["QuoteNumber"], under["CustomerNo2"]) == ("000002", "00002")


@pytest.mark.parametrize(
    "changes",
    [
        *({name: None} for name in QUOTE),
        {"QuoteDate": "2026-03-07"}, {"QuoteDate": "31/02/2026"}, {"RegoState": "NSWX"},
        {"LeadNumber": "000099"}, {"SpecialConditions": "x" * 1001},
        {"FinanceCompany": {"Name": "Lender"}},
        {"QuotationReceipts": [{"Amount": 1, "ReceiveDate": "08/03/2026", "PaymentMethod": 7}]},
        {"QuotationTradeins": [{"Allowance": 1, "Make": "Ford"}]},
        {"QuotationExtras": [{"ExtraType": 2, "Amount": 1}]}, {"QuotationExtras": ["tyres"]},
    ],
    ids=str,
)  # fmt: skip
def test_quotations_are_checked(caller: Caller, changes: dict[str, Any]) -> None:
    assert caller.lead("CreateQuotation", **(QUOTE | changes))["Code"] == 7
    assert caller.simulator.leads()["quotations"] == []


def test_leads_of_the_vendor_s_side(caller: Caller) -> None:
    made = caller.simulator.leads("create", count=2, fields={"ExternalID": "web-1"})["created"]
    caller.simulator.leads(
        "update",
        lead_number=made[0],
        fields={"LeadStatus": 60, "Rating": 1, "CustomerCity": "Perth"},
    )
    detail = caller.lead("GetLeadDetail", LeadNumber=made[0])
    assert (detail["Rating"], detail["CustomerCity"], detail["ExternalID"]) == (1, "Perth", "web-1")
    assert caller.simulator.leads()["leads"][0]["LeadStatus"] == 60
    foreign = caller.simulator.leads("create", client_id=SECOND_CLIENT_ID)["created"]
    assert caller.lead("GetLeadDetail", LeadNumber=foreign[0])["Code"] == 7


def test_a_hidden_lead_stays_at_the_vendor_and_cannot_be_read(caller: Caller) -> None:
    number = create(caller)["LeadNumber"]
    assert caller.lead("GetLeadDetail", LeadNumber=number)["Code"] == 0
    caller.simulator.leads("hide", lead_number=number)
    assert caller.lead("GetLeadDetail", LeadNumber=number)["Code"] == 7
    assert [lead["LeadNumber"] for lead in caller.simulator.leads()["leads"]] == [number]
