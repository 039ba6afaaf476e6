"""The public form over HTTP: page, own forms, JSON, limits, headers, a lost database."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import select
from werkzeug.test import TestResponse

from app import create_app
from app.config import Settings
from app.db import reading, unit_of_work
from app.models import Dealership, EasyCarsCredential, Lead, LeadPolicy, OutboxMessage
from app.routes.signing_in import limiter
from app.services.leads.web_form import EARLY, LONGEST_LOOK, Stamps
from tests import factories, factories_vehicles
from tests.conftest import close
from tests.reading import words

KEY = "a-key-that-nobody-guesses"
URL = f"/forms/{KEY}"
TYPED = {
    "name": "Robin Walker",
    "email": "robin@example.com",
    "phone": "0400 000 001",
    "interest": "test_drive",
    "message": "Is it <still> available?",
}


@pytest.fixture
def place(app: Flask) -> Dealership:
    with app.app_context():
        place = factories.dealership("Harbour Cars")
        factories._saved(LeadPolicy(dealership_id=place.id, form_key=KEY))
    return place


def stamp(settings: Settings, age_s: float = 60, key: str = KEY) -> str:
    """What the page would have carried, had it been shown `age_s` seconds ago."""
    shown = datetime.now(UTC) - timedelta(seconds=age_s)
    return Stamps(settings.secret_key).issue(key, shown)


def hidden(page: str, name: str) -> str:
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', page)
    assert found, name
    return found[1]


def leads_of(app: Flask, place: Dealership) -> list[Lead]:
    with app.app_context(), reading(place.id) as db:
        return list(db.scalars(select(Lead).order_by(Lead.id)))


# -- The page ------------------------------------------------------------------------------------


@pytest.mark.both_databases
def test_the_page_needs_nobody_and_keeps_nothing(client: FlaskClient, place: Dealership) -> None:
    answer = client.get(URL)
    assert answer.status_code == 200
    assert "Ask Harbour Cars" in answer.text
    assert "<title>Enquiry · Harbour Cars</title>" in answer.text
    assert "Set-Cookie" not in answer.headers
    assert "<script" not in answer.text
    assert "style=" not in answer.text


def test_only_this_page_may_stand_in_a_frame(client: FlaskClient, place: Dealership) -> None:
    for url in (URL, f"{URL}/thanks", "/forms/unknown-key"):
        headers = client.get(url).headers
        policy = headers["Content-Security-Policy"]
        assert "frame-ancestors *" in policy
        assert "script-src 'none'" in policy
        assert "X-Frame-Options" not in headers
    for url in ("/login", "/nowhere"):
        headers = client.get(url).headers
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Frame-Options"] == "DENY"


def test_it_names_the_vehicle_and_remembers_where_somebody_came_from(
    app: Flask, client: FlaskClient, place: Dealership
) -> None:
    with app.app_context():
        factories_vehicles.vehicle(place, stock_number="S 1", title="2021 Mazda CX-5")
        factories_vehicles.vehicle(place, stock_number="H2", title="Hidden", is_published=False)
    page = client.get(f"{URL}?stock=S+1", headers={"Referer": "https://harbour.example/"}).text
    assert "About: 2021 Mazda CX-5 (stock number S 1)" in words(page)
    assert (hidden(page, "stock"), hidden(page, "page")) == ("S 1", "https://harbour.example/")
    assert "Hidden" not in client.get(f"{URL}?stock=H2").text
    own = client.get(f"{URL}?stock=<b>", headers={"Referer": f"http://localhost{URL}"}).text
    assert (hidden(own, "stock"), hidden(own, "page")) == ("&lt;b&gt;", "")


@pytest.mark.parametrize("method", ["get", "post"])
def test_an_unknown_form_is_not_there(client: FlaskClient, place: Dealership, method: str) -> None:
    for key in ("unknown-key", KEY.upper(), "a", "%00", "x" * 300):
        answer = getattr(client, method)(f"/forms/{key}")
        assert answer.status_code == 404, key
        assert "phone the dealership" in answer.text
    told = client.post("/forms/unknown-key", json=TYPED)
    assert (told.status_code, told.json["ok"]) == (404, False)


# -- A good enquiry ------------------------------------------------------------------------------


@pytest.mark.both_databases
def test_a_good_post_is_a_lead_in_the_outbox_and_a_page_to_reload(
    app: Flask, client: FlaskClient, settings: Settings, place: Dealership
) -> None:
    with app.app_context():
        factories._saved(
            EasyCarsCredential(
                dealership_id=place.id,
                account_number_encrypted="x",
                account_secret_encrypted="x",
                environment="Test",
            )
        )
    answer = client.post(URL, data=TYPED | {"stamp": stamp(settings)})
    assert (answer.status_code, answer.location) == (303, f"{URL}/thanks")
    assert "Your enquiry was sent to Harbour Cars." in client.get(answer.location).text
    lead = leads_of(app, place)[0]
    assert (lead.message, lead.sync_state) == (TYPED["message"], "waiting")
    with app.app_context(), reading(place.id) as db:
        waiting = db.scalars(select(OutboxMessage)).one()
    assert waiting.payload["lead"] == lead.id
    assert waiting.created_at - lead.created_at < timedelta(seconds=1)


def test_twenty_at_once_are_one_lead(
    app: Flask, settings: Settings, place: Dealership, redis_url: str
) -> None:
    """A button that was pressed again and again before the first answer came."""
    sent = TYPED | {"stamp": stamp(settings)}

    def send(_: int) -> int:
        return app.test_client().post(URL, data=sent).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(send, range(20))) == {303}
    assert len(leads_of(app, place)) == 1


def test_a_form_of_the_dealership_s_own_needs_no_stamp(
    app: Flask, client: FlaskClient, place: Dealership
) -> None:
    """Plain HTML of another site: its page is named, its other members are left alone."""
    sent = TYPED | {"page": "https://harbour.example/cx-5", "colour": "red", "status": "won"}
    answer = client.post(URL, data=sent, headers={"Origin": "https://harbour.example"})
    assert answer.status_code == 303
    lead = leads_of(app, place)[0]
    assert (lead.page_url, lead.status) == ("https://harbour.example/cx-5", "new")


# -- JSON ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "fields"),
    [
        (TYPED, 201, None),
        ({"name": "Robin", "phone": "0400 000 001"}, 201, None),
        (TYPED | {"extra_details": "x"}, 201, None),
        (TYPED | {"email": "x", "message": 5}, 422, ["email", "message"]),
        ({}, 422, ["email", "name"]),
        ([1], 422, []),
        ("text", 422, []),
    ],
    ids=str,
)
def test_json(
    client: FlaskClient, place: Dealership, body: Any, status: int, fields: list[str] | None
) -> None:
    answer = client.post(URL, json=body)
    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    if fields is None:
        assert answer.json == {"ok": True}
    else:
        assert set(answer.json) == {"ok", "message", "fields"}
        assert (answer.json["ok"], sorted(answer.json["fields"])) == (False, fields)
        assert answer.json["message"]


def test_a_script_of_another_site_may_ask(client: FlaskClient, place: Dealership) -> None:
    """The browser asks before it sends JSON across sites; a form with Accept needs no question."""
    asked = client.options(URL, headers={"Origin": "https://x.example"})
    assert asked.status_code == 200
    assert asked.headers["Access-Control-Allow-Headers"] == "Content-Type"
    assert "Access-Control-Allow-Credentials" not in asked.headers
    answer = client.post(URL, data=TYPED, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json) == (201, {"ok": True})
    assert "Access-Control-Allow-Origin" not in client.get(URL).headers


def test_broken_json_and_floods_of_bytes(client: FlaskClient, place: Dealership) -> None:
    for broken in ("{", "null", ""):
        answer = client.post(URL, data=broken, content_type="application/json")
        assert (answer.status_code, answer.json["ok"]) == (422, False), broken
    for how in ({"json": {"message": "x" * 300_000}}, {"data": {"message": "x" * 300_000}}):
        assert client.post(URL, **how).status_code == 413


# -- Refusals ------------------------------------------------------------------------------------


def test_a_mistake_keeps_what_was_typed(
    app: Flask, client: FlaskClient, settings: Settings, place: Dealership
) -> None:
    mark = stamp(settings)
    sent = TYPED | {"email": "robin@", "stamp": mark, "stock": "S1", "page": "https://h.example/"}
    answer = client.post(URL, data=sent)
    assert answer.status_code == 422
    assert "<title>Error: Enquiry" in answer.text
    assert 'href="#f-email"' in answer.text
    assert 'aria-describedby="f-email-error f-email-hint" aria-invalid="true"' in answer.text
    assert "phone Harbour Cars instead" in words(answer.text)
    for kept in ('value="robin@"', 'value="Robin Walker"', "Is it &lt;still&gt; available?",
                 '<option value="test_drive" selected'):  # fmt: skip
        assert kept in answer.text
    names = ("stamp", "stock", "page")
    assert [hidden(answer.text, name) for name in names] == [mark, "S1", "https://h.example/"]
    assert leads_of(app, place) == []


@pytest.mark.parametrize("age_s", [0, LONGEST_LOOK.total_seconds() + 60])
def test_too_quick_and_too_late_work_at_the_second_press(
    app: Flask, client: FlaskClient, settings: Settings, place: Dealership, age_s: float
) -> None:
    first = client.post(URL, data=TYPED | {"stamp": stamp(settings, age_s)})
    assert first.status_code == 422
    assert "Press Send once more." in first.text
    assert (EARLY in first.text) == (age_s == 0)
    again = hidden(first.text, "stamp") if age_s else stamp(settings, 4)
    assert client.post(URL, data=TYPED | {"stamp": again}).status_code == 303
    assert len(leads_of(app, place)) == 1


def test_the_trap_is_thanked_and_makes_no_lead(
    app: Flask, client: FlaskClient, settings: Settings, place: Dealership
) -> None:
    page = client.get(URL).text
    assert '<div class="trap" aria-hidden="true">' in page
    assert re.search(r'name="extra_details" tabindex="-1" autocomplete="off"', page)
    answer = client.post(URL, data=TYPED | {"stamp": stamp(settings), "extra_details": "x"})
    assert (answer.status_code, answer.location) == (303, f"{URL}/thanks")
    assert leads_of(app, place) == []


def post_many(client: FlaskClient, count: int, **members: str) -> list[TestResponse]:
    enquiries = [TYPED | {"message": f"Number {n}"} | members for n in range(count)]
    return [client.post(URL, data=sent) for sent in enquiries]


def test_tries_from_one_address_have_a_limit(
    app: Flask, client: FlaskClient, settings: Settings, place: Dealership
) -> None:
    """Five without a stamp; with one there is room again, and another address has its own."""
    answers = post_many(client, 6)
    assert [one.status_code for one in answers] == [303] * 5 + [429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 600
    assert "Many enquiries came in a short time, and yours was not sent." in answers[-1].text
    assert re.search(r"Try again in (9 min|10 min)", answers[-1].text)
    assert "Number 5" in answers[-1].text
    told = client.post(URL, json=TYPED)
    assert (told.status_code, told.json["ok"]) == (429, False)
    assert client.post(URL, data=TYPED | {"stamp": stamp(settings)}).status_code == 303
    elsewhere = {"REMOTE_ADDR": "203.0.113.9"}
    other = TYPED | {"message": "Another one"}
    assert client.post(URL, data=other, environ_base=elsewhere).status_code == 303
    assert len(leads_of(app, place)) == 7


def test_a_household_of_the_new_addresses_counts_as_one(
    client: FlaskClient, place: Dealership
) -> None:
    def post(address: str) -> int:
        return client.post(URL, json={}, environ_base={"REMOTE_ADDR": address}).status_code

    assert [post(f"2001:db8:1:1::{n}") for n in range(6)] == [422] * 5 + [429]
    assert [post("2001:db8:1:2::1"), post("::ffff:203.0.113.1")] == [422, 422]


def test_leads_of_one_form_have_a_limit_and_refusals_do_not_count(
    app: Flask, client: FlaskClient, settings: Settings, place: Dealership
) -> None:
    """What a flood without stamps uses up is not the page's share."""

    def post(n: int, **members: str) -> int:
        sent = TYPED | {"message": f"Flood {n}"} | members
        origin = {"REMOTE_ADDR": f"198.51.100.{n}"}
        return client.post(URL, data=sent, environ_base=origin).status_code

    assert {post(n, email="x") for n in range(40)} == {422}
    assert [post(n) for n in range(31)] == [303] * 30 + [429]
    assert post(99, stamp=stamp(settings)) == 303


