"""Rows 34 to 45: EasyCars Settings as people without script meet it, and what htmx gets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.config import Settings
from app.db import ALL_DEALERSHIPS, reading, unit_of_work
from app.models import AuditEvent, Dealership, EasyCarsCredential, Schedule
from app.simulator import (
    DEMO_ACCOUNT_NUMBER,
    DEMO_ACCOUNT_SECRET,
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    RunningSimulator,
    running_simulator,
)
from tests import factories
from tests.conftest import invented_settings

GOOD = {
    "account_number": DEMO_ACCOUNT_NUMBER,
    "account_secret": DEMO_ACCOUNT_SECRET,
    "client_id": DEMO_CLIENT_ID,
    "client_secret": DEMO_CLIENT_SECRET,
    "environment": "Test",
    "yard_code": "",
}
SECRETS = (DEMO_ACCOUNT_SECRET, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET)
HTMX = {"HX-Request": "true"}
pytestmark = pytest.mark.simulator


@pytest.fixture(scope="module")
def shared_simulator() -> Iterator[RunningSimulator]:
    with running_simulator(vehicles=5, photos="fast") as simulator:
        yield simulator


@pytest.fixture
def settings(
    tmp_path: Path, database_url: str, redis_url: str, shared_simulator: RunningSimulator
) -> Settings:
    shared_simulator.reset()
    return replace(
        invented_settings(tmp_path, database_url, redis_url),
        easycars_test_base_url=shared_simulator.test_base_url,
        easycars_production_base_url=shared_simulator.production_base_url,
    )


@pytest.fixture
def place(app: Flask) -> Dealership:
    with app.app_context():
        return factories.dealership("Harbour Cars", "harbour")


@pytest.fixture
def page(app: Flask, place: Dealership) -> FlaskClient:
    """A signed-in administrator."""
    with app.app_context():
        return factories.sign_in(app.test_client(), factories.member(place, "admin"))


URL = "/d/harbour/settings/easycars"


def stored(app: Flask) -> list[EasyCarsCredential]:
    with app.app_context(), reading(ALL_DEALERSHIPS) as db:
        return list(db.scalars(select(EasyCarsCredential)))


def proof_in(html: str) -> str:
    found = re.search(r'name="test_token" value="([^"]*)"', html)
    assert found is not None
    return found[1]


def save_button(html: str) -> str:
    found = re.search(r'<button[^>]*id="save-credentials"[^>]*>', html)
    assert found is not None
    return found[0]


def save(page: FlaskClient, **changes: str) -> str:
    """Tests and saves; returns the page after the redirect."""
    form = GOOD | changes
    form["test_token"] = proof_in(page.post(f"{URL}/test", data=form, headers=HTMX).text)
    answer = page.post(URL, data=form)
    assert answer.status_code == 303, answer.text
    return page.get(answer.headers["Location"]).text


def test_the_page_has_the_required_words(page: FlaskClient) -> None:
    html = page.get(URL).text
    assert "<h1>EasyCars Settings</h1>" in html
    for label in ("Account Number/PublicID", "Account Secret/SecretKey", "Environment"):
        assert re.search(rf"<label[^>]*>\s*{label}", html), label
    for button in ("Test Connection", "Save Credentials"):
        assert f"<span data-button-text>{button}</span>" in html
    assert re.search(r'<input[^>]*name="account_secret"[^>]*type="password"', html)
    assert "onpaste" not in html
    assert re.findall(r'<option value="(Test|Production)"', html) == ["Test", "Production"]
    assert re.search(r'<details id="advanced"[^>]*>', html)[0].count("open") == 0
    assert 'data-state="not-configured"' in html
    assert "Delete Credentials" not in html


def test_save_is_closed_until_a_test_passed(app: Flask, page: FlaskClient) -> None:
    assert "disabled" in save_button(page.get(URL).text)
    refused = page.post(URL, data=GOOD)
    assert refused.status_code == 422
    assert "were not tested" in refused.text
    assert "<title>Error: " in refused.text
    assert stored(app) == []


def test_a_passed_test_opens_save(app: Flask, page: FlaskClient) -> None:
    tested = page.post(f"{URL}/test", data=GOOD)
    assert tested.status_code == 200
    assert 'data-outcome="passed"' in tested.text
    assert "disabled" not in save_button(tested.text)
    assert "Connected to EasyCars Test." in tested.text
    html = save(page)
    assert 'data-state="configured"' in html
    assert "EasyCars credentials saved." in html
    assert "The credentials were saved. The next sync uses them." in html
    row = stored(app)[0]
    assert row.test_passed is True
    assert row.tested_at is not None


def test_htmx_gets_two_lines_the_proof_and_a_toast(page: FlaskClient) -> None:
    html = page.post(f"{URL}/test", data=GOOD, headers=HTMX).text
    assert "<html" not in html
    assert re.findall(r'data-step="(\w+)" data-state="(\w+)"', html) == [
        ("access", "passed"),
        ("account", "passed"),
    ]
    assert proof_in(html)
    assert 'hx-swap-oob="beforeend:#toasts"' in html


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        ({"client_secret": "wrong"}, [("access", "refused"), ("account", "not_verified")]),
        ({"account_secret": "wrong"}, [("access", "passed"), ("account", "refused")]),
    ],
    ids=["client pair", "account pair"],
)
def test_the_result_says_which_pair_is_wrong(
    page: FlaskClient, change: dict[str, str], lines: list[tuple[str, str]]
) -> None:
    html = page.post(f"{URL}/test", data=GOOD | change, headers=HTMX).text
    assert re.findall(r'data-step="(\w+)" data-state="(\w+)"', html) == lines
    assert proof_in(html) == ""


def test_the_result_is_announced_and_the_buttons_say_what_happens(page: FlaskClient) -> None:
    html = page.get(URL).text
    assert re.search(r'<div id="test-result" role="status"', html)
    for busy in ("Testing connection, up to 10 seconds", "Saving credentials"):
        assert f'data-busy="{busy}"' in html
    assert 'hx-target="#test-result"' in html


FORGED = [
    ("none", lambda proof: ""),
    ("garbage", lambda proof: "x.y.z"),
    ("changed", lambda proof: proof[:-2] + ("AA" if proof[-2:] != "AA" else "BB")),
]


@pytest.mark.parametrize(("_name", "forge"), FORGED, ids=[row[0] for row in FORGED])
def test_a_forged_proof_saves_nothing(app: Flask, page: FlaskClient, _name: str, forge) -> None:
    proof = proof_in(page.post(f"{URL}/test", data=GOOD, headers=HTMX).text)
    answer = page.post(URL, data=GOOD | {"test_token": forge(proof)})
    assert answer.status_code == 422
    assert stored(app) == []


@pytest.mark.parametrize(
    "change",
    [
        {"account_secret": "another"},
        {"account_number": "EC100002"},
        {"environment": "Production"},
        {"client_secret": "another"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_proof_is_for_the_tested_values_only(
    app: Flask, page: FlaskClient, change: dict[str, str]
) -> None:
    proof = proof_in(page.post(f"{URL}/test", data=GOOD, headers=HTMX).text)
    assert page.post(URL, data=GOOD | change | {"test_token": proof}).status_code == 422
    assert stored(app) == []


def test_the_proof_is_for_this_dealership_only(app: Flask, page: FlaskClient) -> None:
    proof = proof_in(page.post(f"{URL}/test", data=GOOD, headers=HTMX).text)
    with app.app_context():
        other = factories.dealership("Other", "other")
        colleague = factories.sign_in(app.test_client(), factories.member(other))
    answer = colleague.post("/d/other/settings/easycars", data=GOOD | {"test_token": proof})
    assert answer.status_code == 422


def test_the_proof_ends_after_fifteen_minutes(
    app: Flask, page: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    import itsdangerous.timed

    proof = proof_in(page.post(f"{URL}/test", data=GOOD, headers=HTMX).text)
    now = itsdangerous.timed.time.time()
    monkeypatch.setattr(
        itsdangerous.timed.TimestampSigner, "get_timestamp", lambda self: int(now) + 901
    )
    assert page.post(URL, data=GOOD | {"test_token": proof}).status_code == 422


def test_the_override_saves_untested_values_and_says_so(app: Flask, page: FlaskClient) -> None:
    answer = page.post(URL, data=GOOD | {"override": "1"})
    assert answer.status_code == 303
    html = page.get(URL).text
    assert "not tested since the last change" in html
    assert stored(app)[0].test_passed is None


def test_a_changed_secret_needs_a_new_test_and_the_yard_does_not(
    app: Flask, page: FlaskClient
) -> None:
    save(page)
    kept = dict.fromkeys(GOOD, "") | {"environment": "Test"}
    assert page.post(URL, data=kept | {"account_secret": "new"}).status_code == 422
    assert page.post(URL, data=kept | {"environment": "Production"}).status_code == 422
    assert page.post(URL, data=kept | {"yard_code": "200"}).status_code == 303
    row = stored(app)[0]
    assert (row.yard_code, row.test_passed) == ("200", True)


def test_secrets_are_in_no_page(page: FlaskClient) -> None:
    answers = [
        page.post(f"{URL}/test", data=GOOD),
        page.post(f"{URL}/test", data=GOOD, headers=HTMX),
        page.post(f"{URL}/test", data=GOOD | {"yard_code": "x" * 51}),
        page.post(URL, data=GOOD),
        page.post(URL, data=GOOD | {"override": "1"}),
        page.get(URL),
        page.get(f"{URL}/delete"),
        page.post(f"{URL}/reveal"),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 422, 422, 303, 200, 200, 200]
    for html in (answer.text + str(answer.headers) for answer in answers):
        assert not any(secret in html for secret in SECRETS)
        assert not re.search(r"[•*]{4,}", html)
        for value in re.findall(r'type="password"[^>]*', html):
            assert "value=" not in value


def test_the_number_shows_its_end_until_somebody_asks(app: Flask, page: FlaskClient) -> None:
    html = save(page)
    assert "Ends in 001" in html
    assert DEMO_ACCOUNT_NUMBER not in html
    assert DEMO_ACCOUNT_NUMBER in page.post(f"{URL}/reveal", headers=HTMX).text
    with app.app_context(), reading(ALL_DEALERSHIPS) as db:
        actions = list(db.scalars(select(AuditEvent.action).order_by(AuditEvent.id)))
    assert actions[-1] == "credentials.reveal"


@pytest.mark.parametrize("path", ["", "/test"])
def test_faults_are_named_on_top_and_at_the_field(page: FlaskClient, path: str) -> None:
    answer = page.post(URL + path, data=GOOD | {"account_number": "", "yard_code": "9" * 51})
    assert answer.status_code == 422
    assert 'id="error-summary"' in answer.text
    assert 'href="#f-yard_code"' in answer.text
    assert 'id="f-yard_code-error"' in answer.text
    typed = page.post(URL + path, data=GOOD | {"account_secret": ""})
    assert 'id="f-account_secret-error"' in typed.text
    assert f'value="{DEMO_ACCOUNT_NUMBER}"' in typed.text


def test_a_test_that_cannot_start_says_why_in_place(page: FlaskClient) -> None:
    answer = page.post(f"{URL}/test", data={"environment": "Test"}, headers=HTMX)
    assert answer.status_code == 422
    assert "<html" not in answer.text
    assert "Enter the Account Number/PublicID." in answer.text


def test_deleting_asks_with_the_sentence_and_the_numbers(
    app: Flask, page: FlaskClient, place: Dealership
) -> None:
    save(page)
    with app.app_context(), unit_of_work(place.id) as db:
        db.add(
            Schedule(dealership_id=place.id, provider="easycars", stream="stock", cron="0 2 * * *")
        )
    for html in (page.get(f"{URL}/delete").text, page.get(URL).text):
        assert "Are you sure? This will stop all EasyCars synchronization." in html
        assert "1 schedule will not start any more." in html
    refused = page.post(f"{URL}/delete", data={"confirm_word": "yes"})
    assert refused.status_code == 422
    assert len(stored(app)) == 1
    done = page.post(f"{URL}/delete", data={"confirm_word": "delete"})
    assert done.status_code == 303
    html = page.get(done.headers["Location"]).text
    assert "EasyCars credentials deleted." in html
    assert 'data-state="not-configured"' in html
    assert stored(app) == []


def test_deleting_what_is_not_there_answers_404(page: FlaskClient) -> None:
    assert page.get(f"{URL}/delete").status_code == 404
    assert page.post(f"{URL}/delete", data={"confirm_word": "delete"}).status_code == 404


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("operator", 403), ("admin", 200)])
def test_only_administrators_open_the_page(
    app: Flask, place: Dealership, role: str, status: int
) -> None:
    with app.app_context():
        client = factories.sign_in(app.test_client(), factories.member(place, role))
    assert client.get(URL).status_code == status


def test_the_menu_leads_to_the_page(page: FlaskClient) -> None:
    assert f'href="{URL}"' in page.get(URL).text


def test_without_a_csrf_token_nothing_happens(app: Flask, page: FlaskClient) -> None:
    del page.environ_base["HTTP_X_CSRFTOKEN"]
    assert page.post(URL, data=GOOD | {"override": "1"}).status_code == 403
    assert stored(app) == []


def test_the_client_pair_can_be_removed(app: Flask, page: FlaskClient) -> None:
    save(page)
    assert "Remove the stored client pair" in page.get(URL).text
    form = {"environment": "Test", "drop_client_pair": "1", "override": "1"}
    assert page.post(URL, data=form).status_code == 303
    assert stored(app)[0].client_id_encrypted is None


def test_the_page_survives_a_lost_key(app: Flask, page: FlaskClient) -> None:
    save(page)
    with app.app_context(), unit_of_work(ALL_DEALERSHIPS) as db:
        row = db.scalars(select(EasyCarsCredential)).one()
        row.account_number_encrypted = row.account_number_encrypted.replace("vt1.", "vgone.")
    html = page.get(URL).text
    assert 'data-state="unreadable"' in html
    assert 'data-state="configured"' in save(page)
