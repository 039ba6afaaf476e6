"""Leads from the house's words to EasyCars' and back: rows 119, 124 to 132, traps T13 and T26."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models import Customer, EasyCarsLeadData, Lead
from app.models import leads as words
from app.secret import Secret
from app.services.errors import CannotBeSent, ContractBroken, RecordRefused
from app.services.providers.easycars import lead_quotation as quotation
from app.services.providers.easycars import lead_rules as rules
from app.services.providers.easycars import lead_tables as tables
from app.services.providers.easycars import lead_wire
from app.services.providers.easycars.lead_mapping import EasyCarsLeadMapper, LeadDraft, as_sent
from app.services.providers.easycars.lead_members import Member
from app.services.providers.easycars.lead_times import moment_of
from app.simulator.easycars import lead_rules as vendor

PAYLOADS = Path(__file__).parent / "lead_payloads"
LEAD: dict[str, Any] = {
    "vehicle_make": "Mazda",
    "vehicle_model": "CX-5",
    "vehicle_year": 2021,
    "vehicle_type": "car",
    "is_vehicle_new": False,
    "interest": "buy",
}
CUSTOMER = {"name": "Robin Example", "email": "robin@example.com"}


def create(lead: Any = None, customer: Any = None, ref: str = "r-1", number: Any = None) -> Any:
    """(body, remarks) of a create; what is given comes on top of the least that EasyCars takes."""
    mapper = EasyCarsLeadMapper()
    body = mapper.to_create(LEAD | (lead or {}), CUSTOMER | (customer or {}), ref, number)
    return body, {warned.field: warned.text for warned in mapper.warnings}


def problems(lead: Any, customer: Any = None, ref: str = "r-1", number: Any = None) -> CannotBeSent:
    with pytest.raises(CannotBeSent) as caught:
        EasyCarsLeadMapper().to_create(
            lead, CUSTOMER if customer is None else customer, ref, number
        )
    return caught.value


def detail(**fields: Any) -> LeadDraft:
    raw = json.dumps({"LeadNumber": "000231", "Code": 0} | fields).encode()
    return EasyCarsLeadMapper().from_detail(raw)


def warned(draft: LeadDraft) -> dict[str, str]:
    return {warning.field: warning.text for warning in draft.warnings}


# -- Enumerations: easycars-api §8, value by value ------------------------------------------------

DOCUMENTED = {
    "vehicle_type": (
        "VehicleType",
        {1: "car", 2: "motorbike", 3: "boat", 4: "caravan", 5: "truck", 6: "trailer"},
    ),
    "interest": (
        "VehicleInterest",
        {1: "buy", 2: "lease", 3: "sell", 4: "test_drive", 5: "service"},
    ),
    "finance_status": ("FinanceStatus", {1: "yes", 2: "no", 3: "maybe"}),
    "rating": ("Rating", {1: "cold", 2: "warm", 3: "hot"}),
}
STATUSES = {10: "new", 30: "in_progress", 50: "won", 60: "lost", 90: "deleted"}
EVERY_VALUE = [
    (name, wire, number, word)
    for name, (wire, table) in DOCUMENTED.items()
    for number, word in table.items()
]


@pytest.mark.parametrize(("name", "wire", "number", "word"), EVERY_VALUE)
def test_lead_mapper_knows_every_documented_value_both_ways(name, wire, number, word):
    body, _ = create({name: word})
    assert body[wire] == number
    draft = detail(**{wire: number})
    assert draft.lead == {name: word}
    assert not draft.warnings


@pytest.mark.parametrize(("number", "word"), STATUSES.items())
def test_lead_mapper_knows_every_status_both_ways(number, word):
    assert EasyCarsLeadMapper().to_update("1", {"status": word})["LeadStatus"] == number
    draft = detail(LeadStatus=number)
    assert (draft.status, draft.remote_status, draft.archive["lead_status"]) == (
        word,
        number,
        number,
    )


@pytest.mark.parametrize(("name", "wire"), [(n, w) for n, (w, _) in DOCUMENTED.items()])
@pytest.mark.parametrize("number", [0, 7, -1, 99, 2**40])
def test_lead_mapper_keeps_unknown_numbers_raw(name, wire, number):
    """T13: never a neighbour."""
    draft = detail(**{wire: number})
    column = {"interest": "vehicle_interest"}.get(name, name)
    assert name not in draft.lead
    assert draft.archive[column] == number
    assert str(number) in warned(draft)[name]


@pytest.mark.parametrize("number", [0, 20, 40, 91, 2**40])
def test_lead_mapper_keeps_an_unknown_status_raw(number):
    draft = detail(LeadStatus=number)
    assert draft.status is None
    assert draft.remote_status == (number if number < 2**31 else None)
    assert draft.archive["lead_status"] == number
    assert "status" in warned(draft)


@pytest.mark.parametrize("value", [None, ""])
def test_lead_mapper_knows_no_status_when_none_comes(value):
    """T5."""
    for draft in (detail(), detail(LeadStatus=value)):
        assert (draft.status, draft.remote_status) == (None, None)
        assert not draft.warnings


def test_lead_tables_use_the_products_words():
    """The words are those that the lead's table takes."""
    assert tuple(tables.VEHICLE_TYPES.values()) == words.VEHICLE_TYPES
    assert tuple(tables.INTERESTS.values()) == words.INTERESTS
    assert tuple(tables.FINANCE_STATUSES.values()) == words.FINANCE_STATUSES
    assert tuple(tables.RATINGS.values()) == words.RATINGS
    assert tuple(tables.LEAD_STATUSES.values()) == words.LEAD_STATUSES