# -- A lost database -----------------------------------------------------------------------------


@pytest.fixture
def homeless(settings: Settings) -> Any:
    """An app whose database does not answer."""
    app = create_app(replace(settings, database_url="postgresql+psycopg://x:x@127.0.0.1:9/none"))
    yield app.test_client()
    close(app)


def test_without_a_database_the_page_says_so_and_keeps_the_text(
    homeless: FlaskClient, settings: Settings
) -> None:
    seen = homeless.get(URL)
    assert seen.status_code == 503
    assert "does not work right now" in seen.text
    answer = homeless.post(URL, data=TYPED | {"stamp": stamp(settings)})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert "could not be saved" in answer.text
    assert "Is it &lt;still&gt; available?" in answer.text
    told = homeless.post(URL, json=TYPED)
    assert (told.status_code, told.json["ok"], set(told.json)) == (503, False, {"ok", "message"})


def test_a_database_that_breaks_while_saving(
    app: Flask, client: FlaskClient, settings: Settings, place: Dealership
) -> None:
    """Its lock was not free in time; the same text goes through when it is."""
    sent = TYPED | {"stamp": stamp(settings)}
    with app.app_context(), unit_of_work(place.id) as held:
        held.execute(select(LeadPolicy).with_for_update())
        broken = _locked_out(app, sent)
    assert broken.status_code == 503
    assert "Ask Harbour Cars" in broken.text
    assert client.post(URL, data=sent).status_code == 303


