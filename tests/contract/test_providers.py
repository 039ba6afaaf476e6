"""What every provider must keep, whoever wrote it: run over the registry.

A new provider adds one `Subject` with the way to its test double; the rest finds it alone.
"""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.adapters.memory_state import MemoryCircuitStore, MemoryTokenStore
from app.config import Settings
from app.secret import Secret
from app.services.errors import ProviderError, RecordRefused
from app.services.http import Outside
from app.services.providers.demo import Demo
from app.services.sync.protocol import Ask, Draft, Page, Provider, Stream
from app.services.sync.registry import PROVIDERS, provider, stream
from app.services.vehicle_fields import FIELDS
from app.simulator import (
    DEMO_ACCOUNT_NUMBER,
    DEMO_ACCOUNT_SECRET,
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    running_simulator,
)

ROOT = Path(__file__).parents[2] / "app" / "services" / "providers"
JSON_TYPES = {
    "text": str,
    "money": int,
    "int": int,
    "bool": bool,
    "date": str,
    "list": list,
    "number": (int, float),
}
GARBAGE = [b"", b"{", b"[1]", b"null", b'"x"', b"{}", b"\xff\xfe", b'{"id":{},"StockNumber":[]}']


@dataclass(frozen=True)
class Subject:
    """A provider that is connected to its double, and how to make its double fail."""

    provider: Provider
    api: Any
    failing: Callable[[], None]


@contextmanager
def easycars_subject() -> Iterator[Subject]:
    with running_simulator(vehicles=40) as simulator:
        way = Outside(
            Settings(easycars_test_base_url=simulator.test_base_url),
            tokens=MemoryTokenStore(),
            circuits=MemoryCircuitStore(),
        )
        keys = {
            "account_number": Secret(DEMO_ACCOUNT_NUMBER),
            "account_secret": Secret(DEMO_ACCOUNT_SECRET),
            "client_id": Secret(DEMO_CLIENT_ID),
            "client_secret": Secret(DEMO_CLIENT_SECRET),
        }
        easycars = provider("easycars")
        with easycars.connect(keys, "Test", way) as api:
            yield Subject(easycars, api, lambda: simulator.scenario("truncated"))


@contextmanager
def demo_subject() -> Iterator[Subject]:
    demo = Demo()

    def fail() -> None:
        demo.yard.failure, demo.yard.failing_page = ProviderError("gone"), 1

    with demo.connect({}, "Test", None) as api:
        yield Subject(demo, api, fail)


SUBJECTS: dict[str, Callable[[], AbstractContextManager[Subject]]] = {
    "easycars": easycars_subject,
    "demo": demo_subject,
}


@pytest.fixture(params=sorted(PROVIDERS))
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    with SUBJECTS[request.param]() as subject:
        yield subject


def fetched(subject: Subject, stream: Stream) -> list[bytes]:
    rows: list[bytes] = []
    for page in stream.pages(subject.api, Ask("Test")):
        assert isinstance(page, Page)
        rows = [] if page.restart else rows + page.rows
    return rows


def test_every_provider_is_under_contract():
    assert SUBJECTS.keys() == PROVIDERS.keys()
    assert {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()} == set(
        PROVIDERS
    )


@pytest.mark.parametrize("slug", PROVIDERS)
def test_names_can_be_stored_and_shown(slug):
    found = provider(slug)
    assert found.slug == slug
    assert re.fullmatch(r"[a-z][a-z0-9_]{1,31}", slug)
    assert found.label.strip() == found.label != ""
    keys = [one.key for one in found.streams]
    assert len(set(keys)) == len(keys) > 0
    assert all(re.fullmatch(r"[a-z][a-z0-9_]{1,31}", key) for key in keys)
    assert all(one.entity == "vehicle" for one in found.streams)
    assert stream(slug, keys[0]) is found.streams[0]


@pytest.mark.parametrize("slug", PROVIDERS)
def test_secret_fields_draw_a_form(slug):
    fields = provider(slug).secret_fields
    assert len({one.name for one in fields}) == len(fields)
    for one in fields:
        assert one.label
        assert 0 < one.max_length <= 200
    assert not any(one.name.endswith("secret") and not one.secret for one in fields)


def test_check_proves_something(subject):
    assert subject.provider.check(subject.api)


def test_pages_end_and_hold_bytes(subject):
    for one in subject.provider.streams:
        rows = fetched(subject, one)
        assert rows
        assert all(type(row) is bytes for row in rows)


def test_a_failing_answer_never_ends_normally(subject):
    subject.failing()
    with pytest.raises(ProviderError):
        fetched(subject, subject.provider.streams[0])


def test_drafts_are_values_of_vehicle_fields(subject):
    for one in subject.provider.streams:
        for raw in fetched(subject, one):
            draft = one.draft(raw)
            assert isinstance(draft, Draft)
            assert draft.external_id == one.external_id(raw)
            assert 0 < len(draft.external_id) <= 200
            assert draft.label
            assert draft.values.keys() <= FIELDS.keys()
            for name, value in draft.values.items():
                assert type(value) in _types(FIELDS[name].kind), name
                if FIELDS[name].kind == "date":
                    date.fromisoformat(value)
            assert orjson.loads(orjson.dumps(draft.values)) == draft.values
            assert (draft.archive is None) == (one.archive is None)
            assert len(set(draft.photo_urls)) == len(draft.photo_urls)


def _types(kind: str) -> tuple[type, ...]:
    types = JSON_TYPES[kind]
    return types if isinstance(types, tuple) else (types,)


def test_drafts_are_pure(subject):
    """The same bytes give the same draft, and nobody can change it afterwards."""
    one = subject.provider.streams[0]
    raw = fetched(subject, one)[0]
    first, second = one.draft(raw), one.draft(raw)
    assert first == second
    assert first.values is not second.values
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.external_id = "other"


@pytest.mark.parametrize("raw", GARBAGE, ids=repr)
def test_refused_records_are_typed(subject, raw):
    one = subject.provider.streams[0]
    assert one.external_id(raw) is None
    with pytest.raises(RecordRefused) as caught:
        one.draft(raw)
    assert caught.value.user_message.endswith(".")


def test_same_content_is_about_spelling_alone(subject):
    one = subject.provider.streams[0]
    first, second = fetched(subject, one)[:2]
    spelled = orjson.dumps(orjson.loads(first), option=orjson.OPT_INDENT_2)
    assert one.same_content(first, first)
    assert one.same_content(first, spelled)
    assert one.same_content(spelled, first)
    assert not one.same_content(first, second)
    assert not one.same_content(first, b"{")


FORBIDDEN = ("flask", "sqlalchemy", "redis", "rq", "app.models", "app.db", "app.routes", "app.jobs")
ALLOWED = re.compile(
    r"app\.(secret|config|log)"
    r"|app\.services\.(errors|http(_\w+)?|vehicle_fields|sync\.protocol|providers(\.\w+)*)"
)


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: path.name)
def test_a_provider_knows_its_wire_and_nothing_of_the_house(path):
    sibling = path.relative_to(ROOT).parts[0]
    for name in _imports(path):
        assert not name.startswith(FORBIDDEN), name
        if name.startswith("app."):
            assert ALLOWED.fullmatch(name), name
        if name.startswith("app.services.providers."):
            assert name.split(".")[3] == sibling, name


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