@pytest.mark.parametrize(
    ("letter", "number"), [("A", 1), ("M", 2), ("B", 3), ("C", 4), ("H", 5), ("T", 6)]
)
def test_lead_tables_lead_from_stock_type_to_vehicle_type(letter, number):
    assert tables.TYPE_OF_LETTER[letter] == number


# -- Catalogues against an independent reading of the documents -----------------------------------

CATALOGUES = [
    (
        (*rules.CREATE, rules.EXTERNAL_ID),
        {name: rule for name, rule in vendor.CREATE_LEAD.items() if rule.kind != "object"},
    ),
    (
        (rules.LEAD_NUMBER, *rules.UPDATE),
        {name: rule for name, rule in vendor.UPDATE_LEAD.items() if rule.kind != "object"},
    ),
    ((rules.CUSTOMER_NO, *rules.CUSTOMER), vendor.CUSTOMER),
    (
        (*quotation.SUBJECT, *quotation.PRICE),
        {n: r for n, r in vendor.QUOTATION.items() if r.kind not in ("object", "list")},
    ),
    (quotation.FINANCE_COMPANY, vendor.FINANCE_COMPANY),
    *((members, vendor.QUOTATION_ROWS[wire]) for wire, members in quotation.ROWS.values()),
]
_KINDS = {"money": "number", "rate": "number", "whole": "integer", "choice": "integer"}


def _described(member: Member) -> tuple[Any, ...]:
    limit = tuple(member.choices) if member.choices else member.limit
    return _KINDS.get(member.kind, member.kind), limit


@pytest.mark.parametrize(("members", "documented"), CATALOGUES)
def test_lead_catalogues_agree_with_the_simulators_rules(members, documented):
    """Two readings of one document: names, kinds, lengths, numbers, required."""
    assert {member.wire: _described(member) for member in members} == {
        name: (rule.kind, tuple(rule.limit) if isinstance(rule.limit, range) else rule.limit)
        for name, rule in documented.items()
    }
    ours = {member.wire for member in members if member.required}
    theirs = {name for name, rule in documented.items() if rule.required}
    assert ours - {"ExternalID"} == theirs


def test_lead_requests_have_the_vendors_names():
    def names(kind: type) -> set[str]:
        return set(get_type_hints(kind))

    assert names(lead_wire.CreateLead) == set(vendor.CREATE_LEAD)
    assert names(lead_wire.UpdateLead) == set(vendor.UPDATE_LEAD)
    assert names(lead_wire.LeadCustomer) == set(vendor.CUSTOMER)


