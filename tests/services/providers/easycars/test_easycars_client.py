"""The EasyCars client on the wire: rows 46 to 63, trap T1 to T4."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import httpx
import pytest
import respx

from app.adapters.memory_state import MemoryTokenStore
from app.config import Settings
from app.secret import Secret
from app.services.errors import (
    ContractBroken,
    CredentialsRejected,
    HubError,
    ProviderUnavailable,
    RateLimited,
    RequestRefused,
)
from app.services.http_failures import AnswerUnreadable, HostFailed
from app.services.providers.easycars.auth import lifetime_of
from app.services.providers.easycars.keys import client_pair
from app.services.providers.easycars.wire import StockItem
from tests.services.outside_rig import (
    CANARY,
    KEYS,
    code_answer,
    easycars,
    outside,
    stock_answer,
    token,
    token_answer,
)
from tests.services.scripted_server import answer, scripted

BASE = "https://testmy.example.com.au/TestECService"
TOKEN_URL = f"{BASE}/StockService/RequestToken"
STOCK_URL = f"{BASE}/StockService/GetAdvertisementStocks"


class Wire:
    """The two endpoints, answering one after the other what a test lays down."""

    def __init__(self, router: respx.Router) -> None:
        self.router = router
        self.token = router.post(TOKEN_URL).mock(side_effect=self._next_token)
        self.stock = router.post(STOCK_URL).mock(side_effect=self._next_stock)
        self.tokens: list[str | httpx.Response] = [token_answer()]
        self.stocks: list[str | httpx.Response | Exception] = [stock_answer("1", "2")]

    def _next_token(self, request: httpx.Request) -> httpx.Response:
        return _answer(self.tokens)

    def _next_stock(self, request: httpx.Request) -> httpx.Response:
        return _answer(self.stocks)


def _answer(script: list) -> httpx.Response:
    found = script.pop(0) if len(script) > 1 else script[0]
    if isinstance(found, Exception):
        raise found
    return found if isinstance(found, httpx.Response) else httpx.Response(200, text=found)


@pytest.fixture
def wire() -> Iterator[Wire]:
    with respx.mock(assert_all_called=False) as router:
        yield Wire(router)


def fetch(way=None, yard: str | None = None) -> list[StockItem]:
    with easycars(way or outside(BASE)) as api:
        return api.client.get_advertisement_stocks(api.account_number, api.account_secret, yard)


# -- Requests ----------------------------------------------------------------------------------


def test_easycars_client_asks_for_a_token_first_then_for_stock(wire):
    assert [item.stock_number for item in fetch()] == ["1", "2"]
    first, second = (call.request for call in wire.router.calls)
    assert first.url.path == "/TestECService/StockService/RequestToken"
    assert dict(first.url.params) == {
        "ClientID": KEYS["client_id"].reveal(),
        "ClientSecret": KEYS["client_secret"].reveal(),
    }
    assert first.content == b""
    assert "authorization" not in first.headers
    assert second.headers["authorization"] == f"Bearer {token()}"
    assert second.headers["content-type"] == "application/json"
    assert json.loads(second.content) == {
        "AccountNumber": KEYS["account_number"].reveal(),
        "AccountSecret": KEYS["account_secret"].reveal(),
    }


def test_easycars_client_sends_the_yard_only_when_there_is_one(wire):
    fetch(yard="100")
    assert json.loads(wire.stock.calls.last.request.content)["YardCode"] == "100"


def test_easycars_client_escapes_what_it_puts_into_the_address(wire):
    keys = KEYS | {"client_secret": Secret("a&b=c d+e/f")}
    with easycars(outside(BASE), keys) as api:
        api.client.get_advertisement_stocks(api.account_number, api.account_secret)
    assert wire.token.calls.last.request.url.params["ClientSecret"] == "a&b=c d+e/f"


def test_each_environment_has_its_address():
    way = outside(BASE, easycars_production_base_url="https://my.example.net.au/ECService")
    assert way.base_url("easycars", "Test") == BASE
    assert way.base_url("easycars", "Production") == "https://my.example.net.au/ECService"
    with pytest.raises(ContractBroken):
        way.base_url("easycars", "Staging")


def test_no_cookies_are_kept(wire):
    cookie = {"Set-Cookie": "ASP.NET_SessionId=abc; path=/"}
    wire.tokens = [httpx.Response(200, text=token_answer(), headers=cookie)]
    fetch()
    assert "cookie" not in wire.stock.calls.last.request.headers


# -- Keys --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "settings", "expected"),
    [
        (KEYS, {}, ("1B0C0000-CLIENT", "given")),
        (
            {name: KEYS[name] for name in ("account_number", "account_secret")},
            {"easycars_client_id": Secret("ours"), "easycars_client_secret": Secret("s")},
            ("ours", "settings"),
        ),
        (
            {name: KEYS[name] for name in ("account_number", "account_secret")},
            {"easycars_client_id": Secret("half")},
            ("EC100001", "account"),
        ),
    ],
)
def test_which_client_pair_is_used(keys, settings, expected):
    """§11 row 1: own pair, else the installation's, else the account pair."""
    pair = client_pair(keys, Settings(**settings))
    assert (pair.client_id.reveal(), pair.origin) == expected


