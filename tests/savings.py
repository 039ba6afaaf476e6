"""What thousands of tests need not do again and again; none of it changes what they see."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from types import CodeType, MethodType
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

from app.services import passwords
from tests import lending

# Objects since the last look; a file of a few tests leaves less.
ENOUGH_GARBAGE = 1_000_000
# More than the product has; SQLAlchemy forgets the oldest.
STATEMENTS = 3_000


@pytest.fixture(scope="module", autouse=True)
def garbage_by_file() -> Iterator[None]:
    """Every app is a heap of cycles, and looking through all of them again and again took a quarter
    of the time. What survives a file is looked at no more."""
    gc.disable()
    yield
    if gc.get_count()[0] > ENOUGH_GARBAGE:
        gc.collect()
        gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def rules_compiled_once() -> Iterator[None]:
    """Nine tenths of making an app is compiling the same 150 addresses again."""
    known: dict[object, Rule] = {}
    compiled = Rule.compile

    def once(self: Rule) -> None:
        facts = (self.rule, self.subdomain, self.host, repr(self.defaults), self.merge_slashes)
        if facts in known:
            _take_over(self, known[facts])
        else:
            compiled(self)
            known[facts] = self

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "compile", once)
        yield


def _take_over(rule: Rule, same: Rule) -> None:
    """What `Rule.compile` works out; none of it knows the app."""
    rule.arguments |= same.arguments
    rule._parts, rule._trace, rule._converters = same._parts, same._trace, same._converters
    rule._build = MethodType(same._build.__func__, rule)
    rule._build_unknown = MethodType(same._build_unknown.__func__, rule)


@pytest.fixture(scope="session", autouse=True)
def statements_compiled_once() -> Iterator[None]:
    """Every app has an engine of its own, and SQLAlchemy compiled the same statements for each: a
    sixth of the time. A product has one engine for all its requests, as the tests have now."""
    compiled = LRUCache[Any, Any](STATEMENTS)
    shared = property(lambda _engine: compiled, lambda _engine, _own: None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "_compiled_cache", shared, raising=False)
        patch.setattr(DefaultDialect, "__hash__", lambda self: hash(type(self)))
        patch.setattr(DefaultDialect, "__eq__", _speak_alike)
        yield


def _speak_alike(one: DefaultDialect, other: object) -> bool:
    """Whether two engines' dialects make the same words of a statement."""
    same = type(one) is type(other)
    return same and one.server_version_info == getattr(other, "server_version_info", None)


class CompiledTemplates(BytecodeCache):
    """Jinja's cache, in memory; a template that changed has another checksum."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self.known.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.known[bucket.key, bucket.checksum] = bucket.code


@pytest.fixture(scope="session", autouse=True)
def templates_compiled_once() -> Iterator[None]:
    """Every app has a Jinja of its own; compiling the same templates took half of a page's test."""
    made, compiled = Flask.create_jinja_environment, CompiledTemplates()

    def environment(app: Flask) -> object:
        jinja = made(app)
        jinja.bytecode_cache = compiled
        return jinja

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flask, "create_jinja_environment", environment)
        yield


@pytest.fixture(scope="session", autouse=True)
def passwords_are_cheap() -> Iterator[None]:
    """Most pages' tests sign in, and a password worth its name takes a tenth of a second to check.
    How strong ours are is asserted in tests/security/test_password_strength.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", PasswordHasher(1, 8, 1))
        yield


@pytest.fixture(scope="session", autouse=True)
def connections_lent() -> Iterator[None]:
    """Every app opens connections of its own; PostgreSQL's work for them outweighed its answers."""
    with lending.closed_connections_lent():
        yield
