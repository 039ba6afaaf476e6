"""A big dealer's list is served from ready bytes. Limits are wide; `./dev bench` measures."""

import time
from collections.abc import Iterator

import httpx
import pytest

from app.simulator import RunningSimulator, running_simulator
from tests.simulator.caller import STOCK, Caller

VEHICLES = 20_000


@pytest.fixture(scope="module")
def big() -> Iterator[RunningSimulator]:
    with running_simulator(vehicles=VEHICLES, photos="fast", process=True) as running:
        yield running


def timed(caller: Caller) -> tuple[float, bytes]:
    caller.token(STOCK)
    started = time.perf_counter()
    body = caller.send(STOCK, "GetAdvertisementStocks").content
    return time.perf_counter() - started, body


def test_twenty_thousand_vehicles_come_quickly(big: RunningSimulator) -> None:
    with httpx.Client(timeout=120) as http:
        caller = Caller(big, http)
        first, body = timed(caller)
        again = min(timed(caller)[0] for _ in range(3))
        started = time.perf_counter()
        changed = big.stock("change_prices", percent=1)["changed"]
        change = time.perf_counter() - started
        after, _ = timed(caller)
    print(  # noqa: T201 - the figures are the point; pytest shows them with -s
        f"{len(body) / 1e6:.0f} MB: first {first:.2f} s, again {again:.2f} s,"
        f" change 1 % {change:.2f} s, then {after:.2f} s"
    )
    assert 55_000_000 < len(body) < 85_000_000
    assert again < 2
    assert len(changed) in range(180, 201)
    assert change < 4
    assert after < 4


def test_connections_are_kept_alive(big: RunningSimulator) -> None:
    transport = httpx.HTTPTransport()
    with httpx.Client(transport=transport, timeout=60) as http:
        for _ in range(5):
            assert http.get(f"{big.base_url}/control/health").status_code == 200
        assert len(transport._pool.connections) == 1


def test_a_port_that_is_taken_is_an_error(big: RunningSimulator) -> None:
    port = int(big.base_url.rpartition(":")[2])
    taken = running_simulator(vehicles=1, port=port, process=True)
    with pytest.raises(RuntimeError, match="did not start"), taken:
        pytest.fail("two servers share a port")