# -- Tokens ------------------------------------------------------------------------------------


def test_one_token_serves_many_calls_and_runs(wire):
    way = outside(BASE)
    fetch(way), fetch(way)
    assert (wire.token.call_count, wire.stock.call_count) == (1, 2)


def test_token_is_renewed_one_minute_before_its_end(wire):
    now = [0.0]
    way = outside(BASE)
    way.tokens = MemoryTokenStore(lambda: now[0])
    fetch(way)
    now[0] = 539.0
    fetch(way)
    assert wire.token.call_count == 1
    now[0] = 540.5
    fetch(way)
    assert wire.token.call_count == 2


def test_a_token_of_less_than_a_minute_is_used_once(wire):
    wire.tokens = [token_answer(lifetime=30)]
    way = outside(BASE)
    fetch(way), fetch(way)
    assert wire.token.call_count == 2


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (token(lifetime=600), 600),
        (token(lifetime=120), 120),
        (token(lifetime=-5), 600),
        ("no jwt at all", 600),
        ("a.b.c", 600),
        ("a.bnVsbA.c", 600),
    ],
)
def test_lifetime_is_read_from_the_token(text, seconds):
    assert lifetime_of(text) == seconds


def test_parallel_callers_fetch_one_token():
    """Row 47; over real sockets, because the wait is real."""
    with scripted(answer(token_answer()), answer(stock_answer("1"))) as server:
        way = outside(server.base_url)
        threads = [threading.Thread(target=fetch, args=(way,)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        asked = [request.head.split()[1].partition("?")[0] for request in server.requests]
    assert sum(path.endswith("RequestToken") for path in asked) == 1
    assert len(asked) == 7


@pytest.mark.parametrize(
    "refusal", [code_answer(1), httpx.Response(401), httpx.Response(401, text="<html>")]
)
def test_a_refused_token_is_renewed_once(wire, refusal):
    """Row 57: it comes as code 1 with HTTP 200, or as 401."""
    wire.tokens = [token_answer("old"), token_answer("new")]
    wire.stocks = [refusal, stock_answer("1")]
    assert len(fetch()) == 1
    assert (wire.token.call_count, wire.stock.call_count) == (2, 2)
    assert wire.stock.calls.last.request.headers["authorization"] == f"Bearer {token('new')}"


def test_a_second_refusal_means_the_account(wire):
    wire.stocks = [code_answer(1, "Invalid account")]
    with pytest.raises(CredentialsRejected, match="Invalid account") as caught:
        fetch()
    assert caught.value.pair == "account"
    assert (wire.token.call_count, wire.stock.call_count) == (2, 2)


@pytest.mark.parametrize("refusal", [code_answer(1), httpx.Response(401)])
def test_a_refused_token_request_means_the_client_pair(wire, refusal):
    wire.tokens = [refusal]
    with pytest.raises(CredentialsRejected, match="Client ID") as caught:
        fetch()
    assert caught.value.pair == "client"
    assert (wire.token.call_count, wire.stock.call_count) == (1, 0)


def test_a_wrong_secret_never_finds_the_right_ones_token(wire):
    way = outside(BASE)
    fetch(way)
    wire.tokens = [code_answer(1)]
    with (
        easycars(way, KEYS | {"client_secret": Secret("wrong")}) as api,
        pytest.raises(CredentialsRejected),
    ):
        api.client.get_advertisement_stocks(api.account_number, api.account_secret)


# -- Codes -------------------------------------------------------------------------------------

CODES = [
    (stock_answer("1"), None, 1),
    ('{"StockList":[{"StockNumber":"1"}],"ResponseCode":0}', None, 1),
    ('{"StockList":[{"StockNumber":"1"}],"ReturnCode":"0"}', None, 1),
    ('{"Code":0,"ErrorMessage":null,"StockList":[{"StockNumber":"1"}]}', None, 1),
    ('{"Response":[{"StockNumber":"1"}],"ReturnCode":0,"ErrorMsg":null}', None, 1),
    (stock_answer("1", code=5, message='"careful"'), None, 1),
    (code_answer(5), RequestRefused, 1),
    (code_answer(7), RequestRefused, 1),
    (stock_answer("1", code=7), RequestRefused, 1),
    (code_answer(9), ProviderUnavailable, 3),
    (code_answer(3), ContractBroken, 1),
    (code_answer(-1), ContractBroken, 1),
    (code_answer(0), ContractBroken, 1),
    (code_answer("true"), ContractBroken, 1),
    (code_answer('"x"'), ContractBroken, 1),
    ('{"StockList":[{"StockNumber":"1"}]}', ContractBroken, 1),
    ('{"StockList":null,"Code":0}', ContractBroken, 1),
    ("[]", ContractBroken, 1),
    ("<html>sorry</html>", AnswerUnreadable, 3),
    ("", AnswerUnreadable, 3),
    ("{", AnswerUnreadable, 3),
    ('{"StockList":[{"StockNumber":"1"}', AnswerUnreadable, 3),
    (httpx.Response(500, text="<html>"), HostFailed, 3),
    (httpx.Response(503, text=""), HostFailed, 3),
    (httpx.Response(429), RateLimited, 3),
    (httpx.Response(400), RequestRefused, 1),
    (httpx.Response(403), RequestRefused, 1),
    (httpx.Response(404, text="<html>"), RequestRefused, 1),
    (httpx.Response(302, headers={"Location": "https://evil.example/"}), ContractBroken, 1),
]


@pytest.mark.parametrize(("sent", "error", "calls"), CODES, ids=lambda value: str(value)[:60])
def test_easycars_client_judges_every_answer(wire, sent, error, calls):
    """Rows 48, 50 and easycars-api §12: the error's class, and whether the call is repeated."""
    wire.stocks = [sent]
    if error is None:
        assert [item.stock_number for item in fetch()] == ["1"]
    else:
        with pytest.raises(error) as caught:
            fetch()
        assert type(caught.value) is error
        assert caught.value.user_message.startswith("EasyCars ") or "EasyCars" in str(caught.value)
    assert wire.stock.call_count == calls


@pytest.mark.parametrize(
    ("sent", "error", "calls"),
    [
        (code_answer(7), RequestRefused, 1),
        (code_answer(9), ProviderUnavailable, 3),
        (code_answer(4), ContractBroken, 1),
        ('{"Token":"a.b.c"}', ContractBroken, 1),
        ('{"Token":"","Code":0}', ContractBroken, 1),
        ('{"Token":7,"Code":0}', ContractBroken, 1),
        ("<html>", AnswerUnreadable, 3),
        (httpx.Response(500), HostFailed, 3),
    ],
    ids=str,
)
def test_token_answers_are_judged_alike(wire, sent, error, calls):
    wire.tokens = [sent]
    with pytest.raises(error):
        fetch()
    assert wire.token.call_count == calls
    assert wire.stock.call_count == 0


def test_a_warning_travels_with_the_last_page(wire):
    wire.stocks = [stock_answer("1", code=5, message='"  Some   items\\nare held back "')]
    with easycars(outside(BASE)) as api:
        pages = list(api.client.stream_stock(api.question()))
    assert pages[-1].warning == "Some items are held back"


def test_the_vendors_words_never_repeat_a_secret(wire):
    wire.stocks = [code_answer(7, f"bad secret {KEYS['account_secret'].reveal()} given")]
    with pytest.raises(RequestRefused) as caught:
        fetch()
    assert CANARY not in caught.value.user_message
    assert "bad secret *** given" in caught.value.user_message


def test_an_empty_stock_retrieval_is_an_empty_list(wire):
    wire.stocks = [stock_answer()]
    assert fetch() == []


def test_stock_retrieval_leaves_unreadable_elements_out(wire):
    wire.stocks = ['{"StockList":[1,{"StockNumber":"2","Price":null,"Odometer":""}],"Code":0}']
    assert [item.stock_number for item in fetch()] == ["2"]


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (httpx.ConnectTimeout("x"), "did not accept a connection in time"),
        (httpx.ReadTimeout("x"), "did not answer in time"),
        (httpx.ReadError("x"), "was cut"),
        (httpx.RemoteProtocolError("x"), "was cut"),
        (httpx.ConnectError("x"), "No connection"),
        (httpx.UnsupportedProtocol("x"), "unknown reason"),
    ],
)
def test_network_failures_have_words(wire, failure, words):
    wire.stocks = [failure]
    with pytest.raises(HostFailed, match=words):
        fetch()
    assert wire.stock.call_count == 3


def test_a_stream_that_breaks_is_started_anew(wire):
    """What was yielded of the broken answer is taken back by `restart`."""
    many = stock_answer(*(str(number) for number in range(1200)))
    wire.stocks = [many[:-60], many]
    with easycars(outside(BASE)) as api:
        pages = list(api.client.stream_stock(api.question()))
    taken_back = [page.restart for page in pages].index(True)
    assert taken_back > 0
    assert sum(len(page.rows) for page in pages[taken_back:]) == 1200


def test_a_broken_answer_never_ends_normally(wire):
    wire.stocks = [stock_answer("1", "2")[:-45]]
    taken = []
    with easycars(outside(BASE)) as api, pytest.raises(HubError):
        taken.extend(api.client.stream_stock(api.question()))
    assert wire.stock.call_count == 3
