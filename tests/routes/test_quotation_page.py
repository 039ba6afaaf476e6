"""A quotation from a lead: the form without script, the page, a person's decisions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import Dealership, EasyCarsCredential, Lead, OutboxMessage, Quotation
from tests import factories
from tests.factories import _saved
from tests.factories_leads import customer, sent_lead
from tests.factories_vehicles import NOON, vehicle
from tests.reading import words
from tests.routes.test_customers_pages import page
from tests.routes.vehicles_by_hand.conftest import SeparateClient, filled

pytestmark = pytest.mark.usefixtures("any_database")


@pytest.fixture
def place(app: Flask) -> Iterator[Dealership]:
    app.test_client_class = SeparateClient
    with app.app_context():
        made = factories.dealership(slug="harbour")
        _saved(
            EasyCarsCredential(
                dealership_id=made.id,
                account_number_encrypted="x",
                account_secret_encrypted="x",
                environment="Test",
            )
        )
        yield made


@pytest.fixture
def operator(app: Flask, place: Dealership) -> FlaskClient:
    return factories.sign_in(app.test_client(), factories.member(place, "operator"))


@pytest.fixture
def viewer(app: Flask, place: Dealership) -> FlaskClient:
    return factories.sign_in(app.test_client(), factories.member(place, "viewer"))


@pytest.fixture
def lead(place: Dealership) -> Lead:
    car = vehicle(place, yard_code="Y1", badge="SR5", rego_state="NSW", colour="Red")
    return sent_lead(
        place, customer=customer(place, name="Robin Walker"), vehicle_id=car.id,
        vehicle_make="Toyota", vehicle_model="Hilux", vehicle_year=2019, vehicle_type="car",
        is_vehicle_new=False,
        vehicle_price_cents=3_899_000,
    )  # fmt: skip


def form(client: FlaskClient, lead: Lead, **typed: str) -> dict[str, str]:
    return retyped(page(client, address(lead)), **typed)


def retyped(html: str, **typed: str) -> dict[str, str]:
    """What the form on a page sends after some fields were typed over."""
    return {name: sent[0] for name, sent in filled(html, "quotation-form", **typed).items()}


def address(lead: Lead) -> str:
    return f"/d/harbour/leads/{lead.id}/quotation"


def rows(place: Dealership, model: Any) -> list[Any]:
    with reading(place.id) as session:
        return list(session.scalars(select(model)))


def made(place: Dealership, lead: Lead, **values: Any) -> Quotation:
    defaults = {
        "content": {"selling_price_cents": 3_899_000, "vehicle_type": "car"},
        "actor": "pat@example.com",
        "created_at": NOON,
    }
    return _saved(Quotation(dealership_id=place.id, lead_id=lead.id, **(defaults | values)))  # type: ignore[no-any-return]


def test_the_form_is_filled_in_from_lead_and_vehicle_and_sent(
    place: Dealership, operator: FlaskClient, lead: Lead
) -> None:
    sent = form(operator, lead, selling_price_cents="38,000", act="send")
    assert (sent["base_price_cents"], sent["yard_code"], sent["badge"], sent["rego_state"]) == (
        "38,990.00", "Y1", "SR5", "NSW",
    )  # fmt: skip
    answer = operator.post(address(lead), data=sent)
    (quotation,) = rows(place, Quotation)
    assert (answer.status_code, answer.location) == (303, f"/d/harbour/quotations/{quotation.id}")
    assert (quotation.state, quotation.content["selling_price_cents"]) == ("waiting", 3_800_000)
    (message,) = rows(place, OutboxMessage)
    assert (message.kind, message.lane, message.payload) == (
        "quotation", "easycars-leads", {"quotation": quotation.id},
    )  # fmt: skip
    text = words(page(operator, answer.location))
    for said in ("Waiting to send", "$38,000", "Toyota", "Used", "Car"):
        assert said in text
    assert "Quotation without a number" in words(page(operator, f"/d/harbour/leads/{lead.id}"))


def test_a_row_is_added_without_script_and_nothing_typed_is_lost(
    place: Dealership, operator: FlaskClient, lead: Lead
) -> None:
    sent = form(operator, lead, selling_price_cents="38,000", colour="Blue <&>", act="add-extras")
    first = operator.post(address(lead), data=sent)
    assert (first.status_code, first.text.count('data-testid="extras-row"')) == (200, 1)
    typed = {"extras.0.extra_type": "dealer_delivery", "extras.0.amount_cents": "1,500"}
    sent = retyped(first.text, act="add-extras", **typed)
    assert (sent["colour"], sent["selling_price_cents"]) == ("Blue <&>", "38,000")
    second = operator.post(address(lead), data=sent)
    assert second.text.count('data-testid="extras-row"') == 2
    assert "$39,500" in words(second.text)
    sent = retyped(second.text, act="send")
    assert operator.post(address(lead), data=sent).status_code == 303
    (quotation,) = rows(place, Quotation)
    assert quotation.content["extras"] == [
        {"extra_type": "dealer_delivery", "amount_cents": 150_000, "is_price_included": False}
    ]


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"selling_price_cents": "a lot"}, "selling_price_cents"),
        ({"yard_code": ""}, "yard_code"),
        ({"receipts.0.amount_cents": "500"}, "receipts.0.payment_method"),
        ({"special_conditions": "x" * 1001}, "special_conditions"),
    ],
)
def test_every_problem_is_at_its_field(
    place: Dealership, operator: FlaskClient, lead: Lead, typed: dict[str, str], field: str
) -> None:
    opened = operator.post(address(lead), data=form(operator, lead, act="add-receipts")).text
    sent = retyped(opened, act="send", **typed)
    answer = operator.post(address(lead), data=sent)
    assert answer.status_code == 422
    assert f'id="f-{field}-error"' in answer.text
    again = retyped(answer.text, act="send")
    assert {name: again[name] for name in typed} == typed
    assert rows(place, Quotation) == []


def test_without_a_connection_it_is_kept_and_said(
    place: Dealership, operator: FlaskClient, lead: Lead
) -> None:
    with unit_of_work(place.id) as session:
        session.delete(session.scalars(select(EasyCarsCredential)).one())
    answer = operator.post(address(lead), data=form(operator, lead, act="send"))
    assert "EasyCars is not connected" in words(page(operator, answer.location))
    assert [one.state for one in rows(place, Quotation)] == ["failed"]


def test_an_unconfirmed_one_asks_a_person(
    place: Dealership, operator: FlaskClient, viewer: FlaskClient, lead: Lead
) -> None:
    quotation = made(place, lead, state="unconfirmed", message="The connection broke.")
    where = f"/d/harbour/quotations/{quotation.id}"
    seen = words(page(viewer, where))
    assert "Sent, not confirmed" in seen
    assert "It is there" not in seen
    assert viewer.post(f"{where}/send").status_code == 403
    wrong = operator.post(f"{where}/found", data={"quote_number": "9" * 21})
    assert (wrong.status_code, 'id="f-quote_number-error"' in wrong.text) == (422, True)
    assert "9" * 21 in wrong.text
    assert operator.post(f"{where}/found", data={"quote_number": "000017"}).status_code == 303
    text = words(page(operator, where))
    assert "Quotation 000017" in text
    assert "Send again" not in text
    assert operator.post(f"{where}/send").status_code == 303
    assert rows(place, OutboxMessage) == []


@pytest.mark.parametrize("state", ["failed", "unconfirmed", "waiting"])
def test_one_that_is_not_on_its_way_can_be_sent_again(
    place: Dealership, operator: FlaskClient, lead: Lead, state: str
) -> None:
    """A waiting one without a message: the connection was removed while it waited."""
    quotation = made(place, lead, state=state)
    where = f"/d/harbour/quotations/{quotation.id}"
    assert "Send again" in words(page(operator, where))
    operator.post(f"{where}/send")
    assert [row.payload for row in rows(place, OutboxMessage)] == [{"quotation": quotation.id}]
    assert "Send again" not in words(page(operator, where))
