"""The way out against real sockets: retries, breaker, limits of time, words, silent logs."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest
import stamina

from app.adapters.memory_state import MemoryCircuitStore
from app.services.errors import ContractBroken, ProviderUnavailable, RateLimited
from app.services.http import Outside, Retries
from app.services.http_failures import (
    CircuitOpen,
    HostFailed,
    TimeIsUp,
    pause_before_repeat,
    retry_after,
)
from app.services.providers.easycars import check_connection
from tests.services.outside_rig import (
    CANARY,
    KEYS,
    code_answer,
    easycars,
    outside,
    stock_answer,
    token_answer,
)
from tests.services.scripted_server import (
    DRIPPING_BODY,
    DRIPPING_HEAD,
    JSON,
    answer,
    cut,
    drip,
    reset,
    scripted,
    silence,
)

TOKEN = answer(token_answer())
STOCK = answer(stock_answer("1"))


@pytest.fixture
def real_pauses() -> Iterator[None]:
    """The suite runs without pauses; these tests measure them."""
    stamina.set_testing(False)
    yield
    stamina.set_testing(True, attempts=3, cap=True)


def fetch(way: Outside) -> int:
    with easycars(way) as api:
        return sum(len(page.rows) for page in api.client.stream_stock(api.question()))


# -- Retries -----------------------------------------------------------------------------------


def test_two_times_503_then_an_answer_takes_three_calls_with_growing_waits(real_pauses):
    """Row 48, on a real socket (lesson 16)."""
    with scripted(TOKEN, answer("", 503), answer("", 503), STOCK) as server:
        assert fetch(outside(server.base_url)) == 1
        times = [request.at for request in server.requests[1:]]
    assert len(times) == 3
    first, second = times[1] - times[0], times[2] - times[1]
    assert first >= 0.05
    assert second >= 0.1


def test_the_usual_waits_are_two_and_four_seconds_with_jitter():
    assert Retries() == Retries(attempts=3, first_wait=2.0, longest_wait=8.0, jitter=1.0)


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_obeyed(real_pauses, status):
    busy = answer("", status, f"{JSON}Retry-After: 1\r\n")
    with scripted(TOKEN, busy, STOCK) as server:
        assert fetch(outside(server.base_url)) == 1
        times = [request.at for request in server.requests[1:]]
    assert times[1] - times[0] >= 1.0


def test_a_retry_after_beyond_a_minute_is_left_to_the_schedule(real_pauses):
    with scripted(TOKEN, answer("", 429, f"{JSON}Retry-After: 3600\r\n")) as server:
        with pytest.raises(RateLimited) as caught:
            fetch(outside(server.base_url))
        assert len(server.requests) == 2
    assert caught.value.retry_after == 3600


def test_retry_after_may_be_a_date():
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 25 < retry_after(httpx.Response(429, headers={"Retry-After": soon})) <= 30
    past = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
    assert retry_after(httpx.Response(429, headers={"Retry-After": past})) == 0
    assert retry_after(httpx.Response(429, headers={"Retry-After": "soon"})) is None
    assert retry_after(httpx.Response(429)) is None


@pytest.mark.parametrize("trouble", [reset, cut(b'{"StockList":[{"a":1}', 500)])
def test_a_reset_or_cut_answer_is_asked_for_again(trouble):
    with scripted(TOKEN, trouble, STOCK) as server:
        assert fetch(outside(server.base_url)) == 1
        assert len(server.requests) == 3


def test_three_tries_and_no_more():
    with scripted(TOKEN, reset) as server:
        with pytest.raises(HostFailed, match="was cut"):
            fetch(outside(server.base_url))
        assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("failure", "any_call", "unsent_only"),
    [
        (HostFailed("x", sent=False), True, True),
        (HostFailed("x", sent=True), True, False),
        (HostFailed("x", retry_after=2, status=503), 2.0, 2.0),
        (HostFailed("x", retry_after=2, status=500), 2.0, False),
        (RateLimited("x"), True, True),
        (RateLimited("x", 5), 5.0, 5.0),
        (RateLimited("x", 61), False, False),
        (ProviderUnavailable("code 9"), True, False),
        (ContractBroken("x"), False, False),
        (CircuitOpen("x", 5), False, False),
        (TimeIsUp("x"), False, False),
        (ValueError("x"), False, False),
    ],
    ids=str,
)
def test_what_may_be_repeated(failure, any_call, unsent_only):
    """easycars-api §12; "unsent" is for calls that must not happen twice, such as CreateLead."""
    assert pause_before_repeat(failure, "any") == any_call
    assert pause_before_repeat(failure, "unsent") == unsent_only


# -- Breaker -----------------------------------------------------------------------------------


def test_five_failures_open_the_breaker_and_nobody_is_asked():
    now = [0.0]
    with scripted(TOKEN, answer("", 500)) as server:
        way = outside(server.base_url)
        way.circuits = MemoryCircuitStore(lambda: now[0])
        with pytest.raises(HostFailed):
            fetch(way)
        with pytest.raises(CircuitOpen):  # the fifth failure opens it in the middle
            fetch(way)
        asked = len(server.requests)
        assert asked == 6
        with pytest.raises(CircuitOpen, match=r"next try is possible at \d\d:\d\d:\d\d UTC, in 20"):
            fetch(way)
        assert len(server.requests) == asked
        now[0] = 20.0
        server.script[:] = [STOCK]
        assert fetch(way) == 1


def test_one_caller_in_a_while_looks_whether_the_host_is_back():
    now = [0.0]
    circuits = MemoryCircuitStore(lambda: now[0])
    for _ in range(5):
        circuits.failed("host")
    for moment, waits in ((1.0, [19, 19]), (20.0, [0, 20]), (39.0, [1, 1]), (58.0, [0, 2])):
        now[0] = moment
        assert [circuits.wait_for("host") for _ in range(2)] == waits, moment
    circuits.succeeded("host")
    assert [circuits.wait_for("host") for _ in range(2)] == [0, 0]


def test_one_failure_after_the_pause_opens_it_again():
    now = [0.0]
    circuits = MemoryCircuitStore(lambda: now[0])
    for _ in range(5):
        circuits.failed("host")
    now[0] = 61.0
    assert circuits.blocked_for("host") == 0
    circuits.failed("host")
    assert circuits.blocked_for("host") == 60
    circuits.succeeded("host")
    assert circuits.blocked_for("host") == 0


@pytest.mark.parametrize("trouble", [code_answer(9), code_answer(7), "<html>", code_answer(1)])
def test_an_answering_host_does_not_open_the_breaker(trouble):
    """Code 9 of one dealer must not keep all the others out."""
    with scripted(TOKEN, answer(trouble)) as server:
        way = outside(server.base_url)
        for _ in range(4):
            with pytest.raises(Exception, match="EasyCars"):
                fetch(way)
        assert way.circuits.blocked_for(server.base_url.split("/")[2]) == 0


# -- Words -------------------------------------------------------------------------------------


def test_refused_connection():
    # Bound and not listening: it refuses, and no other test can get the port meanwhile.
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{reserved.getsockname()[1]}/TestECService"
        with pytest.raises(HostFailed, match=r"refuses connections at 127\.0\.0\.1") as caught:
            fetch(outside(address))
    assert caught.value.sent is False


def test_unknown_name(monkeypatch):
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(HostFailed, match=r"The name nowhere.example cannot be found"):
        fetch(outside("https://nowhere.example/ECService"))


def test_untrusted_certificate(tmp_path):
    with tls_server(tmp_path) as port, pytest.raises(HostFailed, match="certificate") as caught:
        fetch(outside(f"https://127.0.0.1:{port}/ECService"))
    assert (caught.value.facts["kind"], caught.value.sent) == ("tls", False)


def test_plain_http_where_tls_is_expected():
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            for _ in range(3):
                link, _ = listener.accept()
                with link:
                    link.recv(1000)
                    link.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=run, daemon=True).start()
        with pytest.raises(HostFailed, match="No secure connection"):
            fetch(outside(f"https://127.0.0.1:{listener.getsockname()[1]}/ECService"))


def test_silence_ends_with_the_read_timeout():
    with (
        scripted(TOKEN, silence) as server,
        pytest.raises(HostFailed, match="did not answer in time"),
    ):
        fetch(outside(server.base_url, easycars_stock_timeout=0.2))


# -- Limits of time ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [silence, drip(DRIPPING_HEAD), drip(DRIPPING_BODY), drip(DRIPPING_BODY + b'{"StockList":[')],
    ids=["silence", "dripping head", "dripping body", "dripping list"],
)
@pytest.mark.parametrize("step", ["access", "account"])
def test_the_connection_test_keeps_its_time(trouble, step):
    """Row 31: whatever the server does, and with both results apart (§11 row 20)."""
    script = [trouble] if step == "access" else [TOKEN, trouble]
    with scripted(*script) as server:
        started = time.monotonic()
        found = check_connection(KEYS, "Test", outside(server.base_url), 0.6)
        assert time.monotonic() - started < 1.5
    assert found.account.state == "not_verified"
    assert found.access.state == ("not_verified" if step == "access" else "passed")
    assert (found.error_code, found.status) == ("provider_timeout", 503)
    assert "too long" in getattr(found, step).words


def test_a_dripping_list_ends_too():
    with (
        scripted(TOKEN, drip(DRIPPING_BODY + b'{"StockList":[')) as server,
        pytest.raises(TimeIsUp),
    ):
        fetch(outside(server.base_url, easycars_stock_timeout=0.1))


def test_the_connection_test_names_the_refused_pair():
    way_in = [
        ([answer(code_answer(1))], ("refused", "not_verified"), "AUTHENTICATION_FAIL"),
        ([TOKEN, answer(code_answer(1))], ("passed", "refused"), "AUTHENTICATION_FAIL"),
        ([TOKEN, answer(stock_answer())], ("passed", "passed"), None),
        ([TOKEN, answer(code_answer(7)), STOCK], ("passed", "passed"), None),
        ([TOKEN, answer(code_answer(7))], ("passed", "refused"), "provider_refused"),
        ([TOKEN, answer(code_answer(9))], ("passed", "not_verified"), "provider_unavailable"),
    ]
    for script, states, code in way_in:
        # a refused token is asked for anew, so the script answers that request as well
        answers = (
            script
            if states != ("passed", "refused") or code != "AUTHENTICATION_FAIL"
            else ([*script, TOKEN, script[-1]])
        )
        with scripted(*answers) as server:
            found = check_connection(KEYS, "Test", outside(server.base_url), 5.0)
        assert (found.access.state, found.account.state, found.error_code) == (*states, code)


def test_the_connection_test_always_asks_for_a_new_token():
    with scripted(TOKEN, STOCK, answer(code_answer(1))) as server:
        way = outside(server.base_url)
        fetch(way)
        assert check_connection(KEYS, "Test", way, 5.0).access.state == "refused"


# -- What is seen ------------------------------------------------------------------------------


def test_a_run_keeps_its_calls():
    kept: list[dict] = []
    with scripted(TOKEN, answer("", 503), STOCK) as server:
        assert fetch(outside(server.base_url).recording(kept.append)) == 1
    assert [(call["path"].rpartition("/")[2], call["status"], call["code"]) for call in kept] == [
        ("RequestToken", 200, 0),
        ("GetAdvertisementStocks", 503, None),
        ("GetAdvertisementStocks", 200, 0),
    ]
    assert [call["attempt"] for call in kept] == [1, 1, 2]
    assert kept[2]["bytes"] == len(stock_answer("1"))
    assert kept[2].keys() == {
        "at", "method", "path", "status", "code", "duration_ms", "attempt", "bytes",
        "content_type",
    }  # fmt: skip
    assert CANARY not in repr(kept)


@pytest.mark.parametrize(
    "script",
    [
        [TOKEN, STOCK],
        [TOKEN, answer(code_answer(1)), TOKEN, STOCK],
        [answer(code_answer(1))],
        [TOKEN, answer("", 500)],
        [TOKEN, cut(b"{", 50)],
        [reset],
        [answer("<html>")],
    ],
)
def test_no_secret_reaches_any_log(script, caplog, capsys):
    """Trap T3: the token's address holds the client secret, and libraries log addresses."""
    with caplog.at_level(logging.DEBUG), scripted(*script) as server:
        try:
            fetch(outside(server.base_url))
        except Exception:
            logging.getLogger("test").exception("it failed")
    out = capsys.readouterr()
    seen = "".join([caplog.text, *map(repr, caplog.records), out.out, out.err])
    assert "GetAdvertisementStocks" in seen or "RequestToken" in seen
    assert CANARY not in seen
    assert "ClientSecret" not in seen
    assert "EC100001" not in seen


