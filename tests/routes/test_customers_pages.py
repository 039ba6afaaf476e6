"""The pages of customers: list, one, edit, fields kept here, duplicates, merge and unmerge."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import Customer, CustomerMerge, Dealership, Lead
from app.services.leads.fields import customer_values
from tests import factories
from tests.factories_leads import customer, lead
from tests.reading import words
from tests.routes.vehicles_by_hand.conftest import SeparateClient, filled

pytestmark = pytest.mark.usefixtures("any_database")
LIST = "/d/harbour/customers"


@pytest.fixture
def place(app: Flask) -> Iterator[Dealership]:
    app.test_client_class = SeparateClient
    with app.app_context():
        yield factories.dealership(slug="harbour")


@pytest.fixture
def operator(app: Flask, place: Dealership) -> FlaskClient:
    return factories.sign_in(app.test_client(), factories.member(place, "operator"))


@pytest.fixture
def viewer(app: Flask, place: Dealership) -> FlaskClient:
    return factories.sign_in(app.test_client(), factories.member(place, "viewer"))


@pytest.fixture
def twins(place: Dealership) -> tuple[Customer, Customer]:
    one = customer(place, name="Robin Walker", email="robin@example.com", mobile="0400 111 222")
    other = customer(
        place, name="R. Walker", email="robin@example.com", mobile="0400 333 444", city="Perth"
    )
    lead(place, customer=other)
    return one, other


def page(client: FlaskClient, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    assert answer.text.count("<h1") == 1
    ids = re.findall(r'\sid="([^"]+)"', answer.text)
    assert len(ids) == len(set(ids)), "ids are unique"
    return answer.text


def hidden(html: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', html)
    return {name: value for name, value in found if name != "csrf_token"}


def stored(place: Dealership, who: Customer) -> Customer:
    with reading(place.id) as session:
        return session.get_one(Customer, who.id)


def test_the_list_shows_who_asked_how_often_and_finds_them(
    place: Dealership, viewer: FlaskClient, twins: tuple[Customer, Customer]
) -> None:
    text = words(page(viewer, LIST))
    for said in ("Robin Walker", "R. Walker", "robin@example.com", "0400 333 444", "2 customers"):
        assert said in text
    assert "Robin Walker" not in words(page(viewer, f"{LIST}?q=0400+333"))
    assert "No customer matches" in words(page(viewer, f"{LIST}?q=nobody"))
    assert viewer.get(f"{LIST}?page=9").status_code == 302


def test_an_empty_list_says_how_customers_come(viewer: FlaskClient) -> None:
    assert "A customer appears here with the first lead." in words(page(viewer, LIST))


def test_one_customer_with_leads_and_who_may_be_the_same(
    place: Dealership, viewer: FlaskClient, twins: tuple[Customer, Customer]
) -> None:
    text = words(page(viewer, f"{LIST}/{twins[0].id}"))
    for said in ("0400 111 222", "Not linked with EasyCars", "Same email: robin@example.com",
                 "No leads.", "Not given"):  # fmt: skip
        assert said in text
    assert "Fields kept here" not in text
    assert viewer.get(f"{LIST}/{twins[0].id}/edit").status_code == 403


def test_an_edit_is_saved_and_told(
    place: Dealership, operator: FlaskClient, twins: tuple[Customer, Customer]
) -> None:
    address = f"{LIST}/{twins[0].id}"
    sent = filled(page(operator, f"{address}/edit"), "customer-form", city="Hobart")
    assert operator.post(f"{address}/edit", data=sent).status_code == 303
    assert stored(place, twins[0]).city == "Hobart"
    text = words(page(operator, address))
    assert "Changed here" in text
    assert "Hobart" in text


def test_what_cannot_be_read_is_said_at_its_field_and_nothing_typed_is_lost(
    place: Dealership, operator: FlaskClient, twins: tuple[Customer, Customer]
) -> None:
    address = f"{LIST}/{twins[0].id}/edit"
    typed = {"email": "robin at home", "city": "Hobart <&>"}
    sent = filled(page(operator, address), "customer-form", **typed)
    answer = operator.post(address, data=sent)
    assert answer.status_code == 422
    assert 'value="robin at home"' in answer.text
    assert 'value="Hobart &lt;&amp;&gt;"' in answer.text
    assert 'id="f-email-error"' in answer.text
    assert stored(place, twins[0]).city is None
    again = filled(answer.text, "customer-form", email="new@example.com")
    assert operator.post(address, data=again).status_code == 303
    now = stored(place, twins[0])
    assert (now.email, now.city) == ("new@example.com", "Hobart <&>")


def test_what_somebody_else_changed_meanwhile_stays(
    place: Dealership, operator: FlaskClient, twins: tuple[Customer, Customer]
) -> None:
    address = f"{LIST}/{twins[0].id}/edit"
    sent = filled(page(operator, address), "customer-form", city="Hobart")
    with unit_of_work(place.id) as session:
        session.get_one(Customer, twins[0].id).fax = "03 9999 9999"
    operator.post(address, data=sent)
    now = stored(place, twins[0])
    assert (now.city, now.fax) == ("Hobart", "03 9999 9999")


def test_fields_are_kept_here_and_let_go_again(
    place: Dealership, operator: FlaskClient, twins: tuple[Customer, Customer]
) -> None:
    address = f"{LIST}/{twins[0].id}"
    operator.post(f"{address}/kept", data={"field": ["email", "name", "id"]})
    assert stored(place, twins[0]).locked_fields == ["name", "email"]
    assert "Kept here, whatever EasyCars says: Name, Email." in words(page(operator, address))
    operator.post(f"{address}/kept", data={})
    assert stored(place, twins[0]).locked_fields == []


def test_pairs_are_compared_previewed_and_merged_as_shown(
    place: Dealership, operator: FlaskClient, twins: tuple[Customer, Customer]
) -> None:
    kept, merged = twins
    listed = page(operator, f"{LIST}/duplicates")
    assert "Same email: robin@example.com" in words(listed)
    pair = f"{LIST}/{kept.id}/merge/{merged.id}"
    assert f'href="{pair}"' in listed
    assert "2 fields differ" in words(page(operator, pair))
    asked = f"{pair}/preview?stays={kept.id}&f.mobile={merged.id}&f.name={kept.id}"
    preview = page(operator, asked)
    text = words(preview)
    assert "takes over 2 values and gets 1 lead" in text
    assert "0400 333 444" in text
    answer = operator.post(pair, data=hidden(preview))
    assert (answer.status_code, answer.location) == (303, f"{LIST}/{kept.id}")
    assert customer_values(stored(place, kept)) == {
        "name": "Robin Walker", "email": "robin@example.com", "mobile": "0400 333 444",
        "city": "Perth",
    }  # fmt: skip
    gone = words(page(operator, f"{LIST}/{merged.id}"))
    assert "was merged into another one" in gone
    assert "Edit" not in gone
    assert operator.get(f"{LIST}/{merged.id}/edit").status_code == 302


def test_the_other_one_can_stay(
    place: Dealership, operator: FlaskClient, twins: tuple[Customer, Customer]
) -> None:
    first, second = twins
    pair = f"{LIST}/{first.id}/merge/{second.id}"
    preview = page(operator, f"{pair}/preview?stays={second.id}&f.name={first.id}")
    operator.post(pair, data=hidden(preview))
    now = stored(place, second)
    assert (now.name, now.mobile, stored(place, first).merged_into_id) == (
        "Robin Walker", "0400 333 444", second.id,
    )  # fmt: skip


def test_a_merge_is_taken_back_after_a_question(
    place: Dealership, operator: FlaskClient, twins: tuple[Customer, Customer]
) -> None:
    kept, merged = twins
    pair = f"{LIST}/{kept.id}/merge/{merged.id}"
    operator.post(pair, data=hidden(page(operator, f"{pair}/preview?stays={kept.id}")))
    assert "R. Walker went into Robin Walker" in words(
        page(operator, f"{LIST}/duplicates?tab=merged")
    )
    with reading(place.id) as session:
        number = session.scalars(select(CustomerMerge.id)).one()
    address = f"{LIST}/merges/{number}/unmerge"
    text = words(page(operator, address))
    assert "gets 1 lead back" in text
    assert "gets 1 value back" in text
    assert operator.post(address).location == f"{LIST}/{merged.id}"
    with reading(place.id) as session:
        assert session.scalars(select(Lead.customer_id)).all() == [merged.id]
    assert stored(place, kept).city is None
    assert operator.get(address).status_code == 302
    assert operator.post(address).status_code == 303


def test_a_value_that_moved_since_the_preview_is_shown_anew(
    place: Dealership, operator: FlaskClient, twins: tuple[Customer, Customer]
) -> None:
    kept, merged = twins
    pair = f"{LIST}/{kept.id}/merge/{merged.id}"
    sent = hidden(page(operator, f"{pair}/preview?stays={kept.id}"))
    with unit_of_work(place.id) as session:
        session.get_one(Customer, merged.id).city = "Cairns"
    answer = operator.post(pair, data=sent)
    assert "/preview" in answer.location
    assert stored(place, merged).merged_into_id is None
    assert "Cairns" in words(page(operator, answer.location))


def test_viewers_look_and_do_not_merge(
    place: Dealership, viewer: FlaskClient, twins: tuple[Customer, Customer]
) -> None:
    pair = f"{LIST}/{twins[0].id}/merge/{twins[1].id}"
    text = words(page(viewer, f"{pair}/preview"))
    assert "To merge needs the role operator." in text
    posts: dict[str, dict[str, Any]] = {
        pair: {}, f"{LIST}/{twins[0].id}/edit": {}, f"{LIST}/{twins[0].id}/kept": {},
    }  # fmt: skip
    for address, data in posts.items():
        assert viewer.post(address, data=data).status_code == 403
