"""Quotations on their way to EasyCars: never made twice by themselves (easycars-api §7a)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from app.db import reading, unit_of_work
from app.models import AuditEvent, Lead, LeadEvent, Quotation
from app.parts import parts
from app.services.errors import CannotBeSent, InputInvalid, NotPossible, ProviderUnavailable
from app.services.leads import quotation_form, quotations, saving
from app.services.providers.easycars.lead_api import LeadApi
from tests.factories import ACTOR
from tests.services.leads.rig import Desk

pytestmark = [pytest.mark.simulator, pytest.mark.usefixtures("any_database")]
EXTRA = {"extra_type": "dealer_delivery", "amount_cents": 150_000, "is_price_included": False}
TRADE_IN = {
    "allowance_cents": 800_000, "make": "Kia", "model": "Rio", "vehicle_type": "car",
    "vehicle_year": 2012, "finance_payout_cents": 100_000,
}  # fmt: skip
RECEIPT = {"amount_cents": 50_000, "receive_date": "2026-11-18", "payment_method": "eftpos"}
CUTS = ("reset-after-processing", "timeout-after-processing", "http-500-after-processing")


@pytest.fixture
def lead(desk: Desk) -> Lead:
    return desk.save()


def content(desk: Desk, lead: Lead, **values: Any) -> dict[str, Any]:
    with reading(desk.place.id) as db:
        found = saving.get(db, lead.id)
        filled = quotation_form.filled_in(found, found.vehicle, date(2026, 11, 18))
        person = quotation_form.customer_of(found.customer)
    return filled | {"yard_code": "Y1", "rego_state": "NSW", "customer": person} | values


def send(desk: Desk, lead: Lead, **values: Any) -> Quotation:
    with unit_of_work(desk.place.id) as db:
        return quotations.send(
            db, lead.id, content(desk, lead, **values), actor=ACTOR, means=desk.means
        )


def got(desk: Desk) -> Quotation:
    (found,) = desk.rows(Quotation)
    return found  # type: ignore[no-any-return]


def there(desk: Desk) -> list[dict[str, Any]]:
    return desk.simulator.leads(account=desk.account)["quotations"]


def story(desk: Desk) -> list[str]:
    return [str(event.text) for event in desk.rows(LeadEvent) if event.kind == "quoted"]


def cut(desk: Desk, how: str) -> None:
    made = parts()
    made.outside.settings = replace(made.outside.settings, easycars_timeout=0.25)
    desk.simulator.scenario(how, account=desk.account, endpoint="CreateQuotation", count=1)


def test_it_is_made_once_under_the_lead_and_its_number_is_told(desk: Desk, lead: Lead) -> None:
    """Both are saved while EasyCars has neither; the lane keeps their order."""
    send(desk, lead, extras=[EXTRA], trade_ins=[TRADE_IN], receipts=[RECEIPT])
    assert there(desk) == []
    for _ in range(2):
        desk.send()
    (quote,) = there(desk)
    made, known = got(desk), desk.get(lead)
    assert (made.state, made.quote_number) == ("sent", quote["QuoteNumber"])
    assert (quote["LeadNumber"], quote["QuotationCustomer1"]) == (
        known.lead_number, {"CustomerNo": known.customer_no},
    )  # fmt: skip
    assert (quote["BasePrice"], quote["SellingPrice"], quote["QuoteDate"]) == (
        31990, 31990, "18/11/2026",
    )  # fmt: skip
    assert quote["QuotationExtras"][0]["ExtraType"] == 8
    assert quote["QuotationTradeins"][0]["FinancePayout"] == 1000
    assert quote["QuotationReceipts"][0]["PaymentMethod"] == 6
    assert story(desk) == ["Made here, to be sent.", f"Number {made.quote_number}."]


@pytest.mark.parametrize("how", CUTS)
def test_a_lost_answer_is_never_sent_again_by_itself(desk: Desk, lead: Lead, how: str) -> None:
    desk.send()
    send(desk, lead)
    cut(desk, how)
    for _ in range(3):
        desk.send()
        desk.clock.pass_(600)
    assert (got(desk).state, len(there(desk))) == ("unconfirmed", 1)
    assert "may be there" in str(got(desk).message)


class _Killed(BaseException):
    """kill -9: nothing after it is done."""


def test_a_killed_worker_leaves_a_question_not_a_second_quotation(
    desk: Desk, lead: Lead, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, calls = send(desk, lead), []

    def killed(_api: LeadApi, content: Any) -> Any:
        calls.append(content)
        raise _Killed

    monkeypatch.setattr(LeadApi, "quote", killed)
    with pytest.raises(_Killed):
        desk.send()
    assert (got(desk).state, got(desk).began_at) == ("waiting", desk.clock.now())
    desk.clock.pass_(600)
    desk.send()
    assert (got(desk).id, got(desk).state, len(calls)) == (made.id, "unconfirmed", 1)


def test_while_easycars_takes_no_more_it_waits_and_goes_later(desk: Desk, lead: Lead) -> None:
    desk.send()
    send(desk, lead)
    desk.simulator.scenario("http-429", account=desk.account, endpoint="CreateQuotation")
    desk.send()
    assert (got(desk).state, got(desk).began_at) == ("waiting", None)
    assert got(desk).message
    desk.simulator.normal()
    desk.clock.pass_(60)
    desk.send()
    assert (got(desk).state, got(desk).message, len(there(desk))) == ("sent", None, 1)


def test_what_easycars_refuses_is_said_and_the_lane_goes_on(desk: Desk, lead: Lead) -> None:
    desk.send()
    send(desk, lead)
    later = desk.save(email="mei@example.com", mobile=None)
    desk.simulator.scenario("code-7", account=desk.account, endpoint="CreateQuotation")
    desk.send()
    assert got(desk).state == "failed"
    assert got(desk).message
    assert desk.get(later).sync_state == "sent"
    assert story(desk)[-1].startswith("Not sent.")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"yard_code": None}, "yard_code"),
        ({"extras": [EXTRA, EXTRA | {"amount_cents": None}]}, "extras.1.amount_cents"),
        ({"trade_ins": [TRADE_IN | {"model": "x" * 51}]}, "trade_ins.0.model"),
    ],
)
def test_it_is_checked_before_anything_is_kept(
    desk: Desk, lead: Lead, values: dict[str, Any], field: str
) -> None:
    with pytest.raises(CannotBeSent) as refused:
        send(desk, lead, **values)
    assert set(refused.value.fields) == {field}
    assert desk.rows(Quotation) == []


def unconfirmed(desk: Desk, lead: Lead) -> Quotation:
    desk.send()
    send(desk, lead)
    cut(desk, CUTS[0])
    desk.send()
    return got(desk)


def test_a_person_who_found_it_enters_its_number(desk: Desk, lead: Lead) -> None:
    made = unconfirmed(desk, lead)
    for typed in (" ", "9" * 21):
        with unit_of_work(desk.place.id) as db, pytest.raises(InputInvalid) as refused:
            quotations.is_there(db, made.id, typed, actor=ACTOR, means=desk.means)
        assert set(refused.value.fields) == {"quote_number"}
    with unit_of_work(desk.place.id) as db:
        quotations.is_there(db, made.id, " 000017 ", actor=ACTOR, means=desk.means)
    assert (got(desk).state, got(desk).quote_number) == ("sent", "000017")
    with unit_of_work(desk.place.id) as db, pytest.raises(NotPossible):
        quotations.is_there(db, made.id, "000018", actor=ACTOR, means=desk.means)
    assert "quotation.confirm" in [one.action for one in desk.rows(AuditEvent)]


def test_a_person_may_send_it_again_but_not_twice(desk: Desk, lead: Lead) -> None:
    made = unconfirmed(desk, lead)
    desk.clock.pass_(60)
    with unit_of_work(desk.place.id) as db:
        quotations.send_again(db, made.id, actor=ACTOR, means=desk.means)
    for _ in range(2):
        with unit_of_work(desk.place.id) as db, pytest.raises(NotPossible):
            quotations.send_again(db, made.id, actor=ACTOR, means=desk.means)
        desk.send()
    assert (got(desk).state, got(desk).quote_number) == ("sent", "000002")
    assert len(there(desk)) == 2


def test_sums_are_plain_and_leave_out_what_the_price_includes() -> None:
    found = quotation_form.totals(
        {
            "selling_price_cents": 3_000_000,
            "discount_cents": 99,
            "extras": [EXTRA, EXTRA | {"is_price_included": True}, {}],
            "trade_ins": [TRADE_IN],
            "receipts": [RECEIPT, RECEIPT],
        }
    )
    assert (found.extras, found.allowances, found.payouts, found.receipts) == (
        150_000, 800_000, 100_000, 100_000,
    )  # fmt: skip
    assert found.to_pay == 3_000_000 + 150_000 - 800_000 + 100_000 - 100_000
    assert quotation_form.totals({}).to_pay is None


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("selling_price_cents", "31,990.50", 3_199_050),
        ("selling_price_cents", "cheap", None),
        ("tax_rate", "10", "0.1"),
        ("tax_rate", "101", None),
        ("quote_date", "2026-11-18", "2026-11-18"),
        ("quote_date", "18/11/2026", None),
        ("vehicle_year", "2021", 2021),
        ("vehicle_type", "spaceship", None),
        ("is_vehicle_new", "no", False),
        ("extras.2.amount_cents", "5", 500),
        ("trade_ins.0.odometer", "84,210", 84_210),
    ],
)
def test_what_is_typed_is_read_or_refused_at_its_field(name: str, typed: str, value: Any) -> None:
    content, errors = quotation_form.read({name: typed})
    assert set(errors) == (set() if value is not None else {name})
    if value is None:
        return
    *where, field = name.split(".")
    found = content[where[0]][int(where[1])] if where else content
    assert found[field] == value
    texts = quotation_form.as_texts(content)
    again, _ = quotation_form.read(texts)
    assert quotation_form.without_empty_rows(again) == quotation_form.without_empty_rows(content)


def test_unavailable_is_left_to_the_lane(desk: Desk, lead: Lead) -> None:
    made = send(desk, lead)

    class Down:
        def quote(self, _content: Any) -> Any:
            raise ProviderUnavailable("EasyCars does not answer.")

    with pytest.raises(ProviderUnavailable):
        quotations.deliver(Down(), desk.place.id, made.id, desk.clock)  # type: ignore[arg-type]
    assert (got(desk).state, got(desk).began_at) == ("waiting", None)