@pytest.mark.parametrize("name", ["httpx", "httpcore", "httpcore.connection", "httpcore.http11"])
def test_http_libraries_are_silent(name):
    assert not logging.getLogger(name).isEnabledFor(logging.INFO)


# -- Walls -------------------------------------------------------------------------------------


def test_no_other_host_can_be_asked():
    with scripted(STOCK) as server, easycars(outside(server.base_url)) as api:
        with pytest.raises(ContractBroken, match="another host"):
            api.client.door.client.get("http://127.0.0.1:9/elsewhere")
        assert server.requests == []


def test_tls_is_verified_and_at_least_1_2():
    way = outside("https://my.example.net.au/ECService")
    with easycars(way) as api:
        context = api.client.door.transport._inner._pool._ssl_context
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


class tls_server:  # noqa: N801 - reads as a context manager
    """A server with a certificate that nobody signed."""

    def __init__(self, folder: Path) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(_self_signed(folder))

    def __enter__(self) -> int:
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._run, daemon=True).start()
        return self.listener.getsockname()[1]

    def _run(self) -> None:
        while True:
            try:
                link, _ = self.listener.accept()
            except OSError:
                return
            try:
                self.context.wrap_socket(link, server_side=True).close()
            except OSError:
                link.close()

    def __exit__(self, *_: object) -> None:
        self.listener.close()


def _self_signed(folder: Path) -> Path:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
