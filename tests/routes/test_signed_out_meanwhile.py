"""The sign-in ends in the middle of a form: sign in again, same place, what was typed is there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from app.db import ALL_DEALERSHIPS, reading, unit_of_work
from app.models import Dealership, KeptForm, User, Vehicle
from app.models.types import utc_now
from app.routes import form_filling
from app.services import kept_forms
from app.services.kept_forms import Form
from tests import factories, factories_vehicles
from tests.reading import words

pytestmark = pytest.mark.both_databases
SECRET = "a secret that nobody keeps"


@pytest.fixture
def place(app: Flask) -> Dealership:
    with app.app_context():
        return factories.dealership("Ours", "ours")


@pytest.fixture
def anna(app: Flask, place: Dealership) -> User:
    with app.app_context():
        return factories.member(place, "admin", "anna@example.com")


@pytest.fixture
def car(app: Flask, place: Dealership) -> Vehicle:
    with app.app_context():
        return factories_vehicles.vehicle(place, title="2019 Mazda 3", make="Mazda", model="3")


def signed_in(client: FlaskClient, person: User) -> FlaskClient:
    """Through the sign-in page, as a browser: with its cookies and without headers of script."""
    token = token_of(client.get("/login").text)
    form = {"email": person.email, "password": factories.PASSWORD, "csrf_token": token}
    assert client.post("/login", data=form).status_code == 303
    assert client.get("/account").status_code == 200
    return client


def token_of(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    return found[1]


def session_over(client: FlaskClient) -> None:
    client.delete_cookie("forecourt")


def form_of(page: str, action: str) -> dict[str, str]:
    """What a browser would send of the text fields of a form."""
    body = page.partition(f'action="{action}"')[2].partition("</form>")[0]
    fields = re.findall(r"<input[^>]*>", body)
    named = {attribute(one, "name"): attribute(one, "value") for one in fields if "name=" in one}
    return {name: value for name, value in named.items() if name}


def attribute(tag: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', tag)
    return found[1] if found else ""


def edit(client: FlaskClient, car: Vehicle, **typed: str) -> Any:
    """Opens the edit page, loses the session, saves."""
    address = f"/d/ours/vehicles/{car.id}/edit"
    fields = form_of(client.get(address).text, address) | typed
    session_over(client)
    return client.post(address, data=fields, headers={"Referer": f"http://localhost{address}"})


def rows(app: Flask) -> list[KeptForm]:
    with app.app_context(), reading(ALL_DEALERSHIPS) as session:
        return list(session.scalars(select(KeptForm)))


def back(client: FlaskClient, refused: Any, person: User) -> str:
    """Signs in on the page that the refused form led to; where that leads."""
    assert refused.status_code == 303
    page = client.get(refused.location).text
    way = re.search(r'name="next" value="([^"]*)"', page)
    assert way
    form = {
        "email": person.email,
        "password": factories.PASSWORD,
        "csrf_token": token_of(page),
        "next": way[1].replace("&amp;", "&"),
    }
    return str(client.post("/login", data=form).location)


def test_what_was_typed_is_in_the_form_again_and_can_be_saved(
    app: Flask, client: FlaskClient, anna: User, car: Vehicle
) -> None:
    refused = edit(signed_in(client, anna), car, colour="Blue & <green>")
    assert "What you typed is not saved yet" in client.get(refused.location).text
    address = back(client, refused, anna)
    assert address.startswith(f"/d/ours/vehicles/{car.id}/edit?kept=")
    page = client.get(address).text
    assert "Not saved yet" in page
    assert 'value="Blue &amp; &lt;green&gt;"' in page
    action = f"/d/ours/vehicles/{car.id}/edit"
    fields = {name: value.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
              for name, value in form_of(page, action).items()}  # fmt: skip
    referrer = {"Referer": f"http://localhost{address}"}
    assert client.post(action, data=fields, headers=referrer).status_code == 303
    with app.app_context(), reading(ALL_DEALERSHIPS) as session:
        assert session.get_one(Vehicle, car.id).colour == "Blue & <green>"
    assert rows(app) == []
    assert "It is not here any more" in client.get(address).text


def test_nobody_else_sees_what_was_typed_and_the_database_does_not_tell(
    app: Flask, client: FlaskClient, anna: User, car: Vehicle, place: Dealership
) -> None:
    with app.app_context():
        bert = factories.member(place, "admin", "bert@example.com")
    refused = edit(signed_in(client, anna), car, colour="Annas own blue")
    page = client.get(back(client, refused, bert)).text
    assert "Annas own blue" not in page
    assert "It is not here any more" in page
    (row,) = rows(app)
    assert "Annas own blue" not in row.sealed
    assert row.token_hash not in refused.location


def test_it_waits_half_an_hour(app: Flask, client: FlaskClient, anna: User, car: Vehicle) -> None:
    refused = edit(signed_in(client, anna), car, colour="Slow blue")
    assert rows(app)[0].expires_at - utc_now() <= timedelta(minutes=30)
    with app.app_context(), unit_of_work() as session:
        session.execute(update(KeptForm).values(expires_at=utc_now()))
    assert "Slow blue" not in client.get(back(client, refused, anna)).text
    with app.app_context(), unit_of_work() as session:
        assert kept_forms.prune(session, utc_now()) == 1


def test_passwords_and_secrets_are_never_kept(app: Flask, client: FlaskClient, anna: User) -> None:
    page = signed_in(client, anna).get("/account").text
    session_over(client)
    form = {"current": SECRET, "new": SECRET, "csrf_token": token_of(page)}
    refused = client.post("/account/password", data=form)
    assert "kept" not in refused.location
    assert rows(app) == []


def test_every_password_field_of_every_template_is_never_kept() -> None:
    found = set()
    for path in Path("app/templates").rglob("*.html"):
        for line in re.findall(r"\{\{ field\((.*?)\) *\}\}", path.read_text(), re.DOTALL):
            if 'type="password"' in line:
                found.add(line.split('"')[1])
    assert {"password", "client_secret", "current"} <= found
    assert {name for name in found if kept_forms.is_keepable(name)} == set()


def without_token(form: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in form.items() if name != "csrf_token"}


@pytest.mark.parametrize("lacks", ["cookie", "token", "signature"])
def test_another_site_can_put_nothing_into_a_form(
    app: Flask, client: FlaskClient, anna: User, car: Vehicle, lacks: str
) -> None:
    address = f"/d/ours/vehicles/{car.id}/edit"
    fields = form_of(signed_in(client, anna).get(address).text, address) | {"colour": "Planted"}
    session_over(client)
    if lacks == "cookie":
        client.delete_cookie("forecourt-last")
    elif lacks == "token":
        fields = without_token(fields)
    else:
        client.set_cookie("forecourt-last", f"{anna.id}.forged")
    refused = client.post(address, data=fields)
    assert "kept" not in refused.location
    assert "could not be kept" in client.get(refused.location).text
    assert rows(app) == []


def test_the_cookie_opens_nothing(client: FlaskClient, anna: User) -> None:
    made = signed_in(client, anna).get_cookie("forecourt-last")
    assert made is not None
    assert (made.http_only, made.same_site) == (True, "Strict")
    session_over(client)
    assert client.get("/account").status_code == 303


def test_a_form_of_an_earlier_sign_in_is_shown_again(
    client: FlaskClient, anna: User, car: Vehicle
) -> None:
    """Signed out and in again in another tab: the token of this tab is of yesterday."""
    address = f"/d/ours/vehicles/{car.id}/edit"
    fields = form_of(signed_in(client, anna).get(address).text, address)
    session_over(client)
    signed_in(client, anna)
    client.get(address)
    sent = client.post(
        address,
        data=fields | {"colour": "Blue of yesterday"},
        headers={"Referer": f"http://localhost{address}"},
    )
    assert sent.location.startswith(f"{address}?kept=")
    assert 'value="Blue of yesterday"' in client.get(sent.location).text


def test_a_poll_keeps_what_stands_in_the_forms(
    client: FlaskClient, anna: User, car: Vehicle
) -> None:
    address = f"/d/ours/vehicles/{car.id}/edit"
    token = token_of(signed_in(client, anna).get(address).text)
    session_over(client)
    form = {"action": address, "fields": [["colour", "Half a wo"], ["password", SECRET]]}
    body = {"page": address, "token": token, "forms": [form]}
    way = client.post("/signed-out", json=body).get_json()["login"]
    assert way.startswith(f"/login?next={address}?kept%3D")
    shown = client.get(back(client, type("R", (), {"status_code": 303, "location": way}), anna))
    assert 'value="Half a wo"' in shown.text
    assert SECRET not in shown.text


@pytest.mark.parametrize(
    "body", [None, [], {"forms": 7}, {"forms": [7, {"fields": [[1, 2], "x"]}]}, {"page": "//evil"}]
)
def test_nonsense_from_a_script_leads_to_the_sign_in(client: FlaskClient, body: object) -> None:
    assert client.post("/signed-out", json=body).get_json()["login"].startswith("/login?")


def test_a_refused_form_leads_back_to_a_page(
    client: FlaskClient, anna: User, place: Dealership
) -> None:
    """A 422 stands at the address of the form, which has no page of its own."""
    page = signed_in(client, anna).get("/d/ours/settings/leads").text
    session_over(client)
    refused = client.post(
        "/d/ours/settings/leads/alarm",
        data={"overdue_minutes": "77", "csrf_token": token_of(page)},
        headers={"Referer": "http://localhost/d/ours/settings/leads/alarm"},
    )
    shown = client.get(back(client, refused, anna)).text
    assert re.search(r'name="overdue_minutes"[^>]*value="77"', shown)


def test_what_has_no_place_any_more_is_shown_beside(
    client: FlaskClient, anna: User, car: Vehicle
) -> None:
    refused = edit(signed_in(client, anna), car, gone_field="Long and dear text")
    page = client.get(back(client, refused, anna)).text
    assert "Gone field: Long and dear text" in words(page)


PAGE = """<!doctype html><main id="content">
<form method="post" action="/a"><input name="x"></form>
<form method="post" action="/b"><input type="hidden" name="id" value="1"><input name="x" value="0">
</form><form method="post" action="/b" id="two"><input type="hidden" name="id" value="2">
<input name="x" value="0"><input type="checkbox" name="c" value="1" checked>
<input type=radio name=r value=a checked><input type=radio name=r value=b>
<details class="q"><summary>&copy; &#65; more</summary><textarea name="t">old &amp; gone</textarea>
</details><select name="s"><option value="1" selected>One<option value="2">Two</select>
<input type=password name=p><button name="act" value="go">Go</button></form>
<input name="y" form="two"><!-- kept --></main>"""


def filled(fields: Iterable[tuple[str, str]]) -> form_filling.Filled:
    return form_filling.fill(PAGE, "/page", [Form("/b", tuple(fields))])


def test_every_kind_of_field_is_filled_in_the_form_that_was_meant() -> None:
    found = filled([
        ("id", "2"), ("x", "typed"), ("r", "b"), ("t", "new <text>"), ("s", "2"), ("y", "far"),
        ("p", "never"), ("act", "go"), ("z", "homeless"),
    ])  # fmt: skip
    html = found.before + found.after
    assert found.before.endswith('<main id="content">')
    assert html.count('value="typed"') == 1
    assert '<input name="x" value="0">\n</form>' in html
    assert 'value="1" checked' not in html.split('id="two"')[1].split("<select")[0]
    assert '<input type="radio" name="r" value="b" checked>' in html
    assert '<details open class="q"><summary>&copy; &#65; more' in html
    assert "\nnew &lt;text&gt;</textarea>" in html
    assert "old" not in html
    assert '<option value="1">One' in html
    assert '<option value="2" selected>' in html
    assert '<input name="y" form="two" value="far">' in html
    assert "<!-- kept -->" in html
    assert "never" not in html
    assert list(found.unplaced) == [("p", "never"), ("z", "homeless")]


def test_a_page_without_the_form_stays_as_it_is() -> None:
    found = form_filling.fill(PAGE, "/page", [Form("/elsewhere", (("x", "typed"),))])
    assert (found.before + found.after).replace("\n", "") == PAGE.replace("\n", "")
    assert list(found.unplaced) == [("x", "typed")]
