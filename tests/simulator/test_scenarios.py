"""Every scenario does what its line in the list says, over a real socket."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.simulator import SCENARIOS, account_number, account_secret, running_simulator
from app.simulator.easycars.dirt import DEFECTS
from app.simulator.scenario_list import NORMAL
from tests.simulator.caller import LEADS, STOCK, Caller

LIST = "GetAdvertisementStocks"
LEAD = {
    "VehicleMake": "Mazda",
    "VehicleModel": "CX-5",
    "VehicleType": 1,
    "VehicleYear": 2021,
    "IsVehicleNew": False,
    "VehicleInterest": 4,
    "LeadCustomer": {"Name": "Robin Example", "Email": "robin@example.com"},
}


def on(caller: Caller, name: str, **options: Any) -> None:
    """Get a token while all is well, then switch the scenario on."""
    caller.token(STOCK)
    caller.token(LEADS)
    caller.simulator.scenario(name, **options)


def test_refused_client(caller: Caller) -> None:
    on(caller, "refused-client")
    assert caller.request_token()["Code"] == 1
    assert caller.stocks()["Code"] == 0


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("refused-account", 1),
        ("expired-token", 1),
        ("code-5-empty", 5),
        ("code-7", 7),
        ("code-9", 9),
        ("code-42", 42),
    ],
)
def test_codes_come_alone_with_http_200(caller: Caller, name: str, code: int) -> None:
    on(caller, name)
    answer = caller.send(STOCK, LIST)
    assert answer.status_code == 200
    assert list(answer.json()) == ["Code", "ErrorMessage"]
    assert answer.json()["Code"] == code
    assert answer.json()["ErrorMessage"]
    assert caller.request_token()["Code"] == 0


def test_code_5_comes_with_the_payload(caller: Caller) -> None:
    on(caller, "code-5")
    answer = caller.stocks()
    assert (answer["Code"], len(answer["StockList"])) == (5, 100)


def test_token_expires_early(caller: Caller) -> None:
    on(caller, "token-expires-early", value=0.3)
    fresh = caller.request_token()["Token"]
    assert caller.stocks(token=fresh)["Code"] == 0
    time.sleep(0.4)
    assert caller.stocks(token=fresh)["Code"] == 1


def test_slow(caller: Caller) -> None:
    on(caller, "slow", value=0.4)
    started = time.monotonic()
    assert caller.stocks()["Code"] == 0
    assert 0.4 <= time.monotonic() - started < 3


@pytest.mark.parametrize("name", ["never-answers", "timeout-after-processing"])
def test_no_answer_comes(caller: Caller, name: str) -> None:
    on(caller, name)
    caller.http.timeout = httpx.Timeout(0.5)
    with pytest.raises(httpx.ReadTimeout):
        caller.send(LEADS, "CreateLead", **LEAD)
    done = len(caller.simulator.leads()["leads"])
    assert done == (1 if name == "timeout-after-processing" else 0)


def test_a_held_call_ends_when_the_scenario_does(caller: Caller) -> None:
    on(caller, "never-answers")
    timer = threading.Timer(0.3, caller.simulator.normal)
    timer.start()
    started = time.monotonic()
    with pytest.raises(httpx.TransportError):
        caller.stocks()
    timer.join()
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("name", "status", "retry_after"),
    [
        ("http-500", 500, None),
        ("http-503", 503, "7"),
        ("http-429", 429, "7"),
        ("html-error", 200, None),
    ],
)
def test_http_errors_are_html_and_concern_tokens_too(
    caller: Caller, name: str, status: int, retry_after: str | None
) -> None:
    on(caller, name, value=7)
    for answer in (
        caller.send(STOCK, LIST),
        caller.http.post(f"{caller.simulator.test_base_url}/{STOCK}/RequestToken"),
    ):
        assert answer.status_code == status
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.headers.get("retry-after") == retry_after


def test_connection_reset_does_nothing(caller: Caller) -> None:
    on(caller, "connection-reset")
    with pytest.raises(httpx.ReadError):
        caller.send(LEADS, "CreateLead", **LEAD)
    assert caller.simulator.leads()["leads"] == []


def test_reset_after_processing_leaves_the_lead(caller: Caller) -> None:
    on(caller, "reset-after-processing", endpoint="CreateLead")
    with pytest.raises(httpx.ReadError):
        caller.send(LEADS, "CreateLead", **LEAD)
    assert len(caller.simulator.leads()["leads"]) == 1
    assert caller.stocks()["Code"] == 0
    assert caller.simulator.calls()["recent"][-2]["status"] == 0


def test_http_500_after_processing_leaves_the_lead(caller: Caller) -> None:
    on(caller, "http-500-after-processing")
    assert caller.send(LEADS, "CreateLead", **LEAD).status_code == 500
    assert len(caller.simulator.leads()["leads"]) == 1


@pytest.mark.parametrize("name", ["malformed-json", "truncated-json", "empty-body"])
def test_unreadable_answers(caller: Caller, name: str) -> None:
    on(caller, name)
    answer = caller.send(STOCK, LIST)
    assert answer.status_code == 200
    assert (answer.content == b"") == (name == "empty-body")
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_truncated_breaks_off(caller: Caller) -> None:
    on(caller, "truncated")
    with pytest.raises(httpx.RemoteProtocolError, match="complete"):
        caller.stocks()


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("wrong-envelope", ["StockList", "ErrorMessage"]),
        ("wrong-envelope-return-code", ["StockList", "ReturnCode", "ErrorMsg"]),
        ("wrong-envelope-other-list", ["Response", "Code", "ErrorMessage"]),
    ],
)
def test_wrong_envelopes(caller: Caller, name: str, names: list[str]) -> None:
    on(caller, name)
    assert list(caller.stocks()) == names


def number_of(row: Any) -> Any:
    return row.get("StockNumber") if isinstance(row, dict) else None


def differing(before: list[Any], after: list[Any], field: str) -> list[tuple[Any, Any]]:
    """(old, new) of the rows that differ; asserts that nothing but `field` does."""
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert all(b == a | {field: b[field]} for a, b in changed)
    return [(a[field], b[field]) for a, b in changed]


@pytest.mark.parametrize(
    ("name", "field", "share", "holds"),
    [
        ("changed-prices", "Price", 10, lambda old, new: new == old - 250),
        ("price-zero", "Price", 5, lambda old, new: new == 0),
        ("price-drop", "Price", 5, lambda old, new: new < old * 0.45),
        ("odometer-falling", "Odometer", 5, lambda old, new: new < old / 2),
    ],
)
def test_part_of_the_values_change(
    caller: Caller, name: str, field: str, share: int, holds: Callable[[Any, Any], bool]
) -> None:
    before = caller.rows()
    filled = sum(row[field] is not None for row in before)
    on(caller, name)
    pairs = differing(before, caller.rows(), field)
    assert len(pairs) == round(filled * share / 100)
    assert all(holds(old, new) for old, new in pairs)
    caller.simulator.normal()
    assert caller.rows() == before


def test_lists_that_shrink_or_vanish(caller: Caller) -> None:
    before = caller.rows()
    on(caller, "shrinking-feed")
    assert caller.rows() == before[:60]
    on(caller, "shrinking-feed", value=25)
    assert caller.rows() == before[:25]
    on(caller, "empty-list")
    assert caller.stocks() == {"StockList": [], "Code": 0, "ErrorMessage": None}
    on(caller, "other-yard")
    others = caller.rows()
    assert {row["YardCode"] for row in others} == {"300"}
    assert not {number_of(row) for row in others} & {number_of(row) for row in before}


def test_sold_cars_are_half_marked_and_half_gone(caller: Caller) -> None:
    before = caller.rows()
    on(caller, "sold-cars")
    after = {number_of(row): row for row in caller.rows()}
    assert len(before) - len(after) == 5
    marked = [row for row in before if number_of(row) in after and row != after[number_of(row)]]
    assert 1 <= len(marked) <= 5
    assert {after[number_of(row)]["StockStatus"] for row in marked} == {"Sold"}


def test_dirty_rows_bring_every_defect(caller: Caller) -> None:
    before = caller.rows()
    on(caller, "dirty-rows")
    after = caller.rows()
    dirty = [row for old, row in zip(before, after, strict=True) if old != row]
    numbers = [number_of(row) for row in after]
    assert len(dirty) == len(DEFECTS) == 6
    assert None in numbers
    assert len(set(numbers)) == 99
    assert any(row["Price"] == "call us" for row in dirty)
    assert any(row["RegoExpiry"] == "31/02/2026" for row in dirty)
    assert any(row["StockType"] == "Z" for row in dirty)
    assert max(len(row["AdvDescription"]) for row in dirty) > 10_000_000


def test_dirty_rows_of_one_kind(caller: Caller) -> None:
    on(caller, "dirty-rows", value=3, kinds=["missing-stock-number"])
    rows = caller.rows()
    assert (len(rows), sum("StockNumber" not in row for row in rows)) == (100, 3)


def test_bad_rows_cannot_be_identified(caller: Caller) -> None:
    before = caller.rows()
    on(caller, "bad-rows", value=5)
    bad = [new for old, new in zip(before, caller.rows(), strict=True) if old != new]
    assert len(bad) == 5
    assert all(not isinstance(row, dict) or not (number_of(row) or "").strip() for row in bad)


def test_spelling_differs_and_content_does_not(caller: Caller) -> None:
    plain = caller.send(STOCK, LIST)
    on(caller, "spelling-only")
    spelled = caller.send(STOCK, LIST)
    assert spelled.content != plain.content
    for old, new in zip(plain.json()["StockList"], spelled.json()["StockList"], strict=True):
        assert {n: fold(v) for n, v in new.items()} == {n: fold(v) for n, v in old.items()}


def fold(value: Any) -> Any:
    return (value.strip() or None) if isinstance(value, str) else value


def test_fields_can_be_unknown_or_missing(caller: Caller) -> None:
    before = caller.rows()
    on(caller, "unknown-fields")
    extra = caller.rows()
    assert all(
        set(row) - set(before[0]) == {"AncapRating", "Co2Emissions", "Dealer"} for row in extra
    )
    on(caller, "missing-fields")
    fewer = caller.rows()
    assert all(40 < len(row) < 60 and row["StockNumber"] for row in fewer)


def test_new_leads_come_in(caller: Caller) -> None:
    on(caller, "new-leads", value=2)
    numbers = [lead["LeadNumber"] for lead in caller.simulator.leads()["leads"]]
    assert numbers == ["000001", "000002"]
    assert caller.lead("GetLeadDetail", LeadNumber="000002")["CustomerName"]


def test_status_is_readable_only_when_asked_for(caller: Caller) -> None:
    number = caller.lead("CreateLead", **LEAD)["LeadNumber"]
    caller.lead("UpdateLead", LeadNumber=number, LeadStatus=50)
    assert "LeadStatus" not in caller.lead("GetLeadDetail", LeadNumber=number)
    on(caller, "status-readable")
    assert caller.lead("GetLeadDetail", LeadNumber=number)["LeadStatus"] == 50


def photo_of(caller: Caller, position: int = 0) -> str:
    url: str = caller.rows()[position]["ImageURLs"].split(",")[0]
    return url


def test_photo_faults(caller: Caller) -> None:
    url = photo_of(caller)
    on(caller, "photos-missing")
    assert caller.http.get(url).status_code == 404
    on(caller, "photos-html")
    page = caller.http.get(url)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    on(caller, "photos-truncated")
    with pytest.raises(httpx.RemoteProtocolError):
        caller.http.get(url)
    on(caller, "photos-slow", value=0.3)
    started = time.monotonic()
    assert caller.http.get(url).status_code == 200
    assert time.monotonic() - started >= 0.3
    assert caller.stocks()["Code"] == 0


def test_a_share_of_the_photos_is_missing_and_always_the_same(caller: Caller) -> None:
    caller.simulator.settings(photos="fast")
    urls = [url for row in caller.rows()[:20] for url in row["ImageURLs"].split(",")]
    on(caller, "photos-missing", value=30)
    first = [caller.http.get(url).status_code for url in urls]
    assert 0.15 < first.count(404) / len(first) < 0.45
    assert [caller.http.get(url).status_code for url in urls] == first


def test_a_scenario_can_be_limited_to_calls(caller: Caller) -> None:
    on(caller, "code-9", count=2)
    assert [caller.stocks()["Code"] for _ in range(3)] == [9, 9, 0]


def test_a_scenario_can_be_limited_to_an_endpoint(caller: Caller) -> None:
    on(caller, "code-9", endpoint="CreateLead")
    assert caller.stocks()["Code"] == 0
    assert caller.lead("CreateLead", **LEAD)["Code"] == 9
    on(caller, "http-500", endpoint="RequestToken")
    assert caller.stocks()["Code"] == 0


def test_a_scenario_can_be_limited_to_an_account(caller: Caller) -> None:
    other = account_number(5)
    pair = {"AccountNumber": other, "AccountSecret": account_secret(other)}
    on(caller, "code-7", account=other)
    on(caller, "code-5")
    assert caller.stocks()["Code"] == 5
    assert caller.stocks(**pair)["Code"] == 7


def test_a_simulator_can_start_in_a_scenario() -> None:
    with running_simulator(vehicles=3, scenario="code-9") as running, httpx.Client() as http:
        assert Caller(running, http).stocks()["Code"] == 9


def test_every_scenario_is_proven_here() -> None:
    source = "".join(one.read_text() for one in Path(__file__).parent.glob("test_*.py"))
    assert [name for name in SCENARIOS if name != NORMAL and f'"{name}"' not in source] == []
