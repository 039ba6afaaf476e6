"""Settings, leads: each form saves its part, keeps what was typed, and says its limits."""

from __future__ import annotations

import re
from html import unescape

import pytest
from sqlalchemy import select

from app.db import reading
from app.models import LeadPolicy
from app.services.leads import policy
from tests.reading import words
from tests.routes.runs.conftest import World

PAGE = "settings/leads"


def kept(world: World) -> policy.Policies:
    with world.app.app_context(), reading(world.place.id) as db:
        return policy.read(db)


def test_it_is_in_the_menu_and_beside_the_schedule(world: World) -> None:
    client = world.client(world.admin)
    text = client.get(world.url("settings/sync")).text
    assert f'href="{world.url(PAGE)}"' in text[text.index('id="leads-schedule"') :]
    assert f'href="{world.url(PAGE)}"' in client.get(world.url("history")).text
    assert world.url("settings/sync#leads-schedule") in client.get(world.url(PAGE)).text


def test_each_form_saves_and_leads_back_to_its_card(world: World) -> None:
    client = world.client(world.admin)
    sent = {
        "owners": {"status_owner": "local", "field_owner": "easycars", "customer_owner": "ask"},
        "alarm": {"overdue_minutes": "45", "is_alarm_on": "1"},
        "reading": {"reads_per_run": "50", "discovery_gap": "5", "discovery_calls": "20",
                    "is_discovery_on": "1"},
    }  # fmt: skip
    for card, form in sent.items():
        answer = client.post(world.url(f"{PAGE}/{card}"), data=form)
        assert (answer.status_code, answer.location) == (303, world.url(f"{PAGE}#{card}"))
    assert kept(world) == policy.Policies(
        "local", "easycars", "ask", 45, True, True, 5, 20, 50, None
    )
    text = client.get(world.url(PAGE)).text
    assert 'value="45"' in text
    assert re.search(r'id="f-is_discovery_on"[^>]* checked', text)
    assert '<option value="local" selected>Forecourt</option>' in text
    assert f"by {world.admin.email}" in words(text)


@pytest.mark.parametrize(
    ("card", "form", "field", "ticked"),
    [
        ("alarm", {"overdue_minutes": "3"}, "overdue_minutes", False),
        (
            "reading",
            {"reads_per_run": "many", "discovery_gap": "7", "discovery_calls": "9",
             "is_discovery_on": "1"},
            "reads_per_run",
            True,
        ),
        ("owners", {"status_owner": "me"}, "status_owner", False),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_at_its_field_and_nothing_typed_is_lost(
    world: World, card: str, form: dict[str, str], field: str, ticked: bool
) -> None:
    answer = world.client(world.admin).post(world.url(f"{PAGE}/{card}"), data=form)
    assert answer.status_code == 422
    assert f'href="#f-{field}"' in answer.text
    assert "<title>Error: " in answer.text
    numbers = [value for name, value in form.items() if not name.endswith(("_owner", "_on"))]
    assert all(f'value="{value}"' in answer.text for value in numbers)
    is_ticked = re.search(r'id="f-is_discovery_on"[^>]* checked', answer.text) is not None
    assert is_ticked is ticked
    alarm = re.search(r'id="f-is_alarm_on"[^>]* checked', answer.text) is not None
    assert alarm is (card != "alarm"), "a switch of another form stands as it is stored"
    assert kept(world) == policy.Policies()


def test_the_rule_of_the_search_and_its_limits_are_on_the_page(world: World) -> None:
    text = words(world.client(world.admin).get(world.url(PAGE)).text)
    for part in (
        "EasyCars has no list of leads",
        "another portal sends there, cannot be read",
        "stops when too many numbers in a row",
        "finds nothing below the highest known number",
        "Each try is a call",
    ):
        assert part in text


def test_the_form_is_opened_shown_renewed_and_closed(world: World) -> None:
    client = world.client(world.admin)
    assert "iframe" not in client.get(world.url(PAGE)).text
    client.post(world.url(f"{PAGE}/form"), data={"do": "open"})
    key = kept(world).form_key
    text = client.get(world.url(PAGE)).text
    snippet = unescape(text.partition('data-testid="form-snippet">')[2].partition("</pre>")[0])
    assert snippet.startswith(f'<iframe src="http://localhost/forms/{key}" title="Ask Harbour')
    assert "<iframe" not in text, "the snippet is shown, not run"
    assert world.app.test_client().get(f"/forms/{key}").status_code == 200
    client.post(world.url(f"{PAGE}/form"), data={"do": "renew"})
    renewed = kept(world).form_key
    assert renewed not in (None, key)
    assert world.app.test_client().get(f"/forms/{key}").status_code == 404
    client.post(world.url(f"{PAGE}/form"), data={"do": "close"})
    assert kept(world).form_key is None
    assert world.app.test_client().get(f"/forms/{renewed}").status_code == 404


@pytest.mark.parametrize("path", ["", "/owners", "/alarm", "/reading", "/form"])
def test_only_administrators_change_it(world: World, path: str) -> None:
    client = world.client(world.operator)
    address = world.url(f"{PAGE}{path}")
    answer = client.post(address, data={"do": "open"}) if path else client.get(address)
    assert answer.status_code == 403
    with world.app.app_context(), reading(world.place.id) as db:
        assert db.scalar(select(LeadPolicy)) is None
