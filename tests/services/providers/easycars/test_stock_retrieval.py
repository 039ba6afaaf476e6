"""Stock from the simulator over real HTTP (row 63): everything that EasyCars may do to us."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from app.config import Settings
from app.secret import Secret
from app.services.errors import (
    ContractBroken,
    CredentialsRejected,
    HubError,
    ProviderUnavailable,
    RecordRefused,
    RequestRefused,
)
from app.services.providers.easycars import PROVIDER, check_connection
from app.services.providers.easycars.stock import StockStream
from app.services.sync.protocol import Ask
from app.simulator import (
    DEMO_ACCOUNT_NUMBER,
    DEMO_ACCOUNT_SECRET,
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    RunningSimulator,
    running_simulator,
)
from tests.services.outside_rig import outside

KEYS = {
    "account_number": Secret(DEMO_ACCOUNT_NUMBER),
    "account_secret": Secret(DEMO_ACCOUNT_SECRET),
    "client_id": Secret(DEMO_CLIENT_ID),
    "client_secret": Secret(DEMO_CLIENT_SECRET),
}
STREAM = StockStream()


@pytest.fixture(scope="module")
def started() -> Iterator[RunningSimulator]:
    with running_simulator(vehicles=120) as running:
        yield running


@pytest.fixture
def simulator(started: RunningSimulator) -> RunningSimulator:
    started.reset()
    return started


def fetch(simulator: RunningSimulator, yard: str | None = None, **settings: object) -> list[bytes]:
    way = outside(simulator.test_base_url, **settings)
    ask = Ask("Test", {"yard_code": yard} if yard else {})
    rows: list[bytes] = []
    with PROVIDER.connect(KEYS, "Test", way) as api:
        for page in STREAM.pages(api, ask):
            rows = [] if page.restart else rows + page.rows
    return rows


@pytest.mark.simulator
def test_stock_retrieval_reads_every_vehicle(simulator):
    drafts = [STREAM.draft(raw) for raw in fetch(simulator)]
    assert len({draft.external_id for draft in drafts}) == 120
    assert not any(draft.warnings for draft in drafts)


@pytest.mark.simulator
def test_stock_retrieval_of_one_yard(simulator):
    yards = {STREAM.draft(raw).values["yard_code"] for raw in fetch(simulator, yard="100")}
    assert yards == {"100"}


@pytest.mark.simulator
@pytest.mark.parametrize(
    ("scenario", "error"),
    [
        ("refused-client", CredentialsRejected),
        ("refused-account", CredentialsRejected),
        ("expired-token", CredentialsRejected),
        ("http-500", ProviderUnavailable),
        ("http-503", ProviderUnavailable),
        ("http-429", ProviderUnavailable),
        ("connection-reset", ProviderUnavailable),
        ("never-answers", ProviderUnavailable),
        ("reset-after-processing", ProviderUnavailable),
        ("html-error", ContractBroken),
        ("truncated", ProviderUnavailable),
        ("truncated-json", ContractBroken),
        ("malformed-json", ContractBroken),
        ("empty-body", ContractBroken),
        ("wrong-envelope", ContractBroken),
        ("code-5-empty", RequestRefused),
        ("code-7", RequestRefused),
        ("code-9", ProviderUnavailable),
        ("code-42", ContractBroken),
    ],
)
def test_stock_retrieval_when_easycars_misbehaves(simulator, scenario, error):
    simulator.scenario(scenario)
    with pytest.raises(error) as caught:
        fetch(simulator, easycars_timeout=0.5, easycars_stock_timeout=0.5)
    assert isinstance(caught.value, HubError)
    assert "EasyCars" in caught.value.user_message


@pytest.mark.simulator
@pytest.mark.parametrize(
    "scenario",
    ["truncated", "truncated-json", "connection-reset", "http-503", "code-9", "expired-token"],
)
def test_stock_retrieval_survives_one_bad_answer(simulator, scenario):
    simulator.scenario(scenario, count=1)
    assert len(fetch(simulator)) == 120


@pytest.mark.simulator
@pytest.mark.parametrize(
    "scenario",
    ["wrong-envelope-return-code", "wrong-envelope-other-list", "unknown-fields", "missing-fields"],
)
def test_stock_retrieval_reads_other_spellings(simulator, scenario):
    """Trap T4: the architecture document's names are read as well."""
    simulator.scenario(scenario)
    rows = fetch(simulator)
    assert len(rows) == 120
    assert all(STREAM.draft(raw).values["stock_number"] for raw in rows)


@pytest.mark.simulator
def test_dirty_rows_are_mapped_or_refused_one_by_one(simulator):
    clean = fetch(simulator)
    simulator.scenario("dirty-rows")
    mapped, refused, warnings = 0, [], set()
    for raw in fetch(simulator):
        try:
            draft = STREAM.draft(raw)
        except RecordRefused as exc:
            refused.append(exc.user_message)
            assert STREAM.external_id(raw) is None
        else:
            mapped += 1
            assert draft.external_id == STREAM.external_id(raw)
            warnings |= {warning.field for warning in draft.warnings}
    assert mapped > len(clean) // 2
    assert refused
    assert warnings


@pytest.mark.simulator
def test_spelling_alone_is_the_same_content(simulator):
    before = {STREAM.external_id(raw): raw for raw in fetch(simulator)}
    simulator.scenario("spelling-only")
    after = {STREAM.external_id(raw): raw for raw in fetch(simulator)}
    assert before.keys() == after.keys()
    assert any(before[number] != after[number] for number in before)
    assert all(STREAM.same_content(before[number], after[number]) for number in before)


@pytest.mark.live
def test_the_vendors_own_test_system():
    """Row 63; `pytest -m live` with EASYCARS_* of a test account in the environment."""
    names = ("account_number", "account_secret", "client_id", "client_secret")
    given = {name: os.environ.get(f"EASYCARS_{name.upper()}") for name in names}
    if not (given["account_number"] and given["account_secret"]):
        pytest.skip("EASYCARS_ACCOUNT_NUMBER and EASYCARS_ACCOUNT_SECRET are not set")
    keys = {name: Secret(value) for name, value in given.items() if value}
    way = outside(Settings.easycars_test_base_url, easycars_stock_timeout=120.0)
    found = check_connection(keys, "Test", way)
    assert (found.access.state, found.account.state) == ("passed", "passed"), found