def test_lead_detail_has_the_25_fields_and_the_archives_columns():
    """FR7; the golden answer is the document's example."""
    golden = json.loads((PAYLOADS / "detail.json").read_text())
    fr7 = [name for name in golden if name not in ("Code", "ErrorMessage")]
    assert len(fr7) == 25
    assert list(lead_wire.DETAIL_NAMES.values()) == [*fr7, "LeadStatus"]
    columns = set(EasyCarsLeadData.__table__.columns.keys())
    kept_elsewhere = {"link_id", "lead_id", "run_id", "received_at", "raw", "dealership_id"}
    assert detail().archive.keys() == columns - kept_elsewhere


@pytest.mark.parametrize(
    ("widths", "model"), [(tables.LEAD_WIDTHS, Lead), (tables.CUSTOMER_WIDTHS, Customer)]
)
def test_lead_widths_are_those_of_the_tables(widths, model):
    columns = model.__table__.columns
    assert {name: columns[name].type.length for name in widths} == widths


# -- Out: the rules --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("vehicle_make", "EasyCars needs the vehicle's make."),
        ("vehicle_model", "EasyCars needs the vehicle's model."),
        ("vehicle_type", "EasyCars needs the vehicle's type (such as car or boat)."),
        ("vehicle_year", "EasyCars needs the vehicle's year."),
        ("is_vehicle_new", "EasyCars needs to know whether the vehicle is new or used."),
        (
            "interest",
            "EasyCars needs what the customer wants: buy, lease, sell, test drive or service.",
        ),
    ],
)
@pytest.mark.parametrize("empty", [None, "", "absent"])
def test_lead_mapper_asks_for_what_easycars_requires(name, sentence, empty):
    lead = {key: value for key, value in LEAD.items() if key != name}
    refused = problems(lead if empty == "absent" else lead | {name: empty})
    assert refused.fields == {name: sentence}
    assert refused.user_message == f"Cannot be sent: {sentence}"


@pytest.mark.parametrize(
    ("customer", "number", "missing"),
    [
        ({}, None, {"name", "email"}),
        ({"name": "Robin"}, None, {"email"}),
        ({"email": "r@example.com"}, None, {"name"}),
        ({"name": " ", "email": ""}, "", {"name", "email"}),
        ({"phone": "0400000000"}, "0" * 21, {"name", "email"}),
    ],
)
def test_lead_mapper_needs_a_number_or_name_and_email(customer, number, missing):
    assert problems(LEAD, customer, number=number).fields.keys() == missing


def test_lead_mapper_takes_a_known_customer_by_number_alone():
    body = EasyCarsLeadMapper().to_create(LEAD, {}, "r-1", "00087")
    assert body["LeadCustomer"] == {"CustomerNo": "00087"}


def test_lead_mapper_collects_every_problem():
    refused = problems(
        {"vehicle_make": "Mazda", "vehicle_year": 3021, "rating": "boiling", "interest": 4},
        {"name": "Robin", "email": "e" * 101},
    )
    assert refused.fields.keys() == {
        "vehicle_model", "vehicle_type", "vehicle_year", "is_vehicle_new", "rating", "interest",
        "email",
    }  # fmt: skip
    for sentence in refused.fields.values():
        assert sentence in refused.user_message


@pytest.mark.parametrize("lead", [{}, {"interest": "buy", "message": "hello", "vehicle_make": ""}])
def test_lead_mapper_says_that_there_is_no_vehicle(lead):
    """easycars-api §11 row 15: nothing is invented."""
    refused = problems(lead | {"interest": "buy"})
    assert refused.user_message.startswith("Cannot be sent: no vehicle.")
    assert "year" in refused.fields["vehicle_year"]
    assert "e-mail" in problems(lead, {"name": "Robin"}).user_message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vehicle_year", 1899),
        ("vehicle_year", 2101),
        ("vehicle_year", "2021"),
        ("vehicle_year", True),
        ("vehicle_price_cents", -1),
        ("vehicle_price_cents", 2**31),
        ("vehicle_price_cents", 10.5),
        ("is_vehicle_new", "no"),
        ("vehicle_type", "Car"),
        ("vehicle_type", 1),
        ("finance_status", True),
        ("message", 7),
    ],
)
def test_lead_mapper_refuses_impossible_values(name, value):
    assert problems(LEAD | {name: value}).fields.keys() == {name}


