"""Calls of the Lead API cut off before and after the work: what is there, what the caller sees."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.simulator.caller import LEADS, Caller
from tests.simulator.test_leads import LEAD, QUOTE

CUTS = [
    # scenario, the work is done, the caller sees
    ("connection-reset", False, "reset"),
    ("reset-after-processing", True, "reset"),
    ("never-answers", False, "silence"),
    ("timeout-after-processing", True, "silence"),
    ("http-500", False, "500"),
    ("http-500-after-processing", True, "500"),
    ("code-9", False, "code 9"),
    ("code-9-after-processing", True, "code 9"),
    ("truncated-before-processing", False, "half"),
    ("truncated", True, "half"),
    ("truncated-json", True, "no JSON"),
    ("malformed-json", True, "no JSON"),
    ("empty-body", True, "no JSON"),
]


def seen(call: Callable[[], httpx.Response]) -> str:
    """What the caller can say about the end of its call."""
    try:
        answer = call()
    except httpx.ReadTimeout:
        return "silence"
    except httpx.ReadError:
        return "reset"
    except httpx.RemoteProtocolError:
        return "half"
    if answer.status_code != 200:
        return str(answer.status_code)
    try:
        return f"code {answer.json()['Code']}"
    except ValueError:
        return "no JSON"


def cut(caller: Caller, name: str, endpoint: str, **body: Any) -> str:
    """One call of `endpoint` with the scenario on for one such call only."""
    caller.token(LEADS)
    caller.simulator.scenario(name, endpoint=endpoint, count=1)
    caller.http.timeout = httpx.Timeout(0.15)
    try:
        return seen(lambda: caller.send(LEADS, endpoint, **body))
    finally:
        caller.http.timeout = httpx.Timeout(10)


def lead(caller: Caller) -> dict[str, Any]:
    only: dict[str, Any] = caller.simulator.leads()["leads"][0]
    return only


@pytest.mark.parametrize(("name", "done", "sight"), CUTS, ids=[row[0] for row in CUTS])
def test_a_create_that_is_cut_off(caller: Caller, name: str, done: bool, sight: str) -> None:
    """The caller sees the same before and after; the next create is carried out and answered."""
    assert cut(caller, name, "CreateLead", **LEAD) == sight
    assert len(caller.simulator.leads()["leads"]) == int(done)
    assert caller.simulator.state()["active"] == []
    assert caller.lead("CreateLead", **LEAD)["LeadNumber"] == f"{done + 1:06d}"


@pytest.mark.parametrize(("name", "done", "sight"), CUTS, ids=[row[0] for row in CUTS])
def test_an_update_that_is_cut_off(caller: Caller, name: str, done: bool, sight: str) -> None:
    number = caller.lead("CreateLead", **LEAD)["LeadNumber"]
    assert cut(caller, name, "UpdateLead", LeadNumber=number, LeadStatus=30) == sight
    assert (lead(caller)["LeadStatus"], lead(caller)["updates"]) == ((30, 1) if done else (10, 0))


@pytest.mark.parametrize(("name", "done", "sight"), CUTS, ids=[row[0] for row in CUTS])
def test_a_quotation_that_is_cut_off(caller: Caller, name: str, done: bool, sight: str) -> None:
    assert cut(caller, name, "CreateQuotation", **QUOTE) == sight
    assert len(caller.simulator.leads()["quotations"]) == int(done)


@pytest.mark.parametrize(("endpoint", "field"), [("GetLeadDetail", "LeadNumber"),
                                                 ("SearchContacts", "Contacts")])  # fmt: skip
@pytest.mark.parametrize(("name", "sight"), [(name, sight) for name, _, sight in CUTS])
def test_a_reading_call_that_is_cut_off(
    caller: Caller, name: str, sight: str, endpoint: str, field: str
) -> None:
    number = caller.lead("CreateLead", **LEAD)["LeadNumber"]
    asked = {"LeadNumber": number, "Email": "robin@example.com"}
    assert cut(caller, name, endpoint, **asked) == sight
    assert caller.lead(endpoint, **asked)[field]


def test_a_cut_spares_other_calls_until_its_own_comes(caller: Caller) -> None:
    """Aimed at creates, it waits while tokens, searches and reads go through."""
    number = caller.lead("CreateLead", **LEAD)["LeadNumber"]
    caller.simulator.scenario("reset-after-processing", endpoint="CreateLead", count=2)
    assert caller.lead("SearchContacts", Email="robin@example.com")["Code"] == 0
    assert caller.lead("GetLeadDetail", LeadNumber=number)["Code"] == 0
    assert caller.request_token(LEADS)["Code"] == 0
    ends = [seen(lambda: caller.send(LEADS, "CreateLead", **LEAD)) for _ in range(3)]
    assert ends == ["reset", "reset", "code 0"]
    assert len(caller.simulator.leads()["leads"]) == 4