def _locked_out(app: Flask, sent: dict[str, str]) -> TestResponse:
    """Posts over connections that wait 50 ms for a lock."""
    url = f"{app.config['SQLALCHEMY_DATABASE_URI']}"
    url += ("&" if "?" in url else "?") + "options=-c%20lock_timeout%3D50"
    known = app.extensions["forecourt"].settings
    impatient = create_app(replace(known, database_url=url))
    answer = impatient.test_client().post(URL, data=sent)
    close(impatient)
    return answer


def test_a_lost_redis_costs_no_enquiry(
    app: Flask, settings: Settings, place: Dealership, redis_url: str
) -> None:
    """Limits count in memory and the clock wakes the worker: the lead is in the outbox anyway."""
    lonely = create_app(replace(settings, redis_url="redis://127.0.0.1:9/0"))
    try:
        answer = lonely.test_client().post(URL, data=TYPED | {"stamp": stamp(settings)})
    finally:
        limiter._storage_dead = False  # one limiter serves every app of this process
        close(lonely)
    assert answer.status_code == 303
    assert len(leads_of(app, place)) == 1


def test_no_personal_word_reaches_the_limits_store(
    client: FlaskClient, settings: Settings, place: Dealership, redis_url: str
) -> None:
    client.post(URL, data=TYPED | {"stamp": stamp(settings)})
    with Redis.from_url(redis_url) as store:
        keys = b" ".join(store.keys("*")).decode()
    assert "form" in keys
    assert "robin" not in keys.lower()