@pytest.mark.parametrize(
    ("cents", "text"),
    [(0, "0"), (1, "0.01"), (10, "0.1"), (3199005, "31990.05"), (2**31 - 1, "21474836.47")],
)
def test_lead_mapper_writes_cents_as_an_exact_decimal(cents, text):
    assert create({"vehicle_price_cents": cents})[0]["VehiclePrice"] == Decimal(text)


# -- Out: lengths ----------------------------------------------------------------------------------

CUT = {"vehicle_make": 100, "vehicle_model": 50}
CUT_OF_CUSTOMER = {"name": 100, "address": 200, "city": 50}
LEFT_OUT = {"stock_number": 20, "page_url": 400}
LEFT_OUT_OF_CUSTOMER = {"post_code": 10, "fax": 20, "phone": 20, "mobile": 20}
WIRE = {member.name: member.wire for member in (*rules.CREATE, *rules.CUSTOMER)}


@pytest.mark.parametrize(("name", "limit"), (CUT | CUT_OF_CUSTOMER).items())
def test_lead_mapper_cuts_descriptions_with_a_warning(name, limit):
    """Row 127: never silently."""
    of_customer = name in CUT_OF_CUSTOMER
    for length, expected in ((limit, limit), (limit + 1, limit), (5000, limit)):
        values = {name: "x" * length}
        body, remarks = create(*((None, values) if of_customer else (values, None)))
        written = (body["LeadCustomer"] if of_customer else body)[WIRE[name]]
        assert len(written) == expected
        assert (name in remarks) == (length > limit)


@pytest.mark.parametrize(("name", "limit"), (LEFT_OUT | LEFT_OUT_OF_CUSTOMER).items())
def test_lead_mapper_leaves_out_what_would_be_wrong_when_cut(name, limit):
    of_customer = name in LEFT_OUT_OF_CUSTOMER
    for length in (limit, limit + 1):
        values = {name: "1" * length}
        body, remarks = create(*((None, values) if of_customer else (values, None)))
        written = (body["LeadCustomer"] if of_customer else body).get(WIRE[name])
        assert written == (values[name] if length == limit else None)
        assert (name in remarks) == (length > limit)


def test_lead_mapper_never_cuts_what_identifies():
    long_email = {"email": "e" * 101}
    assert problems(LEAD, CUSTOMER | long_email).fields.keys() == {"email"}
    body, remarks = create(customer=long_email, number="00087")
    assert "Email" not in body["LeadCustomer"]
    assert remarks.keys() == {"email"}
    assert problems(LEAD, ref="r" * 51).fields.keys() == {"external_ref"}
    with pytest.raises(CannotBeSent):
        EasyCarsLeadMapper().to_update("1" * 21, {"rating": "hot"})


def test_lead_mapper_leaves_a_long_customer_number_out_when_name_and_email_are_there():
    body, remarks = create(number="9" * 21)
    assert body["LeadCustomer"] == {"Name": CUSTOMER["name"], "Email": CUSTOMER["email"]}
    assert remarks.keys() == {"customer_no"}


def test_lead_mapper_sends_notes_whole():
    body, remarks = create({"message": "x" * 100_000})
    assert (len(body["Notes"]), remarks) == (100_000, {})


def test_lead_mapper_sends_what_json_and_databases_take():
    body, _ = create({"message": " a\0b\ud800c \n"})
    assert body["Notes"] == "ab?c"
    assert "0" in create({"stock_number": "0"})[0]["StockNumber"]


# -- Out: updates ----------------------------------------------------------------------------------


def test_lead_mapper_updates_only_what_is_given():
    mapper = EasyCarsLeadMapper()
    assert mapper.to_update("000231", {"rating": "hot", "message": None}) == {
        "LeadNumber": "000231",
        "Rating": 3,
    }
    assert not mapper.warnings


def test_lead_mapper_empties_texts_and_nothing_else():
    update = EasyCarsLeadMapper().to_update(
        "1",
        {"message": "", "page_url": " ", "rating": "", "status": ""},
        {"name": "", "email": "", "phone": ""},
        "00087",
    )
    assert update == {
        "LeadNumber": "1",
        "Notes": "",
        "VehicleSourcePageURL": "",
        "LeadCustomer": {"CustomerNo": "00087", "Email": "", "Phone": ""},
    }


