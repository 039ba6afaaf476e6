"""The pages of leads (rows 137, 141, 159, 164, 167, 169; C53; issue 4.7)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.db import reading
from app.models import Dealership, EasyCarsCredential, Lead, LeadEvent, OutboxMessage
from app.models.types import utc_now
from app.services.leads import events
from tests import factories
from tests.factories import _saved
from tests.factories_leads import (
    customer,
    event,
    lead,
    lead_archive,
    lead_link,
    message,
    sent_lead,
)
from tests.factories_vehicles import vehicle
from tests.reading import words
from tests.routes.test_vehicles import counted
from tests.routes.vehicles_by_hand.conftest import SeparateClient, filled

pytestmark = pytest.mark.usefixtures("any_database")
LIST = "/d/harbour/leads"
RAW = '{"LeadNumber":"000231","VehiclePrice":31990.0000,"VehicleType":1,"Notes":null,"Code":0}'


@pytest.fixture
def in_app(app: Flask) -> Iterator[Flask]:
    app.test_client_class = SeparateClient
    with app.app_context():
        yield app


@pytest.fixture
def place(in_app: Flask) -> Dealership:
    return factories.dealership(slug="harbour")


@pytest.fixture
def connected(place: Dealership) -> Dealership:
    _saved(
        EasyCarsCredential(
            dealership_id=place.id,
            account_number_encrypted="x",
            account_secret_encrypted="x",
            environment="Test",
        )
    )
    return place


@pytest.fixture
def browser(in_app: Flask, place: Dealership) -> FlaskClient:
    person = factories.member(place, "operator", "olga@example.com")
    return factories.sign_in(in_app.test_client(), person)


@pytest.fixture
def viewer(in_app: Flask, place: Dealership) -> FlaskClient:
    return factories.sign_in(in_app.test_client(), factories.member(place, "viewer"))


def page(client: FlaskClient, path: str = "", status: int = 200) -> str:
    answer = client.get(LIST + path)
    assert answer.status_code == status, answer.text
    return answer.text


def post(client: FlaskClient, path: str, code: int = 303, /, **form: Any) -> str:
    answer = client.post(LIST + path, data=form)
    assert answer.status_code == code, answer.text
    return answer.headers.get("Location") or answer.text


def stored(place: Dealership, lead_id: int | None = None) -> Lead:
    """The only lead, or the one that is named, with its customer."""
    query = select(Lead) if lead_id is None else select(Lead).where(Lead.id == lead_id)
    with reading(place.id) as session:
        found = session.scalars(query).one()
        assert found.customer is not None
        return found


def kinds(place: Dealership, lead_id: int) -> list[str]:
    query = select(LeadEvent.kind).where(LeadEvent.lead_id == lead_id).order_by(LeadEvent.id)
    with reading(place.id) as session:
        return list(session.scalars(query))


def messages(place: Dealership) -> list[dict[str, Any]]:
    query = select(OutboxMessage.payload).where(OutboxMessage.kind == "lead")
    with reading(place.id) as session:
        return list(session.scalars(query.order_by(OutboxMessage.id)))


# -- List --------------------------------------------------------------------------------------


def test_a_row_tells_customer_vehicle_state_and_age(place: Dealership, viewer: FlaskClient) -> None:
    car = vehicle(place, title="2019 Toyota Hilux SR5", stock_number="S77")
    anna = customer(place, name="Anna Example")
    now = utc_now()
    waits = lead(
        place, customer=anna, vehicle_id=car.id, stock_number="S77",
        created_at=now - timedelta(hours=3), interest="test_drive",
    )  # fmt: skip
    message(waits, attempts=2, next_try_at=now + timedelta(minutes=10))
    there = sent_lead(place, source="EasyCars", status="in_progress", lead_number="000231")
    html = page(viewer)
    text = words(html)
    assert f'href="/d/harbour/leads/{waits.id}">Anna Example' in html
    assert f'href="/d/harbour/vehicles/{car.id}">2019 Toyota Hilux SR5' in html
    for told in ("Test drive", "Overdue", "Web form", "Waiting to send", "next try", "3 hours ago"):
        assert told in text, told
    row = words(html.partition(f'id="lead-{there.id}"')[2].partition("</tr>")[0])
    for told in ("In progress", "EasyCars", "At EasyCars", "No. 000231"):
        assert told in row, told
    assert "Overdue" not in row


def test_tabs_filters_and_search_are_in_the_address(place: Dealership, viewer: FlaskClient) -> None:
    lead(place, customer=customer(place, name="Open Olga"))
    sent_lead(place, customer=customer(place, name="Won Wanda"), status="won", source="EasyCars")
    cases = {
        "": ("Open Olga", "Won Wanda"),
        "?tab=closed": ("Won Wanda", "Open Olga"),
        "?tab=all&q=wanda": ("Won Wanda", "Open Olga"),
        "?tab=all&source=Web": ("Open Olga", "Won Wanda"),
        "?tab=all&state=sent": ("Won Wanda", "Open Olga"),
        "?tab=nonsense&state=nonsense": ("Open Olga", "Won Wanda"),
    }
    for path, (there, absent) in cases.items():
        text = words(page(viewer, path))
        assert there in text, path
        assert absent not in text, path


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("", "No leads yet"),
        ("?q=nobody", "No lead matches"),
    ],
)
def test_an_empty_list_says_why(viewer: FlaskClient, path: str, told: str) -> None:
    assert told in words(page(viewer, path))


def test_an_empty_tab_leads_to_where_leads_are(place: Dealership, viewer: FlaskClient) -> None:
    sent_lead(place, status="won")
    assert "No lead is open" in words(page(viewer))
    html = page(viewer, "?tab=overdue")
    assert "No lead is overdue" in words(html)
    assert 'href="/d/harbour/leads?tab=all">Show 1 lead' in html


def test_pages_and_their_queries(place: Dealership, viewer: FlaskClient) -> None:
    waits = lead(place)
    message(waits)
    page(viewer)  # what an app asks once
    with counted() as few:
        page(viewer)
    for _ in range(50):
        message(lead(place, vehicle_id=vehicle(place).id))
    with counted() as many:
        html = page(viewer)
    assert len(many) == len(few)
    assert "1 to 50 of 51 leads" in words(html)
    assert "51 to 51 of 51 leads" in words(page(viewer, "?page=2"))
    assert viewer.get(f"{LIST}?page=9").location == LIST


def test_the_menu_counts_leads_that_need_somebody(place: Dealership, viewer: FlaskClient) -> None:
    sent_lead(place, responded_at=utc_now())
    vehicles = "/d/harbour/vehicles"
    assert "Leads 1 open" not in words(viewer.get(vehicles).text)
    lead(place, sync_state="cannot_be_sent", created_at=utc_now())
    assert "Leads 1 open" in words(viewer.get(vehicles).text)


# -- One lead ----------------------------------------------------------------------------------


def test_a_lead_shows_its_customer_and_how_to_reach_them(
    place: Dealership, viewer: FlaskClient
) -> None:
    anna = customer(place, name="Anna", email="anna@example.com", mobile="0412 345 678")
    made = lead(place, customer=anna, message="Line one\n<b>two</b>", vehicle_make="Mazda")
    html = page(viewer, f"/{made.id}")
    assert f'href="/d/harbour/customers/{anna.id}"' in html
    assert 'href="tel:0412345678"' in html
    assert 'href="mailto:anna@example.com"' in html
    assert "&lt;b&gt;two" in html
    assert "Unknown: EasyCars does not tell a lead" in words(html)
    assert made.external_ref in html
    assert 'id="status-form"' not in html


def test_only_web_addresses_become_links(place: Dealership, viewer: FlaskClient) -> None:
    """EasyCars may send any text as the page."""
    for address, is_link in (("https://shop.example/7", True), ("javascript:alert(1)", False)):
        html = page(viewer, f"/{lead(place, page_url=address).id}")
        assert address in words(html)
        assert (f'href="{address}"' in html) == is_link


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"sync_state": "sent", "lead_number": "000231", "sync_reason": None}, "No. 000231"),
        ({"sync_state": "cannot_be_sent", "sync_reason": "EasyCars needs a year."}, "needs a year"),
        ({"sync_state": "unconfirmed", "sync_reason": "It was cut off."}, "Sent, not confirmed"),
        ({"sync_state": "not_configured"}, "Connect EasyCars"),
        ({"remote_status": 30}, "Status there In progress"),
        ({"remote_status": 77}, "Code 77, which is not documented"),
    ],
)
def test_the_easycars_part_tells_where_it_stands(
    place: Dealership, viewer: FlaskClient, values: dict[str, Any], told: str
) -> None:
    made = lead(place, **values)
    assert told in words(page(viewer, f"/{made.id}"))


def test_the_easycars_part_follows_a_waiting_lead_and_stops(
    place: Dealership, viewer: FlaskClient
) -> None:
    waits, done = lead(place), sent_lead(place)
    message(waits, attempts=1, last_error="EasyCars did not answer.")
    for made, status in ((waits, 200), (done, 286)):
        html = page(viewer, f"/{made.id}/easycars", status)
        assert ("data-poll" in html) == (made is waits)
        assert ("EasyCars did not answer." in html) == (made is waits)


def test_the_timeline_tells_each_event_in_words(place: Dealership, viewer: FlaskClient) -> None:
    made = sent_lead(place)
    event(made, "created", text="Web", after={"interest": "buy", "vehicle_price_cents": 2_499_000})
    event(made, "status", before={"status": "new"}, after={"status": "won"})
    event(made, "taken", actor="EasyCars", after={"remote_status": 60}, run_id=None)
    text = words(page(viewer, f"/{made.id}?tab=timeline"))
    for told in (
        "Lead created by pat@example.com", "Origin: Web form.", "$24,990.00",
        "Status changed here", "Status New Won", "Changed at EasyCars, taken over by EasyCars",
        "Status at EasyCars Not given Lost",
    ):  # fmt: skip
        assert told in text, told
    assert text.index("taken over") < text.index("Lead created")


def test_every_kind_of_event_has_words_on_the_timeline(
    place: Dealership, viewer: FlaskClient
) -> None:
    made = lead(place)
    for kind in events.WORDS:
        event(made, kind)
    text = words(page(viewer, f"/{made.id}?tab=timeline"))
    assert [told for told in events.WORDS.values() if told not in text] == []


def test_the_source_tab_shows_all_25_fields_and_what_was_sent(
    place: Dealership, viewer: FlaskClient
) -> None:
    made = sent_lead(place, lead_number="000231")
    link = lead_link(made, agreed={"interest": "test_drive", "vehicle_price_cents": 3_199_000})
    lead_archive(link, RAW)
    html = page(viewer, f"/{made.id}?tab=source")
    text = words(html)
    assert html.count("<code>") == 25
    assert "Interest Test drive" in text
    assert "Price $31,990.00" in text
    assert "Notes null" in text
    assert "VehiclePrice 31990.0000" in text
    assert "CustomerFax Was not in the answer" in text


def test_the_source_tab_before_the_lead_was_sent_or_read(
    place: Dealership, viewer: FlaskClient
) -> None:
    assert "does not have this lead yet" in page(viewer, f"/{lead(place).id}?tab=source")
    made = sent_lead(place)
    lead_link(made, agreed={})
    assert "has not been asked for it since" in page(viewer, f"/{made.id}?tab=source")


# -- New and edit ------------------------------------------------------------------------------


def test_a_new_lead_is_saved_with_its_customer_and_on_its_way(
    connected: Dealership, browser: FlaskClient
) -> None:
    car = vehicle(connected, stock_number="S9", make="Mazda", price_cents=100_00)
    form = filled(
        page(browser, "/new"), "lead-form", name="Anna", mobile="0412 345 678",
        stock_number="S9", interest="buy", vehicle_price_cents="24,990.50",
        message="Is it\r\nfree?",
    )  # fmt: skip
    to = post(browser, "/new", **form)
    made = stored(connected)
    assert to == f"{LIST}/{made.id}"
    assert (made.source, made.status, made.sync_state) == ("Manual", "new", "waiting")
    assert (made.vehicle_id, made.vehicle_make, made.vehicle_price_cents) == (
        car.id,
        "Mazda",
        2_499_050,
    )
    assert (made.customer.name, made.message) == ("Anna", "Is it\nfree?")
    assert messages(connected) == [{"lead": made.id, "revision": 1}]
    assert kinds(connected, made.id)[0] == "created"


def test_a_new_lead_about_a_vehicle_takes_what_it_is(
    place: Dealership, browser: FlaskClient
) -> None:
    car = vehicle(place, stock_number=None, title="Blue boat", kind="boat")
    html = page(browser, f"/new?vehicle={car.id}")
    assert "Blue boat" in words(html)
    post(browser, "/new", **filled(html, "lead-form", name="Ben", email="ben@example.com"))
    made = stored(place)
    assert (made.vehicle_id, made.vehicle_type) == (car.id, "boat")
    assert made.sync_state == "not_configured"
    assert "New lead" in words(browser.get(f"/d/harbour/vehicles/{car.id}").text)


def test_wrong_entries_stand_at_their_fields_and_nothing_typed_is_lost(
    place: Dealership, browser: FlaskClient
) -> None:
    typed = {
        "name": "Anna", "email": "anna at home", "vehicle_year": "19", "message": "Call <me>",
        "vehicle_price_cents": "a lot", "interest": "lease",
    }  # fmt: skip
    form = filled(page(browser, "/new"), "lead-form", **typed)
    html = post(browser, "/new", 422, **form)
    for name in ("email", "vehicle_year", "vehicle_price_cents"):
        assert f'id="f-{name}-error"' in html, name
        assert f'value="{typed[name]}"' in html, name
    assert "Call &lt;me&gt;</textarea>" in html
    assert '<option value="lease" selected>' in html
    with reading(place.id) as session:
        assert session.scalars(select(Lead)).all() == []


def test_a_lead_needs_a_name_and_a_way_to_answer(place: Dealership, browser: FlaskClient) -> None:
    html = post(browser, "/new", 422, message="hello")
    assert 'href="#f-name"' in html
    assert 'href="#f-email"' in html


@pytest.mark.parametrize("vehicle_id", ["999", "99999999999"])
def test_a_vehicle_that_is_gone_is_told(
    place: Dealership, browser: FlaskClient, vehicle_id: str
) -> None:
    html = post(browser, "/new", 422, name="Anna", email="a@example.com", vehicle_id=vehicle_id)
    assert "There is no such vehicle." in words(html)


def test_an_edit_writes_what_was_changed_and_sends_it_on(
    connected: Dealership, browser: FlaskClient
) -> None:
    made = sent_lead(connected, vehicle_price_cents=1_000_00, vehicle_make="Mazda")
    html = page(browser, f"/{made.id}/edit")
    assert words(html).count("Stays here only.") == 6
    form = filled(html, "lead-form", vehicle_price_cents="1,100", name="New Name", rating="hot")
    post(browser, f"/{made.id}/edit", **form)
    after = stored(connected, made.id)
    assert (after.vehicle_price_cents, after.rating) == (1_100_00, "hot")
    assert after.customer.name == "New Name"
    assert (after.message, after.vehicle_make) == (made.message, "Mazda")
    assert messages(connected) == [{"lead": made.id, "revision": 2}]


def test_what_another_person_changed_meanwhile_stays(
    place: Dealership, browser: FlaskClient
) -> None:
    made = lead(place, message="old", rating="cold")
    html = page(browser, f"/{made.id}/edit")
    post(browser, f"/{made.id}/edit", **filled(html, "lead-form", message="from a colleague"))
    post(browser, f"/{made.id}/edit", **filled(html, "lead-form", rating="warm"))
    after = stored(place, made.id)
    assert (after.message, after.rating) == ("from a colleague", "warm")


def test_a_wrong_edit_keeps_what_was_typed(place: Dealership, browser: FlaskClient) -> None:
    made = lead(place)
    html = page(browser, f"/{made.id}/edit")
    again = post(
        browser, f"/{made.id}/edit", 422, **filled(html, "lead-form", email="nobody", city="Perth")
    )
    assert 'id="f-email-error"' in again
    sent = filled(again, "lead-form", email="anna@example.com")
    assert sent["city"] == ["Perth"]
    post(browser, f"/{made.id}/edit", **sent)
    after = stored(place, made.id).customer
    assert (after.email, after.city) == ("anna@example.com", "Perth")


# -- Status, contacted, sent again -------------------------------------------------------------


def test_a_status_is_set_and_the_response_counts(
    connected: Dealership, browser: FlaskClient
) -> None:
    made = sent_lead(connected)
    post(browser, f"/{made.id}/status", status="in_progress")
    after = stored(connected, made.id)
    assert after.status == "in_progress"
    assert after.responded_at is not None
    assert kinds(connected, made.id) == ["status"]
    assert messages(connected) == [{"lead": made.id, "revision": 2}]
    post(browser, f"/{made.id}/status", status="in_progress")
    assert kinds(connected, made.id) == ["status"]
    post(browser, f"/{made.id}/status", 422, status="sold")


def test_deleted_is_asked_first_and_final(place: Dealership, browser: FlaskClient) -> None:
    made = sent_lead(place)
    asked = post(browser, f"/{made.id}/status", status="deleted")
    assert stored(place, made.id).status == "new"
    form = filled(browser.get(asked).text, "confirm-form")
    assert "This is final" in words(browser.get(asked).text)
    post(browser, f"/{made.id}/status", **form)
    assert stored(place, made.id).status == "deleted"
    refused = post(browser, f"/{made.id}/status", 409, status="won")
    assert "A deleted lead stays deleted" in words(refused)
    assert 'id="status-form"' not in page(browser, f"/{made.id}")


def test_contacted_is_noted_and_the_lead_is_not_overdue_any_more(
    place: Dealership, browser: FlaskClient
) -> None:
    made = lead(place)
    assert "Overdue" in words(page(browser, f"/{made.id}"))
    post(browser, f"/{made.id}/contacted", note="Called,\r\nwill come on Friday")
    assert "Overdue" not in words(page(browser, f"/{made.id}"))
    assert "Called, will come on Friday" in words(page(browser, f"/{made.id}?tab=timeline"))
    too_long = "x" * 20_001
    html = post(browser, f"/{made.id}/contacted", 422, note=too_long)
    assert 'id="f-note-error"' in html
    assert too_long in html


def test_one_lead_is_tried_again(connected: Dealership, browser: FlaskClient) -> None:
    made = lead(connected, sync_state="failed", sync_reason="EasyCars refused it.")
    post(browser, f"/{made.id}/send")
    after = stored(connected, made.id)
    assert (after.sync_state, after.revision) == ("waiting", 2)
    assert kinds(connected, made.id) == ["retried"]
    there = sent_lead(connected)
    post(browser, f"/{there.id}/send")
    assert stored(connected, there.id).revision == 1


def test_several_leads_are_sent_again_after_a_counted_question(
    connected: Dealership, browser: FlaskClient
) -> None:
    stuck = [lead(connected, sync_state="failed") for _ in range(3)]
    there = sent_lead(connected)
    html = page(browser, f"/send?id={stuck[0].id}&id={stuck[1].id}&id={there.id}")
    assert "Send 2 leads again" in words(html)
    assert "1 of the 3 chosen leads EasyCars has already" in words(html)
    post(browser, "/send", **filled(html, "confirm-form"))
    assert [stored(connected, one.id).sync_state for one in stuck] == [
        "waiting",
        "waiting",
        "failed",
    ]
    assert "Send 3 leads again" in words(page(browser, "/send?all=1"))
    assert "Nothing to send again" in words(page(browser, f"/send?id={there.id}"))
    assert post(browser, "/send").endswith("tab=unsent")


def test_a_viewer_reads_and_changes_nothing(place: Dealership, viewer: FlaskClient) -> None:
    made = lead(place, sync_state="failed")
    html = page(viewer) + page(viewer, f"/{made.id}")
    for control in ("New lead", "Try again now", "Set status", "Send ticked"):
        assert control not in html, control
    for path in ("/new", f"/{made.id}/edit", "/send", f"/{made.id}/delete"):
        page(viewer, path, 403)
    for path in (
        "/new",
        "/send",
        *(f"/{made.id}/{act}" for act in ("edit", "status", "contacted", "send")),
    ):
        post(viewer, path, 403)
    assert stored(place, made.id).revision == 1
