"""RequestToken and the rules of tokens and accounts (API facts 2, 3 and 4)."""

import base64
import json

import pytest

from app.simulator import (
    SECOND_CLIENT_ID,
    SECOND_CLIENT_SECRET,
    SINGLE_PAIR_NUMBER,
    account_number,
    account_secret,
)
from tests.simulator.caller import LEADS, STOCK, Caller


def claims(token: str) -> dict[str, int]:
    middle = token.split(".")[1]
    found: dict[str, int] = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    return found


def test_a_token_is_a_jwt_of_ten_minutes(caller: Caller) -> None:
    answer = caller.request_token()
    said = claims(answer["Token"])
    assert list(answer) == ["Token", "Code", "ErrorMessage"]
    assert (answer["Code"], answer["ErrorMessage"]) == (0, None)
    assert set(said) == {"ClientID", "nbf", "exp", "iat"}
    assert said["exp"] - said["iat"] == 600


def test_lifetime_can_be_set(caller: Caller) -> None:
    caller.simulator.settings(token_lifetime=90)
    said = claims(caller.request_token()["Token"])
    assert said["exp"] - said["iat"] == 90


@pytest.mark.parametrize("prefix", ["TestECService", "ECService"])
@pytest.mark.parametrize("service", [STOCK, LEADS])
def test_both_services_answer_below_both_prefixes(
    caller: Caller, prefix: str, service: str
) -> None:
    caller.prefix = prefix
    assert caller.request_token(service)["Code"] == 0


@pytest.mark.parametrize(
    ("client_id", "secret", "code"),
    [("nobody", "nothing", 1), (None, "nothing", 1), ("", "x", 7)],
    ids=["unknown client", "wrong secret", "no ClientID"],
)
def test_a_bad_client_pair_is_refused_with_http_200(
    caller: Caller, client_id: str | None, secret: str, code: int
) -> None:
    caller.client_id = caller.client_id if client_id is None else client_id
    caller.client_secret = secret
    answer = caller.request_token()
    assert list(answer) == ["Code", "ErrorMessage"]
    assert answer["Code"] == code


def test_credentials_in_a_json_body_are_not_looked_at(caller: Caller) -> None:
    url = f"{caller.simulator.test_base_url}/{STOCK}/RequestToken"
    pair = {"ClientID": caller.client_id, "ClientSecret": caller.client_secret}
    assert caller.http.post(url, json=pair).json()["Code"] == 7


@pytest.mark.parametrize(
    "body",
    [
        {"token": "rubbish"},
        {"token": "a.b.c"},
        {"AccountSecret": "wrong"},
        {"AccountNumber": "EC999999"},
    ],
    ids=["no JWT", "forged JWT", "wrong account secret", "unknown account"],
)
def test_bad_tokens_and_accounts_get_code_1(caller: Caller, body: dict[str, str]) -> None:
    answer = caller.send(STOCK, "GetAdvertisementStocks", **body)
    assert (answer.status_code, answer.json()["Code"]) == (200, 1)


def test_a_token_serves_one_service_only(caller: Caller) -> None:
    assert caller.stocks(token=caller.token(LEADS))["Code"] == 1


def test_an_expired_token_is_refused(caller: Caller) -> None:
    caller.simulator.settings(token_lifetime=-1)
    assert caller.stocks()["Code"] == 1


def test_missing_account_pair_gets_code_7(caller: Caller) -> None:
    assert caller.stocks(AccountSecret=None)["Code"] == 7


def test_generated_accounts_have_stock_of_their_own(caller: Caller) -> None:
    mine = caller.rows()
    caller.account = account_number(3)
    caller.secret = account_secret(caller.account)
    caller.client_id, caller.client_secret = SECOND_CLIENT_ID, SECOND_CLIENT_SECRET
    theirs = caller.rows()
    assert len(theirs) == len(mine)
    assert theirs[0]["ImageURLs"] != mine[0]["ImageURLs"]


def test_one_pair_can_serve_as_both(caller: Caller) -> None:
    caller.account = caller.client_id = SINGLE_PAIR_NUMBER
    caller.secret = caller.client_secret = account_secret(SINGLE_PAIR_NUMBER)
    assert caller.stocks()["Code"] == 0


def test_get_is_refused_and_unknown_endpoints_are_html(caller: Caller) -> None:
    url = f"{caller.simulator.test_base_url}/{STOCK}/GetAdvertisementStocks"
    unknown = caller.send(STOCK, "GetEverything")
    assert caller.http.get(url).status_code == 405
    assert (unknown.status_code, unknown.headers["content-type"]) == (
        404,
        "text/html; charset=utf-8",
    )


def test_the_call_log_keeps_no_secret(caller: Caller) -> None:
    caller.stocks()
    said = json.dumps(caller.simulator.calls())
    assert caller.account in said
    assert caller.secret not in said
    assert caller.client_secret not in said
    assert caller.tokens[STOCK] not in said