def test_lead_mapper_names_what_an_update_cannot_change():
    mapper = EasyCarsLeadMapper()
    body = mapper.to_update("1", LEAD | {"stock_number": "7"})
    assert body == {"LeadNumber": "1", "VehicleInterest": 1}
    assert {one.field for one in mapper.warnings} == LEAD.keys() - {"interest"} | {"stock_number"}


def test_lead_mapper_needs_no_customer_rule_without_a_customer():
    assert "LeadCustomer" not in EasyCarsLeadMapper().to_update("1", {"rating": "hot"}, None, "8")
    with pytest.raises(CannotBeSent):
        EasyCarsLeadMapper().to_update("1", {}, {"phone": "1"})


# -- In --------------------------------------------------------------------------------------------


def test_lead_mapper_reads_the_golden_lead():
    raw = (PAYLOADS / "detail.json").read_bytes()
    draft = EasyCarsLeadMapper().from_detail(raw)
    assert draft.lead == {
        "vehicle_make": "Mazda",
        "vehicle_model": "CX-5",
        "vehicle_price_cents": 3199005,
        "vehicle_type": "car",
        "vehicle_year": 2021,
        "is_vehicle_new": False,
        "interest": "test_drive",
        "finance_status": "no",
        "rating": "warm",
    }
    assert draft.customer == {
        "name": "Robin Example",
        "email": "robin@example.com",
        "mobile": "0400000000",
    }
    assert (draft.lead_number, draft.external_ref, draft.customer_no) == (
        "000231",
        "lead-8841",
        "00087",
    )
    assert draft.created == "07/03/2026 16:05:41"
    assert draft.created_at == datetime(2026, 3, 7, 5, 5, 41, tzinfo=UTC)
    assert draft.raw == raw
    assert not draft.warnings
    assert draft.archive["vehicle_price"] == Decimal("31990.05")
    assert draft.archive["vehicle_type"] == 1
    assert draft.archive["notes"] is None
    assert draft.archive["customer_fax"] is None


@pytest.mark.parametrize("empty", [None, "", "  "])
def test_lead_mapper_folds_empty_and_null(empty):
    names = [name for name in lead_wire.DETAIL_NAMES.values() if name != "LeadNumber"]
    draft = detail(**dict.fromkeys(names, empty))
    assert (draft.lead, draft.customer, draft.warnings) == ({}, {}, ())
    assert (draft.created, draft.created_at, draft.external_ref) == (None, None, None)


@pytest.mark.parametrize(
    ("wire", "value", "name", "expected"),
    [
        ("VehiclePrice", "31990.0000", "vehicle_price_cents", 3199000),
        ("VehiclePrice", 0, "vehicle_price_cents", 0),
        ("VehicleYear", "2021", "vehicle_year", 2021),
        ("VehicleYear", 0, "vehicle_year", None),
        ("IsVehicleNew", "true", "is_vehicle_new", True),
        ("IsVehicleNew", "N", "is_vehicle_new", False),
        ("IsVehicleNew", 1, "is_vehicle_new", True),
        ("VehicleInterest", "4", "interest", "test_drive"),
        ("StockNumber", 10412, "stock_number", "10412"),
        ("Notes", "a\0b ", "message", "ab"),
    ],
)
def test_lead_mapper_reads_leniently(wire, value, name, expected):
    draft = detail(**{wire: value})
    assert draft.lead.get(name) == expected
    assert not draft.warnings


@pytest.mark.parametrize(
    ("wire", "value", "name", "field"),
    [
        ("VehiclePrice", "call us", "vehicle_price_cents", "VehiclePrice"),
        ("VehiclePrice", -5, "vehicle_price_cents", "vehicle_price_cents"),
        ("VehiclePrice", 10**9, "vehicle_price_cents", "vehicle_price_cents"),
        ("VehicleYear", "new", "vehicle_year", "VehicleYear"),
        ("VehicleYear", 2**40, "vehicle_year", "vehicle_year"),
        ("Rating", [], "rating", "Rating"),
        ("Rating", 1.5, "rating", "Rating"),
        ("IsVehicleNew", "perhaps", "is_vehicle_new", "IsVehicleNew"),
        ("Notes", {"a": 1}, "message", "Notes"),
        ("VehicleSourcePageURL", "u" * 401, "page_url", "page_url"),
        ("StockNumber", "1" * 101, "stock_number", "stock_number"),
        ("CustomerEmail", "e" * 255, "email", "email"),
        ("CustomerPostCode", "1" * 21, "post_code", "post_code"),
    ],
)
def test_lead_mapper_leaves_out_what_it_cannot_read_and_says_so(wire, value, name, field):
    draft = detail(**{wire: value, "VehicleMake": "Mazda"})
    assert name not in {**draft.lead, **draft.customer}
    assert draft.lead["vehicle_make"] == "Mazda"
    assert warned(draft).keys() == {field}


