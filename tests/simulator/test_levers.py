"""The control: stock operations, page, state, errors."""

import re
from typing import Any

import httpx
import pytest

from app.simulator import RunningSimulator, account_number, account_secret
from app.simulator.running import ControlRefused
from tests.simulator.caller import Caller


def by_number(caller: Caller) -> dict[str, dict[str, Any]]:
    return {row["StockNumber"]: row for row in caller.rows()}


def test_changed_prices_concern_exactly_the_named_vehicles(caller: Caller) -> None:
    before = by_number(caller)
    changed = caller.simulator.stock("change_prices", percent=10)["changed"]
    after = by_number(caller)
    assert len(changed) == round(sum(r["Price"] is not None for r in before.values()) / 10)
    assert {n for n in before if before[n] != after[n]} == set(changed)
    for number in changed:
        assert after[number] == before[number] | {"Price": after[number]["Price"]}


def test_vehicles_come_and_go(caller: Caller) -> None:
    numbers = list(by_number(caller))
    assert caller.simulator.stock("sell", stock_number=numbers[4])["removed"] == [numbers[4]]
    assert caller.simulator.stock("remove", stock_numbers=numbers[:2])["vehicles"] == 97
    added = caller.simulator.stock("add", count=5)["added"]
    assert set(by_number(caller)) == (set(numbers) - {numbers[4], *numbers[:2]}) | set(added)
    assert caller.simulator.stock("shrink", to_percent=50)["vehicles"] == len(caller.rows()) == 51
    caller.simulator.stock("set_vehicles", count=7)
    assert len(caller.rows()) == 7


def test_fields_are_written_as_given(caller: Caller) -> None:
    number = next(iter(by_number(caller)))
    caller.simulator.stock("set", stock_number=number, fields={"Price": "soon", "Badge": "GT"})
    row = by_number(caller)[number]
    assert (row["Price"], row["Badge"]) == ("soon", "GT")


def test_photos_can_be_removed_renewed_and_reordered(caller: Caller) -> None:
    first, second, third = list(by_number(caller))[:3]
    before = by_number(caller)
    caller.simulator.stock("remove_photos", stock_number=first)
    caller.simulator.stock("renew_photos", stock_number=second)
    caller.simulator.stock("reorder_photos", stock_number=third)
    after = by_number(caller)
    assert (after[first]["ImageURLs"], after[first]["ImageCount"]) == ("", 0)
    old, new = (set(rows[second]["ImageURLs"].split(",")) for rows in (before, after))
    assert len(new) == len(old)
    assert not new & old
    assert caller.http.get(next(iter(new))).status_code == 200
    assert after[third]["ImageURLs"].split(",") == before[third]["ImageURLs"].split(",")[::-1]


def test_accounts_are_changed_apart(caller: Caller) -> None:
    other = account_number(1)
    caller.simulator.stock("set_vehicles", count=3, account=other)
    assert len(caller.rows()) == 100
    assert len(caller.rows(AccountNumber=other, AccountSecret=account_secret(other))) == 3
    caller.simulator.stock("set_vehicles", count=5, account="*")
    assert len(caller.rows()) == 5
    assert len(caller.rows(AccountNumber=other, AccountSecret=account_secret(other))) == 5


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/control/scenario", {"name": "gremlins"}),
        ("/control/scenario", {}),
        ("/control/scenario", {"name": "dirty-rows", "kinds": ["gremlins"]}),
        ("/control/stock", {"operation": "burn"}),
        ("/control/stock", {"operation": "sell", "stock_number": "nope"}),
        ("/control/stock", {"operation": "add", "count": "many"}),
        ("/control/leads", {"operation": "update", "lead_number": "000099"}),
        ("/control/settings", {"photos": "painted"}),
        ("/control/settings", {"clock": "noon"}),
    ],
)
def test_nonsense_is_refused_in_words(
    simulator: RunningSimulator, path: str, body: dict[str, Any]
) -> None:
    with pytest.raises(ControlRefused, match=r"\w+ \w+"):
        simulator.post(path, body)


def test_reset_restores_the_start(caller: Caller) -> None:
    before = caller.rows()
    caller.simulator.stock("shrink", to_percent=10)
    caller.simulator.scenario("code-9")
    caller.simulator.leads("create")
    caller.simulator.reset()
    assert caller.simulator.calls()["total"] == 0
    assert caller.rows() == before
    assert caller.simulator.leads()["leads"] == []


def test_the_page_works_without_script(caller: Caller) -> None:
    page = caller.http.get(caller.simulator.base_url + "/")
    assert page.status_code == 200
    assert "<script" not in page.text
    assert len(re.findall("<h1", page.text)) == 1
    for name in caller.simulator.state()["scenarios"][1:]:
        assert f'value="{name}"' in page.text
    style = re.search(r'href="(/control/static/[^"]+)"', page.text)
    assert style
    assert caller.http.get(caller.simulator.base_url + style[1]).status_code == 200


def test_a_button_switches_and_leads_back_to_the_page(caller: Caller) -> None:
    form = {"name": "slow", "value": "0.5", "count": ""}
    answer = caller.http.post(f"{caller.simulator.base_url}/control/scenario", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert caller.simulator.state()["active"][0]["value"] == 0.5
    assert "Back to normal" in caller.http.get(caller.simulator.base_url + "/").text


def test_other_sites_cannot_pull_levers(simulator: RunningSimulator) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    url = f"{simulator.base_url}/control/reset"
    assert httpx.post(url, headers=headers).status_code == 403