@pytest.mark.parametrize("price", ["NaN", "Infinity", "9" * 400, "9" * 6000])
def test_lead_mapper_survives_numbers_that_no_column_takes(price):
    draft = EasyCarsLeadMapper().from_detail(
        f'{{"LeadNumber":"1","VehiclePrice":{price},"Code":0}}'.encode()
    )
    assert draft.lead == {}
    assert draft.archive["vehicle_price"] is None
    assert "VehiclePrice" in warned(draft)


@pytest.mark.parametrize(
    ("wire", "name", "width"),
    [
        ("CustomerName", "name", 200),
        ("CustomerAddress", "address", 300),
        ("CustomerCity", "city", 100),
    ],
)
def test_lead_mapper_cuts_what_is_too_wide_for_the_house(wire, name, width):
    draft = detail(**{wire: "x" * (width + 1)})
    assert len(draft.customer[name]) == width
    assert name in warned(draft)


@pytest.mark.parametrize("number", [None, "", " ", "1" * 21])
def test_lead_mapper_refuses_a_lead_without_a_usable_number(number):
    with pytest.raises(RecordRefused):
        detail(LeadNumber=number)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'"x"', b"[" * 100_000])
def test_lead_mapper_refuses_what_is_no_lead(raw):
    with pytest.raises(ContractBroken):
        EasyCarsLeadMapper().from_detail(raw)


def test_lead_mapper_leaves_out_numbers_that_cannot_be_whole():
    draft = detail(ExternalID="e" * 51, CustomerNo="1" * 21)
    assert (draft.external_ref, draft.customer_no) == (None, None)
    assert warned(draft).keys() == {"external_ref", "customer_no"}
    assert draft.archive["external_id"] == "e" * 51


# -- Times (T26) -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "utc", "is_ambiguous"),
    [
        ("07/03/2026 16:05:41", "2026-03-07T05:05:41", False),  # daylight time, +11
        ("07/07/2026 16:05:41", "2026-07-07T06:05:41", False),  # standard time, +10
        ("7/3/2026 6:05", "2026-03-06T19:05:00", False),
        # clocks go back on 5 April 2026 at 03:00: 02:00 to 02:59 comes twice
        ("05/04/2026 01:59:59", "2026-04-04T14:59:59", False),
        ("05/04/2026 02:00:00", "2026-04-04T15:00:00", True),
        ("05/04/2026 02:59:59", "2026-04-04T15:59:59", True),
        ("05/04/2026 03:00:00", "2026-04-04T17:00:00", False),
        # clocks go forward on 4 October 2026 at 02:00
        ("04/10/2026 01:59:59", "2026-10-03T15:59:59", False),
        ("04/10/2026 03:00:00", "2026-10-03T16:00:00", False),
    ],
)
def test_lead_mapper_reads_sydney_time(text, utc, is_ambiguous):
    draft = detail(CreatedDateTime=text)
    assert draft.created == text
    assert draft.created_at == datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert draft.is_created_ambiguous is is_ambiguous
    assert ("created_at" in warned(draft)) is is_ambiguous
    assert draft.archive["created_at"] == draft.created_at
    assert draft.archive["is_created_ambiguous"] is is_ambiguous


@pytest.mark.parametrize(
    "text",
    [
        "04/10/2026 02:00:00",
        "04/10/2026 02:59:59",
        "31/02/2026 10:00:00",
        "01/13/2026 10:00:00",
        "01/01/2026 24:00:00",
        "01/01/0001 00:00:00",
        "2026-03-07",
        "yesterday",
    ],
)
def test_lead_mapper_has_no_moment_that_never_was(text):
    draft = detail(CreatedDateTime=text)
    assert (draft.created_at, draft.is_created_ambiguous) == (None, False)
    assert draft.created == draft.archive["created_date_time"] == text
    assert "created_at" in warned(draft)


def test_skipped_and_unreadable_times_have_words_of_their_own():
    assert "skipped" in str(moment_of("04/10/2026 02:30:00").problem)
    assert "not a date" in str(moment_of("31/02/2026 02:30:00").problem)


# -- There and back (row 124) ----------------------------------------------------------------------


def _text(most: int) -> st.SearchStrategy[str]:
    letters = st.characters(exclude_categories=("Cs",), exclude_characters="\0")
    return st.text(letters, min_size=1, max_size=most).map(str.strip).filter(bool)


def _of(*chosen: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(chosen)


LEADS = st.fixed_dictionaries(
    {
        "vehicle_make": _text(100),
        "vehicle_model": _text(50),
        "vehicle_year": st.integers(1900, 2100),
        "vehicle_type": _of(*words.VEHICLE_TYPES),
        "is_vehicle_new": st.booleans(),
        "interest": _of(*words.INTERESTS),
    },
    optional={
        "stock_number": _text(20),
        "vehicle_price_cents": st.integers(0, 2**31 - 1),
        "message": _text(3000),
        "page_url": _text(400),
        "finance_status": _of(*words.FINANCE_STATUSES),
        "rating": _of(*words.RATINGS),
    },
)
CUSTOMERS = st.fixed_dictionaries(
    {"name": _text(100), "email": _text(100)},
    optional={
        "address": _text(200),
        "city": _text(50),
        "state": _text(50),
        "post_code": _text(10),
        "fax": _text(20),
        "phone": _text(20),
        "mobile": _text(20),
    },
)


def _told(body: bytes) -> bytes:
    """What GetLeadDetail says of a created lead: flat, with null or "" where nothing was given."""
    sent = json.loads(body, parse_float=Decimal)
    customer = sent.pop("LeadCustomer")
    told = dict.fromkeys(lead_wire.DETAIL_NAMES.values()) | dict.fromkeys(
        (f"Customer{name}" for name in vendor.CUSTOMER if name != "CustomerNo"), ""
    )
    told |= {name: value for name, value in sent.items() if not name.startswith("Account")}
    told |= {f"Customer{name}": value for name, value in customer.items()}
    price = sent.get("VehiclePrice")
    told |= {"LeadNumber": "000017", "CustomerNo": "00087", "Code": 0}
    text = json.dumps(told | {"VehiclePrice": "PRICE"})
    return text.replace('"PRICE"', "null" if price is None else f"{Decimal(price):.4f}").encode()


@given(lead=LEADS, customer=CUSTOMERS, ref=_text(50))
def test_lead_mapper_there_and_back_keeps_every_shared_field(lead, customer, ref):
    fields = EasyCarsLeadMapper().to_create(lead, customer, ref)
    body = lead_wire.LeadRequest(Secret("a"), Secret("b"), fields).body()
    vendor.check(json.loads(body, parse_float=Decimal), vendor.CREATE_LEAD)
    draft = EasyCarsLeadMapper().from_detail(_told(body))
    assert (draft.lead, draft.customer, draft.external_ref) == (lead, customer, ref)
    assert not draft.warnings
    assert as_sent(lead, customer) == (lead, customer)


def test_lead_mapper_tells_what_easycars_has_after_a_cut():
    """What is compared later is what was sent, or a cut text would look like their change."""
    lead = LEAD | {
        "vehicle_model": "m" * 60,
        "stock_number": "1" * 30,
        "message": " hi ",
        "rating": None,
        "status": "won",
        "vehicle_year": 1700,
        "unheard_of": 1,
    }
    customer = {"name": "n" * 150, "phone": "1" * 30, "email": None, "city": ""}
    mine, person = as_sent(lead, customer)
    assert mine == {
        "vehicle_make": "Mazda",
        "vehicle_model": "m" * 50,
        "vehicle_type": "car",
        "is_vehicle_new": False,
        "interest": "buy",
        "message": "hi",
        "status": "won",
    }
    assert person == {"name": "n" * 100}


# -- Quotations ------------------------------------------------------------------------------------

QUOTE: dict[str, Any] = {
    "yard_code": "100",
    "vehicle_make": "Mazda",
    "vehicle_model": "CX-5",
    "vehicle_type": "car",
    "vehicle_year": 2021,
    "is_vehicle_new": False,
    "quote_date": "2026-03-07",
    "base_price_cents": 2900000,
    "selling_price_cents": 3199050,
    "rego_state": "NSW",
    "customer": CUSTOMER,
}


def quote_problems(**changes: Any) -> dict[str, str]:
    with pytest.raises(CannotBeSent) as caught:
        quotation.write_quotation(QUOTE | changes)
    assert caught.value.user_message.startswith("The quotation cannot be sent: ")
    return caught.value.fields


def test_a_least_quotation_is_written_and_nothing_else():
    assert quotation.write_quotation(
        QUOTE | {"finance_company": {}, "receipts": [{}], "extras": None, "second_customer": None}
    ).keys() == {
        "YardCode", "VehicleMake", "VehicleModel", "VehicleType", "VehicleYear", "IsVehicleNew",
        "QuoteDate", "BasePrice", "SellingPrice", "RegoState", "QuotationCustomer1",
    }  # fmt: skip


@pytest.mark.parametrize("name", [name for name in QUOTE if name != "customer"])
def test_a_quotation_names_each_missing_field(name):
    assert quote_problems(**{name: None}).keys() == {name}


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"customer": None}, {"customer.name", "customer.email"}),
        ({"second_customer": {"name": "Alex"}}, {"second_customer.email"}),
        ({"finance_company": {"name": "Bank"}}, {"finance_company.abn"}),
        (
            {"receipts": [{}, {"amount_cents": 1}]},
            {"receipts.1.receive_date", "receipts.1.payment_method"},
        ),
        (
            {"trade_ins": [{"allowance_cents": 0, "make": "Toyota"}]},
            {"trade_ins.0.model", "trade_ins.0.vehicle_type", "trade_ins.0.vehicle_year"},
        ),
        ({"extras": [{"amount_cents": 1, "extra_type": "tip"}]}, {"extras.0.extra_type"}),
        ({"rego_state": "N.S.W"}, {"rego_state"}),
        ({"badge": "b" * 66}, {"badge"}),
        ({"customer": {**CUSTOMER, "city": "c" * 51}}, {"customer.city"}),
        ({"quote_date": "07/03/2026"}, {"quote_date"}),
        ({"quote_date": 7}, {"quote_date"}),
        ({"tax_rate": "10"}, {"tax_rate"}),
        ({"tax_rate": "ten"}, {"tax_rate"}),
        ({"tax_rate": "NaN"}, {"tax_rate"}),
        ({"base_price_cents": -1}, {"base_price_cents"}),
    ],
)
def test_a_quotation_is_checked_at_its_fields(changes, fields):
    """A person can shorten a text, so nothing is cut."""
    assert quote_problems(**changes).keys() == fields


@pytest.mark.parametrize(("number", "word"), [
    (1, "cash"), (2, "credit_card"), (3, "cheque"), (4, "bank_transfer"), (5, "bpay"),
    (6, "eftpos"), (9, "other"),
])  # fmt: skip
def test_quotation_payment_methods(number, word):
    receipt = {"amount_cents": 1, "receive_date": "2026-03-07", "payment_method": word}
    row = quotation.write_quotation(QUOTE | {"receipts": [receipt]})["QuotationReceipts"][0]
    assert row == {"Amount": Decimal("0.01"), "ReceiveDate": "07/03/2026", "PaymentMethod": number}


@pytest.mark.parametrize(("number", "word"), [
    (1, "extra"), (4, "registration"), (5, "ctp"), (6, "stamp_duty"), (7, "lct"),
    (8, "dealer_delivery"), (9, "extended_warranty"),
])  # fmt: skip
def test_quotation_extra_types(number, word):
    extra = {"amount_cents": 100, "extra_type": word}
    row = quotation.write_quotation(QUOTE | {"extras": [extra]})["QuotationExtras"][0]
    assert row == {"Amount": Decimal(1), "ExtraType": number}
